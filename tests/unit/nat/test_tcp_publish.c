/* Published ports: clients of the host's, and a guest that says yes, no, or nothing. */
#include "tcp_fixture.h"

#include <sys/resource.h>

struct shop {
	struct nat_rig rig;
	struct peer peer; /* the connection that the last SYN began */
	uint16_t port;
};

static void shop_start(struct shop *s)
{
	const struct nat_publish publish = {
		.proto = NAT_TCP, .host_ip = NAT_LOOPBACK, .guest_port = 80, .text = "test"
	};
	const struct nat_config config = { .publishes = &publish,
					   .publish_count = 1,
					   .restrict_ = true };

	rig_start(&s->rig, &config);
	s->port = nat_published(s->rig.net, 0);
	assert_int_not_equal(s->port, 0);
}

/* The next SYN for the guest. */
static struct came shop_syn(struct shop *s)
{
	const struct fake_frame *f = rig_next(&s->rig);
	const struct came c = came_tcp(f);

	assert_int_equal(came_ip(f).src, GATEWAY);
	assert_int_equal(c.tcp.flags, SYN);
	assert_int_equal(c.tcp.dst_port, 80);
	s->peer = peer_of(&s->rig, c.tcp.src_port);
	s->peer.guest_port = 80;
	s->peer.rcv = c.tcp.seq + 1;
	return c;
}

static void shop_yes(struct shop *s)
{
	peer_send(&s->peer, SYN | ACK, ISS, s->peer.rcv, NULL, 0);
	s->peer.snd = ISS + 1;
	peer_acked(&s->peer);
}

static void shop_no(struct shop *s)
{
	peer_send(&s->peer, RST | ACK, 0, s->peer.rcv, NULL, 0);
}

static unsigned shop_count(const struct shop *s)
{
	return s->rig.n->tcp->conn_count;
}

static void a_client_is_spliced_when_the_guest_said_yes(void **state)
{
	struct shop s;
	struct came c;
	int fd;

	(void)state;
	shop_start(&s);
	fd = host_connect(s.port);
	host_writes(fd, "hello", 5);
	c = shop_syn(&s);
	assert_int_equal(c.tcp.mss, 1460);
	assert_int_equal(c.tcp.window_scale, TCP_OUR_SCALE);
	assert_true(c.tcp.src_port >= 49152);
	peer_send(&s.peer, SYN | ACK, ISS, s.peer.rcv, NULL, 0);
	s.peer.snd = ISS + 1;
	c = peer_read(&s.peer, ACK, "hello", 5);
	assert_int_equal(c.tcp.ack, ISS + 1);
	peer_write(&s.peer, "welcome", 7);
	host_reads(fd, "welcome", 7);
	peer_fin(&s.peer);
	assert_int_equal(host_ends(fd), 0);
	close(fd);
	rig_end(&s.rig);
}

static void a_client_of_a_guest_that_says_no_is_reset_at_once(void **state)
{
	struct shop s;
	int fd;

	(void)state;
	shop_start(&s);
	fd = host_connect(s.port);
	shop_syn(&s);
	shop_no(&s);
	assert_int_equal(host_ends(fd), -ECONNRESET);
	assert_int_equal(shop_count(&s), 0);
	rig_quiet(&s.rig);
	close(fd);
	rig_end(&s.rig);
}

static void a_guest_that_says_nothing_is_asked_for_half_a_minute(void **state)
{
	struct shop s;
	unsigned syns = 0;
	int fd;

	(void)state;
	shop_start(&s);
	fd = host_connect(s.port);
	shop_syn(&s);
	for (unsigned i = 0; i < 100 && shop_count(&s); i++) {
		rig_pass(&s.rig, NS_PER_S);
		for (const struct fake_frame *f; (f = fake_nic_next(&s.rig.fake)); syns++)
			assert_int_equal(came_tcp(f).tcp.flags, SYN);
	}
	assert_int_equal(syns, 30);
	assert_int_equal(host_ends(fd), -ECONNRESET);
	close(fd);
	rig_end(&s.rig);
}

static void a_guest_that_boots_meanwhile_is_reached(void **state)
{
	struct shop s;
	int fd;

	(void)state;
	shop_start(&s);
	net_stop(s.rig.net, 0);
	fd = host_connect(s.port);
	rig_quiet(&s.rig);
	net_start(s.rig.net, 0, s.rig.loop);
	shop_syn(&s);
	rig_pass(&s.rig, NS_PER_S);
	shop_syn(&s);
	shop_yes(&s);
	peer_write(&s.peer, "at last", 7);
	host_reads(fd, "at last", 7);
	close(fd);
	rig_end(&s.rig);
}

static void many_clients_are_asked_for_a_few_at_a_time(void **state)
{
	int fds[40];
	struct shop s;

	(void)state;
	shop_start(&s);
	for (unsigned i = 0; i < 40; i++)
		fds[i] = host_connect(s.port);
	for (unsigned i = 0; i < TCP_PUBLISH_SYNS_MAX; i++)
		shop_syn(&s);
	rig_quiet(&s.rig);
	for (unsigned i = 0; i < 40; i++) { /* the last one that came is answered */
		shop_no(&s);
		if (i < 40 - TCP_PUBLISH_SYNS_MAX)
			shop_syn(&s);
		else if (i < 39) /* one of those before */
			s.peer = (struct peer){ .rig = &s.rig,
						.guest_ip = GUEST,
						.ip = GATEWAY,
						.guest_port = 80,
						.port = s.rig.n->tcp->newest->tuple.peer_port,
						.rcv = s.rig.n->tcp->newest->snd_nxt,
						.scale = -1 };
	}
	assert_int_equal(shop_count(&s), 0);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(host_ends(fds[i]), -ECONNRESET);
		close(fds[i]);
	}
	rig_end(&s.rig);
}

static void a_client_that_is_served_makes_room_for_the_next(void **state)
{
	int fds[TCP_PUBLISH_SYNS_MAX + 2];
	struct shop s;

	(void)state;
	shop_start(&s);
	for (unsigned i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = host_connect(s.port);
	for (unsigned i = 0; i < TCP_PUBLISH_SYNS_MAX; i++)
		shop_syn(&s);
	peer_send(&s.peer, SYN | ACK, ISS, s.peer.rcv, NULL, 0);
	shop_syn(&s);
	for (unsigned i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	rig_end(&s.rig);
}

static void two_clients_have_two_ports(void **state)
{
	struct shop s;
	uint16_t first;
	int a, b;

	(void)state;
	shop_start(&s);
	a = host_connect(s.port);
	first = shop_syn(&s).tcp.src_port;
	shop_yes(&s);
	b = host_connect(s.port);
	assert_int_not_equal(shop_syn(&s).tcp.src_port, first);
	shop_yes(&s);
	assert_int_equal(shop_count(&s), 2);
	close(a);
	close(b);
	rig_end(&s.rig);
}

static void a_client_that_left_is_no_harm(void **state)
{
	struct shop s;

	(void)state;
	shop_start(&s);
	host_closes_by_reset(host_connect(s.port));
	shop_syn(&s);
	peer_send(&s.peer, SYN | ACK, ISS, s.peer.rcv, NULL, 0);
	for (unsigned i = 0; i < 100 && shop_count(&s); i++)
		ioloop_round(s.rig.loop, 5);
	assert_int_equal(shop_count(&s), 0);
	rig_end(&s.rig);
}

static void wrong_answers_of_the_guest_open_nothing(void **state)
{
	struct shop s;
	struct came c;
	int fd;

	(void)state;
	shop_start(&s);
	fd = host_connect(s.port);
	shop_syn(&s);
	peer_send(&s.peer, SYN | ACK, ISS, s.peer.rcv + 1, NULL, 0);
	c = peer_expect(&s.peer, RST, NULL, 0);
	assert_int_equal(c.tcp.seq, s.peer.rcv + 1);
	peer_send(&s.peer, RST | ACK, ISS, s.peer.rcv + 1, NULL, 0);
	peer_send(&s.peer, RST, ISS, 0, NULL, 0);
	peer_send(&s.peer, SYN, ISS, 0, NULL, 0);
	peer_send(&s.peer, ACK, ISS, s.peer.rcv, "data", 4);
	rig_quiet(&s.rig);
	assert_int_equal(s.rig.n->tcp->newest->state, CONN_SYN_SENT);
	shop_yes(&s);
	close(fd);
	rig_end(&s.rig);
}

static void timestamps_are_offered_to_the_guest_and_used_if_it_has_some(void **state)
{
	(void)state;
	for (unsigned has = 0; has < 2; has++) {
		struct shop s;
		struct came c;
		int fd;

		shop_start(&s);
		fd = host_connect(s.port);
		c = shop_syn(&s);
		assert_true(c.tcp.stamped);
		assert_int_equal(c.tcp.stamp_echo, 0);
		s.peer.stamped = has;
		s.peer.stamp = 77;
		peer_send(&s.peer, SYN | ACK, ISS, s.peer.rcv, NULL, 0);
		s.peer.snd = ISS + 1;
		c = peer_acked(&s.peer);
		assert_int_equal(c.tcp.stamped, has);
		assert_int_equal(c.tcp.stamp_echo, has ? 77 : 0);
		close(fd);
		rig_end(&s.rig);
	}
}

static void without_descriptors_a_client_waits(void **state)
{
	struct rlimit before, none;
	struct shop s;
	int fd;

	(void)state;
	shop_start(&s);
	fd = host_connect(s.port);
	shop_syn(&s);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	peer_send(&s.peer, SYN | ACK, ISS, s.peer.rcv, NULL, 0);
	setrlimit(RLIMIT_NOFILE, &before);
	peer_expect(&s.peer, RST | ACK, NULL, 0);
	assert_int_equal(shop_count(&s), 0);
	rig_quiet(&s.rig);
	rig_pass(&s.rig, NS_PER_S);
	shop_syn(&s);
	shop_yes(&s);
	close(fd);
	rig_end(&s.rig);
}

static void a_client_whose_place_was_needed_is_asked_for_later(void **state)
{
	struct shop s;
	int fd;

	(void)state;
	shop_start(&s);
	fd = host_connect(s.port);
	shop_syn(&s);
	conn_abort(s.rig.n->tcp->oldest, false); /* as at the cap */
	rig_quiet(&s.rig);
	rig_pass(&s.rig, NS_PER_S);
	shop_syn(&s);
	shop_yes(&s);
	close(fd);
	rig_end(&s.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_spliced_when_the_guest_said_yes),
		cmocka_unit_test(a_client_of_a_guest_that_says_no_is_reset_at_once),
		cmocka_unit_test(a_guest_that_says_nothing_is_asked_for_half_a_minute),
		cmocka_unit_test(a_guest_that_boots_meanwhile_is_reached),
		cmocka_unit_test(many_clients_are_asked_for_a_few_at_a_time),
		cmocka_unit_test(a_client_that_is_served_makes_room_for_the_next),
		cmocka_unit_test(two_clients_have_two_ports),
		cmocka_unit_test(a_client_that_left_is_no_harm),
		cmocka_unit_test(wrong_answers_of_the_guest_open_nothing),
		cmocka_unit_test(a_client_whose_place_was_needed_is_asked_for_later),
		cmocka_unit_test(timestamps_are_offered_to_the_guest_and_used_if_it_has_some),
		cmocka_unit_test(without_descriptors_a_client_waits),
	};

	return cmocka_run_group_tests_name("tcp_publish", tests, NULL, NULL);
}
