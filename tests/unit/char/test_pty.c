/* The pseudo-terminal, with and without somebody at its other side. */
#include "char_fixture.h"

#include <termios.h>

static int open_side(struct char_bench *b)
{
	const int fd = open(chardev_where(b->c), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	assert_true(fd >= 0);
	pump(b, 20);
	return fd;
}

static const char *heard(int fd)
{
	static char text[256];
	const ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void expect_heard(struct char_bench *b, int fd, const char *want)
{
	char text[256] = "";

	for (unsigned i = 0; i < 1000 && strlen(text) < strlen(want); i++) {
		pump(b, 10);
		strncat(text, heard(fd), sizeof(text) - 1 - strlen(text));
	}
	assert_string_equal(text, want);
}

static void its_name_is_a_raw_terminal(void **state)
{
	struct char_bench *b = *state;
	struct termios t;
	int fd;

	assert_int_equal(open_kind(b, CHARDEV_PTY, NULL), 0);
	assert_int_equal(strncmp(chardev_where(b->c), "/dev/pts/", 9), 0);
	fd = open_side(b);
	assert_int_equal(tcgetattr(fd, &t), 0);
	assert_int_equal(t.c_lflag & (ECHO | ICANON | ISIG), 0);
	assert_int_equal(t.c_oflag & OPOST, 0);
	close(fd);
}

static void nobody_there_means_not_connected_and_no_spinning(void **state)
{
	struct char_bench *b = *state;

	assert_int_equal(open_kind(b, CHARDEV_PTY, NULL), 0);
	assert_false(chardev_connected(b->c));
	put_text(b, "hello\n");
	pump(b, 20);
	assert_int_equal(pump(b, 50), 0);
}

static void who_opens_it_hears_what_was_said_before(void **state)
{
	struct char_bench *b = *state;
	int fd;

	assert_int_equal(open_kind(b, CHARDEV_PTY, NULL), 0);
	put_text(b, "early\n");
	pump(b, 10);
	fd = open_side(b);
	assert_true(chardev_connected(b->c));
	expect_heard(b, fd, "early\n");
	close(fd);
}

static void both_directions_work_and_leaving_is_seen(void **state)
{
	struct char_bench *b = *state;
	int fd;

	assert_int_equal(open_kind(b, CHARDEV_PTY, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		fd = open_side(b);
		assert_true(chardev_connected(b->c));
		assert_int_equal(write(fd, "key\003", 4), 4);
		expect_text(b, "key\003");
		put_text(b, "echo\n");
		expect_heard(b, fd, "echo\n");
		close(fd);
		for (unsigned n = 0; n < 500 && chardev_connected(b->c); n++)
			pump(b, 20);
		assert_false(chardev_connected(b->c));
		assert_int_equal(pump(b, 20), 0);
	}
}

static void a_reader_that_stops_does_not_stop_the_guest(void **state)
{
	struct char_bench *b = *state;
	uint64_t began;
	int fd;

	assert_int_equal(open_kind(b, CHARDEV_PTY, NULL), 0);
	fd = open_side(b);
	began = now_ms();
	put_pattern(b, 1500000);
	assert_true(now_ms() - began < 5000);
	assert_true(chardev_dropped(b->c) > 0);
	began = now_ms();
	chardev_close(b->c);
	b->c = NULL;
	assert_true(now_ms() - began < 500);
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CHAR_TEST(its_name_is_a_raw_terminal),
		CHAR_TEST(nobody_there_means_not_connected_and_no_spinning),
		CHAR_TEST(who_opens_it_hears_what_was_said_before),
		CHAR_TEST(both_directions_work_and_leaving_is_seen),
		CHAR_TEST(a_reader_that_stops_does_not_stop_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
