/* A named network among slow and hostile guests, and with a hostile server. */
#include "network_fixture.h"

static void a_slow_guest_loses_frames_and_stalls_nobody(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", ALL_CAN), *slow = join(t, "lan", ALL_CAN),
		     *b = join(t, "lan", ALL_CAN);
	const unsigned held = socket_holds(t, SWITCH_HEADER_BYTES + 20000);
	unsigned sent = 0;

	slow->fake.room_count = 0;
	/* More than all buffers between them hold. */
	while (sent < 500) {
		if (send_frame(a, 20000, 0xff, 1, sent) == 0)
			sent++;
		UNTIL(t->loop, b->fake.frame_count >= sent);
	}
	for (unsigned i = 0; i < sent; i++)
		assert_came(b, 20000, 0xff, 1, i);
	assert_int_equal(slow->fake.frame_count, 0);
	/* It wakes up, and gets the oldest ones, in order. */
	slow->fake.room_count = UINT_MAX;
	net_rx_ready(slow->net, 0);
	UNTIL(t->loop, slow->fake.frame_count > 10);
	settle(t);
	assert_true(slow->fake.frame_count < sent);
	/* Its socket was full, and the server kept a little besides. */
	assert_true(slow->fake.frame_count > held + 20);
	for (unsigned i = 0; i < slow->fake.frame_count; i++)
		assert_came(slow, 20000, 0xff, 1, i);
	/* The first guest's process serves, and tells of both. */
	assert_int_equal(stat_of(a->net, "switched here"), sent);
	assert_int_equal(stat_of(a->net, ", dropped"), sent - slow->fake.frame_count);
	assert_int_equal(stat_of(b->net, "switched here"), 0);
	guest_end(a);
	guest_end(slow);
	guest_end(b);
}

static void say_hello(int fd)
{
	uint8_t raw[SWITCH_HEADER_BYTES];
	struct switch_packet answer;

	switch_packet_emit(SWITCH_HELLO, 0, raw);
	assert_int_equal(send(fd, raw, sizeof(raw), 0), sizeof(raw));
	assert_int_equal(recv(fd, raw, sizeof(raw), 0), sizeof(raw));
	assert_int_equal(switch_packet_parse(raw, sizeof(raw), &answer), 0);
	assert_int_equal(answer.kind, SWITCH_WELCOME);
}

static void who_speaks_nonsense_is_cut_off(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", 0), *b = join(t, "lan", 0);
	uint8_t raw[SWITCH_HEADER_BYTES + 60] = { SWITCH_FRAME, SWITCH_VERSION };
	const int no_hello = connect_raw(t), version = connect_raw(t), twice = connect_raw(t),
		  server = connect_raw(t);
	const struct net_lease lease = { .ip = 1, .mac = { 0x52 } };
	uint8_t told[SWITCH_LEASE_BYTES];
	struct switch_packet answer;

	assert_int_equal(send(no_hello, raw, sizeof(raw), 0), sizeof(raw));
	assert_int_equal(recv(no_hello, raw, sizeof(raw), 0), 0);
	raw[1] = 77;
	assert_int_equal(send(version, raw, 5, 0), 5);
	assert_int_equal(recv(version, raw, sizeof(raw), 0), SWITCH_HEADER_BYTES);
	assert_int_equal(switch_packet_parse(raw, SWITCH_HEADER_BYTES, &answer), 0);
	assert_int_equal(answer.kind, SWITCH_REFUSED);
	assert_int_equal(answer.word, SWITCH_REFUSES_VERSION);
	assert_int_equal(recv(version, raw, sizeof(raw), 0), 0);
	say_hello(twice);
	switch_packet_emit(SWITCH_HELLO, 0, raw);
	assert_int_equal(send(twice, raw, SWITCH_HEADER_BYTES, 0), SWITCH_HEADER_BYTES);
	assert_int_equal(recv(twice, raw, sizeof(raw), 0), 0);
	say_hello(server); /* who tells of leases serves, or lies */
	switch_lease_emit(&lease, told);
	assert_int_equal(send(server, told, sizeof(told), 0), sizeof(told));
	assert_int_equal(recv(server, raw, sizeof(raw), 0), 0);
	close(server);
	assert_passes_again(t, a, b);
	close(no_hello);
	close(version);
	close(twice);
	guest_end(a);
	guest_end(b);
}

static void a_frame_that_breaks_a_rule_is_dropped(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", ALL_CAN);
	static uint8_t raw[SWITCH_PACKET_BYTES_MAX + 1];
	const int fd = connect_raw(t);

	say_hello(fd);
	switch_frame_emit(&(struct net_offload){ .needs_csum = false }, raw);
	fill_frame(raw + SWITCH_HEADER_BYTES, 60, 0xff, 1, 5);
	raw[5] = 77; /* no such segmentation */
	assert_true(send(fd, raw, SWITCH_HEADER_BYTES + 60, 0) > 0);
	raw[5] = 0;
	assert_true(send(fd, raw, SWITCH_HEADER_BYTES + 13, 0) > 0);
	assert_true(send(fd, raw, sizeof(raw), 0) > 0); /* longer than any */
	assert_true(send(fd, raw, SWITCH_HEADER_BYTES + 60, 0) > 0);
	UNTIL(t->loop, a->fake.frame_count > 0);
	settle(t);
	assert_int_equal(a->fake.frame_count, 1);
	assert_came(a, 60, 0xff, 1, 5);
	close(fd);
	guest_end(a);
}

static void the_64th_guest_is_told_that_all_ports_are_taken(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", 0);
	int fds[NET_NETWORK_PORTS];
	struct net *net;
	struct err err;

	for (unsigned i = 1; i < NET_NETWORK_PORTS - 1; i++) {
		fds[i] = connect_raw(t);
		say_hello(fds[i]);
	}
	assert_int_equal(open_network(t, "lan", NULL, &net, &err), -EPROTO);
	assert_non_null(strstr(err.text, "all its ports are taken"));
	close(fds[7]);
	UNTIL(t->loop, open_network(t, "lan", NULL, &net, &err) == 0); /* it has to see that */
	net_close(net);
	for (unsigned i = 1; i < NET_NETWORK_PORTS - 1; i++) {
		if (i != 7)
			close(fds[i]);
	}
	guest_end(a);
}

static uint64_t cpu_used_ns(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void who_comes_when_descriptors_are_out_waits_and_nothing_spins(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", 0);
	uint64_t used_ns;
	int fd;

	files_are_few(1); /* this end, but not the server's */
	fd = connect_raw(t);
	used_ns = cpu_used_ns();
	usleep(500000);
	used_ns = cpu_used_ns() - used_ns;
	files_are_many();
	say_hello(fd);
	assert_true(used_ns < 100 * NS_PER_MS);
	close(fd);
	guest_end(a);
}

/* Someone of this user's has the lock, and sends what it likes. */
static void a_hostile_server_harms_nobody(void **state)
{
	struct town *t = *state;
	struct guest *server = join(t, "lan", ALL_CAN), *a = join(t, "lan", ALL_CAN);
	struct network_place place;
	static uint8_t raw[SWITCH_PACKET_BYTES_MAX];
	int lock = -1, listener, fd = -1;

	assert_int_equal(network_place_find("lan", t->dir, &place, NULL), 0);
	guest_end(server);
	while ((lock = network_place_lock(&place)) < 0) {
		/* a's process was faster: it hands over, too */
		guest_end(a);
		a = NULL;
	}
	listener = network_place_listen(&place);
	assert_true(listener >= 0);
	if (a) {
		UNTIL(t->loop, (fd = accept(listener, NULL, NULL)) >= 0);
		switch_packet_emit(SWITCH_WELCOME, 0, raw);
		send(fd, raw, SWITCH_HEADER_BYTES, 0);
		switch_frame_emit(&(struct net_offload){ .needs_csum = false }, raw);
		raw[5] = 1; /* TCP segmentation without a checksum */
		send(fd, raw, 200, 0);
		send(fd, raw, 3, 0); /* the end */
		close(fd);
		UNTIL(t->loop, (fd = accept(listener, NULL, NULL)) >= 0);
		assert_int_equal(a->fake.frame_count, 0);
		close(fd);
	}
	close(listener);
	close(lock);
	guest_end(a);
}

static void what_a_hostile_server_says_of_leases_is_checked(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
		bool taken;
		const char *hostname;
	} rows[] = {
		{ 20, '-', true, "name-" }, { 20, '\n', true, "" }, { 19, 0, true, "nam" },
		{ 8, 1, false, NULL },	    { 14, 1, false, NULL }, { 1, 7, false, NULL },
	};
	struct net_lease lease = { .ip = 7, .mac = { 0x52 }, .hostname = "name" };
	uint8_t raw[SWITCH_LEASE_BYTES + 1] = { 0 };
	struct switch_packet packet;
	struct net_lease out;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		switch_lease_emit(&lease, raw);
		raw[rows[i].at] = rows[i].value;
		assert_int_equal(switch_packet_parse(raw, SWITCH_LEASE_BYTES, &packet),
				 rows[i].taken ? 0 : -EPROTO);
		if (!rows[i].taken)
			continue;
		switch_lease_parse(raw, &out);
		assert_int_equal(out.ip, 7);
		assert_string_equal(out.hostname, rows[i].hostname);
	}
	switch_lease_emit(&lease, raw);
	assert_int_equal(switch_packet_parse(raw, SWITCH_LEASE_BYTES - 1, &packet), -EPROTO);
	assert_int_equal(switch_packet_parse(raw, SWITCH_LEASE_BYTES + 1, &packet), -EPROTO);
	/* Without an end. */
	memset(raw + SWITCH_HEADER_BYTES, 'n', NET_HOSTNAME_BYTES);
	switch_lease_parse(raw, &out);
	assert_string_equal(out.hostname, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TOWN(a_slow_guest_loses_frames_and_stalls_nobody),
		TOWN(who_speaks_nonsense_is_cut_off),
		TOWN(a_frame_that_breaks_a_rule_is_dropped),
		TOWN(the_64th_guest_is_told_that_all_ports_are_taken),
		TOWN(who_comes_when_descriptors_are_out_waits_and_nothing_spins),
		TOWN(a_hostile_server_harms_nobody),
		cmocka_unit_test(what_a_hostile_server_says_of_leases_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
