#include "net/offload.h"

#include <errno.h>

#include "base/bytes.h"

/* struct virtio_net_hdr: offset of each field. */
enum {
	HDR_FLAGS = 0,
	HDR_GSO_TYPE = 1,
	HDR_HEADER_BYTES = 2,
	HDR_GSO_BYTES = 4,
	HDR_CSUM_START = 6,
	HDR_CSUM_OFFSET = 8,
	HDR_NUM_BUFFERS = 10,
};

#define FLAG_NEEDS_CSUM 1u
#define FLAG_DATA_VALID 2u

#define GSO_ECN 0x80u /* beside a type */

#define CSUM_BYTES 2u

/* What a kind of segmentation asks for: agreement, and a transport header whose
 * checksum field is where the protocol has it. */
struct gso_kind {
	uint8_t type; /* enum net_gso */
	bool tcp;
	unsigned can;
	unsigned header_bytes; /* at least, of the transport */
	unsigned csum_offset;
};

static const struct gso_kind gso_kinds[] = {
	{ NET_GSO_TCP4, true, NET_CAN_TSO4, 20, 16 },
	{ NET_GSO_TCP6, true, NET_CAN_TSO6, 20, 16 },
	{ NET_GSO_UDP, false, NET_CAN_UFO, 8, 6 },
	{ NET_GSO_UDP_L4, false, NET_CAN_USO, 8, 6 },
};

static const struct gso_kind *find_kind(uint8_t raw_type)
{
	for (unsigned i = 0; i < ARRAY_LEN(gso_kinds); i++) {
		if (gso_kinds[i].type == raw_type)
			return &gso_kinds[i];
	}
	return NULL;
}

static int parse_csum(const uint8_t *raw, size_t frame_len, struct net_offload *out)
{
	const uint32_t start = le16_load(raw + HDR_CSUM_START);
	const uint32_t offset = le16_load(raw + HDR_CSUM_OFFSET);

	if (start < NET_HEADER_BYTES || start + offset + CSUM_BYTES > frame_len)
		return -EBADMSG;
	out->needs_csum = true;
	out->csum_start = (uint16_t)start;
	out->csum_offset = (uint16_t)offset;
	return 0;
}

static int parse_gso(const uint8_t *raw, size_t frame_len, unsigned can, struct net_offload *out)
{
	const uint8_t raw_type = raw[HDR_GSO_TYPE];
	const struct gso_kind *kind = find_kind((uint8_t)(raw_type & ~GSO_ECN));
	const uint16_t raw_gso_bytes = le16_load(raw + HDR_GSO_BYTES);
	const uint16_t raw_header_bytes = le16_load(raw + HDR_HEADER_BYTES);

	if (!kind || !(can & kind->can) || raw_gso_bytes == 0)
		return -EBADMSG;
	/* Whoever cuts a frame into segments has to make their checksums. */
	if (!out->needs_csum || out->csum_offset != kind->csum_offset ||
	    out->csum_start + kind->header_bytes > frame_len)
		return -EBADMSG;
	if ((raw_type & GSO_ECN) && !(kind->tcp && (can & NET_CAN_ECN)))
		return -EBADMSG;
	out->gso = (enum net_gso)kind->type;
	out->ecn = raw_type & GSO_ECN;
	out->gso_bytes = raw_gso_bytes;
	/* Only a hint, and some drivers' is wrong (5.1.6.2.2). */
	if (raw_header_bytes <= frame_len)
		out->header_bytes = raw_header_bytes;
	return 0;
}

int net_offload_parse(const uint8_t raw[NET_VNET_HEADER_BYTES], size_t frame_len, unsigned can,
		      struct net_offload *out)
{
	const uint8_t raw_flags = raw[HDR_FLAGS]; /* unknown ones are ignored (5.1.6.2.2) */
	int rc = 0;

	*out = (struct net_offload){ .csum_valid = raw_flags & FLAG_DATA_VALID };
	if (raw_flags & FLAG_NEEDS_CSUM)
		rc = can & NET_CAN_CSUM ? parse_csum(raw, frame_len, out) : -EBADMSG;
	if (rc == 0 && raw[HDR_GSO_TYPE] != NET_GSO_NONE)
		rc = parse_gso(raw, frame_len, can, out);
	return rc;
}

void net_offload_emit(const struct net_offload *o, uint8_t raw[NET_VNET_HEADER_BYTES])
{
	raw[HDR_FLAGS] = (uint8_t)((o->needs_csum ? FLAG_NEEDS_CSUM : 0) |
				   (o->csum_valid ? FLAG_DATA_VALID : 0));
	raw[HDR_GSO_TYPE] = (uint8_t)(o->gso | (o->ecn ? GSO_ECN : 0));
	le16_store(raw + HDR_HEADER_BYTES, o->header_bytes);
	le16_store(raw + HDR_GSO_BYTES, o->gso_bytes);
	le16_store(raw + HDR_CSUM_START, o->csum_start);
	le16_store(raw + HDR_CSUM_OFFSET, o->csum_offset);
	le16_store(raw + HDR_NUM_BUFFERS, 1);
}

unsigned net_offload_needs(const struct net_offload *o)
{
	const struct gso_kind *kind = find_kind((uint8_t)o->gso);

	return (o->needs_csum ? NET_CAN_CSUM : 0u) | (kind ? kind->can : 0u) |
	       (o->ecn ? NET_CAN_ECN : 0u);
}
