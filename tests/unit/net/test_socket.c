/* Frames over sockets, and peers that come, go, stop reading or lie. */
#include "net_fixture.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/bytes.h"
#include "net/socket.h"

struct bench {
	char path[64], local[64];
	struct ioloop *loop;
	struct guest *guest;
	int listener, peer; /* the other side, which is the test; -1 */
	unsigned fed;	    /* frames that it has yet to send */
};

static int bench_setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	alarm(100);
	snprintf(b->path, sizeof(b->path), "/tmp/bantam-socket-%d", getpid());
	snprintf(b->local, sizeof(b->local), "/tmp/bantam-local-%d", getpid());
	unlink(b->path);
	unlink(b->local);
	assert_int_equal(ioloop_create(IO_ENGINE_AUTO, &b->loop, NULL), 0);
	b->listener = b->peer = -1;
	*state = b;
	return 0;
}

static int bench_teardown(void **state)
{
	struct bench *b = *state;

	guest_end(b->guest);
	if (b->listener >= 0)
		close(b->listener);
	if (b->peer >= 0)
		close(b->peer);
	ioloop_destroy(b->loop);
	unlink(b->path);
	unlink(b->local);
	free(b);
	alarm(0);
	return 0;
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strcpy(a.sun_path, path);
	return a;
}

/* A socket of the test's own, bound to path. */
static int peer_socket(int type, const char *path)
{
	const struct sockaddr_un a = address(path);
	const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void peer_connect(int fd, const char *path)
{
	const struct sockaddr_un a = address(path);

	assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
}

static int open_socket(struct bench *b, const struct net_socket_config *c, struct err *err)
{
	struct net *net;
	const int rc = net_socket_open(c, &net, err);

	if (rc == 0)
		b->guest = guest_start(b->loop, net, 0);
	return rc;
}

/* The test listens, the guest connects. */
static void meet(struct bench *b)
{
	const struct net_socket_config c = { .path = b->path };

	b->listener = peer_socket(SOCK_STREAM, b->path);
	assert_int_equal(listen(b->listener, 2), 0);
	assert_int_equal(open_socket(b, &c, NULL), 0);
	b->peer = accept(b->listener, NULL, NULL);
	assert_true(b->peer >= 0);
}

static void write_all(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, 0), len);
}

static void read_all(struct bench *b, void *bytes, size_t len)
{
	uint8_t *at = bytes;

	while (len > 0) {
		const ssize_t n = recv(b->peer, at, len, MSG_DONTWAIT);

		if (n < 0)
			ioloop_round(b->loop, 1);
		assert_true(n != 0);
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}

static void peer_sends(struct bench *b, size_t len, unsigned tag)
{
	uint8_t *bytes = malloc(4 + len);

	assert_non_null(bytes);
	be32_store(bytes, (uint32_t)len);
	fill_frame(bytes + 4, len, 1, 2, tag);
	write_all(b->peer, bytes, 4 + len);
	free(bytes);
}

static void peer_gets(struct bench *b, size_t len, unsigned tag)
{
	uint8_t *bytes = malloc(len), *expected = malloc(len), length[4];

	assert_non_null(bytes);
	assert_non_null(expected);
	read_all(b, length, 4);
	assert_int_equal(be32_load(length), len);
	read_all(b, bytes, len);
	fill_frame(expected, len, 2, 1, tag);
	assert_memory_equal(bytes, expected, len);
	free(bytes);
	free(expected);
}

/* ---- streams --------------------------------------------------------------------- */

static void frames_of_all_lengths_pass_both_ways(void **state)
{
	static const size_t lens[] = { 14, 60, 1514, 9014, 16384, 65553 };
	struct bench *b = *state;

	meet(b);
	b->guest->fake.piece_bytes = 700;
	for (unsigned i = 0; i < ARRAY_LEN(lens); i++) {
		assert_int_equal(send_frame(b->guest, lens[i], 2, 1, i), 0);
		peer_gets(b, lens[i], i);
		peer_sends(b, lens[i], i);
		UNTIL(b->loop, b->guest->fake.frame_count == i + 1);
		assert_came(b->guest, lens[i], 1, 2, i);
	}
}

static void a_frame_in_single_bytes_is_one_frame(void **state)
{
	struct bench *b = *state;
	uint8_t bytes[2 * 64];

	meet(b);
	for (unsigned i = 0; i < 2; i++) {
		be32_store(bytes + 64 * i, 60);
		fill_frame(bytes + 64 * i + 4, 60, 1, 2, i);
	}
	for (unsigned i = 0; i < sizeof(bytes); i++) {
		write_all(b->peer, bytes + i, 1);
		ioloop_round(b->loop, 5);
		assert_true(b->guest->fake.frame_count <= (i + 1) / 64);
	}
	UNTIL(b->loop, b->guest->fake.frame_count == 2);
	assert_came(b->guest, 60, 1, 2, 0);
	assert_came(b->guest, 60, 1, 2, 1);
}

static void a_peer_that_does_not_read_makes_the_guest_wait_and_loses_nothing(void **state)
{
	struct bench *b = *state;
	unsigned sent = 0;

	meet(b);
	while (send_frame(b->guest, 3000 + 7 * (sent % 4) * 5000, 2, 1, sent) == 0)
		assert_true(++sent < 10000);
	assert_int_equal(b->guest->fake.tx_ready_count, 0);
	for (unsigned i = 0; i < sent; i++)
		peer_gets(b, 3000 + 7 * (i % 4) * 5000, i);
	UNTIL(b->loop, b->guest->fake.tx_ready_count > 0);
	assert_int_equal(send_frame(b->guest, 60, 2, 1, 1), 0);
	peer_gets(b, 60, 1);
}

static void a_guest_without_room_leaves_frames_where_they_are(void **state)
{
	struct bench *b = *state;

	meet(b);
	b->guest->fake.room_count = 2;
	for (unsigned i = 0; i < 5; i++)
		peer_sends(b, 100, i);
	UNTIL(b->loop, b->guest->fake.refused_count > 0);
	peer_sends(b, 100, 5); /* this one stays in the socket */
	for (unsigned i = 0; i < 10; i++)
		ioloop_round(b->loop, 1);
	assert_int_equal(b->guest->fake.refused_count, 1); /* and nobody asks again */
	b->guest->fake.room_count = 10;
	net_rx_ready(b->guest->net, 0);
	UNTIL(b->loop, b->guest->fake.frame_count == 6);
	for (unsigned i = 0; i < 6; i++)
		assert_came(b->guest, 100, 1, 2, i);
	assert_int_equal(b->guest->fake.dropped_count, 0);
}

/* A peer that is always there with the next frame: the reads of one burst bring a frame
 * each, and none is left for another one. */
static void feed(void *arg)
{
	struct bench *b = arg;

	if (b->fed > 0) {
		b->fed--;
		peer_sends(b, 60, b->fed);
	}
}

static void the_last_frame_of_a_long_burst_needs_no_other_behind_it(void **state)
{
	struct bench *b = *state;

	meet(b);
	b->guest->fake.came = feed;
	b->guest->fake.came_arg = b;
	for (unsigned count = 60; count < 70; count++) {
		const unsigned before = b->guest->fake.frame_count;

		b->fed = count;
		feed(b);
		UNTIL(b->loop, b->guest->fake.frame_count == before + count);
	}
}

static void a_length_that_no_frame_has_unplugs_the_cable(void **state)
{
	static const uint32_t lens[] = { 0, 13, 65554, 0x80000000, UINT32_MAX };
	struct bench *b = *state;
	uint8_t length[4];

	meet(b);
	for (unsigned i = 0; i < ARRAY_LEN(lens); i++) {
		be32_store(length, lens[i]);
		write_all(b->peer, length, 4);
		UNTIL(b->loop, !b->guest->fake.link_up);
		assert_int_equal(recv(b->peer, length, 1, 0), 0);
		close(b->peer);
		UNTIL(b->loop, b->guest->fake.link_up); /* it tries again */
		b->peer = accept(b->listener, NULL, NULL);
	}
	peer_sends(b, 60, 3); /* nothing of before is left */
	UNTIL(b->loop, b->guest->fake.frame_count == 1);
	assert_came(b->guest, 60, 1, 2, 3);
}

static void a_peer_that_comes_when_descriptors_are_out_waits_and_nothing_spins(void **state)
{
	struct bench *b = *state;
	const struct net_socket_config c = { .path = b->path, .listen = true };
	uint64_t begun_ns;
	unsigned rounds = 0;

	assert_int_equal(open_socket(b, &c, NULL), 0);
	b->peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	files_are_few(0);
	peer_connect(b->peer, b->path);
	begun_ns = host_now_ns();
	while (host_now_ns() - begun_ns < 300 * NS_PER_MS)
		rounds += ioloop_round(b->loop, 20) > 0;
	files_are_many();
	assert_true(rounds > 0 && rounds <= 30);
	assert_false(b->guest->fake.link_up);
	UNTIL(b->loop, b->guest->fake.link_up);
	peer_sends(b, 60, 3);
	UNTIL(b->loop, b->guest->fake.frame_count == 1);
	assert_came(b->guest, 60, 1, 2, 3);
}

static void a_peer_that_goes_away_is_looked_for_at_a_bounded_rate(void **state)
{
	struct bench *b = *state;
	uint64_t begun_ns;
	unsigned rounds = 0;

	meet(b);
	close(b->listener);
	close(b->peer);
	b->peer = -1;
	unlink(b->path);
	UNTIL(b->loop, !b->guest->fake.link_up);
	assert_int_equal(send_frame(b->guest, 60, 2, 1, 1), 0); /* lost */
	begun_ns = host_now_ns();
	while (host_now_ns() - begun_ns < 300 * NS_PER_MS)
		rounds += ioloop_round(b->loop, 20) > 0;
	assert_true(rounds <= 5);
	b->listener = peer_socket(SOCK_STREAM, b->path);
	assert_int_equal(listen(b->listener, 2), 0);
	UNTIL(b->loop, b->guest->fake.link_up);
	b->peer = accept(b->listener, NULL, NULL);
	assert_int_equal(send_frame(b->guest, 60, 2, 1, 2), 0);
	peer_gets(b, 60, 2);
}

static void a_guest_that_waits_for_a_peer_that_goes_away_goes_on_with_the_next(void **state)
{
	struct bench *b = *state;
	unsigned sent = 0;

	meet(b);
	while (send_frame(b->guest, 1514, 2, 1, sent) == 0)
		assert_true(++sent < 10000);
	/* It still does not read: nothing of what was sent makes room. */
	shutdown(b->peer, SHUT_WR);
	UNTIL(b->loop, !b->guest->fake.link_up);
	assert_int_equal(b->guest->fake.tx_ready_count, 0);
	close(b->peer);
	UNTIL(b->loop, b->guest->fake.link_up);
	assert_int_equal(b->guest->fake.tx_ready_count, 1);
	b->peer = accept(b->listener, NULL, NULL);
	assert_int_equal(send_frame(b->guest, 60, 2, 1, 3), 0);
	peer_gets(b, 60, 3);
}

static void who_listens_takes_one_peer_after_the_other(void **state)
{
	struct bench *b = *state;
	const struct net_socket_config c = { .path = b->path, .listen = true };
	int second;

	assert_int_equal(open_socket(b, &c, NULL), 0);
	assert_false(b->guest->fake.link_up);
	b->peer = socket(AF_UNIX, SOCK_STREAM, 0);
	second = socket(AF_UNIX, SOCK_STREAM, 0);
	peer_connect(b->peer, b->path);
	UNTIL(b->loop, b->guest->fake.link_up);
	peer_connect(second, b->path);
	peer_sends(b, 60, 1);
	UNTIL(b->loop, b->guest->fake.frame_count == 1);
	close(b->peer);
	b->peer = second;
	UNTIL(b->loop, b->guest->fake.link_count == 3); /* up, down, up */
	assert_true(b->guest->fake.link_up);
	peer_sends(b, 60, 2);
	UNTIL(b->loop, b->guest->fake.frame_count == 2);
	assert_int_equal(send_frame(b->guest, 60, 2, 1, 5), 0);
	peer_gets(b, 60, 5);
	guest_end(b->guest);
	b->guest = NULL;
	assert_int_equal(access(b->path, F_OK), -1);
}

static void what_came_before_the_end_is_received(void **state)
{
	struct bench *b = *state;

	meet(b);
	b->guest->fake.room_count = 1;
	for (unsigned i = 0; i < 4; i++)
		peer_sends(b, 60, i);
	close(b->peer);
	b->peer = -1;
	UNTIL(b->loop, b->guest->fake.frame_count == 1);
	b->guest->fake.room_count = 3;
	net_rx_ready(b->guest->net, 0);
	UNTIL(b->loop, b->guest->fake.frame_count == 4);
}

static void a_pair_that_stops_and_starts_goes_on_in_the_stream(void **state)
{
	struct bench *b = *state;

	meet(b);
	net_stop(b->guest->net, 0);
	peer_sends(b, 60, 1);
	assert_int_equal(ioloop_round(b->loop, 10), 0);
	net_start(b->guest->net, 0, b->loop);
	UNTIL(b->loop, b->guest->fake.frame_count == 1);
	assert_came(b->guest, 60, 1, 2, 1);
}

/* ---- datagrams ------------------------------------------------------------------- */

static void datagrams_pass_both_ways_from_a_path_of_ones_own(void **state)
{
	struct bench *b = *state;
	const struct net_socket_config c = { .path = b->path,
					     .mode = NET_SOCKET_DGRAM,
					     .local = b->local };
	uint8_t bytes[1600], expected[1514];

	b->peer = peer_socket(SOCK_DGRAM, b->path);
	assert_int_equal(open_socket(b, &c, NULL), 0);
	peer_connect(b->peer, b->local);
	b->guest->fake.piece_bytes = 500;
	assert_int_equal(send_frame(b->guest, 1514, 2, 1, 4), 0);
	assert_int_equal(recv(b->peer, bytes, sizeof(bytes), 0), 1514);
	fill_frame(expected, 1514, 2, 1, 4);
	assert_memory_equal(bytes, expected, 1514);
	fill_frame(bytes, 1518, 1, 2, 9);
	write_all(b->peer, bytes, 1518);
	write_all(b->peer, bytes, 13);	 /* no frame */
	write_all(b->peer, bytes, 1519); /* longer than the MTU allows */
	UNTIL(b->loop, b->guest->fake.dropped_count == 2);
	assert_int_equal(b->guest->fake.frame_count, 1);
	assert_came(b->guest, 1518, 1, 2, 9);
	guest_end(b->guest);
	b->guest = NULL;
	assert_int_equal(access(b->local, F_OK), -1);
}

static void two_guests_meet_by_datagrams(void **state)
{
	struct bench *b = *state;
	const struct net_socket_config c = { .path = b->path,
					     .mode = NET_SOCKET_DGRAM,
					     .listen = true },
				       d = { .path = b->path, .mode = NET_SOCKET_DGRAM };
	struct guest *listens, *connects;

	assert_int_equal(open_socket(b, &c, NULL), 0);
	listens = b->guest;
	assert_int_equal(send_frame(listens, 60, 2, 1, 0), 0); /* to nobody */
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(open_socket(b, &d, NULL), 0);
		connects = b->guest;
		b->guest = listens;
		assert_int_equal(send_frame(connects, 60, 1, 2, i), 0);
		UNTIL(b->loop, listens->fake.frame_count == i);
		assert_true(listens->fake.link_up);
		assert_int_equal(send_frame(listens, 60, 2, 1, i), 0);
		UNTIL(b->loop, connects->fake.frame_count == 1);
		assert_came(connects, 60, 2, 1, i);
		guest_end(connects);
		/* It finds out when it sends. */
		UNTIL(b->loop, send_frame(listens, 60, 2, 1, 0) == 0 && !listens->fake.link_up);
	}
}

/* A peer that lets go of us with datagrams unread leaves an error behind, which reading
 * takes; but a guest without room reads nothing. */
static void a_peer_that_left_datagrams_unread_is_gone_and_nothing_spins(void **state)
{
	static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct bench *b = *state;
	const struct net_socket_config c = { .path = b->path,
					     .mode = NET_SOCKET_DGRAM,
					     .listen = true };
	uint8_t bytes[60];
	uint64_t begun_ns;
	unsigned rounds = 0;

	assert_int_equal(open_socket(b, &c, NULL), 0);
	fill_frame(bytes, sizeof(bytes), 1, 2, 0);
	b->peer = peer_socket(SOCK_DGRAM, b->local);
	peer_connect(b->peer, b->path);
	write_all(b->peer, bytes, sizeof(bytes));
	UNTIL(b->loop, b->guest->fake.link_up);
	assert_int_equal(send_frame(b->guest, 60, 2, 1, 0), 0);
	b->guest->fake.room_count = 0;
	write_all(b->peer, bytes, sizeof(bytes));
	UNTIL(b->loop, b->guest->fake.refused_count > 0);
	assert_int_equal(connect(b->peer, &nobody, sizeof(nobody)), 0);
	UNTIL(b->loop, !b->guest->fake.link_up);
	begun_ns = host_now_ns();
	while (host_now_ns() - begun_ns < 100 * NS_PER_MS)
		rounds += ioloop_round(b->loop, 20) > 0;
	assert_in_range(rounds, 0, 3);
	b->guest->fake.room_count = UINT_MAX;
	net_rx_ready(b->guest->net, 0);
	peer_connect(b->peer, b->path); /* it comes back */
	write_all(b->peer, bytes, sizeof(bytes));
	UNTIL(b->loop, b->guest->fake.link_up);
}

static void a_full_peer_makes_the_guest_wait_for_datagrams_too(void **state)
{
	struct bench *b = *state;
	const struct net_socket_config c = { .path = b->path, .mode = NET_SOCKET_DGRAM };
	uint8_t bytes[64];
	unsigned sent = 0;

	b->peer = peer_socket(SOCK_DGRAM, b->path);
	assert_int_equal(open_socket(b, &c, NULL), 0);
	while (send_frame(b->guest, 60, 2, 1, sent) == 0)
		assert_true(++sent < 10000);
	for (unsigned i = 0; i < sent; i++) {
		assert_int_equal(recv(b->peer, bytes, sizeof(bytes), 0), 60);
		assert_int_equal(bytes[14], (uint8_t)(i + 14));
	}
	UNTIL(b->loop, b->guest->fake.tx_ready_count > 0);
	assert_int_equal(send_frame(b->guest, 60, 2, 1, 0), 0);
}

/* ---- refusals -------------------------------------------------------------------- */

static void errors_say_what_would_help(void **state)
{
	struct bench *b = *state;
	struct net_socket_config c = { .path = b->path };
	char long_path[300];
	struct err err;

	assert_int_equal(open_socket(b, &c, &err), -ENOENT);
	assert_non_null(strstr(err.text, "start its peer first"));
	b->peer = peer_socket(SOCK_DGRAM, b->path);
	assert_int_equal(open_socket(b, &c, &err), -EPROTOTYPE);
	assert_non_null(strstr(err.text, "mode=dgram"));
	c.mode = NET_SOCKET_DGRAM;
	c.listen = true;
	assert_int_equal(open_socket(b, &c, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "another program listens there"));
	close(b->peer); /* stale now */
	b->peer = -1;
	assert_int_equal(open_socket(b, &c, &err), 0);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	c.path = long_path;
	assert_int_equal(open_socket(b, &c, &err), -ENAMETOOLONG);
}

static void a_file_in_the_way_is_left_alone(void **state)
{
	struct bench *b = *state;
	const struct net_socket_config c = { .path = b->path, .listen = true };
	const int fd = open(b->path, O_CREAT | O_WRONLY, 0600);
	struct err err;

	close(fd);
	assert_int_equal(open_socket(b, &c, &err), -EEXIST);
	assert_int_equal(access(b->path, F_OK), 0);
}

#define BENCH(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BENCH(frames_of_all_lengths_pass_both_ways),
		BENCH(a_frame_in_single_bytes_is_one_frame),
		BENCH(a_peer_that_does_not_read_makes_the_guest_wait_and_loses_nothing),
		BENCH(a_guest_without_room_leaves_frames_where_they_are),
		BENCH(the_last_frame_of_a_long_burst_needs_no_other_behind_it),
		BENCH(a_length_that_no_frame_has_unplugs_the_cable),
		BENCH(a_peer_that_comes_when_descriptors_are_out_waits_and_nothing_spins),
		BENCH(a_peer_that_goes_away_is_looked_for_at_a_bounded_rate),
		BENCH(a_guest_that_waits_for_a_peer_that_goes_away_goes_on_with_the_next),
		BENCH(who_listens_takes_one_peer_after_the_other),
		BENCH(what_came_before_the_end_is_received),
		BENCH(a_pair_that_stops_and_starts_goes_on_in_the_stream),
		BENCH(datagrams_pass_both_ways_from_a_path_of_ones_own),
		BENCH(two_guests_meet_by_datagrams),
		BENCH(a_peer_that_left_datagrams_unread_is_gone_and_nothing_spins),
		BENCH(a_full_peer_makes_the_guest_wait_for_datagrams_too),
		BENCH(errors_say_what_would_help),
		BENCH(a_file_in_the_way_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
