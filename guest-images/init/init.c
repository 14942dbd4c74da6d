/* guest-images/init/init.c: process 1 of Bantam's own small guests.
 *
 * It says when it was reached (the boot benchmark waits for that line), makes
 * the usual mounts, and does what the kernel command line orders:
 *
 *   bantam.check     run the self-check and power off
 *   bantam.run=PATH  run this script of the initramfs with sh and power off
 *   bantam.net=off   leave NICs alone; else they get addresses, see net.h
 *   bantam.shell     a shell on the console; power off when it ends (default)
 *   root=DEVICE      mount that and go on with its /sbin/init; see root.h for
 *                    rw, rootfstype= and init=
 *
 * Everything else is busybox.  The machine is powered off in every case: a
 * guest that stays up after its work is done looks like a hang from outside.
 * The power button ends it in an orderly way, if the initramfs brought the
 * kernel modules for that (make-initramfs -k). */

#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "init.h"
#include "net.h"
#include "root.h"

#define CHECK_SCRIPT "/etc/bantam/check"
#define CMDLINE_BYTES 4096
#define LINE_BYTES 512
#define MODULE_ORDER "order" /* in /lib/modules/RELEASE: file names, in the order to load */
#define INPUTS_MAX 8

/* What the kernel command line asks for. */
enum job {
	JOB_SHELL,
	JOB_CHECK,
	JOB_RUN,
};

struct orders {
	enum job job;
	bool no_net;
	const char *script; /* borrowed from the command line, as all of these; JOB_RUN only */
	struct root root;   /* device NULL: stay in the initramfs */
};

struct mount_point {
	const char *type;
	const char *target;
	unsigned long flags;
	const char *options;
};

/* In this order: a later row may lie inside an earlier one. */
static const struct mount_point mount_points[] = {
	{ "devtmpfs", "/dev", MS_NOSUID, "mode=0755" },
	{ "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "" },
	{ "sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, "" },
	{ "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666,gid=5" },
	{ "tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777" },
	{ "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755" },
	{ "tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777" },
};

struct link {
	const char *target;
	const char *path;
};

/* What devtmpfs leaves to user space. */
static const struct link dev_links[] = {
	{ "/proc/self/fd", "/dev/fd" },
	{ "/proc/self/fd/0", "/dev/stdin" },
	{ "/proc/self/fd/1", "/dev/stdout" },
	{ "/proc/self/fd/2", "/dev/stderr" },
};

static char *const environment[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/root",
	"TERM=vt100",
	"PS1=\\w \\$ ",
	NULL,
};

/* One write, so that kernel messages do not come between. */
void say(const char *format, ...)
{
	char line[LINE_BYTES] = "bantam-init: ";
	size_t used = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + used, sizeof line - used - 1, format, args);
	va_end(args);
	used = strlen(line);
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return; /* nobody to tell */
}

/* Make a mount; EBUSY means that someone was earlier, which is as good.
 * Returns 0, or -1 with errno set. */
static int mount_one(const struct mount_point *m)
{
	if (mkdir(m->target, 0755) < 0 && errno != EEXIST)
		return -1;
	if (mount(m->type, m->target, m->type, m->flags, m->options) < 0 && errno != EBUSY)
		return -1;
	return 0;
}

/* Make all of mount_points and dev_links.  A failure is said and not fatal: a
 * kernel without, say, shmem still gets its shell. */
static void mount_all(void)
{
	for (size_t i = 0; i < sizeof mount_points / sizeof mount_points[0]; i++) {
		if (mount_one(&mount_points[i]) < 0)
			say("cannot mount %s: %s", mount_points[i].target, strerror(errno));
	}
	for (size_t i = 0; i < sizeof dev_links / sizeof dev_links[0]; i++) {
		if (symlink(dev_links[i].target, dev_links[i].path) < 0 && errno != EEXIST)
			say("cannot make %s: %s", dev_links[i].path, strerror(errno));
	}
}

/* Read a small file as a string.
 * path   file to read
 * text   where to, always terminated
 * bytes  size of text, at least 1
 * Returns false if it cannot be read; text is "" then. */
static bool read_text(const char *path, char *text, size_t bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	text[0] = '\0';
	if (fd < 0)
		return false;
	got = read(fd, text, bytes - 1);
	close(fd);
	if (got < 0)
		return false;
	text[got] = '\0';
	return true;
}

/* Make the file at path standard input, output and error.
 * Returns false if it cannot be opened; nothing is changed then. */
static bool use_as_stdio(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY);

	if (fd < 0)
		return false;
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		dup2(fd, i);
	if (fd > STDERR_FILENO)
		close(fd);
	return true;
}

/* Have a console on descriptors 0 to 2.  The kernel opens /dev/console for us if
 * the initramfs has that node; if not, the one of devtmpfs has to do, and
 * without any console /dev/null keeps later descriptors off 0 to 2. */
static void open_console(void)
{
	if (fcntl(STDIN_FILENO, F_GETFD) >= 0 && fcntl(STDERR_FILENO, F_GETFD) >= 0)
		return;
	if (use_as_stdio("/dev/console"))
		return;
	mount_one(&mount_points[0]);
	if (!use_as_stdio("/dev/console"))
		use_as_stdio("/dev/null");
}

/* Say how long the kernel took to get here, by its own clock. */
static void report_uptime(void)
{
	struct timespec up = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &up);
	say("up after %u.%02u s", (unsigned)up.tv_sec, (unsigned)(up.tv_nsec / 10000000));
}

/* Bring the loopback interface up; the kernel gives it 127.0.0.1 then. */
static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return; /* a kernel without network */
	if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
			say("cannot bring lo up: %s", strerror(errno));
	}
	close(fd);
}

/* Load one kernel module of the folder dir. */
static void load_module(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
		say("cannot load %s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Load the modules that the initramfs brought for the running kernel, if any. */
static void load_modules(void)
{
	char path[LINE_BYTES];
	char line[LINE_BYTES];
	struct utsname kernel;
	FILE *order;
	int dir;

	uname(&kernel);
	snprintf(path, sizeof path, "/lib/modules/%s", kernel.release);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof path, "/lib/modules/%s/" MODULE_ORDER, kernel.release);
	order = fopen(path, "re");
	while (order && fgets(line, sizeof line, order)) {
		line[strcspn(line, "\n")] = '\0';
		load_module(dir, line);
	}
	if (order)
		fclose(order);
	if (dir >= 0)
		close(dir);
}

/* Open all input devices that there are; returns how many. */
static nfds_t open_inputs(struct pollfd inputs[INPUTS_MAX])
{
	nfds_t count = 0;
	char path[LINE_BYTES];

	for (int i = 0; i < INPUTS_MAX; i++) {
		snprintf(path, sizeof path, "/dev/input/event%d", i);
		inputs[count].fd = open(path, O_RDONLY | O_CLOEXEC);
		inputs[count].events = POLLIN;
		if (inputs[count].fd >= 0)
			count++;
	}
	return count;
}

static bool is_power_key(int fd)
{
	struct input_event event;

	return read(fd, &event, sizeof event) == (ssize_t)sizeof event &&
	       event.type == EV_KEY && event.code == KEY_POWER && event.value == 1;
}

/* In a process of its own: DHCP takes its time. */
static void start_net(void)
{
	if (fork() != 0)
		return;
	net_configure();
	_exit(0);
}

/* Have a process watch the power button and tell us by SIGPWR.  It loads the
 * modules as well and sees to what they drive, so that nobody has to wait for it. */
static void start_button_watch(const struct orders *orders)
{
	struct pollfd inputs[INPUTS_MAX];
	sigset_t none;
	nfds_t count;

	if (fork() != 0)
		return; /* without it there is only no button */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	load_modules();
	if (!orders->no_net)
		start_net();
	count = open_inputs(inputs);
	while (count > 0 && poll(inputs, count, -1) > 0) {
		for (nfds_t i = 0; i < count; i++) {
			if (inputs[i].revents & (POLLERR | POLLHUP))
				_exit(1);
			if (inputs[i].revents && is_power_key(inputs[i].fd))
				kill(1, SIGPWR);
		}
	}
	_exit(0);
}

/* Find our orders on the kernel command line.
 * cmdline  the command line; cut into words, and must outlive the result
 * The last order wins, as with the kernel's own parameters. */
static struct orders parse_orders(char *cmdline)
{
	struct orders orders = { .job = JOB_SHELL, .root = ROOT_DEFAULTS };
	char *rest = NULL;

	for (char *word = strtok_r(cmdline, " \n", &rest); word != NULL;
	     word = strtok_r(NULL, " \n", &rest)) {
		if (strcmp(word, "bantam.check") == 0) {
			orders.job = JOB_CHECK;
		} else if (strcmp(word, "bantam.net=off") == 0) {
			orders.no_net = true;
		} else if (strcmp(word, "bantam.shell") == 0) {
			orders.job = JOB_SHELL;
		} else if (strncmp(word, "bantam.run=", strlen("bantam.run=")) == 0) {
			orders.job = JOB_RUN;
			orders.script = word + strlen("bantam.run=");
		} else if (root_parse(&orders.root, word)) {
			continue;
		} else if (strncmp(word, "bantam.", strlen("bantam.")) == 0 &&
			   strchr(word, '=') == NULL) {
			say("unknown order %s (known: bantam.check .shell .run=PATH)", word);
		}
	}
	return orders;
}

/* Open the terminal behind /dev/console, which itself cannot become a
 * controlling terminal, and become its session leader. */
static void take_terminal(void)
{
	char active[LINE_BYTES];
	char path[LINE_BYTES + sizeof "/dev/"];
	const char *name = active;

	setsid();
	/* Several consoles may be listed; /dev/console is the last one. */
	read_text("/sys/class/tty/console/active", active, sizeof active);
	active[strcspn(active, "\n")] = '\0';
	if (strrchr(active, ' ') != NULL)
		name = strrchr(active, ' ') + 1;
	snprintf(path, sizeof path, "/dev/%s", name);
	if (name[0] != '\0')
		use_as_stdio(path);
	ioctl(STDIN_FILENO, TIOCSCTTY, 0);
}

/* Start the child that does the work.  Returns its pid, or -1 with errno set. */
static pid_t start_job(const struct orders *orders)
{
	char *shell[] = { "-sh", NULL };
	char *check[] = { "sh", CHECK_SCRIPT, NULL };
	char *run[] = { "sh", (char *)orders->script, NULL };
	char *const *const argvs[] = { shell, check, run };
	pid_t pid = fork();
	sigset_t none;

	if (pid != 0)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	take_terminal();
	if (orders->job == JOB_SHELL)
		say("a shell on Bantam's own guest; \"exit\" powers it off");
	if (chdir(orders->job == JOB_SHELL ? "/root" : "/") < 0)
		say("cannot change directory: %s", strerror(errno));
	execve(BUSYBOX, argvs[orders->job], environment);
	say("cannot run %s: %s", BUSYBOX, strerror(errno));
	_exit(127);
}

/* Reap children until the job's own child or, if that is still running, until
 * none is left to reap.
 * status  receives the wait status of the job
 * Returns true if the job has ended. */
static bool reap(pid_t job, int *status)
{
	pid_t pid;

	do {
		pid = waitpid(-1, status, WNOHANG);
	} while (pid > 0 && pid != job);
	return pid == job;
}

/* Say how the job ended, if that is not plain from its own output. */
static void report_end(const struct orders *orders, int status)
{
	const char *what = orders->job == JOB_RUN ? orders->script : CHECK_SCRIPT;

	if (orders->job == JOB_SHELL)
		return;
	if (WIFSIGNALED(status))
		say("%s was killed by signal %d", what, WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		say("%s ended with status %d", what, WEXITSTATUS(status));
}

/* Wait for the job or for a signal that ends the machine.
 * signals  blocked by the caller: SIGCHLD, the power button, busybox's
 *          poweroff, halt and reboot
 * Returns the argument for reboot(2). */
static int wait_for_end(const struct orders *orders, pid_t job, const sigset_t *signals)
{
	int status = 0;

	for (;;) {
		switch (sigwaitinfo(signals, NULL)) {
		case SIGCHLD:
			if (!reap(job, &status))
				break;
			report_end(orders, status);
			return RB_POWER_OFF;
		case SIGPWR: /* start_button_watch() */
			say("power button");
			return RB_POWER_OFF;
		case SIGUSR2: /* busybox poweroff */
			return RB_POWER_OFF;
		case SIGUSR1: /* busybox halt */
			return (int)RB_HALT_SYSTEM;
		case SIGTERM: /* busybox reboot */
		case SIGINT:  /* ctrl-alt-del */
			return RB_AUTOBOOT;
		default: /* interrupted */
			break;
		}
	}
}

/* End all other processes, write everything out and leave.  Does not return. */
static _Noreturn void leave(int how)
{
	const struct timespec grace = { .tv_nsec = 50000000 };

	if (kill(-1, SIGTERM) == 0) {
		nanosleep(&grace, NULL);
		kill(-1, SIGKILL);
	}
	sync();
	tcdrain(STDERR_FILENO);
	reboot(how);
	say("reboot(%#x) failed: %s", (unsigned)how, strerror(errno));
	for (;;)
		pause(); /* process 1 must not end */
}

/* Process 1. */
int main(void)
{
	static char cmdline[CMDLINE_BYTES];
	struct orders orders;
	sigset_t signals;
	pid_t job;

	if (getpid() != 1) {
		fputs("bantam-init: I am only of use as process 1 of a guest\n", stderr);
		return 1;
	}
	open_console();
	report_uptime();

	/* Blocked before the first child, so that no SIGCHLD is missed. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	sigaddset(&signals, SIGPWR);
	sigprocmask(SIG_SETMASK, &signals, NULL);
	reboot(RB_DISABLE_CAD); /* ctrl-alt-del sends SIGINT instead of a reset */

	umask(022);
	mount_all();
	sethostname("bantam", strlen("bantam"));
	loopback_up();

	if (!read_text("/proc/cmdline", cmdline, sizeof cmdline))
		say("cannot read /proc/cmdline: %s", strerror(errno));
	orders = parse_orders(cmdline);
	if (orders.root.device) {
		load_modules(); /* the disk's, before anything can be mounted */
		root_enter(&orders.root);
	}
	job = start_job(&orders);
	if (job < 0) {
		say("cannot start a process: %s", strerror(errno));
		leave(RB_POWER_OFF);
	}
	start_button_watch(&orders);
	leave(wait_for_end(&orders, job, &signals));
}
