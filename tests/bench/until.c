/* until TEXT [-s SECONDS | -w SECONDS] -- COMMAND...: print the nanoseconds from just
 * before exec to the moment TEXT stands in COMMAND's output (stdout and stderr), then end
 * COMMAND.  With -s SECONDS: wait that long after TEXT and print, in KiB, the
 * resident memory of COMMAND without the guest's RAM.  With -w SECONDS: wait that long,
 * and print how often COMMAND's threads but for vCPUs woke up in as long again.
 *
 * Status 0; 1 if COMMAND ended, or 120 s went by, without TEXT. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIECE    (2UL << 20)
#define LIMIT_NS (120 * 1000000000LL)

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Resident KiB of pid without guest RAM: the largest mapping and the whole 2 MiB
 * pieces right beside it (parts with other advice are mappings of their own). */
static long resident_kib(pid_t pid)
{
	static struct {
		unsigned long start, end;
		long rss;
	} maps[512];
	unsigned long start, end;
	long sum = 0, value;
	unsigned count = 0, largest = 0, first, last;
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && count < 512) {
			maps[count].start = start;
			maps[count++].end = end;
		} else if (sscanf(line, "Rss: %ld kB", &value) == 1 && count > 0) {
			maps[count - 1].rss = value;
		}
	}
	fclose(f);
	for (unsigned i = 0; i < count; i++)
		if (maps[i].end - maps[i].start > maps[largest].end - maps[largest].start)
			largest = i;
	first = last = largest;
	while (first > 0 && maps[first - 1].end == maps[first].start &&
	       maps[first - 1].start % PIECE == 0)
		first--;
	while (last + 1 < count && maps[last + 1].start == maps[last].end &&
	       maps[last + 1].end % PIECE == 0)
		last++;
	for (unsigned i = 0; i < count; i++)
		if (i < first || i > last)
			sum += maps[i].rss;
	return sum;
}

/* How often the thread with this file of /proc went to sleep; 0 for a vCPU. */
static long sleeps_of(const char *status)
{
	char line[256];
	long value, sleeps = 0;
	FILE *f = fopen(status, "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Name:\tvcpu", 10) == 0)
			break;
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &value) == 1)
			sleeps = value;
	}
	if (f)
		fclose(f);
	return sleeps;
}

static long sleeps_of_all(pid_t pid)
{
	char path[300];
	struct dirent *e;
	long sum = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/status", (int)pid, e->d_name);
		sum += sleeps_of(path);
	}
	if (d)
		closedir(d);
	return sum;
}

static long wake_ups(pid_t pid, unsigned seconds)
{
	long before;

	sleep(seconds);
	before = sleeps_of_all(pid);
	sleep(seconds);
	return sleeps_of_all(pid) - before;
}

static int spawn(char **argv, pid_t *pid)
{
	int out[2];

	if (pipe(out) < 0)
		return -1;
	*pid = fork();
	if (*pid == 0) {
		setpgid(0, 0);
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		close(out[0]);
		close(out[1]);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	close(out[1]);
	return out[0];
}

/* Read until text is seen: 0; -1 at the end of output or of patience. */
static int wait_for(int fd, const char *text, long long begin_ns)
{
	static char seen[1 << 20];
	size_t used = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const long long left_ms = (begin_ns + LIMIT_NS - now_ns()) / 1000000;
		ssize_t n;

		if (left_ms <= 0 || poll(&p, 1, (int)left_ms) <= 0)
			return -1;
		if (used > sizeof(seen) / 2) { /* keep the tail: text is short */
			memmove(seen, seen + used - 4096, 4096);
			used = 4096;
		}
		n = read(fd, seen + used, sizeof(seen) / 4);
		if (n <= 0)
			return -1;
		used += (size_t)n;
		if (memmem(seen, used, text, strlen(text)))
			return 0;
	}
}

int main(int argc, char **argv)
{
	const char *text = argc > 1 ? argv[1] : NULL;
	long settle_s = -1, watch_s = -1;
	int at = 2, fd, rc;
	long long begin_ns, end_ns;
	pid_t pid;

	if (argc > 4 && strcmp(argv[2], "-s") == 0) {
		settle_s = atol(argv[3]);
		at = 4;
	} else if (argc > 4 && strcmp(argv[2], "-w") == 0) {
		watch_s = atol(argv[3]);
		at = 4;
	}
	if (argc <= at + 1 || strcmp(argv[at], "--") != 0) {
		fprintf(stderr, "usage: until TEXT [-s SECONDS | -w SECONDS] -- COMMAND...\n");
		return 2;
	}
	begin_ns = now_ns();
	fd = spawn(argv + at + 1, &pid);
	if (fd < 0)
		return 1;
	rc = wait_for(fd, text, begin_ns);
	end_ns = now_ns();
	if (rc == 0 && settle_s >= 0) {
		sleep((unsigned)settle_s);
		printf("%ld\n", resident_kib(pid));
	} else if (rc == 0 && watch_s >= 0) {
		printf("%ld\n", wake_ups(pid, (unsigned)watch_s));
	} else if (rc == 0) {
		printf("%lld\n", end_ns - begin_ns);
	}
	kill(-pid, SIGKILL);
	close(fd);
	waitpid(pid, NULL, 0);
	return rc == 0 ? 0 : 1;
}
