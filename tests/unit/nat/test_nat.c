/* The NAT as a whole: what it refuses to be, and what it does when nothing happens. */
#include "nat_fixture.h"

#include <errno.h>

static void refused(const struct nat_config *c, int expected, const char *word)
{
	struct net *net = NULL;
	struct err err = { "" };

	assert_int_equal(nat_create(c, &net, &err), expected);
	assert_null(net);
	if (!strstr(err.text, word))
		fail_msg("\"%s\" does not speak of \"%s\"", err.text, word);
}

static void what_cannot_be_is_said_with_its_reason(void **state)
{
	const struct nat_publish no_port = { NAT_UDP, NAT_LOOPBACK, 0, 0, "udp::1:" };
	const struct nat_publish far = { NAT_UDP, 0xcb007163, 0, 53, "udp:203.0.113.99:0:53" };
	struct nat_publish many[NAT_PUBLISHES_MAX + 1];
	char name[300];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (unsigned i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct nat_publish){ NAT_UDP, NAT_LOOPBACK, 0, 53, "udp::0:53" };
	refused(&(struct nat_config){ .network = 0x0a000201 }, -EINVAL, "A.B.C.0");
	refused(&(struct nat_config){ .hostname = name }, -EINVAL, "host name");
	refused(&(struct nat_config){ .domain = name }, -EINVAL, "domain");
	refused(&(struct nat_config){ .publishes = &no_port, .publish_count = 1 }, -EINVAL,
		no_port.text);
	refused(&(struct nat_config){ .publishes = &far, .publish_count = 1 }, -EADDRNOTAVAIL,
		far.text);
	refused(&(struct nat_config){ .publishes = many, .publish_count = ARRAY_LEN(many) },
		-EINVAL, "at most 64");
}

static void a_network_with_nothing_to_do_wakes_nobody(void **state)
{
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	assert_int_equal(ioloop_round(r.loop, 50), 0);
	assert_int_equal(nat_timers_next_ns(&r.n->timers), NAT_NEVER);
	assert_int_equal(r.n->timer.deadline_ns, UINT64_MAX);
	rig_end(&r);
}

/* With the host's own clock: the loop's timer follows the earliest of ours. */
static void the_loop_is_woken_for_the_first_timer_and_for_no_other(void **state)
{
	struct net *net;
	struct fake_nic fake;
	struct ioloop *loop;
	struct nat *n;
	const struct nat_config c = { .host_loopback = true };
	static struct frame f;

	(void)state;
	fake_nic_init(&fake);
	assert_int_equal(ioloop_create(IO_ENGINE_THREADS, &loop, NULL), 0);
	assert_int_equal(nat_create(&c, &net, NULL), 0);
	n = container_of(net, struct nat, net);
	net_attach(net, &fake.nic);
	net_start(net, 0, loop);
	frame_udp(&f, GUEST, 4000, GATEWAY, 9, "x", 1);
	fake_nic_send(&fake, net, f.bytes, f.len, NULL);
	assert_true(n->timer.deadline_ns == nat_timers_next_ns(&n->timers));
	assert_true(n->timer.deadline_ns != UINT64_MAX);
	net_stop(net, 0);
	assert_true(n->timer.deadline_ns == UINT64_MAX);
	net_start(net, 0, loop);
	assert_true(n->timer.deadline_ns == nat_timers_next_ns(&n->timers));
	net_stop(net, 0);
	net_close(net);
	ioloop_destroy(loop);
	fake_nic_fini(&fake);
}

static void frames_for_others_and_of_other_kinds_go_nowhere(void **state)
{
	static struct frame f;
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	frame_udp(&f, GUEST, 4000, GATEWAY, 9, "x", 1);
	f.bytes[0] ^= 2;
	rig_send(&r, &f);
	frame_udp(&f, GUEST, 4000, GATEWAY, 9, "x", 1);
	be16_store(f.bytes + 12, 0x86dd);
	rig_send(&r, &f);
	rig_quiet(&r);
	assert_int_equal(nat_stats(r.net)->unsupported, 1);
	assert_int_equal(nat_stats(r.net)->refused, 0);
	rig_end(&r);
}

static void buffers_too_small_for_a_packet_take_none(void **state)
{
	static struct frame f;
	struct nat_rig r;

	(void)state;
	rig_start(&r, NULL);
	r.fake.room_bytes = 40;
	frame_udp(&f, GUEST, 4000, GATEWAY, 9, "x", 1);
	rig_send(&r, &f); /* refused by ICMP, which does not fit */
	net_rx_ready(r.net, 0);
	rig_quiet(&r);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_is_said_with_its_reason),
		cmocka_unit_test(a_network_with_nothing_to_do_wakes_nobody),
		cmocka_unit_test(the_loop_is_woken_for_the_first_timer_and_for_no_other),
		cmocka_unit_test(frames_for_others_and_of_other_kinds_go_nowhere),
		cmocka_unit_test(buffers_too_small_for_a_packet_take_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
