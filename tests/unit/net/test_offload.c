#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "net/offload.h"

#define ALL	   0x3fu
#define FRAME_LEN  3000u
#define NEEDS_CSUM 1u
#define ECN	   0x80u

/* A header as it may come. */
struct header {
	uint8_t flags, gso;
	uint16_t header_bytes, gso_bytes, csum_start, csum_offset;
};

static const struct header plain, tcp4 = { NEEDS_CSUM, NET_GSO_TCP4, 54, 1448, 34, 16 },
				  udp6 = { NEEDS_CSUM, NET_GSO_UDP_L4, 62, 1000, 54, 6 };

static int parse_as(const struct header *h, size_t frame_len, unsigned can, struct net_offload *o)
{
	uint8_t raw[NET_VNET_HEADER_BYTES] = { h->flags, h->gso };

	le16_store(raw + 2, h->header_bytes);
	le16_store(raw + 4, h->gso_bytes);
	le16_store(raw + 6, h->csum_start);
	le16_store(raw + 8, h->csum_offset);
	le16_store(raw + 10, 0xffff); /* nobody looks at it */
	return net_offload_parse(raw, frame_len, can, o);
}

static int parse(const struct header *h)
{
	struct net_offload o;

	return parse_as(h, FRAME_LEN, ALL, &o);
}

static void zeros_mean_nothing_is_left_undone(void **state)
{
	struct net_offload o;

	(void)state;
	assert_int_equal(parse_as(&plain, NET_HEADER_BYTES, 0, &o), 0);
	assert_false(o.needs_csum || o.csum_valid || o.ecn);
	assert_int_equal(o.gso, NET_GSO_NONE);
	assert_int_equal(o.header_bytes + o.gso_bytes + o.csum_start + o.csum_offset, 0);
	assert_int_equal(net_offload_needs(&o), 0);
}

static void fields_of_a_header_are_understood(void **state)
{
	struct net_offload o;

	(void)state;
	assert_int_equal(parse_as(&tcp4, FRAME_LEN, ALL, &o), 0);
	assert_true(o.needs_csum);
	assert_false(o.csum_valid);
	assert_false(o.ecn);
	assert_int_equal(o.gso, NET_GSO_TCP4);
	assert_int_equal(o.header_bytes, 54);
	assert_int_equal(o.gso_bytes, 1448);
	assert_int_equal(o.csum_start, 34);
	assert_int_equal(o.csum_offset, 16);
	assert_int_equal(parse_as(&udp6, FRAME_LEN, ALL, &o), 0);
	assert_int_equal(o.gso, NET_GSO_UDP_L4);
}

static void fields_that_mean_nothing_are_not_believed(void **state)
{
	const struct header odd = { 0, 0, 999, 999, 999, 999 };
	struct net_offload o;

	(void)state;
	assert_int_equal(parse_as(&odd, 100, ALL, &o), 0);
	assert_int_equal(o.header_bytes + o.gso_bytes + o.csum_start + o.csum_offset, 0);
}

static void flags_nobody_knows_are_ignored(void **state)
{
	struct header h = tcp4;
	struct net_offload o;

	(void)state;
	h.flags |= 0xf8;
	assert_int_equal(parse_as(&h, FRAME_LEN, ALL, &o), 0);
	h.flags = 2;
	h.gso = 0;
	assert_int_equal(parse_as(&h, FRAME_LEN, ALL, &o), 0);
	assert_true(o.csum_valid);
	assert_false(o.needs_csum);
}

static void a_checksum_lies_inside_the_frame(void **state)
{
	struct header h = { .flags = NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 };
	struct net_offload o;

	(void)state;
	assert_int_equal(parse_as(&h, 52, NET_CAN_CSUM, &o), 0);
	assert_int_equal(parse_as(&h, 51, NET_CAN_CSUM, &o), -EBADMSG);
	h.csum_start = h.csum_offset = UINT16_MAX;
	assert_int_equal(parse_as(&h, NET_FRAME_BYTES_MAX, NET_CAN_CSUM, &o), -EBADMSG);
	h.csum_offset = 0;
	h.csum_start = NET_HEADER_BYTES - 1;
	assert_int_equal(parse_as(&h, 52, NET_CAN_CSUM, &o), -EBADMSG);
	h.csum_start = NET_HEADER_BYTES;
	assert_int_equal(parse_as(&h, 52, NET_CAN_CSUM, &o), 0);
}

static void each_kind_needs_its_agreement(void **state)
{
	static const struct {
		uint8_t gso;
		uint16_t csum_offset;
		unsigned can;
	} kinds[] = {
		{ NET_GSO_TCP4, 16, NET_CAN_TSO4 },
		{ NET_GSO_TCP6, 16, NET_CAN_TSO6 },
		{ NET_GSO_UDP, 6, NET_CAN_UFO },
		{ NET_GSO_UDP_L4, 6, NET_CAN_USO },
		{ NET_GSO_TCP4 | ECN, 16, NET_CAN_TSO4 | NET_CAN_ECN },
		{ NET_GSO_TCP6 | ECN, 16, NET_CAN_TSO6 | NET_CAN_ECN },
	};
	struct net_offload o;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		struct header h = tcp4;
		const unsigned needed = kinds[i].can | NET_CAN_CSUM;

		h.gso = kinds[i].gso;
		h.csum_offset = kinds[i].csum_offset;
		assert_int_equal(parse_as(&h, FRAME_LEN, needed, &o), 0);
		assert_int_equal(o.ecn, !!(h.gso & ECN));
		assert_int_equal(net_offload_needs(&o), needed);
		for (unsigned bit = 1; bit < ALL; bit <<= 1) {
			if (needed & bit)
				assert_int_equal(parse_as(&h, FRAME_LEN, ALL & ~bit, &o), -EBADMSG);
		}
	}
}

static void types_nobody_knows_are_refused(void **state)
{
	(void)state;
	for (unsigned gso = 1; gso < 256; gso++) {
		struct header h = tcp4;
		const unsigned type = gso & ~ECN;
		const bool tcp = type == NET_GSO_TCP4 || type == NET_GSO_TCP6;
		const bool udp = type == NET_GSO_UDP || type == NET_GSO_UDP_L4;

		h.gso = (uint8_t)gso;
		h.csum_offset = udp ? 6 : 16;
		assert_int_equal(parse(&h), tcp || (udp && !(gso & ECN)) ? 0 : -EBADMSG);
	}
}

static void segments_have_a_size_a_checksum_and_a_header(void **state)
{
	struct header h = tcp4;
	struct net_offload o;

	(void)state;
	h.gso_bytes = 0;
	assert_int_equal(parse(&h), -EBADMSG);
	h = tcp4;
	h.flags = 0;
	assert_int_equal(parse(&h), -EBADMSG);
	h = tcp4;
	h.csum_offset = 6; /* that of UDP */
	assert_int_equal(parse(&h), -EBADMSG);
	h = udp6;
	h.csum_offset = 16;
	assert_int_equal(parse(&h), -EBADMSG);
	assert_int_equal(parse_as(&tcp4, 54, ALL, &o), 0);
	assert_int_equal(parse_as(&tcp4, 53, ALL, &o), -EBADMSG);
	assert_int_equal(parse_as(&udp6, 62, ALL, &o), 0);
	assert_int_equal(parse_as(&udp6, 61, ALL, &o), -EBADMSG);
}

static void a_hint_that_cannot_be_is_left_out(void **state)
{
	struct header h = tcp4;
	struct net_offload o;

	(void)state;
	h.header_bytes = FRAME_LEN;
	assert_int_equal(parse_as(&h, FRAME_LEN, ALL, &o), 0);
	assert_int_equal(o.header_bytes, FRAME_LEN);
	h.header_bytes = FRAME_LEN + 1;
	assert_int_equal(parse_as(&h, FRAME_LEN, ALL, &o), 0);
	assert_int_equal(o.header_bytes, 0);
}

static void what_is_written_is_read_as_the_same(void **state)
{
	static const struct net_offload offloads[] = {
		{ .csum_valid = true },
		{ .needs_csum = true, .csum_start = 54, .csum_offset = 6 },
		{ .needs_csum = true,
		  .ecn = true,
		  .gso = NET_GSO_TCP6,
		  .header_bytes = 74,
		  .gso_bytes = 1428,
		  .csum_start = 54,
		  .csum_offset = 16 },
		{ .needs_csum = true,
		  .gso = NET_GSO_UDP_L4,
		  .header_bytes = 42,
		  .gso_bytes = 1200,
		  .csum_start = 34,
		  .csum_offset = 6 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(offloads); i++) {
		uint8_t raw[NET_VNET_HEADER_BYTES];
		const struct net_offload *o = &offloads[i];
		struct net_offload again;

		memset(raw, 0xff, sizeof(raw));
		net_offload_emit(o, raw);
		assert_int_equal(le16_load(raw + 10), 1);
		assert_int_equal(net_offload_parse(raw, FRAME_LEN, ALL, &again), 0);
		assert_int_equal(again.needs_csum, o->needs_csum);
		assert_int_equal(again.csum_valid, o->csum_valid);
		assert_int_equal(again.ecn, o->ecn);
		assert_int_equal(again.gso, o->gso);
		assert_int_equal(again.header_bytes, o->header_bytes);
		assert_int_equal(again.gso_bytes, o->gso_bytes);
		assert_int_equal(again.csum_start, o->csum_start);
		assert_int_equal(again.csum_offset, o->csum_offset);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeros_mean_nothing_is_left_undone),
		cmocka_unit_test(fields_of_a_header_are_understood),
		cmocka_unit_test(fields_that_mean_nothing_are_not_believed),
		cmocka_unit_test(flags_nobody_knows_are_ignored),
		cmocka_unit_test(a_checksum_lies_inside_the_frame),
		cmocka_unit_test(each_kind_needs_its_agreement),
		cmocka_unit_test(types_nobody_knows_are_refused),
		cmocka_unit_test(segments_have_a_size_a_checksum_and_a_header),
		cmocka_unit_test(a_hint_that_cannot_be_is_left_out),
		cmocka_unit_test(what_is_written_is_read_as_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
