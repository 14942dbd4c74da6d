/* Taps in a network namespace of the test's own: what the kernel sends comes to the guest
 * and the other way round, and what is wrong is said.  Skipped where namespaces or tun
 * are not to be had. */
#include "net_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "net/tap.h"

struct island {
	struct ioloop *loop;
	int control;
};

static const char *why_skipped; /* NULL: the namespace is there */

static void enter_namespace(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		why_skipped = "no network namespace may be made here";
		return;
	}
	fd = open("/dev/net/tun", O_RDWR);
	if (fd < 0)
		why_skipped = "/dev/net/tun cannot be opened";
	else
		close(fd);
}

static int island_setup(void **state)
{
	struct island *i = calloc(1, sizeof(*i));

	assert_non_null(i);
	alarm(60);
	i->control = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(ioloop_create(IO_ENGINE_AUTO, &i->loop, NULL), 0);
	*state = i;
	return 0;
}

/* An io_uring lets go of its files a moment after it is closed. */
static void wait_until_gone(const char *name)
{
	const uint64_t end_ns = host_now_ns() + PATIENCE_NS;

	while (if_nametoindex(name) != 0) {
		assert_true(host_now_ns() < end_ns);
		usleep(1000);
	}
}

static int island_teardown(void **state)
{
	struct island *i = *state;

	ioloop_destroy(i->loop);
	wait_until_gone("t0");
	wait_until_gone("t1");
	close(i->control);
	free(i);
	alarm(0);
	return 0;
}

static struct island *island_of(void **state)
{
	if (why_skipped) {
		print_message("%s\n", why_skipped);
		skip();
	}
	return *state;
}

static struct guest *plug(struct island *i, const char *name, const char *bridge, unsigned pairs,
			  unsigned can)
{
	const struct net_tap_config c = { .name = name, .bridge = bridge, .pairs = pairs };
	struct net *net;
	struct err err;

	if (net_tap_open(&c, &net, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(net->limits.pairs_max, pairs);
	return guest_start(i->loop, net, can);
}

static void assert_refused(const char *name, const char *bridge, unsigned pairs, const char *why)
{
	const struct net_tap_config c = { .name = name, .bridge = bridge, .pairs = pairs };
	struct net *net;
	struct err err;

	assert_true(net_tap_open(&c, &net, &err) < 0);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
}

/* The kernel's side of an interface, with or without virtio headers. */
static int raw_socket(const char *name, uint16_t type, bool vnet)
{
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(type)), on = 1;
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(type),
				  .sll_ifindex = (int)if_nametoindex(name) };

	assert_true(fd >= 0 && at.sll_ifindex > 0);
	if (vnet)
		assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* The kernel says things of its own, too (IPv6 neighbours).  Forget all but ours. */
static bool is_ours(const struct fake_frame *f)
{
	return f->bytes[12] == 0x88 && f->bytes[13] == 0xb5;
}

static const struct fake_frame *next_of_ours(struct guest *g)
{
	const struct fake_frame *f;

	do
		f = fake_nic_next(&g->fake);
	while (f && !is_ours(f));
	return f;
}

/* An interface that stays, made by somebody else. */
static void make_interface(const char *name, int flags, bool persist)
{
	struct ifreq ifr = { .ifr_flags = (short)flags };
	const int fd = open("/dev/net/tun", O_RDWR);

	strcpy(ifr.ifr_name, name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, persist), 0);
	close(fd);
}

/* ---- frames ---------------------------------------------------------------------- */

static void an_interface_is_made_and_up_and_goes_away_again(void **state)
{
	struct island *i = island_of(state);
	struct ifreq ifr = { .ifr_name = "t0" };
	struct guest *g = plug(i, "t0", NULL, 1, 0);

	assert_int_equal(ioctl(i->control, SIOCGIFFLAGS, &ifr), 0);
	assert_true(ifr.ifr_flags & IFF_UP);
	guest_end(g);
	wait_until_gone("t0");
}

static void without_a_name_the_kernel_chooses_one(void **state)
{
	struct island *i = island_of(state);
	struct guest *g = plug(i, NULL, NULL, 1, 0);

	assert_int_not_equal(if_nametoindex("bantam0"), 0);
	guest_end(g);
}

static void frames_pass_both_ways(void **state)
{
	struct island *i = island_of(state);
	struct guest *g = plug(i, "t0", NULL, 1, 0);
	const int raw = raw_socket("t0", 0x88b5, false);
	uint8_t bytes[1600], expected[1600];
	const struct fake_frame *f = NULL;
	ssize_t n = -1;

	g->fake.piece_bytes = 400;
	for (unsigned round = 0; round < 3; round++) {
		const size_t len = 60 + 727 * round;

		fill_frame(expected, len, 1, 2, round);
		assert_int_equal(send(raw, expected, len, 0), len);
		UNTIL(i->loop, (f = next_of_ours(g)) != NULL);
		assert_int_equal(f->len, len);
		assert_memory_equal(f->bytes, expected, len);
		fill_frame(expected, len, 2, 1, round);
		assert_int_equal(fake_nic_send(&g->fake, g->net, expected, len, NULL), 0);
		UNTIL(i->loop, (n = recv(raw, bytes, sizeof(bytes), 0)) >= 0);
		assert_int_equal(n, len);
		assert_memory_equal(bytes, expected, len);
	}
	close(raw);
	guest_end(g);
}

/* What a packet socket with virtio headers sends: TCP over IPv4 that is to be cut. */
static size_t fill_tcp(uint8_t *bytes, size_t payload)
{
	const size_t len = 54 + payload;

	fill_frame(bytes, len, 1, 2, 0);
	memset(bytes + 12, 0, 42);
	be16_store(bytes + 12, 0x0800);
	bytes[14] = 0x45;
	be16_store(bytes + 16, (uint16_t)(len - 14));
	bytes[22] = 64;
	bytes[23] = 6;
	be32_store(bytes + 26, 0x0a000001);
	be32_store(bytes + 30, 0x0a000002);
	bytes[46] = 0x50;
	bytes[47] = 0x10;
	return len;
}

static unsigned count_tcp(struct guest *g, size_t *longest, bool *undone)
{
	unsigned count = 0;

	for (const struct fake_frame *f; (f = fake_nic_next(&g->fake)) != NULL;) {
		if (f->len < 54 || f->bytes[12] != 8 || f->bytes[23] != 6)
			continue;
		count++;
		*longest = f->len > *longest ? f->len : *longest;
		*undone = f->offload.gso == NET_GSO_TCP4 && f->offload.needs_csum &&
			  f->offload.gso_bytes == 1448 && f->offload.csum_start == 34;
	}
	return count;
}

static void long_segments_come_whole_to_a_guest_that_takes_them(void **state)
{
	struct island *i = island_of(state);
	static uint8_t bytes[10 + 65000];
	const size_t len = fill_tcp(bytes + 10, 20000);

	/* virtio_net_hdr, without num_buffers */
	bytes[0] = 1;
	bytes[1] = 1;
	le16_store(bytes + 2, 54);
	le16_store(bytes + 4, 1448);
	le16_store(bytes + 6, 34);
	le16_store(bytes + 8, 16);
	for (unsigned takes = 0; takes < 2; takes++) {
		struct guest *g = plug(i, "t0", NULL, 1, takes ? NET_CAN_CSUM | NET_CAN_TSO4 : 0);
		const int raw = raw_socket("t0", 0x0800, true);
		size_t longest = 0;
		bool undone = false;
		unsigned count = 0;

		assert_int_equal(send(raw, bytes, 10 + len, 0), 10 + len);
		UNTIL(i->loop, (count += count_tcp(g, &longest, &undone)) == (takes ? 1 : 14));
		assert_int_equal(longest, takes ? len : 54 + 1448);
		assert_int_equal(undone, takes);
		close(raw);
		guest_end(g);
	}
}

static void a_guests_long_segment_is_taken_with_its_header(void **state)
{
	struct island *i = island_of(state);
	struct guest *g = plug(i, "t0", NULL, 1, ALL_CAN);
	const struct net_offload o = { .needs_csum = true,
				       .gso = NET_GSO_TCP4,
				       .header_bytes = 54,
				       .gso_bytes = 1448,
				       .csum_start = 34,
				       .csum_offset = 16 };
	static uint8_t bytes[65000], got[65100];
	const size_t len = fill_tcp(bytes, 20000);
	const int raw = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(0x0800)), on = 1;
	ssize_t n = -1;

	assert_true(g->net->limits.from_guest & NET_CAN_TSO4);
	assert_int_equal(setsockopt(raw, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(fake_nic_send(&g->fake, g->net, bytes, len, &o), 0);
	UNTIL(i->loop, (n = recv(raw, got, sizeof(got), 0)) >= 0);
	assert_int_equal(n, 10 + len);
	assert_int_equal(got[0], 1);
	assert_int_equal(got[1], 1);
	assert_int_equal(le16_load(got + 4), 1448);
	assert_memory_equal(got + 10, bytes, len);
	close(raw);
	guest_end(g);
}

static void a_guest_without_room_is_not_asked_again(void **state)
{
	struct island *i = island_of(state);
	struct guest *g = plug(i, "t0", NULL, 1, 0);
	const int raw = raw_socket("t0", 0x88b5, false);
	const struct fake_frame *f = NULL;
	uint8_t bytes[60];

	for (unsigned n = 0; n < 20; n++)
		ioloop_round(i->loop, 1);
	g->fake.room_count = 0;
	g->fake.refused_count = 0;
	fill_frame(bytes, sizeof(bytes), 1, 2, 0);
	assert_int_equal(send(raw, bytes, sizeof(bytes), 0), sizeof(bytes));
	UNTIL(i->loop, g->fake.refused_count > 0);
	for (unsigned n = 0; n < 20; n++)
		ioloop_round(i->loop, 1);
	assert_int_equal(g->fake.refused_count, 1);
	g->fake.room_count = 10;
	net_rx_ready(g->net, 0);
	UNTIL(i->loop, (f = next_of_ours(g)) != NULL);
	assert_memory_equal(f->bytes, bytes, sizeof(bytes));
	close(raw);
	guest_end(g);
}

/* Send one of len bytes, and see whether it comes, whole. */
static void assert_passes(struct island *i, struct guest *g, int raw, size_t len, bool passes)
{
	const unsigned dropped = g->fake.dropped_count;
	const struct fake_frame *f = NULL;
	uint8_t bytes[2000];

	fill_frame(bytes, len, 1, 2, 0);
	assert_int_equal(send(raw, bytes, len, 0), len);
	UNTIL(i->loop, (f = next_of_ours(g)) != NULL || g->fake.dropped_count > dropped);
	assert_int_equal(f != NULL, passes);
	assert_int_equal(g->fake.dropped_count - dropped, !passes);
	if (f) {
		assert_int_equal(f->len, len);
		assert_memory_equal(f->bytes, bytes, len);
	}
}

static void a_frame_that_is_longer_than_the_guests_room_is_dropped(void **state)
{
	/* The room, its pieces, and the longest frame that is received. */
	static const struct {
		size_t room, piece, longest;
	} cases[] = {
		{ 500, 0, 500 },
		{ 500, 100, 500 },
		/* As many pieces as there may be: the last one gives way. */
		{ NET_IOV_MAX, 1, NET_IOV_MAX - 1 },
		/* The room that was wanted, which the interface has outgrown. */
		{ NET_FRAME_BYTES_MAX, 0, 1518 },
	};
	struct island *i = island_of(state);
	struct ifreq ifr = { .ifr_name = "t0", .ifr_mtu = 3000 };
	struct guest *g = plug(i, "t0", NULL, 1, 0);
	const int raw = raw_socket("t0", 0x88b5, false);

	assert_int_equal(ioctl(i->control, SIOCSIFMTU, &ifr), 0);
	/* What the kernel says of its own is short enough. */
	for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
		g->fake.room_bytes = cases[n].room;
		g->fake.piece_bytes = cases[n].piece;
		assert_passes(i, g, raw, cases[n].longest, true);
		assert_passes(i, g, raw, cases[n].longest + 2, false);
		assert_passes(i, g, raw, 60, true);
	}
	close(raw);
	guest_end(g);
}

/* ---- queues ---------------------------------------------------------------------- */

/* Flows that the kernel spreads over queues: UDP from many ports. */
static void send_flows(int raw)
{
	uint8_t bytes[60];

	for (unsigned n = 0; n < 64; n++) {
		fill_frame(bytes, sizeof(bytes), 1, 2, 0);
		memset(bytes + 12, 0, sizeof(bytes) - 12);
		be16_store(bytes + 12, 0x0800);
		bytes[14] = 0x45;
		be16_store(bytes + 16, 46);
		bytes[22] = 64;
		bytes[23] = 17;
		be32_store(bytes + 26, 0x0a000001);
		be32_store(bytes + 30, 0x0a000002);
		be16_store(bytes + 34, (uint16_t)(1000 + n));
		be16_store(bytes + 36, 7);
		be16_store(bytes + 38, 26);
		assert_int_equal(send(raw, bytes, sizeof(bytes), 0), sizeof(bytes));
	}
}

static unsigned count_flows(struct guest *g, unsigned by_pair[2])
{
	unsigned count = 0;

	for (const struct fake_frame *f; (f = fake_nic_next(&g->fake)) != NULL;) {
		if (f->len == 60 && f->bytes[12] == 8 && f->bytes[23] == 17) {
			by_pair[f->pair]++;
			count++;
		}
	}
	return count;
}

static void a_pair_that_is_not_used_gets_nothing(void **state)
{
	struct island *i = island_of(state);
	struct guest *g = plug(i, "t0", NULL, 2, 0);
	const int raw = raw_socket("t0", 0x0800, false);
	unsigned by_pair[2] = { 0, 0 }, count = 0;

	g->fake.nic.pair_count = 2;
	send_flows(raw);
	UNTIL(i->loop, (count += count_flows(g, by_pair)) == 64);
	assert_int_equal(by_pair[0], 64);
	net_start(g->net, 1, i->loop);
	count = 0;
	send_flows(raw);
	UNTIL(i->loop, (count += count_flows(g, by_pair)) == 64);
	assert_true(by_pair[1] > 0);
	net_stop(g->net, 1);
	count = by_pair[1] = 0;
	send_flows(raw);
	UNTIL(i->loop, (count += count_flows(g, by_pair)) == 64);
	assert_int_equal(by_pair[1], 0);
	close(raw);
	guest_end(g);
}

/* ---- bridges ------------------------------------------------------------------------ */

static void ports_of_one_bridge_reach_each_other(void **state)
{
	struct island *i = island_of(state);
	struct guest *a, *b;
	struct ifreq up = { .ifr_name = "br0", .ifr_flags = IFF_UP };
	const struct fake_frame *f = NULL;
	char name[] = "br0";

	if (ioctl(i->control, SIOCBRADDBR, name) < 0) {
		print_message("this kernel has no bridges\n");
		skip();
	}
	assert_int_equal(ioctl(i->control, SIOCSIFFLAGS, &up), 0);
	a = plug(i, "t0", "br0", 1, 0);
	b = plug(i, "t1", "br0", 1, 0);
	assert_int_equal(send_frame(a, 60, 0xff, 1, 1), 0);
	UNTIL(i->loop, (f = next_of_ours(b)) != NULL);
	assert_int_equal(f->len, 60);
	guest_end(a);
	guest_end(b);
	up.ifr_flags = 0;
	assert_int_equal(ioctl(i->control, SIOCSIFFLAGS, &up), 0);
	assert_int_equal(ioctl(i->control, SIOCBRDELBR, name), 0);
}

/* ---- what is wrong ------------------------------------------------------------------ */

static void names_and_bridges_that_are_wrong_are_said_to_be(void **state)
{
	island_of(state);
	assert_refused("", NULL, 1, "1 to 15 characters");
	assert_refused("a/b", NULL, 1, "1 to 15 characters");
	assert_refused("x%d", NULL, 1, "1 to 15 characters");
	assert_refused("1234567890123456", NULL, 1, "1 to 15 characters");
	assert_refused("t9", "nobridge", 1, "ip link add nobridge type bridge");
	assert_refused("t9", "lo", 1, "is no bridge");
	wait_until_gone("t9"); /* nothing is left */
	assert_refused("lo", NULL, 1, "is no tap interface");
}

static void interfaces_of_another_kind_are_said_to_be(void **state)
{
	struct island *i = island_of(state);
	struct guest *g;

	make_interface("one0", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, true);
	assert_refused("one0", NULL, 2, "has a single queue; use queues=1");
	g = plug(i, "one0", NULL, 1, 0);
	assert_refused("one0", NULL, 1, "in use by another program");
	guest_end(g);
	assert_int_not_equal(if_nametoindex("one0"), 0); /* it stays */
	make_interface("one0", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, false);

	make_interface("many0", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE, true);
	g = plug(i, "many0", NULL, 1, 0); /* its first queue does */
	guest_end(g);
	make_interface("many0", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE, false);

	make_interface("ip0", IFF_TUN | IFF_NO_PI, true);
	assert_refused("ip0", NULL, 1, "mode tun");
	make_interface("ip0", IFF_TUN | IFF_NO_PI, false);
}

static void delete_interface(const char *name)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_DELLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.info = { .ifi_index = (int)if_nametoindex(name) },
	};
	const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	uint8_t answer[512];

	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
	close(fd);
}

static void an_interface_that_is_deleted_unplugs_the_cable(void **state)
{
	struct island *i = island_of(state);
	struct guest *g = plug(i, "t0", NULL, 1, 0);

	delete_interface("t0");
	UNTIL(i->loop, !g->fake.link_up);
	assert_int_equal(send_frame(g, 60, 0xff, 1, 1), 0);
	net_rx_ready(g->net, 0);
	for (unsigned n = 0; n < 5; n++)
		assert_int_equal(ioloop_round(i->loop, 5), 0);
	guest_end(g);
}

static void an_mtu_that_is_asked_for_is_the_interfaces(void **state)
{
	struct island *i = island_of(state);
	const struct net_tap_config c = { .name = "t0", .pairs = 1 };
	struct ifreq ifr = { .ifr_name = "t0" };
	struct fake_nic fake;
	struct net *net;

	assert_int_equal(net_tap_open(&c, &net, NULL), 0);
	assert_int_equal(net->limits.mtu, 1500);
	fake_nic_init(&fake);
	fake.nic.mtu = 9000;
	net_attach(net, &fake.nic);
	assert_int_equal(ioctl(i->control, SIOCGIFMTU, &ifr), 0);
	assert_int_equal(ifr.ifr_mtu, 9000);
	net_close(net);
}

#define ISLAND(f) cmocka_unit_test_setup_teardown(f, island_setup, island_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ISLAND(an_interface_is_made_and_up_and_goes_away_again),
		ISLAND(without_a_name_the_kernel_chooses_one),
		ISLAND(frames_pass_both_ways),
		ISLAND(long_segments_come_whole_to_a_guest_that_takes_them),
		ISLAND(a_guests_long_segment_is_taken_with_its_header),
		ISLAND(a_guest_without_room_is_not_asked_again),
		ISLAND(a_frame_that_is_longer_than_the_guests_room_is_dropped),
		ISLAND(a_pair_that_is_not_used_gets_nothing),
		ISLAND(ports_of_one_bridge_reach_each_other),
		ISLAND(names_and_bridges_that_are_wrong_are_said_to_be),
		ISLAND(interfaces_of_another_kind_are_said_to_be),
		ISLAND(an_interface_that_is_deleted_unplugs_the_cable),
		ISLAND(an_mtu_that_is_asked_for_is_the_interfaces),
	};

	enter_namespace();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
