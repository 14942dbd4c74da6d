/* A DHCP client that is the test. */
#ifndef BANTAM_TEST_DHCP_FIXTURE_H
#define BANTAM_TEST_DHCP_FIXTURE_H

#include "nat_fixture.h"

#include "nat/dhcp_wire.h"

#define XID 0x12345678u

/* A request with these options, in a buffer of its own. */
struct message {
	uint8_t bytes[600];
	size_t len;
};

static inline void begin(struct message *m, uint8_t type)
{
	static const uint8_t mac[NET_MAC_BYTES] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

	memset(m, 0, sizeof(*m));
	m->bytes[0] = 1;
	m->bytes[1] = 1;
	m->bytes[2] = 6;
	be32_store(m->bytes + 4, XID);
	memcpy(m->bytes + 28, mac, sizeof(mac));
	be32_store(m->bytes + 236, 0x63825363);
	m->len = 240;
	m->bytes[m->len++] = 53;
	m->bytes[m->len++] = 1;
	m->bytes[m->len++] = type;
}

static inline void option(struct message *m, uint8_t code, const void *bytes, uint8_t len)
{
	m->bytes[m->len++] = code;
	m->bytes[m->len++] = len;
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

static inline void option_ip(struct message *m, uint8_t code, uint32_t ip)
{
	uint8_t raw[4];

	be32_store(raw, ip);
	option(m, code, raw, 4);
}

static inline void send_message(struct nat_rig *r, struct message *m, uint32_t src, uint32_t dst)
{
	static struct frame f;

	m->bytes[m->len++] = 255;
	frame_udp(&f, src, 68, dst, 67, m->bytes, m->len);
	if (dst == UINT32_MAX)
		memset(f.bytes, 0xff, 6);
	memcpy(f.bytes + 6, m->bytes + 28, 6);
	rig_send(r, &f);
}

/* The answer that came, and options of it. */
static inline const struct fake_frame *answer(struct nat_rig *r, enum dhcp_type type)
{
	const struct fake_frame *f = fake_nic_next(&r->fake);
	const uint8_t *m;

	assert_non_null(f);
	assert_int_equal(came_ip(f).src, GATEWAY);
	assert_int_equal(came_udp(f).src_port, 67);
	assert_int_equal(came_udp(f).dst_port, 68);
	m = f->bytes + L4_AT + 8;
	assert_int_equal(m[0], 2);
	assert_int_equal(be32_load(m + 4), XID);
	assert_int_equal(m[242], type);
	assert_null(fake_nic_next(&r->fake));
	return f;
}

static inline const uint8_t *find(const struct fake_frame *f, uint8_t code, uint8_t *len)
{
	const uint8_t *at = f->bytes + L4_AT + 8 + 240, *end = f->bytes + f->len;

	while (at + 2 <= end && *at != 255) {
		if (*at == code) {
			*len = at[1];
			return at + 2;
		}
		at += 2 + at[1];
	}
	assert_true(at < end && *at == 255);
	return NULL;
}

static inline uint32_t find_ip(const struct fake_frame *f, uint8_t code)
{
	uint8_t len;
	const uint8_t *at = find(f, code, &len);

	return at && len == 4 ? be32_load(at) : 0;
}

static inline uint32_t your_ip(const struct fake_frame *f)
{
	return be32_load(f->bytes + L4_AT + 8 + 16);
}

#endif
