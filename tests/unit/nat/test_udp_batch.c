/* Datagrams that come together leave together, and arrive as they were. */
#include "nat_fixture.h"

#include <netinet/udp.h>
#include <sys/ioctl.h>

#include "nat/udp_internal.h"
#include "own_network.h"

#define GUEST_PORT 4000u
#define MANY	   200u

static const struct nat_config with_host = { .host_loopback = true };
static bool alone;

struct talk {
	struct nat_rig r;
	int fd;
	uint16_t port;
	unsigned said, heard; /* datagrams: each is filled with its number */
};

static void talk_start(struct talk *t)
{
	*t = (struct talk){ 0 };
	t->fd = host_socket(SOCK_DGRAM, &t->port);
	rig_start(&t->r, &with_host);
}

static void talk_end(struct talk *t)
{
	rig_end(&t->r);
	close(t->fd);
}

/* One of len bytes, while others may follow. */
static void say_from(struct talk *t, uint16_t guest_port, uint8_t ttl, size_t len)
{
	static struct frame f;
	static uint8_t payload[2000];
	struct wire_ip4 ip;

	memset(payload, (int)t->said++, len);
	frame_udp(&f, GUEST, guest_port, GATEWAY, t->port, payload, len);
	assert_int_equal(wire_ip4_parse(f.bytes + 14, f.len - 14, f.len - 14, &ip), 0);
	ip.ttl = ttl;
	wire_ip4_emit(&ip, f.bytes + 14);
	rig_send(&t->r, &f);
}

static void say(struct talk *t, size_t len)
{
	say_from(t, GUEST_PORT, 64, len);
}

static bool is_there(const struct talk *t)
{
	return poll(&(struct pollfd){ .fd = t->fd, .events = POLLIN }, 1, 0) == 1;
}

/* The next one, of so many bytes. */
static void hear(struct talk *t, size_t len)
{
	uint8_t got[2000];

	assert_int_equal(host_receive(t->fd, got, sizeof(got), NULL), len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(got[i], (uint8_t)t->heard);
	t->heard++;
}

/* What the host's kernel was given in one piece: its bytes, and those of each datagram. */
static size_t hear_whole(struct talk *t, int *each)
{
	static uint8_t got[65536];
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { got, sizeof(got) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	const struct cmsghdr *c;
	ssize_t len;

	assert_int_equal(poll(&(struct pollfd){ .fd = t->fd, .events = POLLIN }, 1, 5000), 1);
	len = recvmsg(t->fd, &msg, 0);
	c = CMSG_FIRSTHDR(&msg);


	assert_true(len >= 0);
	*each = (int)len;
	if (c && c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
		memcpy(each, CMSG_DATA(c), sizeof(*each));
	return (size_t)len;
}

static void take_whole(struct talk *t)
{
	const int on = 1;

	assert_int_equal(setsockopt(t->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)), 0);
}

static void they_leave_when_no_more_follow_and_together(void **state)
{
	struct talk t;
	int each;

	(void)state;
	talk_start(&t);
	take_whole(&t);
	for (unsigned i = 0; i < 10; i++)
		say(&t, 100);
	assert_false(is_there(&t));
	net_flush(t.r.net, 0);
	assert_int_equal(hear_whole(&t, &each), 1000);
	assert_int_equal(each, 100);
	talk_end(&t);
}

static void they_arrive_as_they_were(void **state)
{
	static const size_t lens[] = { 1, 18, 100, 700, UDP_BATCH_LONGEST, UDP_BATCH_LONGEST + 1 };
	struct talk t;

	(void)state;
	for (unsigned n = 0; n < ARRAY_LEN(lens); n++) {
		talk_start(&t);
		for (unsigned i = 0; i < MANY; i++) {
			say(&t, lens[n]);
			/* The receiver's buffer is no larger than the system's default. */
			while (i % 40 == 39 && t.heard < t.said) {
				net_flush(t.r.net, 0);
				hear(&t, lens[n]);
			}
		}
		assert_false(is_there(&t));
		talk_end(&t);
	}
}

static void no_more_are_kept_than_one_call_takes(void **state)
{
	struct talk t;
	int each;

	(void)state;
	talk_start(&t);
	take_whole(&t);
	for (unsigned i = 0; i < UDP_BATCH_DATAGRAMS + 1; i++)
		say(&t, 18);
	assert_int_equal(hear_whole(&t, &each), UDP_BATCH_DATAGRAMS * 18);
	for (unsigned i = 0; i < UDP_BATCH_BYTES / 1400; i++)
		say(&t, 1400);
	assert_int_equal(hear_whole(&t, &each), 18);
	assert_false(is_there(&t));
	say(&t, 1400);
	assert_int_equal(hear_whole(&t, &each), UDP_BATCH_BYTES / 1400 * 1400);
	talk_end(&t);
}

static void other_lengths_and_hop_limits_keep_their_order(void **state)
{
	static const size_t lens[] = { 100, 100, 50, 50, 60, 100, 0, 100, 1473, 100, 0, 0, 7 };
	struct talk t;

	(void)state;
	talk_start(&t);
	for (unsigned i = 0; i < ARRAY_LEN(lens); i++)
		say_from(&t, GUEST_PORT, i % 2 ? 64 : 9, lens[i]);
	for (unsigned i = 0; i < ARRAY_LEN(lens); i++)
		say(&t, lens[i]);
	net_flush(t.r.net, 0);
	for (unsigned i = 0; i < 2 * ARRAY_LEN(lens); i++)
		hear(&t, lens[i % ARRAY_LEN(lens)]);
	talk_end(&t);
}

static void other_flows_have_batches_of_their_own(void **state)
{
	struct talk t;
	int each;

	(void)state;
	talk_start(&t);
	take_whole(&t);
	for (unsigned i = 0; i < 6; i++)
		say_from(&t, (uint16_t)(GUEST_PORT + i / 3), 64, 30);
	net_flush(t.r.net, 0);
	assert_int_equal(hear_whole(&t, &each), 90);
	assert_int_equal(hear_whole(&t, &each), 90);
	talk_end(&t);
}

static void a_flow_that_ends_sends_what_was_kept(void **state)
{
	struct talk t;

	(void)state;
	talk_start(&t);
	for (unsigned i = 0; i < 3; i++)
		say(&t, 30);
	assert_true(udp_make_room(t.r.n));
	for (unsigned i = 0; i < 3; i++)
		hear(&t, 30);
	net_flush(t.r.net, 0);
	talk_end(&t);
}

static void what_an_earlier_one_met_is_no_end_of_a_batch(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct talk t;

	(void)state;
	talk_start(&t);
	close(t.fd);
	rig_send_udp(&t.r, GUEST_PORT, GATEWAY, t.port, "nobody", 6);
	/* The refusal waits on the flow's socket. */
	for (unsigned i = 0; i < 3; i++)
		say(&t, 30);
	t.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	at.sin_port = htons(t.port);
	assert_int_equal(bind(t.fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	net_flush(t.r.net, 0);
	for (unsigned i = 0; i < 3; i++)
		hear(&t, 30);
	assert_int_equal(came_ip(rig_next(&t.r)).proto, WIRE_PROTO_ICMP);
	talk_end(&t);
}

/* For the host's kernel to cut, which it does for no batch. */
static void where_the_way_is_narrow_they_go_one_by_one(void **state)
{
	struct ifreq mtu = { .ifr_name = "lo", .ifr_mtu = 600 };
	struct talk t;

	(void)state;
	if (!alone)
		skip();
	talk_start(&t);
	assert_int_equal(ioctl(t.fd, SIOCSIFMTU, &mtu), 0);
	for (unsigned n = 0; n < 2; n++) {
		for (unsigned i = 0; i < 20; i++)
			say(&t, 1000);
		net_flush(t.r.net, 0);
		for (unsigned i = 0; i < 20; i++)
			hear(&t, 1000);
	}
	mtu.ifr_mtu = 65536;
	assert_int_equal(ioctl(t.fd, SIOCSIFMTU, &mtu), 0);
	talk_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_leave_when_no_more_follow_and_together),
		cmocka_unit_test(they_arrive_as_they_were),
		cmocka_unit_test(no_more_are_kept_than_one_call_takes),
		cmocka_unit_test(other_lengths_and_hop_limits_keep_their_order),
		cmocka_unit_test(other_flows_have_batches_of_their_own),
		cmocka_unit_test(a_flow_that_ends_sends_what_was_kept),
		cmocka_unit_test(what_an_earlier_one_met_is_no_end_of_a_batch),
		cmocka_unit_test(where_the_way_is_narrow_they_go_one_by_one),
	};

	alone = own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
