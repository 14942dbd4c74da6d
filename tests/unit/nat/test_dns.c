/* The forwarder of DNS, between a guest and resolvers that are sockets of the test's. */
#include "nat_fixture.h"

#include "nat/dns_wire.h"
#include "own_network.h"

#define SERVERS 2u
#define FIRST	0x7f000035u /* 127.0.0.53, .54 */

static bool alone;

struct dns_rig {
	struct nat_rig nat;
	char conf[32];
	int servers[SERVERS]; /* -1: nobody listens */
};

/* Those of the mask listen. */
static void start_with(struct dns_rig *r, unsigned mask, const char *text)
{
	const struct nat_config c = { .resolv_conf = r->conf };
	int fd;

	if (!alone)
		skip();
	strcpy(r->conf, "/tmp/resolv-XXXXXX");
	fd = mkstemp(r->conf);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	for (unsigned i = 0; i < SERVERS; i++) {
		const struct sockaddr_in a = host_address(FIRST + i, 53);

		r->servers[i] = -1;
		if (!(mask >> i & 1))
			continue;
		r->servers[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(r->servers[i], (const struct sockaddr *)&a, sizeof(a)), 0);
	}
	rig_start(&r->nat, &c);
}

/* Two resolvers, both listed. */
static void start(struct dns_rig *r, unsigned mask)
{
	start_with(r, mask, "nameserver 127.0.0.53\nnameserver 127.0.0.54\n");
}

static void end(struct dns_rig *r)
{
	rig_end(&r->nat);
	for (unsigned i = 0; i < SERVERS; i++) {
		if (r->servers[i] >= 0)
			close(r->servers[i]);
	}
	unlink(r->conf);
}

/* What "www.example.org" asks: A, IN. */
static const uint8_t question[] = "\3www\7example\3org\0\0\1\0";
#define QUESTION_BYTES 21u
#define QUERY_BYTES    (DNS_HEADER_BYTES + QUESTION_BYTES)

static void make_query(uint8_t *bytes, uint16_t id)
{
	memset(bytes, 0, DNS_HEADER_BYTES);
	be16_store(bytes, id);
	be16_store(bytes + 2, 0x0100);
	be16_store(bytes + 4, 1);
	memcpy(bytes + DNS_HEADER_BYTES, question, QUESTION_BYTES);
}

static void ask(struct dns_rig *r, uint16_t port, uint16_t id)
{
	uint8_t bytes[QUERY_BYTES];

	make_query(bytes, id);
	rig_send_udp(&r->nat, port, DNS, 53, bytes, sizeof(bytes));
}

/* A query that a resolver received.  Returns its identifier. */
static uint16_t asked(const struct dns_rig *r, unsigned server, struct sockaddr_in *from)
{
	uint8_t bytes[512];

	assert_int_equal(host_receive(r->servers[server], bytes, sizeof(bytes), from), QUERY_BYTES);
	assert_memory_equal(bytes + DNS_HEADER_BYTES, question, QUESTION_BYTES);
	return be16_load(bytes);
}

/* What a resolver says; tail bytes follow the question. */
static size_t make_answer(uint8_t *bytes, uint16_t id, size_t tail)
{
	make_query(bytes, id);
	be16_store(bytes + 2, 0x8180);
	memset(bytes + QUERY_BYTES, 0x5a, tail);
	return QUERY_BYTES + tail;
}

static void say(const struct dns_rig *r, unsigned server, const struct sockaddr_in *to, uint16_t id,
		size_t tail)
{
	static uint8_t bytes[8192];

	host_send(r->servers[server], to, bytes, make_answer(bytes, id, tail));
}

static void the_guest_is_told(struct dns_rig *r, uint16_t port, uint16_t id, unsigned flags)
{
	const struct fake_frame *f = rig_next(&r->nat);

	assert_int_equal(came_ip(f).src, DNS);
	assert_int_equal(came_udp(f).src_port, 53);
	assert_int_equal(came_udp(f).dst_port, port);
	assert_int_equal(be16_load(f->bytes + L4_AT + 8), id);
	assert_int_equal(be16_load(f->bytes + L4_AT + 10), flags);
	assert_memory_equal(f->bytes + L4_AT + 20, question, QUESTION_BYTES);
}

/* ---- the usual way ------------------------------------------------------------------------ */

static void a_question_gets_its_answer(void **state)
{
	struct sockaddr_in from;
	struct dns_rig r;

	(void)state;
	start(&r, 3);
	ask(&r, 4000, 0x1111);
	say(&r, 0, &from, asked(&r, 0, &from), 16);
	the_guest_is_told(&r, 4000, 0x1111, 0x8180);
	rig_quiet(&r.nat);
	assert_int_equal(nat_timers_next_ns(&r.nat.n->timers), NAT_NEVER);
	end(&r);
}

static void identifiers_and_ports_are_nobodys_to_guess(void **state)
{
	struct sockaddr_in from[16];
	uint16_t ids[16];
	struct dns_rig r;

	(void)state;
	start(&r, 1);
	for (unsigned i = 0; i < 16; i++) {
		ask(&r, (uint16_t)(4000 + i), 7);
		ids[i] = asked(&r, 0, &from[i]);
		for (unsigned k = 0; k < i; k++)
			assert_true(ids[k] != ids[i] && from[k].sin_port != from[i].sin_port);
	}
	end(&r);
}

static void what_is_no_answer_does_not_reach_the_guest(void **state)
{
	struct sockaddr_in from;
	uint8_t bytes[512];
	struct dns_rig r;
	size_t len;
	uint16_t id;

	(void)state;
	start(&r, 3);
	ask(&r, 4000, 0x1111);
	id = asked(&r, 0, &from);
	say(&r, 0, &from, (uint16_t)(id + 1), 0); /* another identifier */
	say(&r, 1, &from, id, 0);		  /* from whom nobody has asked */
	len = make_answer(bytes, id, 0);
	bytes[DNS_HEADER_BYTES + 1] = 'x'; /* to another question */
	host_send(r.servers[0], &from, bytes, len);
	make_query(bytes, id); /* a question itself */
	host_send(r.servers[0], &from, bytes, len);
	host_send(r.servers[0], &from, bytes, 5);
	rig_quiet(&r.nat);
	make_answer(bytes, id, 0);
	bytes[DNS_HEADER_BYTES + 1] = 'W'; /* the same, in other letters */
	host_send(r.servers[0], &from, bytes, len);
	assert_int_equal(be16_load(rig_next(&r.nat)->bytes + L4_AT + 8), 0x1111);
	end(&r);
}

static void a_silent_resolver_is_followed_by_the_next(void **state)
{
	struct sockaddr_in from[2];
	struct dns_rig r;
	uint16_t id;

	(void)state;
	start(&r, 3);
	ask(&r, 4000, 1);
	id = asked(&r, 0, &from[0]);
	rig_pass(&r.nat, 2 * NS_PER_S);
	assert_int_equal(asked(&r, 1, &from[1]), id);
	say(&r, 1, &from[1], id, 0);
	the_guest_is_told(&r, 4000, 1, 0x8180);
	/* The one that answered is the first to be asked now. */
	ask(&r, 4001, 2);
	say(&r, 1, &from[1], asked(&r, 1, &from[1]), 0);
	the_guest_is_told(&r, 4001, 2, 0x8180);
	end(&r);
}

static void a_slow_resolver_may_answer_when_another_has_been_asked(void **state)
{
	struct sockaddr_in from;
	struct dns_rig r;
	uint16_t id;

	(void)state;
	start(&r, 3);
	ask(&r, 4000, 1);
	id = asked(&r, 0, &from);
	rig_pass(&r.nat, 2 * NS_PER_S);
	say(&r, 0, &from, id, 0);
	the_guest_is_told(&r, 4000, 1, 0x8180);
	end(&r);
}

static void a_resolver_that_is_not_there_is_not_waited_for(void **state)
{
	struct sockaddr_in from;
	struct dns_rig r;

	(void)state;
	start(&r, 2);
	ask(&r, 4000, 1);
	rig_rounds(&r.nat);
	say(&r, 1, &from, asked(&r, 1, &from), 0);
	the_guest_is_told(&r, 4000, 1, 0x8180);
	end(&r);
}

static void in_the_end_the_guest_is_told_that_it_failed(void **state)
{
	struct dns_rig r;

	(void)state;
	start(&r, 0);
	ask(&r, 4000, 1);
	the_guest_is_told(&r, 4000, 1, 0x8182);
	end(&r);
	start(&r, 3);
	ask(&r, 4000, 2);
	for (unsigned i = 0; i < 4; i++) {
		assert_null(fake_nic_next(&r.nat.fake));
		rig_pass(&r.nat, 2 * NS_PER_S);
	}
	the_guest_is_told(&r, 4000, 2, 0x8182);
	assert_int_equal(nat_timers_next_ns(&r.nat.n->timers), NAT_NEVER);
	end(&r);
}

static void long_answers_come_whole(void **state)
{
	const struct fake_frame *f;
	struct sockaddr_in from;
	struct dns_rig r;
	size_t len = 0;

	(void)state;
	start(&r, 1);
	ask(&r, 4000, 1);
	say(&r, 0, &from, asked(&r, 0, &from), 4000);
	do {
		f = rig_next(&r.nat);
		assert_int_equal(came_ip(f).fragment_at, len);
		len += f->len - L4_AT;
	} while (came_ip(f).more_fragments);
	assert_int_equal(len, 8 + QUERY_BYTES + 4000);
	end(&r);
}

static void an_answer_longer_than_any_packet_is_none(void **state)
{
	const struct sockaddr_in6 at = { .sin6_family = AF_INET6,
					 .sin6_addr = IN6ADDR_LOOPBACK_INIT,
					 .sin6_port = htons(53) };
	static uint8_t bytes[UINT16_MAX];
	struct sockaddr_in6 from;
	struct dns_rig r;
	socklen_t from_len = sizeof(from);
	uint16_t id;

	(void)state;
	start_with(&r, 0, "nameserver ::1\n");
	r.servers[0] = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(r.servers[0], (const struct sockaddr *)&at, sizeof(at)) < 0) {
		end(&r);
		skip(); /* this host has no IPv6 */
	}
	ask(&r, 4000, 1);
	assert_int_equal(recvfrom(r.servers[0], bytes, sizeof(bytes), 0, (struct sockaddr *)&from,
				  &from_len),
			 QUERY_BYTES);
	id = be16_load(bytes);
	for (size_t len = WIRE_UDP_PAYLOAD_MAX + 20; len >= WIRE_UDP_PAYLOAD_MAX; len -= 10) {
		make_answer(bytes, id, len - QUERY_BYTES);
		assert_int_equal(sendto(r.servers[0], bytes, len, 0,
					(const struct sockaddr *)&from, from_len),
				 len);
		if (len > WIRE_UDP_PAYLOAD_MAX)
			rig_quiet(&r.nat);
	}
	assert_true(came_ip(rig_next(&r.nat)).more_fragments);
	end(&r);
}

static void another_resolv_conf_counts_from_the_next_question_on(void **state)
{
	const char text[] = "nameserver 127.0.0.54\n";
	struct sockaddr_in from;
	struct dns_rig r;
	int fd;

	(void)state;
	start(&r, 3);
	ask(&r, 4000, 1);
	asked(&r, 0, &from);
	fd = open(r.conf, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	ask(&r, 4001, 2);
	asked(&r, 1, &from);
	end(&r);
}

/* ---- the hostile way --------------------------------------------------------------------------
 */

static void questions_are_bounded(void **state)
{
	struct dns_rig r;

	(void)state;
	start(&r, 1);
	for (uint16_t i = 0; i < 1000; i++)
		ask(&r, 4000, i);
	assert_int_equal(r.nat.n->stats.evicted, 1000 - 64);
	end(&r);
}

static void what_is_no_question_goes_nowhere(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} rows[] = { { 2, 0x81 },	       /* an answer */
		     { 5, 0 },	   { 5, 2 },   /* none, or two */
		     { 12, 0xc0 }, { 12, 64 }, /* compressed; too long a label */
		     { 12, 63 } };	       /* beyond the end */
	uint8_t bytes[QUERY_BYTES];
	struct dns_rig r;

	(void)state;
	start(&r, 1);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		make_query(bytes, 1);
		bytes[rows[i].at] = rows[i].value;
		rig_send_udp(&r.nat, 4000, DNS, 53, bytes, sizeof(bytes));
	}
	make_query(bytes, 1);
	for (size_t len = 0; len < sizeof(bytes); len++)
		rig_send_udp(&r.nat, 4000, DNS, 53, bytes, len);
	assert_int_equal(r.nat.n->stats.malformed, ARRAY_LEN(rows) + sizeof(bytes));
	assert_int_equal(r.nat.n->stats.queries, 0);
	end(&r);
}

static void a_restricted_guest_may_not_ask(void **state)
{
	const struct nat_config c = { .restrict_ = true };
	struct sockaddr_storage server;
	uint8_t bytes[QUERY_BYTES];
	struct nat_rig r;
	socklen_t len;

	(void)state;
	rig_start(&r, &c);
	make_query(bytes, 1);
	rig_send_udp(&r, 4000, DNS, 53, bytes, sizeof(bytes));
	assert_int_equal(came_icmp(rig_next(&r)).code, WIRE_ICMP_PROHIBITED);
	assert_true(nat_dns_server_for_tcp(r.n, &server, &len) < 0);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_gets_its_answer),
		cmocka_unit_test(identifiers_and_ports_are_nobodys_to_guess),
		cmocka_unit_test(what_is_no_answer_does_not_reach_the_guest),
		cmocka_unit_test(a_silent_resolver_is_followed_by_the_next),
		cmocka_unit_test(a_slow_resolver_may_answer_when_another_has_been_asked),
		cmocka_unit_test(a_resolver_that_is_not_there_is_not_waited_for),
		cmocka_unit_test(in_the_end_the_guest_is_told_that_it_failed),
		cmocka_unit_test(long_answers_come_whole),
		cmocka_unit_test(an_answer_longer_than_any_packet_is_none),
		cmocka_unit_test(another_resolv_conf_counts_from_the_next_question_on),
		cmocka_unit_test(questions_are_bounded),
		cmocka_unit_test(what_is_no_question_goes_nowhere),
		cmocka_unit_test(a_restricted_guest_may_not_ask),
	};

	alone = own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
