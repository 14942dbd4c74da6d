/* Standard input and output as pipes, files, a terminal, or missing.  Each test
 * runs in a child whose descriptors 0 and 1 are arranged; the child's exit status
 * is the verdict, its line number on failure goes to stderr. */
#include "char_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#define CHECK(cond)                                                                        \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			_exit(1);                                                          \
		}                                                                          \
	} while (0)

/* Run child with in and out as 0 and 1 (-1: closed). */
static pid_t start(struct char_bench *b, int in, int out, void (*child)(struct char_bench *b))
{
	const pid_t pid = fork();

	if (pid != 0)
		return pid;
	signal(SIGPIPE, SIG_IGN);
	alarm(30);
	close(0);
	close(1);
	if (in >= 0)
		dup2(in, 0);
	if (out >= 0)
		dup2(out, 1);
	/* Only the ends that are 0 and 1 shall hold a pipe open. */
	for (int fd = 3; fd < 64; fd++)
		if (fd != b->loop.epoll_fd)
			close(fd);
	CHECK(open_kind(b, CHARDEV_STDIO, NULL) == 0);
	child(b);
	chardev_close(b->c);
	_exit(0);
}

static void finish(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Until the in ring has n bytes or 2 s are over. */
static void await_ready(struct char_bench *b, unsigned n)
{
	const uint64_t end = now_ms() + 2000;

	while (b->ready_count < n && now_ms() < end)
		loop_wait(&b->loop, 100);
}

static void child_echoes(struct char_bench *b)
{
	await_ready(b, 1);
	put_text(b, got_text(b));
	pump(b, 20);
}

static void pipes_carry_both_directions(void **state)
{
	struct char_bench *b = *state;
	int in[2], out[2];
	char text[8] = { 0 };
	pid_t pid;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	pid = start(b, in[0], out[1], child_echoes);
	assert_int_equal(write(in[1], "h\001i", 3), 3); /* no terminal: no escape */
	close(out[1]);
	finish(pid);
	assert_int_equal(read(out[0], text, sizeof(text)), 3);
	assert_string_equal(text, "h\001i");
	assert_int_equal(fcntl(in[0], F_GETFL) & O_NONBLOCK, 0);
	for (unsigned i = 0; i < 2; i++) {
		close(in[i]);
		close(out[0]);
		out[0] = -1;
	}
}

static void child_reads_a_file_of_20000(struct char_bench *b)
{
	size_t n = 0;

	for (const uint64_t end = now_ms() + 5000; n < 20000 && now_ms() < end;) {
		const int byte = chardev_get(b->c);

		if (byte < 0)
			pump(b, 1);
		else
			CHECK(byte == (int)(n++ % 251));
	}
	CHECK(n == 20000);
	/* The end of the file ends nothing. */
	CHECK(pump(b, 30) <= 1);
	CHECK(chardev_can_put(b->c) && chardev_connected(b->c));
}

static void a_file_as_stdin_is_read_by_turns_to_its_end(void **state)
{
	struct char_bench *b = *state;
	FILE *f = fopen(b->path, "w");
	int fd;

	for (unsigned i = 0; i < 20000; i++)
		fputc((int)(i % 251), f);
	fclose(f);
	fd = open(b->path, O_RDONLY);
	finish(start(b, fd, 2, child_reads_a_file_of_20000));
	close(fd);
}

static void child_stays_idle(struct char_bench *b)
{
	pump(b, 20);
	CHECK(pump(b, 50) == 0);
	CHECK(chardev_get(b->c) == -1);
}

static void null_as_stdin_gives_nothing_and_wakes_nobody(void **state)
{
	struct char_bench *b = *state;
	const int fd = open("/dev/null", O_RDWR);

	finish(start(b, fd, fd, child_stays_idle));
	close(fd);
}

static void end_of_a_pipe_as_stdin_ends_nothing(void **state)
{
	struct char_bench *b = *state;
	int in[2];
	pid_t pid;

	assert_int_equal(pipe(in), 0);
	close(in[1]);
	pid = start(b, in[0], 2, child_stays_idle);
	close(in[0]);
	finish(pid);
}

static void child_loses_its_output(struct char_bench *b)
{
	put_text(b, "hello\n");
	pump(b, 20);
	CHECK(chardev_dropped(b->c) == 6);
	CHECK(b->tap_bytes == 6);
	CHECK(pump(b, 30) == 0);
}

static void child_talks_to_nobody(struct char_bench *b)
{
	put_text(b, "hello\n");
	pump(b, 20);
	CHECK(b->tap_bytes == 6);
	CHECK(pump(b, 30) == 0);
	CHECK(fcntl(0, F_GETFD) == 0 && fcntl(1, F_GETFD) == 0); /* nothing else took these */
}

static void missing_stdin_and_stdout_do_no_harm(void **state)
{
	struct char_bench *b = *state;

	finish(start(b, -1, -1, child_talks_to_nobody));
}

static void a_stdout_that_nobody_reads_any_more_is_dropped_and_counted(void **state)
{
	struct char_bench *b = *state;
	int out[2];
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	close(out[0]);
	pid = start(b, -1, out[1], child_loses_its_output);
	close(out[1]);
	finish(pid);
}

static void child_fills_the_pipe(struct char_bench *b)
{
	const uint64_t began = now_ms();

	put_pattern(b, 300000);
	CHECK(now_ms() - began < 3000);
	pump(b, 20);
	CHECK((fcntl(1, F_GETFL) & O_NONBLOCK) == 0);
	CHECK(chardev_dropped(b->c) == 0);
	CHECK(write(2, "", 0) == 0);
	/* The parent reads now; close() must bring all of it. */
	kill(getppid(), SIGUSR1);
}

static volatile sig_atomic_t told;

static void on_told(int sig)
{
	(void)sig;
	told = 1;
}

static void a_full_pipe_never_blocks_and_loses_nothing(void **state)
{
	struct char_bench *b = *state;
	size_t n = 0;
	uint8_t byte;
	int out[2];
	pid_t pid;
	FILE *f;

	signal(SIGUSR1, on_told);
	assert_int_equal(pipe(out), 0);
	pid = start(b, -1, out[1], child_fills_the_pipe);
	close(out[1]);
	for (unsigned i = 0; !told && i < 5000; i++)
		usleep(1000);
	assert_true(told);
	f = fdopen(out[0], "r");
	while (fread(&byte, 1, 1, f) == 1)
		assert_int_equal(byte, n++ % 251);
	assert_int_equal(n, 300000);
	fclose(f);
	finish(pid);
}

static void child_has_a_terminal(struct char_bench *b)
{
	struct termios t;

	await_ready(b, 1);
	pump(b, 50);
	CHECK(tcgetattr(0, &t) == 0 && !(t.c_lflag & (ICANON | ECHO | ISIG)));
	CHECK(strcmp(got_text(b), "a\003\001b") == 0);
	CHECK(strcmp(b->keys, "x?") == 0);
	put_text(b, "bare\n");
	pump(b, 20);
}

static int open_ptmx(char *name, size_t size)
{
	const int master = posix_openpt(O_RDWR | O_NOCTTY);

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	assert_int_equal(ptsname_r(master, name, size), 0);
	return master;
}

static void a_terminal_is_raw_and_ctrl_a_is_ours(void **state)
{
	struct char_bench *b = *state;
	char name[64], text[16] = { 0 };
	const int master = open_ptmx(name, sizeof(name));
	const int slave = open(name, O_RDWR | O_NOCTTY);
	struct termios t;
	pid_t pid;

	pid = start(b, slave, slave, child_has_a_terminal);
	usleep(50000); /* typed after raw mode is on */
	assert_int_equal(write(master, "a\003\001x\001?\001ab", 9), 9);
	finish(pid);
	assert_int_equal(read(master, text, sizeof(text)), 5); /* no echo, no CR */
	assert_string_equal(text, "bare\n");
	assert_int_equal(tcgetattr(slave, &t), 0);
	assert_true(t.c_lflag & ICANON); /* as it was */
	close(slave);
	close(master);
}

static void child_hangs_with_full_input(struct char_bench *b)
{
	for (const uint64_t end = now_ms() + 4000; !b->keys[0] && now_ms() < end;)
		loop_wait(&b->loop, 100);
	CHECK(strcmp(b->keys, "x") == 0);
}

static void ctrl_a_x_works_while_the_guest_reads_nothing(void **state)
{
	struct char_bench *b = *state;
	char name[64], page[1024];
	const int master = open_ptmx(name, sizeof(name));
	const int slave = open(name, O_RDWR | O_NOCTTY);
	const pid_t pid = start(b, slave, slave, child_hangs_with_full_input);

	memset(page, 'v', sizeof(page));
	usleep(50000);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(write(master, page, sizeof(page)), sizeof(page));
		usleep(20000);
	}
	assert_int_equal(write(master, "\001x", 2), 2);
	finish(pid);
	close(slave);
	close(master);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CHAR_TEST(pipes_carry_both_directions),
		CHAR_TEST(a_file_as_stdin_is_read_by_turns_to_its_end),
		CHAR_TEST(null_as_stdin_gives_nothing_and_wakes_nobody),
		CHAR_TEST(end_of_a_pipe_as_stdin_ends_nothing),
		CHAR_TEST(missing_stdin_and_stdout_do_no_harm),
		CHAR_TEST(a_stdout_that_nobody_reads_any_more_is_dropped_and_counted),
		CHAR_TEST(a_full_pipe_never_blocks_and_loses_nothing),
		CHAR_TEST(a_terminal_is_raw_and_ctrl_a_is_ours),
		CHAR_TEST(ctrl_a_x_works_while_the_guest_reads_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
