/* The Unix socket: who may connect, what is kept for them, and readers that do
 * not read. */
#include "char_fixture.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

static int client(struct char_bench *b)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, b->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	pump(b, 10);
	return fd;
}

static int listener_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* What the client has to read now, as a string. */
static const char *heard(int fd)
{
	static char text[256];
	const ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void a_client_hears_the_guest_and_is_heard(void **state)
{
	struct char_bench *b = *state;
	int fd;

	assert_int_equal(open_kind(b, CHARDEV_UNIX, NULL), 0);
	assert_string_equal(chardev_where(b->c), b->path);
	assert_false(chardev_connected(b->c));
	fd = client(b);
	assert_true(chardev_connected(b->c));
	put_text(b, "login: ");
	pump(b, 10);
	assert_string_equal(heard(fd), "login: ");
	assert_int_equal(send(fd, "root", 4, 0), 4);
	pump(b, 10);
	assert_string_equal(got_text(b), "root");
	close(fd);
	pump(b, 10);
	assert_false(chardev_connected(b->c));
}

static void without_descriptors_a_client_is_turned_away_and_the_next_one_heard(void **state)
{
	struct char_bench *b = *state;
	struct rlimit old, few;
	int fd;

	assert_int_equal(open_kind(b, CHARDEV_UNIX, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	fd = dup(0);
	close(fd);
	few = old;
	few.rlim_cur = (rlim_t)fd + 1; /* the client's own */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (unsigned i = 0; i < 3; i++) {
		char byte;

		fd = client(b);
		assert_false(chardev_connected(b->c));
		assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
		assert_int_equal(loop_wait(&b->loop, 0), 0); /* nothing spins */
		close(fd);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	fd = client(b);
	assert_true(chardev_connected(b->c));
	close(fd);
}

static void coming_and_going_is_told_to_the_device(void **state)
{
	struct char_bench *b = *state;
	int fd;

	assert_int_equal(open_kind(b, CHARDEV_UNIX, NULL), 0);
	fd = client(b);
	assert_int_equal(b->ready_count, 1);
	close(fd);
	pump(b, 10);
	assert_int_equal(b->ready_count, 2);
}

static void output_before_the_first_client_is_kept_for_it(void **state)
{
	struct char_bench *b = *state;
	int fd;

	assert_int_equal(open_kind(b, CHARDEV_UNIX, NULL), 0);
	put_text(b, "early words");
	pump(b, 10);
	fd = client(b);
	assert_string_equal(heard(fd), "early words");
	assert_int_equal(b->tap_bytes, 11);
	close(fd);
}

static void only_the_last_64k_are_kept_and_the_guest_never_waits(void **state)
{
	struct char_bench *b = *state;
	uint64_t sum = 0;
	uint8_t byte;
	int fd;

	assert_int_equal(open_kind(b, CHARDEV_UNIX, NULL), 0);
	put_pattern(b, 200000);
	pump(b, 10);
	assert_int_equal(chardev_dropped(b->c), 200000 - 65536);
	fd = client(b);
	for (unsigned at = 200000 - 65536; at < 200000; at++) {
		pump(b, 0);
		while (recv(fd, &byte, 1, MSG_DONTWAIT) != 1)
			pump(b, 1);
		assert_int_equal(byte, at % 251);
		sum++;
	}
	assert_int_equal(sum, 65536);
	close(fd);
}

static void the_next_client_is_served_when_the_first_left(void **state)
{
	struct char_bench *b = *state;
	int first, second;

	assert_int_equal(open_kind(b, CHARDEV_UNIX, NULL), 0);
	first = client(b);
	second = client(b);
	put_text(b, "1");
	pump(b, 10);
	assert_string_equal(heard(first), "1");
	assert_string_equal(heard(second), "");
	close(first);
	pump(b, 10);
	assert_true(chardev_connected(b->c));
	put_text(b, "2");
	pump(b, 10);
	assert_string_equal(heard(second), "2");
	close(second);
}

static void a_client_that_has_said_all_still_listens(void **state)
{
	struct char_bench *b = *state;
	int fd;

	assert_int_equal(open_kind(b, CHARDEV_UNIX, NULL), 0);
	fd = client(b);
	assert_int_equal(send(fd, "ls\n", 3, 0), 3);
	shutdown(fd, SHUT_WR);
	pump(b, 10);
	assert_string_equal(got_text(b), "ls\n");
	assert_int_equal(pump(b, 20), 0); /* and nobody spins on its end */
	put_text(b, "file");
	pump(b, 10);
	assert_string_equal(heard(fd), "file");
	close(fd);
	pump(b, 10);
	assert_false(chardev_connected(b->c));
}

static void input_beyond_the_ring_waits_even_if_its_sender_leaves(void **state)
{
	struct char_bench *b = *state;
	uint8_t bytes[20000];
	size_t n = 0;
	int fd;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i % 251);
	assert_int_equal(open_kind(b, CHARDEV_UNIX, NULL), 0);
	fd = client(b);
	assert_int_equal(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	close(fd);
	pump(b, 20);
	assert_int_equal(pump(b, 20), 0); /* full: nobody spins */
	for (unsigned turns = 0; n < sizeof(bytes) && turns < 100000; turns++) {
		const int byte = chardev_get(b->c);

		if (byte < 0)
			pump(b, 2);
		else
			assert_int_equal(byte, bytes[n++]);
	}
	assert_int_equal(n, sizeof(bytes));
	pump(b, 10);
	assert_false(chardev_connected(b->c));
}

static void a_reader_that_stops_makes_the_guest_wait_and_then_lose(void **state)
{
	struct char_bench *b = *state;
	uint64_t put = 0, before;
	int fd;

	assert_int_equal(open_kind(b, CHARDEV_UNIX, NULL), 0);
	fd = client(b);
	for (;;) { /* as fast as the main thread takes it */
		while (chardev_can_put(b->c)) {
			chardev_put(b->c, (uint8_t)(put % 251));
			put++;
		}
		if (loop_wait(&b->loop, 3) == 0)
			break;
		if (chardev_dropped(b->c) > 0)
			skip(); /* too slow a machine to fill it within STALL_NS */
	}
	/* Socket buffer, backlog and ring are full; nothing is lost so far. */
	assert_true(put > 1048576 + 16384);
	assert_false(chardev_can_put(b->c));
	assert_int_equal(chardev_dropped(b->c), 0);
	before = now_ms();
	b->ready_count = 0;
	while (!chardev_can_put(b->c))
		loop_wait(&b->loop, 1000);
	assert_true(now_ms() - before < 1000);
	assert_int_equal(b->ready_count, 1);
	assert_int_equal(chardev_dropped(b->c), 16384);
	for (unsigned i = 0; i < 30000; i++) { /* gone: no waiting at all */
		while (!chardev_can_put(b->c))
			loop_wait(&b->loop, 1000);
		chardev_put(b->c, 'x');
	}
	pump(b, 5);
	assert_int_equal(chardev_dropped(b->c), 16384 + 30000);
	/* It reads again: what was kept comes in order, then what is new. */
	for (uint64_t at = 0; at < put - 16384; at++) {
		uint8_t byte;

		while (recv(fd, &byte, 1, MSG_DONTWAIT) != 1)
			loop_wait(&b->loop, 5);
		if (byte != at % 251)
			fail_msg("byte %llu is %u", (unsigned long long)at, byte);
	}
	put_text(b, "new");
	pump(b, 10);
	assert_string_equal(heard(fd), "new");
	close(fd);
}

static void a_socket_left_behind_is_replaced(void **state)
{
	struct char_bench *b = *state;

	close(listener_at(b->path));
	assert_int_equal(open_kind(b, CHARDEV_UNIX, NULL), 0);
	close(client(b));
}

static void a_live_socket_is_left_alone(void **state)
{
	struct char_bench *b = *state;
	const int other = listener_at(b->path);
	struct err err;

	assert_int_equal(open_kind(b, CHARDEV_UNIX, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, b->path));
	assert_non_null(strstr(err.text, "another program listens there"));
	assert_int_equal(access(b->path, F_OK), 0);
	close(other);
}

static void a_file_in_the_way_is_left_alone(void **state)
{
	struct char_bench *b = *state;
	struct err err;

	fclose(fopen(b->path, "w"));
	assert_int_equal(open_kind(b, CHARDEV_UNIX, &err), -EEXIST);
	assert_non_null(strstr(err.text, "is no socket"));
	assert_int_equal(access(b->path, F_OK), 0);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
	struct char_bench *b = *state;
	char path[200];
	const struct chardev_config config = { .kind = CHARDEV_UNIX, .path = path };
	struct err err;

	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(chardev_open(&b->loop, &config, &b->c, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.text, "107 bytes"));
}

static void close_removes_the_socket_but_no_other(void **state)
{
	struct char_bench *b = *state;
	struct stat st;
	char moved[64];
	int other;

	assert_int_equal(open_kind(b, CHARDEV_UNIX, NULL), 0);
	chardev_close(b->c);
	assert_int_equal(lstat(b->path, &st), -1);
	assert_int_equal(open_kind(b, CHARDEV_UNIX, NULL), 0);
	snprintf(moved, sizeof(moved), "%s/moved", b->dir);
	rename(b->path, moved); /* keeps the inode in use */
	other = listener_at(b->path);
	chardev_close(b->c);
	b->c = NULL;
	assert_int_equal(lstat(b->path, &st), 0);
	unlink(moved);
	close(other);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CHAR_TEST(a_client_hears_the_guest_and_is_heard),
		CHAR_TEST(without_descriptors_a_client_is_turned_away_and_the_next_one_heard),
		CHAR_TEST(coming_and_going_is_told_to_the_device),
		CHAR_TEST(output_before_the_first_client_is_kept_for_it),
		CHAR_TEST(only_the_last_64k_are_kept_and_the_guest_never_waits),
		CHAR_TEST(the_next_client_is_served_when_the_first_left),
		CHAR_TEST(a_client_that_has_said_all_still_listens),
		CHAR_TEST(input_beyond_the_ring_waits_even_if_its_sender_leaves),
		CHAR_TEST(a_reader_that_stops_makes_the_guest_wait_and_then_lose),
		CHAR_TEST(a_socket_left_behind_is_replaced),
		CHAR_TEST(a_live_socket_is_left_alone),
		CHAR_TEST(a_file_in_the_way_is_left_alone),
		CHAR_TEST(a_path_that_is_too_long_is_refused),
		CHAR_TEST(close_removes_the_socket_but_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
