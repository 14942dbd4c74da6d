/* Headers and checksums, against bytes that others made and against a slow twin. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "nat/wire.h"

/* ---- checksums ----------------------------------------------------------------------------- */

/* RFC 1071, 4.1, word for word. */
static uint16_t slow_sum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		sum += be16_load(bytes + i);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (len & 1)
		sum += (uint32_t)bytes[len - 1] << 8;
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static void the_sum_is_that_of_rfc_1071(void **state)
{
	const uint8_t example[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	uint8_t bytes[300];

	(void)state;
	assert_int_equal(wire_sum_fold(wire_sum(0, example, 8)), 0xddf2); /* section 3 */
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + (i >> 3) * 11 + 200);
	for (size_t at = 0; at < 8; at++) {
		for (size_t len = 0; len + at <= sizeof(bytes); len++)
			assert_int_equal(wire_sum_fold(wire_sum(0, bytes + at, len)),
					 slow_sum(bytes + at, len));
	}
}

static void all_ones_stay_all_ones_however_many(void **state)
{
	uint8_t *bytes = malloc(KIB(64));

	(void)state;
	memset(bytes, 0xff, KIB(64));
	assert_int_equal(wire_sum_fold(wire_sum(0, bytes, KIB(64))), 0xffff);
	/* The fold takes any sum: none of its carries is lost. */
	assert_int_equal(wire_sum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(wire_sum_fold(UINT64_C(0xffffffff00000001)), 0x0100);
	free(bytes);
}

static void the_sum_of_pieces_is_the_sum_of_the_whole(void **state)
{
	uint8_t bytes[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 91 + 3);
	for (size_t a = 0; a < 40; a++) {
		for (size_t b = 0; b < 40; b++) {
			const struct iovec iov[] = { { bytes, a },
						     { bytes + a, b },
						     { bytes + a + b, 200 - a - b } };

			for (size_t offset = 0; offset < 50; offset += 7)
				assert_int_equal(
					wire_sum_fold(wire_sum_iov(0, iov, 3, offset, 111)),
					slow_sum(bytes + offset, 111));
		}
	}
}

/* ---- Ethernet and ARP ------------------------------------------------------------------------ */

static void ethernet_is_read_and_written(void **state)
{
	const uint8_t raw[] = { 1, 2, 3, 4, 5, 6, 2, 8, 9, 10, 11, 12, 0x08, 0x06 };
	uint8_t again[WIRE_ETHER_BYTES], group[WIRE_ETHER_BYTES];
	struct wire_ether e;

	(void)state;
	assert_int_equal(wire_ether_parse(raw, sizeof(raw), &e), 0);
	assert_int_equal(e.type, WIRE_TYPE_ARP);
	wire_ether_emit(&e, again);
	assert_memory_equal(again, raw, sizeof(raw));
	assert_int_equal(wire_ether_parse(raw, 13, &e), -EBADMSG);
	memcpy(group, raw, sizeof(raw));
	group[6] |= 1;
	assert_int_equal(wire_ether_parse(group, sizeof(group), &e), -EBADMSG);
}

static void arp_is_read_and_written_and_nothing_like_it(void **state)
{
	const uint8_t raw[WIRE_ARP_BYTES] = { 0,  1, 8, 0,  6, 4, 0, 1, 2, 3, 4,  5, 6, 7,
					      10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2 };
	uint8_t again[WIRE_ARP_BYTES];
	struct wire_arp a;

	(void)state;
	assert_int_equal(wire_arp_parse(raw, sizeof(raw), &a), 0);
	assert_int_equal(a.op, WIRE_ARP_REQUEST);
	assert_int_equal(a.sender_ip, 0x0a00020f);
	assert_int_equal(a.target_ip, 0x0a000202);
	wire_arp_emit(&a, again);
	assert_memory_equal(again, raw, sizeof(raw));
	assert_int_equal(wire_arp_parse(raw, sizeof(raw) - 1, &a), -EBADMSG);
	for (unsigned i = 0; i < 6; i++) { /* types and lengths of addresses */
		uint8_t bad[WIRE_ARP_BYTES];

		memcpy(bad, raw, sizeof(bad));
		bad[i]++;
		assert_int_equal(wire_arp_parse(bad, sizeof(bad), &a), -EBADMSG);
	}
}

/* ---- IPv4 --------------------------------------------------------------------------------------
 */

/* A header that many texts have as their example; its checksum is 0xb861. */
static const uint8_t known_ip[] = { 0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
				    0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7 };

static void ipv4_is_read_and_written(void **state)
{
	uint8_t again[WIRE_IP4_BYTES];
	struct wire_ip4 ip;

	(void)state;
	assert_int_equal(wire_ip4_parse(known_ip, 20, 115, &ip), 0);
	assert_int_equal(ip.src, 0xc0a80001);
	assert_int_equal(ip.dst, 0xc0a800c7);
	assert_int_equal(ip.proto, WIRE_PROTO_UDP);
	assert_int_equal(ip.total_bytes, 115);
	assert_int_equal(ip.header_bytes, 20);
	assert_true(ip.dont_fragment && !ip.more_fragments && ip.fragment_at == 0);
	wire_ip4_emit(&ip, again);
	assert_memory_equal(again, known_ip, 20);
}

static void set_ip_sum(uint8_t *bytes)
{
	be16_store(bytes + 10, 0);
	be16_store(bytes + 10, (uint16_t)~wire_sum_fold(wire_sum(0, bytes, (bytes[0] & 15u) * 4u)));
}

static int changed_ip(unsigned at, uint8_t value, size_t len, size_t packet_len)
{
	uint8_t bytes[64] = { 0 };
	struct wire_ip4 ip;

	memcpy(bytes, known_ip, sizeof(known_ip));
	bytes[at] = value;
	set_ip_sum(bytes);
	return wire_ip4_parse(bytes, len, packet_len, &ip);
}

static void ipv4_that_contradicts_itself_is_refused(void **state)
{
	uint8_t bytes[20];
	struct wire_ip4 ip;

	(void)state;
	assert_int_equal(changed_ip(0, 0x45, 60, 115), 0);
	assert_int_equal(changed_ip(0, 0x46, 60, 115), 0);	  /* options */
	assert_int_equal(changed_ip(0, 0x46, 23, 115), -EBADMSG); /* cut short */
	assert_int_equal(changed_ip(0, 0x44, 60, 115), -EBADMSG); /* no whole header */
	assert_int_equal(changed_ip(0, 0x65, 60, 115), -EBADMSG); /* IPv6 */
	assert_int_equal(changed_ip(3, 19, 60, 115), -EBADMSG);	  /* less than its header */
	assert_int_equal(changed_ip(3, 116, 60, 115), -EBADMSG);  /* more than there is */
	assert_int_equal(changed_ip(3, 114, 60, 115), 0);	  /* padding */
	assert_int_equal(changed_ip(0, 0x45, 19, 115), -EBADMSG);
	memcpy(bytes, known_ip, sizeof(bytes));
	bytes[8]--;
	assert_int_equal(wire_ip4_parse(bytes, 20, 115, &ip), -EBADMSG); /* the sum */
}

static void fragments_are_told(void **state)
{
	uint8_t bytes[20];
	struct wire_ip4 ip;

	(void)state;
	memcpy(bytes, known_ip, sizeof(bytes));
	be16_store(bytes + 6, 0x2000 | 185);
	set_ip_sum(bytes);
	assert_int_equal(wire_ip4_parse(bytes, 20, 115, &ip), 0);
	assert_true(ip.more_fragments && !ip.dont_fragment);
	assert_int_equal(ip.fragment_at, 1480);
}

/* ---- UDP, ICMP, TCP -----------------------------------------------------------------------------
 */

static void udp_keeps_inside_its_packet(void **state)
{
	const uint8_t raw[] = { 0x0f, 0xa0, 0, 53, 0, 12, 0xab, 0xcd };
	uint8_t again[WIRE_UDP_BYTES];
	struct wire_udp u;

	(void)state;
	assert_int_equal(wire_udp_parse(raw, 8, 12, &u), 0);
	assert_int_equal(u.src_port, 4000);
	assert_int_equal(u.dst_port, 53);
	wire_udp_emit(&u, again);
	assert_memory_equal(again, raw, 8);
	assert_int_equal(wire_udp_parse(raw, 8, 20, &u), 0);
	assert_int_equal(wire_udp_parse(raw, 8, 11, &u), -EBADMSG);
	assert_int_equal(wire_udp_parse(raw, 7, 12, &u), -EBADMSG);
	assert_int_equal(wire_udp_parse((const uint8_t[]){ 0, 1, 0, 2, 0, 7, 0, 0 }, 8, 12, &u),
			 -EBADMSG);
}

static void icmp_is_read_and_written(void **state)
{
	const uint8_t raw[] = { 8, 0, 0, 0, 0x12, 0x34, 0, 1 };
	uint8_t again[WIRE_ICMP_BYTES];
	struct wire_icmp i;

	(void)state;
	assert_int_equal(wire_icmp_parse(raw, 8, &i), 0);
	assert_int_equal(i.rest, 0x12340001);
	wire_icmp_emit(&i, again);
	assert_memory_equal(again, raw, 8);
	assert_int_equal(wire_icmp_parse(raw, 7, &i), -EBADMSG);
}

static void a_syn_with_options_is_read_and_written(void **state)
{
	struct wire_tcp in = { .src_port = 1,
			       .dst_port = 2,
			       .seq = 0xfffffff0,
			       .ack = 7,
			       .flags = WIRE_TCP_SYN,
			       .window = 65535,
			       .mss = 1460,
			       .window_scale = 7 };
	uint8_t bytes[WIRE_TCP_BYTES_MAX];
	struct wire_tcp out;
	unsigned len;

	(void)state;
	len = wire_tcp_emit(&in, bytes);
	assert_int_equal(len, 28);
	assert_int_equal(wire_tcp_parse(bytes, len, len, &out), 0);
	assert_int_equal(out.src_port, 1);
	assert_int_equal(out.dst_port, 2);
	assert_int_equal(out.seq, 0xfffffff0);
	assert_int_equal(out.ack, 7);
	assert_int_equal(out.flags, WIRE_TCP_SYN);
	assert_int_equal(out.window, 65535);
	assert_int_equal(out.header_bytes, 28);
	assert_int_equal(out.mss, 1460);
	assert_int_equal(out.window_scale, 7);
	in.mss = 0;
	in.window_scale = -1;
	assert_int_equal(wire_tcp_emit(&in, bytes), 20);
	assert_int_equal(wire_tcp_parse(bytes, 20, 20, &out), 0);
	assert_int_equal(out.mss, 0);
	assert_int_equal(out.window_scale, -1);
}

static void timestamps_are_read_and_written(void **state)
{
	const struct wire_tcp in = { .flags = WIRE_TCP_ACK,
				     .window_scale = -1,
				     .stamped = true,
				     .stamp = 0x80000001,
				     .stamp_echo = 0xfffffffe };
	/* As RFC 7323, appendix A, has them: on whole words. */
	const uint8_t want[] = { 1, 1, 8, 10, 0x80, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe };
	uint8_t bytes[WIRE_TCP_BYTES_MAX];
	struct wire_tcp out;

	(void)state;
	assert_int_equal(wire_tcp_emit(&in, bytes), WIRE_TCP_BYTES + WIRE_TCP_STAMP_BYTES);
	assert_memory_equal(bytes + WIRE_TCP_BYTES, want, sizeof(want));
	assert_int_equal(wire_tcp_parse(bytes, 32, 32, &out), 0);
	assert_true(out.stamped);
	assert_int_equal(out.stamp, 0x80000001);
	assert_int_equal(out.stamp_echo, 0xfffffffe);
	bytes[WIRE_TCP_BYTES + 3] = 9; /* a wrong length */
	assert_int_equal(wire_tcp_parse(bytes, 32, 32, &out), 0);
	assert_false(out.stamped);
}

/* A header with these options, in a buffer that is not a byte longer. */
static int parse_options(const uint8_t *options, unsigned len, struct wire_tcp *out)
{
	uint8_t *bytes = calloc(1, 20 + len);
	int rc;

	bytes[12] = (uint8_t)((20 + len) / 4 << 4);
	memcpy(bytes + 20, options, len);
	rc = wire_tcp_parse(bytes, 20 + len, 20 + len, out);
	free(bytes);
	return rc;
}

static void options_of_tcp_that_break_their_rules_count_as_none(void **state)
{
	static const uint8_t rows[][8] = {
		{ 2, 0, 5, 180, 3, 3, 7, 0 }, /* a length of 0 */
		{ 2, 1, 5, 180, 3, 3, 7, 0 }, /* and of 1 */
		{ 2, 9, 5, 180, 3, 3, 7, 0 }, /* beyond the end */
		{ 0, 2, 4, 5, 180, 3, 3, 7 }, /* behind the end of options */
		{ 1, 1, 1, 1, 1, 1, 1, 2 },   /* only a kind */
		{ 8, 8, 2, 4, 5, 180, 3, 3 }, /* inside another one */
		{ 2, 3, 5, 3, 4, 7, 0, 0 },   /* wrong lengths */
	};
	static const uint8_t good[] = { 1, 2, 4, 5, 180, 3, 3, 200 };
	struct wire_tcp t;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(parse_options(rows[i], 8, &t), 0);
		assert_int_equal(t.mss, 0);
		assert_int_equal(t.window_scale, -1);
	}
	assert_int_equal(parse_options(good, 8, &t), 0);
	assert_int_equal(t.mss, 1460);
	assert_int_equal(t.window_scale, 14); /* RFC 7323, 2.3 */
}

static void a_tcp_header_keeps_inside_its_packet(void **state)
{
	uint8_t bytes[60] = { 0 };
	struct wire_tcp t;

	(void)state;
	bytes[12] = 0x60;
	assert_int_equal(wire_tcp_parse(bytes, 60, 24, &t), 0);
	assert_int_equal(wire_tcp_parse(bytes, 60, 23, &t), -EBADMSG);
	assert_int_equal(wire_tcp_parse(bytes, 23, 60, &t), -EBADMSG);
	bytes[12] = 0x40;
	assert_int_equal(wire_tcp_parse(bytes, 60, 60, &t), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sum_is_that_of_rfc_1071),
		cmocka_unit_test(all_ones_stay_all_ones_however_many),
		cmocka_unit_test(the_sum_of_pieces_is_the_sum_of_the_whole),
		cmocka_unit_test(ethernet_is_read_and_written),
		cmocka_unit_test(arp_is_read_and_written_and_nothing_like_it),
		cmocka_unit_test(ipv4_is_read_and_written),
		cmocka_unit_test(ipv4_that_contradicts_itself_is_refused),
		cmocka_unit_test(fragments_are_told),
		cmocka_unit_test(udp_keeps_inside_its_packet),
		cmocka_unit_test(icmp_is_read_and_written),
		cmocka_unit_test(a_syn_with_options_is_read_and_written),
		cmocka_unit_test(timestamps_are_read_and_written),
		cmocka_unit_test(options_of_tcp_that_break_their_rules_count_as_none),
		cmocka_unit_test(a_tcp_header_keeps_inside_its_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
