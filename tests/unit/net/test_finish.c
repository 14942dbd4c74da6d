/* What senders left undone, done by the processor. */
#include "net_fixture.h"

#include "base/bytes.h"
#include "net/finish.h"

#define OUT_MAX 1200u

struct out {
	unsigned count;
	size_t lens[OUT_MAX];
	uint8_t *frames[OUT_MAX];
	struct net_offload offload;
};

static void take(void *arg, const struct net_frame *f)
{
	struct out *o = arg;
	uint8_t *at = malloc(f->len);

	assert_non_null(at);
	assert_true(o->count < OUT_MAX);
	o->lens[o->count] = f->len;
	o->frames[o->count++] = at;
	o->offload = f->offload;
	for (unsigned i = 0; i < f->iov_count; i++) {
		memcpy(at, f->iov[i].iov_base, f->iov[i].iov_len);
		at += f->iov[i].iov_len;
	}
}

static void empty(struct out *o)
{
	while (o->count > 0)
		free(o->frames[--o->count]);
}

/* What a receiver does: all words, with the pseudo header, make 0xffff.  Slow and plain
 * on purpose. */
static unsigned ones_sum(unsigned sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (unsigned)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static bool transport_sum_is_right(const uint8_t *frame, size_t len, size_t ip, bool ipv6)
{
	const size_t transport = ip + (ipv6 ? 40 : 4u * (frame[ip] & 15));
	const uint8_t protocol = ipv6 ? frame[ip + 6] : frame[ip + 9];
	unsigned sum = ones_sum(protocol + (unsigned)(len - transport),
				frame + ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8);

	return ones_sum(sum, frame + transport, len - transport) == 0xffff;
}

struct shape {
	bool vlan, ipv6, udp;
	size_t options; /* of IPv4 and TCP, each */
	size_t payload, mss;
};

/* A frame of that shape, as a guest with offloads sends it.  Its length. */
static size_t build(const struct shape *s, uint8_t *f, struct net_offload *o)
{
	const size_t ip = s->vlan ? 18 : 14;
	const size_t ip_bytes = s->ipv6 ? 40 : 20 + s->options;
	const size_t transport = ip + ip_bytes;
	const size_t headers = transport + (s->udp ? 8 : 20 + s->options);
	const size_t len = headers + s->payload;

	fill_frame(f, len, 2, 1, 77);
	memset(f + 12, 0, headers - 12);
	be16_store(f + 12, s->vlan ? 0x8100 : s->ipv6 ? 0x86dd : 0x0800);
	if (s->vlan)
		be16_store(f + 16, s->ipv6 ? 0x86dd : 0x0800);
	if (s->ipv6) {
		f[ip] = 0x60;
		be16_store(f + ip + 4, (uint16_t)(len - transport));
		f[ip + 6] = s->udp ? 17 : 6;
		f[ip + 8] = 0xfd;
		f[ip + 39] = 9;
	} else {
		f[ip] = (uint8_t)(0x40 + ip_bytes / 4);
		be16_store(f + ip + 2, (uint16_t)(len - ip));
		be16_store(f + ip + 4, 0xfffe); /* the number wraps */
		be16_store(f + ip + 6, 0x4000);
		f[ip + 9] = s->udp ? 17 : 6;
		be32_store(f + ip + 12, 0x0a000001);
		be32_store(f + ip + 16, 0x0a000002);
	}
	if (s->udp) {
		be16_store(f + transport + 4, (uint16_t)(8 + s->payload));
	} else {
		be32_store(f + transport + 4, 0xfffffff0); /* so does this */
		f[transport + 12] = (uint8_t)((20 + s->options) / 4 << 4);
		f[transport + 13] = 0x99; /* CWR ACK PSH FIN */
	}
	*o = (struct net_offload){
		.needs_csum = true,
		.gso = s->udp	 ? NET_GSO_UDP_L4
		       : s->ipv6 ? NET_GSO_TCP6
				 : NET_GSO_TCP4,
		.gso_bytes = (uint16_t)s->mss,
		.csum_start = (uint16_t)transport,
		.csum_offset = s->udp ? 6 : 16,
	};
	return len;
}

static const struct shape shapes[] = {
	{ false, false, false, 0, 4000, 1448 }, { true, false, false, 12, 64001, 1447 },
	{ false, true, false, 20, 2896, 1448 }, { true, true, false, 40, 3000, 100 },
	{ false, false, true, 0, 5001, 1000 },	{ false, true, true, 0, 65000, 1200 },
	{ false, false, false, 40, 0, 1448 },	{ false, false, false, 0, 1, 1448 },
	{ false, false, false, 0, 1448, 1448 },
};

static void check_segment(const struct shape *s, const uint8_t *f, size_t len, unsigned n,
			  unsigned count)
{
	const size_t ip = s->vlan ? 18 : 14;
	const size_t transport = ip + (s->ipv6 ? 40 : 20 + s->options);

	assert_true(transport_sum_is_right(f, len, ip, s->ipv6));
	if (s->ipv6) {
		assert_int_equal(be16_load(f + ip + 4), len - transport);
	} else {
		assert_int_equal(be16_load(f + ip + 2), len - ip);
		assert_int_equal(be16_load(f + ip + 4), (uint16_t)(0xfffe + n));
		assert_int_equal(ones_sum(0, f + ip, transport - ip), 0xffff);
	}
	if (s->udp) {
		assert_int_equal(be16_load(f + transport + 4), len - transport);
		return;
	}
	assert_int_equal(be32_load(f + transport + 4), (uint32_t)(0xfffffff0 + n * s->mss));
	assert_int_equal(f[transport + 13],
			 0x10 | (n == 0 ? 0x80 : 0) | (n == count - 1 ? 0x09 : 0));
}

static void long_frames_become_segments_that_are_whole_packets(void **state)
{
	static uint8_t frame[NET_FRAME_BYTES_MAX], whole[NET_FRAME_BYTES_MAX];
	static struct out out;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(shapes); i++) {
		const struct shape *s = &shapes[i];
		struct net_offload o;
		const size_t len = build(s, frame, &o), headers = len - s->payload;
		size_t done = headers;

		memcpy(whole, frame, len);
		assert_int_equal(net_finish(frame, len, &o, 0, take, &out), 0);
		assert_int_equal(out.count, s->payload ? (s->payload - 1) / s->mss + 1 : 1);
		assert_false(out.offload.needs_csum);
		for (unsigned n = 0; n < out.count; n++) {
			check_segment(s, out.frames[n], out.lens[n], n, out.count);
			assert_memory_equal(out.frames[n] + headers, whole + done,
					    out.lens[n] - headers);
			done += out.lens[n] - headers;
		}
		assert_int_equal(done, len);
		empty(&out);
	}
}

static void a_checksum_alone_is_completed(void **state)
{
	static uint8_t frame[NET_FRAME_BYTES_MAX];
	static struct out out;
	const struct shape shape = { .payload = 501, .mss = 1 };
	struct net_offload o;
	const size_t len = build(&shape, frame, &o);

	(void)state;
	o.gso = NET_GSO_NONE;
	/* What a driver leaves there. */
	be16_store(frame + 34 + 16, (uint16_t)ones_sum(6 + 521, frame + 26, 8));
	assert_int_equal(net_finish(frame, len, &o, 0, take, &out), 0);
	assert_int_equal(out.count, 1);
	assert_int_equal(out.lens[0], len);
	assert_true(transport_sum_is_right(out.frames[0], len, 14, false));
	assert_false(out.offload.needs_csum);
	empty(&out);
}

static void what_the_receiver_can_take_stays_as_it_is(void **state)
{
	static uint8_t frame[NET_FRAME_BYTES_MAX], before[NET_FRAME_BYTES_MAX];
	static struct out out;
	struct net_offload o;
	const size_t len = build(&shapes[0], frame, &o);

	(void)state;
	memcpy(before, frame, len);
	assert_int_equal(net_finish(frame, len, &o, NET_CAN_CSUM | NET_CAN_TSO4, take, &out), 0);
	assert_int_equal(out.count, 1);
	assert_memory_equal(out.frames[0], before, len);
	assert_int_equal(out.offload.gso, NET_GSO_TCP4);
	assert_int_equal(out.offload.gso_bytes, shapes[0].mss);
	empty(&out);
}

static void headers_that_are_not_as_promised_are_refused(void **state)
{
	static const struct {
		unsigned at, value;
	} lies[] = {
		{ 12, 0x86 }, /* the type */
		{ 14, 0x65 }, /* IP version */
		{ 14, 0x44 }, /* too short a header */
		{ 14, 0x46 }, /* one that ends elsewhere than the checksum begins */
		{ 20, 0x20 }, /* more fragments */
		{ 21, 1 },    /* a fragment */
		{ 23, 17 },   /* UDP */
		{ 46, 0x40 }, /* too short a TCP header */
	};
	static uint8_t frame[NET_FRAME_BYTES_MAX];
	static struct out out;
	struct net_offload o;
	size_t len;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(lies); i++) {
		len = build(&shapes[0], frame, &o);
		frame[lies[i].at] = (uint8_t)lies[i].value;
		assert_int_equal(net_finish(frame, len, &o, 0, take, &out), -EBADMSG);
	}
	len = build(&shapes[0], frame, &o);
	o.gso_bytes = 3; /* thousands of segments */
	assert_int_equal(net_finish(frame, len, &o, 0, take, &out), -EBADMSG);
	o.gso_bytes = 1448;
	o.csum_start = 38; /* not where the transport header is */
	assert_int_equal(net_finish(frame, len, &o, 0, take, &out), -EBADMSG);
	o.csum_start = 34;
	for (len = NET_HEADER_BYTES; len < 54; len++) /* cut off anywhere */
		assert_int_equal(net_finish(frame, len, &o, 0, take, &out), -EBADMSG);
	frame[46] = 0xf0; /* a TCP header longer than the frame */
	assert_int_equal(net_finish(frame, 60, &o, 0, take, &out), -EBADMSG);
	assert_int_equal(out.count, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_frames_become_segments_that_are_whole_packets),
		cmocka_unit_test(a_checksum_alone_is_completed),
		cmocka_unit_test(what_the_receiver_can_take_stays_as_it_is),
		cmocka_unit_test(headers_that_are_not_as_promised_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
