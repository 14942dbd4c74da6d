/* What is behind the switch of a named network. */
#include "network_fixture.h"

/* A network that answers each frame with its own bytes, to everybody. */
struct echo {
	struct net net;
	struct net_nic *nic;
	bool started, closed;
	unsigned sent, undone;
	/* Read by the test's thread while the server's writes. */
	_Atomic unsigned pour_node, poured, resumed;
	atomic_bool told_slow, other_slow;
};

static void echo_attach(struct net *n, struct net_nic *nic)
{
	container_of(n, struct echo, net)->nic = nic;
}

static void echo_start(struct net *n, unsigned pair, struct ioloop *loop)
{
	(void)pair;
	(void)loop;
	container_of(n, struct echo, net)->started = true;
}

static void echo_stop(struct net *n, unsigned pair)
{
	(void)pair;
	container_of(n, struct echo, net)->started = false;
}

/* Frames of 61 bytes ask for an address, whoever sends them. */
static void echo_lease(struct echo *e, const struct net_frame *f)
{
	struct net_lease lease = { .ip = 0x0a00020f, .hostname = "vm-1.lan" };
	const uint8_t *at = f->iov[0].iov_base;

	memcpy(lease.mac, at + 6, sizeof(lease.mac));
	e->nic->ops->leased(e->nic, 0, &lease);
}

/* Those of 62 bytes have it pour long frames to a node until that is slow. */
static void echo_pour(struct echo *e)
{
	uint8_t mac[NET_MAC_BYTES] = { 0x52, 0x52, 0x52, 0x52, 0x52 };
	uint8_t other[NET_MAC_BYTES] = { 0x52, 0x52, 0x52, 0x52, 0x52, 8 };

	mac[5] = (uint8_t)atomic_load(&e->pour_node);
	for (unsigned i = 0; i < 4; i++) {
		struct net_room room;

		if (e->nic->ops->is_slow(e->nic, 0, mac)) {
			atomic_store(&e->other_slow, e->nic->ops->is_slow(e->nic, 0, other));
			atomic_store(&e->told_slow, true);
			return;
		}
		assert_true(e->nic->ops->room(e->nic, 0, 30000, &room));
		memset(room.iov[0].iov_base, 0x02, 30000);
		memcpy(room.iov[0].iov_base, mac, sizeof(mac));
		e->nic->ops->commit(e->nic, 0, 30000, &(struct net_offload){ 0 });
		atomic_fetch_add(&e->poured, 1);
	}
}

static void echo_rx_ready(struct net *n, unsigned pair)
{
	(void)pair;
	atomic_fetch_add(&container_of(n, struct echo, net)->resumed, 1);
}

/* Frames that came from a node whose address is all of that byte. */
static unsigned count_frames_from(const struct guest *g, uint8_t byte)
{
	unsigned count = 0;

	for (unsigned i = 0; i < g->fake.frame_count; i++)
		count += g->fake.frames[i].len == 30000 && g->fake.frames[i].bytes[6] == byte;
	return count;
}

static int echo_send(struct net *n, unsigned pair, const struct net_frame *f)
{
	struct echo *e = container_of(n, struct echo, net);
	struct net_room room;
	uint8_t *at;

	e->sent++;
	e->undone += f->offload.needs_csum || f->offload.gso != NET_GSO_NONE;
	if (f->len == 61) {
		echo_lease(e, f);
		return 0;
	}
	if (f->len == 62) {
		echo_pour(e);
		return 0;
	}
	assert_true(e->nic->ops->room(e->nic, pair, f->len, &room));
	at = room.iov[0].iov_base;
	for (unsigned i = 0; i < f->iov_count; i++) {
		memcpy(at, f->iov[i].iov_base, f->iov[i].iov_len);
		at += f->iov[i].iov_len;
	}
	memset(room.iov[0].iov_base, 0xff, 6);
	memset((uint8_t *)room.iov[0].iov_base + 6, 0x02, 6);
	e->nic->ops->commit(e->nic, pair, f->len, &f->offload);
	return 0;
}

static void echo_close(struct net *n)
{
	container_of(n, struct echo, net)->closed = true;
}

static const struct net_ops echo_ops = {
	.name = "echo",
	.attach = echo_attach,
	.start = echo_start,
	.stop = echo_stop,
	.send = echo_send,
	.rx_ready = echo_rx_ready,
	.close = echo_close,
};

static void the_uplink_gets_frames_that_it_can_take_and_reaches_all(void **state)
{
	struct town *t = *state;
	struct echo echo = { .net = { .ops = &echo_ops, .limits = { .pairs_max = 1 } } };
	struct echo idle = echo;
	struct guest *a, *b;
	static uint8_t bytes[LONG_BYTES];
	struct net_offload o;
	struct net *net;

	assert_int_equal(open_network(t, "lan", &echo.net, &net, NULL), 0);
	a = guest_start(t->loop, net, ALL_CAN);
	assert_int_equal(open_network(t, "lan", &idle.net, &net, NULL), 0);
	b = guest_start(t->loop, net, ALL_CAN);
	fill_long_frame(bytes, &o);
	assert_int_equal(fake_nic_send(&b->fake, b->net, bytes, sizeof(bytes), &o), 0);
	UNTIL(t->loop, a->fake.frame_count == 1 + 45 && b->fake.frame_count == 45);
	assert_false(idle.started);
	guest_end(a);
	assert_int_equal(echo.sent, 45);
	assert_int_equal(echo.undone, 0);
	assert_true(echo.closed && !echo.started);
	/* It moves with the service. */
	UNTIL(t->loop, send_frame(b, 60, 0xff, 2, 0) == 0 && b->fake.frame_count > 45);
	guest_end(b);
	assert_true(idle.sent > 0 && idle.closed && !idle.started);
}

static void guests_must_agree_whether_there_is_an_uplink(void **state)
{
	struct town *t = *state;
	struct echo echo = { .net = { .ops = &echo_ops, .limits = { .pairs_max = 1 } } };
	struct guest *a = join(t, "lan", 0);
	struct net *net;
	struct err err;

	assert_int_equal(open_network(t, "lan", &echo.net, &net, &err), -EPROTO);
	assert_string_equal(err.text,
			    "it runs without a NAT; leave nat=on out, or use another name");
	assert_false(echo.closed); /* still ours */
	guest_end(a);
	assert_int_equal(open_network(t, "lan", &echo.net, &net, &err), 0);
	a = guest_start(t->loop, net, 0);
	assert_int_equal(open_network(t, "lan", NULL, &net, &err), -EPROTO);
	assert_string_equal(err.text, "it runs with a NAT; say nat=on, or use another name");
	guest_end(a);
}

/* Join a network with a way out, with somebody who listens for leases. */
static struct guest *join_uplink(struct town *t, struct net *uplink, unsigned can,
				 void (*leased)(void *arg), void *arg)
{
	const struct net_network_config config = {
		.name = "lan", .dir = t->dir, .uplink = uplink, .leased = leased, .leased_arg = arg
	};
	struct net *net;
	struct err err;

	if (net_network_open(&config, &net, &err) < 0)
		fail_msg("%s", err.text);
	return guest_start(t->loop, net, can);
}

static void count_leases(void *arg)
{
	++*(unsigned *)arg;
}

/* Of the type that the echo takes for: node 9 was given an address. */
static void ask_for_lease(struct guest *g, unsigned node)
{
	assert_int_equal(send_frame(g, 61, 0xff, node, 0), 0);
}

static void a_guest_hears_what_address_it_was_given(void **state)
{
	static const unsigned takes[] = { 0, ALL_CAN };
	struct town *t = *state;

	for (unsigned i = 0; i < ARRAY_LEN(takes); i++) {
		struct echo echoes[3];
		unsigned counts[3] = { 0 };
		struct guest *guests[3];
		struct net_lease lease;

		for (unsigned k = 0; k < 3; k++) {
			echoes[k] = (struct echo){ .net = { .ops = &echo_ops,
							    .limits = { .pairs_max = 1 } } };
			guests[k] =
				join_uplink(t, &echoes[k].net, takes[i], count_leases, &counts[k]);
		}
		assert_false(net_network_lease(guests[1]->net, &lease));
		ask_for_lease(guests[1], 9);
		UNTIL(t->loop, counts[1] == 1);
		settle(t);
		assert_int_equal(counts[0], 0);
		assert_int_equal(counts[2], 0);
		assert_int_equal(counts[1], 1);
		assert_false(net_network_lease(guests[2]->net, &lease));
		assert_true(net_network_lease(guests[1]->net, &lease));
		assert_int_equal(lease.ip, 0x0a00020f);
		assert_int_equal(lease.mac[5], 9);
		assert_string_equal(lease.hostname, "vm-1.lan");
		assert_int_equal(guests[1]->fake.frame_count, 0); /* it is no frame */
		for (unsigned k = 0; k < 3; k++)
			guest_end(guests[k]);
	}
}

/* A network whose uplink pours for a guest that takes nothing, beside one that does. */
struct crowd {
	struct echo echo, idle[2]; /* that of the server is in use */
	struct guest *server, *slow, *other;
};

static void crowd_start(struct crowd *c, struct town *t)
{
	const struct echo echo = { .net = { .ops = &echo_ops, .limits = { .pairs_max = 1 } } };

	c->echo = c->idle[0] = c->idle[1] = echo;
	c->server = join_uplink(t, &c->echo.net, ALL_CAN, NULL, NULL);
	c->slow = join_uplink(t, &c->idle[0].net, ALL_CAN, NULL, NULL);
	c->other = join_uplink(t, &c->idle[1].net, ALL_CAN, NULL, NULL);
	assert_int_equal(send_frame(c->slow, 60, 0xff, 7, 0), 0);
	assert_int_equal(send_frame(c->other, 60, 0xff, 8, 0), 0);
	UNTIL(t->loop, c->server->fake.frame_count >= 2);
	settle(t);
	c->slow->fake.room_count = 0;
	atomic_store(&c->echo.pour_node, 7);
}

static void crowd_end(struct crowd *c)
{
	guest_end(c->slow);
	guest_end(c->other);
	guest_end(c->server);
}

/* What is for a guest that is slow waits, and comes; others go on. */
static void the_uplink_waits_for_a_slow_guest_and_for_no_other(void **state)
{
	struct town *t = *state;
	struct crowd c;
	unsigned waited;

	crowd_start(&c, t);
	/* It pours until it is told that nobody takes that. */
	UNTIL(t->loop, send_frame(c.other, 62, 0xff, 8, 0) == 0 && atomic_load(&c.echo.told_slow));
	waited = atomic_load(&c.echo.poured);
	settle(t);
	assert_int_equal(atomic_load(&c.echo.resumed), 0);
	assert_false(atomic_load(&c.echo.other_slow));
	/* Nothing was lost that was poured. */
	c.slow->fake.room_count = UINT_MAX;
	net_rx_ready(c.slow->net, 0);
	UNTIL(t->loop, atomic_load(&c.echo.resumed) > 0);
	UNTIL(t->loop, count_frames_from(c.slow, 0x02) >= waited);
	crowd_end(&c);
}

/* Other guests have a part of what is kept for a slow one, and no more: the uplink waits
 * for its own frames only. */
static void guests_that_never_stop_do_not_silence_the_uplink(void **state)
{
	struct town *t = *state;
	struct crowd c;
	unsigned passed;

	crowd_start(&c, t);
	UNTIL(t->loop, send_frame(c.other, 20000, 7, 8, 0) == 0 &&
			       stat_of(c.server->net, ", dropped") > 100);
	UNTIL(t->loop, send_frame(c.other, 62, 0xff, 8, 0) == 0);
	UNTIL(t->loop, atomic_load(&c.echo.poured) == 4);
	assert_false(atomic_load(&c.echo.told_slow));
	UNTIL(t->loop, send_frame(c.other, 62, 0xff, 8, 0) == 0 && atomic_load(&c.echo.told_slow));
	/* Those go on; and what the uplink had given is there, and it is asked for more. */
	c.slow->fake.room_count = UINT_MAX;
	net_rx_ready(c.slow->net, 0);
	passed = atomic_load(&c.echo.poured);
	UNTIL(t->loop, (send_frame(c.other, 20000, 7, 8, 0), atomic_load(&c.echo.resumed) > 0));
	UNTIL(t->loop, count_frames_from(c.slow, 0x02) >= passed);
	crowd_end(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TOWN(the_uplink_gets_frames_that_it_can_take_and_reaches_all),
		TOWN(guests_must_agree_whether_there_is_an_uplink),
		TOWN(a_guest_hears_what_address_it_was_given),
		TOWN(the_uplink_waits_for_a_slow_guest_and_for_no_other),
		TOWN(guests_that_never_stop_do_not_silence_the_uplink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
