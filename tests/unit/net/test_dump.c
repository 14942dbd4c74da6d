/* Records of frames: the format byte by byte, and what happens to slow files. */
#include "net_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "base/bytes.h"
#include "net/dump.h"

static const struct net_offload plain;

struct desk {
	char path[64];
	struct ioloop *loop;
	struct wire *wire;
	struct guest *guest;
	uint8_t *bytes; /* the file's */
	size_t len;
};

static int desk_setup(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	alarm(100);
	snprintf(d->path, sizeof(d->path), "/tmp/bantam-dump-%d", getpid());
	unlink(d->path);
	assert_int_equal(ioloop_create(IO_ENGINE_AUTO, &d->loop, NULL), 0);
	d->wire = wire_make();
	*state = d;
	return 0;
}

static int desk_teardown(void **state)
{
	struct desk *d = *state;

	guest_end(d->guest);
	wire_free(d->wire);
	ioloop_destroy(d->loop);
	unlink(d->path);
	free(d->bytes);
	free(d);
	alarm(0);
	return 0;
}

static void begin(struct desk *d)
{
	const struct net_dump_config config = { .path = d->path, .below = &d->wire->net };
	struct net *net;

	assert_int_equal(net_dump_open(&config, &net, NULL), 0);
	d->guest = guest_start(d->loop, net, ALL_CAN);
}

static void read_file(struct desk *d)
{
	struct stat st;
	const int fd = open(d->path, O_RDONLY);

	assert_int_equal(fstat(fd, &st), 0);
	free(d->bytes);
	d->len = (size_t)st.st_size;
	d->bytes = malloc(d->len + 1);
	assert_non_null(d->bytes);
	assert_int_equal(read(fd, d->bytes, d->len), d->len);
	close(fd);
}

static void end(struct desk *d)
{
	guest_end(d->guest);
	d->guest = NULL;
	assert_true(d->wire->closed);
	read_file(d);
}

/* The record at *at is of this frame. */
static void assert_record(struct desk *d, size_t *at, size_t len, unsigned to, unsigned from,
			  unsigned tag)
{
	uint8_t *expected = malloc(len);

	assert_non_null(expected);
	assert_true(*at + 16 + len <= d->len);
	assert_in_range(le32_load(d->bytes + *at), time(NULL) - 100, time(NULL));
	assert_true(le32_load(d->bytes + *at + 4) < NS_PER_S);
	assert_int_equal(le32_load(d->bytes + *at + 8), len);
	assert_int_equal(le32_load(d->bytes + *at + 12), len);
	fill_frame(expected, len, to, from, tag);
	assert_memory_equal(d->bytes + *at + 16, expected, len);
	*at += 16 + len;
	free(expected);
}

static void frames_both_ways_are_recorded_whole_and_in_order(void **state)
{
	static const uint8_t header[24] = { 0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0,
					    0,	  0,	0,    0,    0, 0, 4, 0, 1, 0, 0, 0 };
	struct desk *d = *state;
	struct stat st;
	size_t at = 24;

	begin(d);
	d->guest->fake.piece_bytes = 99;
	send_frame(d->guest, 60, 2, 1, 1);
	wire_give(d->wire, 1514, 2, &plain);
	send_frame(d->guest, 65553, 2, 1, 3);
	end(d);
	assert_memory_equal(d->bytes, header, 24);
	assert_record(d, &at, 60, 2, 1, 1);
	assert_record(d, &at, 1514, 1, 2, 2);
	assert_record(d, &at, 65553, 2, 1, 3);
	assert_int_equal(at, d->len);
	assert_int_equal(stat(d->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void frames_pass_as_without_it(void **state)
{
	const struct net_offload o = { .needs_csum = true, .csum_start = 34, .csum_offset = 16 };
	struct desk *d = *state;
	const struct fake_frame *f;
	uint8_t bytes[60];

	begin(d);
	assert_int_equal(d->wire->to_guest, ALL_CAN);
	assert_int_equal(d->guest->net->limits.mtu, 9000);
	fill_frame(bytes, sizeof(bytes), 2, 1, 0);
	fake_nic_send(&d->guest->fake, d->guest->net, bytes, sizeof(bytes), &o);
	assert_int_equal(d->wire->frame_count, 1);
	assert_int_equal(d->wire->last_offload.csum_start, 34);
	wire_give(d->wire, 60, 4, &o);
	f = fake_nic_next(&d->guest->fake);
	assert_int_equal(f->offload.csum_offset, 16);
	net_rx_ready(d->guest->net, 0);
	assert_int_equal(d->wire->rx_ready_count, 1);
	d->wire->nic->ops->tx_ready(d->wire->nic, 0);
	assert_int_equal(d->guest->fake.tx_ready_count, 1);
	d->wire->nic->ops->link(d->wire->nic, false);
	assert_int_equal(d->guest->fake.link_count, 1);
	d->wire->nic->ops->dropped(d->wire->nic, 0);
	assert_int_equal(d->guest->fake.dropped_count, 1);
}

static void what_was_not_sent_or_received_is_not_recorded(void **state)
{
	struct desk *d = *state;

	begin(d);
	d->wire->full = true;
	assert_int_equal(send_frame(d->guest, 60, 2, 1, 1), -EAGAIN);
	d->guest->fake.room_count = 0;
	assert_false(wire_give(d->wire, 60, 1, &plain));
	end(d);
	assert_int_equal(d->len, 24);
}

static void frames_are_in_the_file_before_long(void **state)
{
	struct desk *d = *state;
	const uint64_t begun_ns = host_now_ns();

	begin(d);
	send_frame(d->guest, 60, 2, 1, 1);
	do {
		usleep(10000);
		read_file(d);
		assert_true(host_now_ns() - begun_ns < PATIENCE_NS);
	} while (d->len < 24 + 16 + 60);
}

static void a_reader_who_stops_stalls_nobody(void **state)
{
	struct desk *d = *state;
	int reader;

	assert_int_equal(mkfifo(d->path, 0600), 0);
	reader = open(d->path, O_RDONLY | O_NONBLOCK);
	begin(d);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(send_frame(d->guest, 60000, 2, 1, i), 0);
	assert_int_equal(d->wire->frame_count, 300);
	guest_end(d->guest); /* nor the end */
	d->guest = NULL;
	close(reader);
}

static void a_reader_who_leaves_ends_the_record_only(void **state)
{
	struct desk *d = *state;
	int reader;

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(mkfifo(d->path, 0600), 0);
	reader = open(d->path, O_RDONLY | O_NONBLOCK);
	begin(d);
	close(reader);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(send_frame(d->guest, 60000, 2, 1, i), 0);
		usleep(20000);
	}
	assert_int_equal(d->wire->frame_count, 10);
}

static void a_file_that_cannot_be_made_is_named(void **state)
{
	struct desk *d = *state;
	const struct net_dump_config config = { .path = "/nowhere/x", .below = &d->wire->net };
	struct net *net;
	struct err err;

	assert_int_equal(net_dump_open(&config, &net, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/x"));
	assert_false(d->wire->closed);
}

#define DESK(f) cmocka_unit_test_setup_teardown(f, desk_setup, desk_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		DESK(frames_both_ways_are_recorded_whole_and_in_order),
		DESK(frames_pass_as_without_it),
		DESK(what_was_not_sent_or_received_is_not_recorded),
		DESK(frames_are_in_the_file_before_long),
		DESK(a_reader_who_stops_stalls_nobody),
		DESK(a_reader_who_leaves_ends_the_record_only),
		DESK(a_file_that_cannot_be_made_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
