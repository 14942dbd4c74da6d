/* The core and the kinds without a peer: mem, null, file.  Gathering, order
 * across threads, errors of files. */
#include "char_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

static void mem_gives_back_what_the_device_put(void **state)
{
	struct char_bench *b = *state;
	uint8_t out[8];

	assert_int_equal(open_kind(b, CHARDEV_MEM, NULL), 0);
	put_text(b, "abc");
	assert_int_equal(chardev_drain(b->c, out, 2), 2);
	assert_memory_equal(out, "ab", 2);
	assert_int_equal(chardev_drain(b->c, out, 8), 1);
	assert_int_equal(chardev_drain(b->c, out, 8), 0);
	assert_true(chardev_connected(b->c));
	assert_null(chardev_where(b->c));
}

static void mem_feeds_the_device_and_tells_it(void **state)
{
	struct char_bench *b = *state;

	assert_int_equal(open_kind(b, CHARDEV_MEM, NULL), 0);
	assert_int_equal(chardev_get(b->c), -1);
	assert_int_equal(chardev_feed(b->c, (const uint8_t *)"xy", 2), 2);
	assert_int_equal(b->ready_count, 1);
	assert_string_equal(got_text(b), "xy");
}

static void feeding_more_than_the_ring_holds_is_cut(void **state)
{
	struct char_bench *b = *state;
	uint8_t bytes[5000] = { 0 };

	assert_int_equal(open_kind(b, CHARDEV_MEM, NULL), 0);
	assert_int_equal(chardev_feed(b->c, bytes, sizeof(bytes)), 4096);
	assert_int_equal(chardev_feed(b->c, bytes, 1), 0);
}

static void a_full_ring_is_busy_and_room_is_told(void **state)
{
	struct char_bench *b = *state;
	uint8_t bytes[16384];
	unsigned n = 0;

	assert_int_equal(open_kind(b, CHARDEV_MEM, NULL), 0);
	for (; chardev_can_put(b->c); n++)
		chardev_put(b->c, 'x');
	assert_int_equal(n, 16384);
	chardev_put(b->c, 'y'); /* put all the same: lost and counted */
	assert_int_equal(chardev_dropped(b->c), 1);
	assert_int_equal(chardev_drain(b->c, bytes, 8191), 8191);
	assert_int_equal(b->ready_count, 0);
	assert_int_equal(chardev_drain(b->c, bytes, 1), 1); /* half empty */
	assert_int_equal(b->ready_count, 1);
	assert_true(chardev_can_put(b->c));
}

static void a_bulk_write_takes_what_fits_and_is_told_of_room(void **state)
{
	static uint8_t bytes[20000];
	struct char_bench *b = *state;

	assert_int_equal(open_kind(b, CHARDEV_MEM, NULL), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i % 251);
	assert_int_equal(chardev_write(b->c, bytes, sizeof(bytes)), 16384);
	assert_int_equal(chardev_write(b->c, bytes, 1), 0);
	assert_int_equal(b->ready_count, 0);
	assert_int_equal(chardev_drain(b->c, bytes, 10000), 10000);
	assert_int_equal(b->ready_count, 1);
	assert_int_equal(bytes[9999], 9999 % 251);
	assert_int_equal(chardev_dropped(b->c), 0);
}

static void a_bulk_read_takes_what_there_is(void **state)
{
	struct char_bench *b = *state;
	uint8_t bytes[8];

	assert_int_equal(open_kind(b, CHARDEV_MEM, NULL), 0);
	assert_false(chardev_has_input(b->c));
	assert_int_equal(chardev_read(b->c, bytes, sizeof(bytes)), 0);
	chardev_feed(b->c, (const uint8_t *)"abcde", 5);
	assert_true(chardev_has_input(b->c));
	assert_int_equal(chardev_read(b->c, bytes, 2), 2);
	assert_int_equal(chardev_read(b->c, bytes + 2, 6), 3);
	assert_memory_equal(bytes, "abcde", 5);
	assert_false(chardev_has_input(b->c));
}

static void null_swallows_and_is_never_busy(void **state)
{
	const struct chardev_config config = { .kind = CHARDEV_NULL };
	struct char_bench *b = *state;

	assert_int_equal(chardev_open(NULL, &config, &b->c, NULL), 0);
	for (unsigned i = 0; i < 100000; i++) {
		assert_true(chardev_can_put(b->c));
		chardev_put(b->c, 'x');
	}
	assert_int_equal(chardev_write(b->c, (const uint8_t *)"abc", 3), 3);
	assert_int_equal(chardev_get(b->c), -1);
	assert_int_equal(chardev_dropped(b->c), 0);
}

static void null_still_shows_its_output_to_the_tap(void **state)
{
	struct char_bench *b = *state;

	assert_int_equal(open_kind(b, CHARDEV_NULL, NULL), 0);
	put_text(b, "hello\n");
	pump(b, 20);
	assert_int_equal(b->tap_bytes, 6);
}

static void open_without_a_loop_is_refused_where_one_is_needed(void **state)
{
	const struct chardev_config config = { .kind = CHARDEV_PTY };
	struct chardev *c;
	struct err err;

	(void)state;
	assert_true(chardev_open(NULL, &config, &c, &err) < 0);
	assert_non_null(strstr(err.text, "event loop"));
}

static void a_burst_is_handed_on_in_one_piece(void **state)
{
	struct char_bench *b = *state;

	assert_int_equal(open_kind(b, CHARDEV_FILE, NULL), 0);
	put_text(b, "a");
	pump(b, 20); /* the time since is now short, so a newline waits too */
	for (unsigned i = 0; i < 20; i++)
		put_text(b, "line\n");
	assert_int_equal(b->tap_count, 1);
	pump(b, 20);
	assert_int_equal(b->tap_count, 2);
	assert_int_equal(b->tap_bytes, 101);
}

static void an_idle_device_wakes_nobody(void **state)
{
	struct char_bench *b = *state;

	assert_int_equal(open_kind(b, CHARDEV_FILE, NULL), 0);
	put_text(b, "hello\n");
	pump(b, 20);
	assert_int_equal(pump(b, 50), 0);
}

static void flush_hands_on_without_the_loop(void **state)
{
	struct char_bench *b = *state;

	assert_int_equal(open_kind(b, CHARDEV_FILE, NULL), 0);
	put_text(b, "verdict");
	chardev_flush(b->c);
	assert_int_equal(b->tap_bytes, 7);
}

static void check_pattern_file(const char *path, size_t want)
{
	FILE *f = fopen(path, "r");
	size_t n = 0;
	int ch;

	assert_non_null(f);
	while ((ch = getc(f)) != EOF) {
		if (ch != (int)(n % 251))
			fail_msg("byte %zu is %d", n, ch);
		n++;
	}
	fclose(f);
	assert_int_equal(n, want);
}

static void *put_from_a_vcpu(void *arg)
{
	struct char_bench *b = arg;

	for (size_t i = 0; i < 1000000; i++) {
		while (!chardev_can_put(b->c))
			usleep(50);
		chardev_put(b->c, (uint8_t)(i % 251));
	}
	return NULL;
}

static void a_million_bytes_from_another_thread_arrive_in_order(void **state)
{
	struct char_bench *b = *state;
	const uint64_t end = now_ms() + 30000;
	pthread_t vcpu;

	assert_int_equal(open_kind(b, CHARDEV_FILE, NULL), 0);
	assert_int_equal(pthread_create(&vcpu, NULL, put_from_a_vcpu, b), 0);
	/* A lost wake-up would leave the last bytes in the ring for ever. */
	while (b->tap_bytes < 1000000 && now_ms() < end)
		loop_wait(&b->loop, 1000);
	pthread_join(vcpu, NULL);
	assert_int_equal(b->tap_bytes, 1000000);
	assert_int_equal(chardev_dropped(b->c), 0);
	check_pattern_file(b->path, 1000000);
}

static atomic_bool met_full; /* the writer found no room */

static void *write_from_an_io_thread(void *arg)
{
	struct char_bench *b = arg;
	uint8_t bytes[700];
	size_t done = 0;

	while (done < 1000000) {
		const size_t want = min_u64(sizeof(bytes), 1000000 - done);
		size_t n;

		for (size_t i = 0; i < want; i++)
			bytes[i] = (uint8_t)((done + i) % 251);
		n = chardev_write(b->c, bytes, want);
		done += n;
		if (n < want) { /* its room is told on the main thread */
			atomic_store(&met_full, true);
			usleep(50);
		}
	}
	return NULL;
}

static void a_million_bytes_in_bulk_arrive_in_order(void **state)
{
	struct char_bench *b = *state;
	const uint64_t end = now_ms() + 30000;
	pthread_t io;

	assert_int_equal(open_kind(b, CHARDEV_FILE, NULL), 0);
	atomic_store(&met_full, false);
	assert_int_equal(pthread_create(&io, NULL, write_from_an_io_thread, b), 0);
	while (!atomic_load(&met_full) && now_ms() < end)
		usleep(50);
	while (b->tap_bytes < 1000000 && now_ms() < end)
		loop_wait(&b->loop, 1000);
	pthread_join(io, NULL);
	assert_int_equal(b->tap_bytes, 1000000);
	assert_true(b->ready_count > 0);
	check_pattern_file(b->path, 1000000);
}

static void close_writes_out_what_is_left(void **state)
{
	struct char_bench *b = *state;

	assert_int_equal(open_kind(b, CHARDEV_FILE, NULL), 0);
	put_pattern(b, 5000);
	chardev_close(b->c);
	b->c = NULL;
	check_pattern_file(b->path, 5000);
}

/* Descriptors that a child of ours would inherit. */
static unsigned inherited(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++) {
		const int flags = fcntl(fd, F_GETFD);

		n += flags >= 0 && !(flags & FD_CLOEXEC);
	}
	return n;
}

static void a_file_is_made_truncated_and_not_inherited(void **state)
{
	struct char_bench *b = *state;
	const unsigned before = inherited();
	struct stat st;

	umask(022);
	assert_int_equal(open_kind(b, CHARDEV_FILE, NULL), 0);
	put_text(b, "old text");
	chardev_close(b->c);
	assert_int_equal(open_kind(b, CHARDEV_FILE, NULL), 0);
	assert_int_equal(stat(b->path, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(inherited(), before);
}

static void a_file_that_cannot_be_made_is_named(void **state)
{
	struct char_bench *b = *state;
	struct err err;

	snprintf(b->path, sizeof(b->path), "/no/such/dir/x");
	assert_int_equal(open_kind(b, CHARDEV_FILE, &err), -2);
	assert_string_equal(err.text, "file:/no/such/dir/x: No such file or directory");
}

static void a_fifo_without_reader_is_refused_at_once(void **state)
{
	struct char_bench *b = *state;
	struct err err;

	assert_int_equal(mkfifo(b->path, 0600), 0);
	assert_true(open_kind(b, CHARDEV_FILE, &err) < 0);
	assert_non_null(strstr(err.text, "nobody reads"));
}

static void a_full_disk_loses_output_but_not_the_guest(void **state)
{
	struct char_bench *b = *state;

	snprintf(b->path, sizeof(b->path), "/dev/full");
	assert_int_equal(open_kind(b, CHARDEV_FILE, NULL), 0);
	put_text(b, "one\n");
	pump(b, 20);
	put_text(b, "two\n");
	pump(b, 20);
	assert_int_equal(chardev_dropped(b->c), 8);
	assert_int_equal(b->tap_bytes, 8);
	assert_true(chardev_can_put(b->c));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CHAR_TEST(mem_gives_back_what_the_device_put),
		CHAR_TEST(mem_feeds_the_device_and_tells_it),
		CHAR_TEST(feeding_more_than_the_ring_holds_is_cut),
		CHAR_TEST(a_full_ring_is_busy_and_room_is_told),
		CHAR_TEST(a_bulk_write_takes_what_fits_and_is_told_of_room),
		CHAR_TEST(a_bulk_read_takes_what_there_is),
		CHAR_TEST(null_swallows_and_is_never_busy),
		CHAR_TEST(null_still_shows_its_output_to_the_tap),
		CHAR_TEST(open_without_a_loop_is_refused_where_one_is_needed),
		CHAR_TEST(a_burst_is_handed_on_in_one_piece),
		CHAR_TEST(an_idle_device_wakes_nobody),
		CHAR_TEST(flush_hands_on_without_the_loop),
		CHAR_TEST(a_million_bytes_from_another_thread_arrive_in_order),
		CHAR_TEST(a_million_bytes_in_bulk_arrive_in_order),
		CHAR_TEST(close_writes_out_what_is_left),
		CHAR_TEST(a_file_is_made_truncated_and_not_inherited),
		CHAR_TEST(a_file_that_cannot_be_made_is_named),
		CHAR_TEST(a_fifo_without_reader_is_refused_at_once),
		CHAR_TEST(a_full_disk_loses_output_but_not_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
