/* Named networks as guests see them: who reaches whom, and what happens when the one who
 * serves is gone, slow or hostile. */
#include "net_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/bytes.h"
#include "net/network.h"
#include "net/network_place.h"
#include "net/switch_packet.h"

struct town {
	char dir[64];
	struct ioloop *loop;
};

static int town_setup(void **state)
{
	struct town *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	alarm(100);
	strcpy(t->dir, "/tmp/bantam-net-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	assert_int_equal(ioloop_create(IO_ENGINE_AUTO, &t->loop, NULL), 0);
	*state = t;
	return 0;
}

static int town_teardown(void **state)
{
	struct town *t = *state;
	char command[128];

	ioloop_destroy(t->loop);
	snprintf(command, sizeof(command), "rm -rf %s", t->dir);
	assert_int_equal(system(command), 0);
	free(t);
	alarm(0);
	return 0;
}

static int open_network(struct town *t, const char *name, struct net *uplink, struct net **out,
			struct err *err)
{
	const struct net_network_config config = { .name = name, .dir = t->dir, .uplink = uplink };

	return net_network_open(&config, out, err);
}

static struct guest *join(struct town *t, const char *name, unsigned can)
{
	struct net *net;
	struct err err;

	if (open_network(t, name, NULL, &net, &err) < 0)
		fail_msg("%s", err.text);
	return guest_start(t->loop, net, can);
}

/* Let come what was under way. */
static void settle(struct town *t)
{
	for (unsigned i = 0; i < 20; i++)
		ioloop_round(t->loop, 5);
}

/* ---- who reaches whom ------------------------------------------------------------ */

static void guests_of_one_name_reach_each_other(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", ALL_CAN), *b = join(t, "lan", ALL_CAN);

	assert_int_equal(send_frame(a, 60, 0xff, 1, 7), 0);
	UNTIL(t->loop, b->fake.frame_count == 1);
	assert_came(b, 60, 0xff, 1, 7);
	b->fake.piece_bytes = 100; /* from and to memory in pieces */
	a->fake.piece_bytes = 333;
	assert_int_equal(send_frame(b, 1514, 1, 2, 9), 0);
	UNTIL(t->loop, a->fake.frame_count == 1);
	assert_came(a, 1514, 1, 2, 9);
	assert_int_equal(b->fake.frame_count, 1);
	guest_end(a);
	guest_end(b);
}

static void guests_of_another_name_hear_nothing(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", 0), *b = join(t, "lan", 0), *c = join(t, "lan2", 0);

	assert_int_equal(send_frame(a, 60, 0xff, 1, 0), 0);
	UNTIL(t->loop, b->fake.frame_count == 1);
	settle(t);
	assert_int_equal(c->fake.frame_count, 0);
	guest_end(a);
	guest_end(b);
	guest_end(c);
}

static void a_known_address_is_sent_to_its_guest_only(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", 0), *b = join(t, "lan", 0), *c = join(t, "lan", 0);

	assert_int_equal(send_frame(b, 60, 0xff, 2, 0), 0); /* this is where 2 is */
	UNTIL(t->loop, a->fake.frame_count == 1 && c->fake.frame_count == 1);
	assert_int_equal(send_frame(a, 60, 2, 1, 0), 0);
	UNTIL(t->loop, b->fake.frame_count == 1);
	settle(t);
	assert_int_equal(c->fake.frame_count, 1);
	guest_end(a);
	guest_end(b);
	guest_end(c);
}

/* ---- offloads -------------------------------------------------------------------- */

#define LONG_BYTES 65000u
#define MSS	   1448u
#define TCP_AT	   34u

/* A TCP segment over IPv4 that somebody has yet to cut, and to make checksums for. */
static void fill_long_frame(uint8_t *bytes, struct net_offload *o)
{
	fill_frame(bytes, LONG_BYTES, 0xff, 1, 3);
	be16_store(bytes + 12, 0x0800);
	memset(bytes + 14, 0, 40);
	bytes[14] = 0x45;
	be16_store(bytes + 16, LONG_BYTES - 14);
	bytes[22] = 64;
	bytes[23] = 6;
	le32_store(bytes + 26, 0x0100000a);
	le32_store(bytes + 30, 0x0200000a);
	bytes[TCP_AT + 12] = 5 << 4;
	bytes[TCP_AT + 13] = 0x18;
	*o = (struct net_offload){
		.needs_csum = true,
		.gso = NET_GSO_TCP4,
		.header_bytes = 54,
		.gso_bytes = MSS,
		.csum_start = TCP_AT,
		.csum_offset = 16,
	};
}

static void a_whole_segment_passes_with_what_is_left_undone(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", ALL_CAN), *b = join(t, "lan", ALL_CAN);
	static uint8_t bytes[LONG_BYTES];
	const struct fake_frame *f;
	struct net_offload o;

	fill_long_frame(bytes, &o);
	assert_int_equal(fake_nic_send(&a->fake, a->net, bytes, sizeof(bytes), &o), 0);
	UNTIL(t->loop, b->fake.frame_count == 1);
	f = fake_nic_next(&b->fake);
	assert_int_equal(f->len, sizeof(bytes));
	assert_memory_equal(f->bytes, bytes, sizeof(bytes));
	assert_int_equal(f->offload.gso, NET_GSO_TCP4);
	assert_int_equal(f->offload.gso_bytes, MSS);
	assert_true(f->offload.needs_csum);
	guest_end(a);
	guest_end(b);
}

static void check_segments(struct guest *g, const uint8_t *bytes)
{
	size_t done = 54;

	for (const struct fake_frame *f; (f = fake_nic_next(&g->fake)) != NULL;) {
		assert_true(f->len <= 54 + MSS);
		assert_false(f->offload.needs_csum);
		assert_int_equal(f->offload.gso, NET_GSO_NONE);
		assert_memory_equal(f->bytes + 54, bytes + done, f->len - 54);
		done += f->len - 54;
	}
	assert_int_equal(done, LONG_BYTES);
}

static void a_guest_that_takes_less_gets_finished_frames(void **state)
{
	static const unsigned takes[] = { 0, NET_CAN_CSUM, NET_CAN_CSUM | NET_CAN_TSO6 };
	struct town *t = *state;
	static uint8_t bytes[LONG_BYTES];
	struct guest *a = join(t, "lan", ALL_CAN);
	struct net_offload o;

	fill_long_frame(bytes, &o);
	for (unsigned i = 0; i < ARRAY_LEN(takes); i++) {
		struct guest *b = join(t, "lan", takes[i]);

		assert_int_equal(fake_nic_send(&a->fake, a->net, bytes, sizeof(bytes), &o), 0);
		UNTIL(t->loop, b->fake.frame_count == (LONG_BYTES - 54 + MSS - 1) / MSS);
		check_segments(b, bytes);
		guest_end(b);
	}
	guest_end(a);
}

/* ---- who serves ------------------------------------------------------------------ */

/* A process that serves and does nothing else. */
static pid_t start_server(struct town *t)
{
	int ready[2];
	pid_t child;
	char byte;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct net *net;

		if (open_network(t, "lan", NULL, &net, NULL) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

/* Frames are lost at first; in the end they pass. */
static void assert_passes_again(struct town *t, struct guest *a, struct guest *b)
{
	const unsigned before = b->fake.frame_count;

	UNTIL(t->loop, send_frame(a, 60, 0xff, 1, 0) == 0 && b->fake.frame_count > before);
}

static void a_killed_server_is_replaced_within_moments(void **state)
{
	struct town *t = *state;
	const pid_t server = start_server(t);
	struct guest *a = join(t, "lan", 0), *b = join(t, "lan", 0);
	uint64_t begun_ns;

	assert_passes_again(t, a, b);
	begun_ns = host_now_ns();
	kill(server, SIGKILL);
	assert_int_equal(waitpid(server, NULL, 0), server);
	assert_passes_again(t, a, b);
	assert_true(host_now_ns() - begun_ns < NS_PER_S);
	assert_int_equal(a->fake.link_count, 0); /* nobody was told */
	guest_end(a);
	guest_end(b);
}

static void a_server_that_ends_hands_over(void **state)
{
	struct town *t = *state;
	struct guest *server = join(t, "lan", 0), *a = join(t, "lan", 0), *b = join(t, "lan", 0);

	guest_end(server);
	assert_passes_again(t, a, b);
	guest_end(a); /* maybe it served, maybe not */
	a = join(t, "lan", 0);
	assert_passes_again(t, a, b);
	assert_passes_again(t, b, a);
	guest_end(a);
	guest_end(b);
}

static void nothing_but_the_lock_is_left_behind(void **state)
{
	struct town *t = *state;
	struct stat st;
	char path[128];

	guest_end(join(t, "lan", 0));
	snprintf(path, sizeof(path), "%s/lan.sock", t->dir);
	assert_int_equal(stat(path, &st), -1);
	snprintf(path, sizeof(path), "%s/lan.lock", t->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void a_stopped_server_is_named_as_the_reason(void **state)
{
	struct town *t = *state;
	struct network_place place;
	struct net *net;
	struct err err;
	int lock;

	/* It has the lock, and does not listen. */
	assert_int_equal(network_place_find("lan", t->dir, &place, NULL), 0);
	lock = network_place_lock(&place);
	assert_true(lock >= 0);
	assert_true(open_network(t, "lan", NULL, &net, &err) < 0);
	assert_non_null(strstr(err.text, "does not answer"));
	close(lock);
}

/* ---- slow and hostile guests -------------------------------------------------------- */

/* A connection of a hostile process of this user. */
static int connect_raw(struct town *t)
{
	struct network_place place;
	int fd;

	assert_int_equal(network_place_find("lan", t->dir, &place, NULL), 0);
	fd = network_place_connect(&place);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	return fd;
}

/* How many messages of so many bytes a socket like the server's holds. */
static unsigned socket_holds(struct town *t, size_t len)
{
	const int a = connect_raw(t);
	uint8_t *bytes = calloc(1, len);
	unsigned count = 0;
	int pair[2], size;
	socklen_t size_len = sizeof(size);

	assert_non_null(bytes);
	assert_int_equal(getsockopt(a, SOL_SOCKET, SO_SNDBUF, &size, &size_len), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	size /= 2; /* the kernel doubles it */
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	while (send(pair[0], bytes, len, MSG_DONTWAIT) > 0)
		count++;
	close(a);
	close(pair[0]);
	close(pair[1]);
	free(bytes);
	return count;
}

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

/* ---- what is behind the switch ------------------------------------------------------ */

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

/* ---- the place ---------------------------------------------------------------------- */

static void a_folder_that_others_may_enter_is_refused(void **state)
{
	struct town *t = *state;
	struct net *net;
	struct err err;

	chmod(t->dir, 0770);
	assert_int_equal(open_network(t, "lan", NULL, &net, &err), -EPERM);
	assert_non_null(strstr(err.text, "is not this user's alone"));
}

static void a_folder_of_another_user_is_refused(void **state)
{
	struct town *t = *state;
	struct net *net;
	struct err err;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(t->dir, 12345, 12345), 0);
	assert_int_equal(open_network(t, "lan", NULL, &net, &err), -EPERM);
	assert_non_null(strstr(err.text, "is not this user's alone"));
}

static void a_link_to_a_folder_is_refused(void **state)
{
	struct town *t = *state;
	struct net_network_config config = { .name = "lan" };
	char link[80];
	struct net *net;
	struct err err;

	snprintf(link, sizeof(link), "%s-link", t->dir);
	assert_int_equal(symlink(t->dir, link), 0);
	config.dir = link;
	assert_int_equal(net_network_open(&config, &net, &err), -EPERM);
	unlink(link);
}

static void without_a_folder_given_it_is_below_the_runtime_folder(void **state)
{
	struct town *t = *state;
	struct network_place place;
	char expected[128];

	setenv("XDG_RUNTIME_DIR", t->dir, 1);
	assert_int_equal(network_place_find("a.b", NULL, &place, NULL), 0);
	snprintf(expected, sizeof(expected), "%s/bantam/net/a.b.sock", t->dir);
	assert_string_equal(place.address.sun_path, expected);
	snprintf(expected, sizeof(expected), "%s/bantam/net/a.b.lock", t->dir);
	assert_string_equal(place.lock_path, expected);
	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(network_place_find("lan", NULL, &place, NULL), 0);
	snprintf(expected, sizeof(expected), "/tmp/bantam-%u/net/lan.sock", (unsigned)geteuid());
	assert_string_equal(place.address.sun_path, expected);
}

static void names_that_are_no_file_names_are_refused(void **state)
{
	static const char *const wrong[] = {
		"", ".", "..", ".lan", "a/b", "a b", "a,b", "123456789012345678901234567890123"
	};
	struct err err;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(net_network_check_name(wrong[i], &err), -EINVAL);
		assert_non_null(strstr(err.text, "letters"));
	}
	assert_int_equal(net_network_check_name("Lan-1_a.b", &err), 0);
}

#define TOWN(f) cmocka_unit_test_setup_teardown(f, town_setup, town_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TOWN(guests_of_one_name_reach_each_other),
		TOWN(guests_of_another_name_hear_nothing),
		TOWN(a_known_address_is_sent_to_its_guest_only),
		TOWN(a_whole_segment_passes_with_what_is_left_undone),
		TOWN(a_guest_that_takes_less_gets_finished_frames),
		TOWN(a_killed_server_is_replaced_within_moments),
		TOWN(a_server_that_ends_hands_over),
		TOWN(nothing_but_the_lock_is_left_behind),
		TOWN(a_stopped_server_is_named_as_the_reason),
		TOWN(a_slow_guest_loses_frames_and_stalls_nobody),
		TOWN(who_speaks_nonsense_is_cut_off),
		TOWN(a_frame_that_breaks_a_rule_is_dropped),
		TOWN(the_64th_guest_is_told_that_all_ports_are_taken),
		TOWN(who_comes_when_descriptors_are_out_waits_and_nothing_spins),
		TOWN(a_hostile_server_harms_nobody),
		TOWN(the_uplink_gets_frames_that_it_can_take_and_reaches_all),
		TOWN(guests_must_agree_whether_there_is_an_uplink),
		TOWN(a_guest_hears_what_address_it_was_given),
		TOWN(the_uplink_waits_for_a_slow_guest_and_for_no_other),
		TOWN(guests_that_never_stop_do_not_silence_the_uplink),
		cmocka_unit_test(what_a_hostile_server_says_of_leases_is_checked),
		TOWN(a_folder_that_others_may_enter_is_refused),
		TOWN(a_folder_of_another_user_is_refused),
		TOWN(a_link_to_a_folder_is_refused),
		TOWN(without_a_folder_given_it_is_below_the_runtime_folder),
		cmocka_unit_test(names_that_are_no_file_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
