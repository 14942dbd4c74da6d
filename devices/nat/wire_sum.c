/* The internet checksum, RFC 1071.
 *
 * The sum of 16-bit words in ones' complement does not care for the words' byte order
 * (section 2 (B)) nor, until the end, for their width (2 (C)).  So little-endian words
 * of 32 bits are added into 64, which cannot overflow below 2^32 of them, and the
 * folded sum's bytes are swapped once. */
#include "nat/wire.h"

#include <string.h>

#include "base/bytes.h"

static uint64_t both_halves(uint64_t word)
{
	return (word & UINT32_MAX) + (word >> 32);
}

uint64_t wire_sum(uint64_t sum, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t other = 0; /* two sums, so that neither waits for the other */
	uint8_t tail[4] = { 0 };

	for (; len >= 32; p += 32, len -= 32) {
		for (unsigned i = 0; i < 32; i += 8) {
			sum += le32_load(p + i);
			other += le32_load(p + i + 4);
		}
	}
	for (; len >= 4; p += 4, len -= 4)
		sum += le32_load(p);
	if (len > 0) {
		memcpy(tail, p, len); /* an odd byte is followed by zero */
		sum += le32_load(tail);
	}
	return sum + other;
}

/* 16 bits, not swapped. */
static uint16_t fold(uint64_t sum)
{
	sum = both_halves(sum);
	sum = (sum & 0xffff) + (sum >> 16); /* 18 bits */
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

uint16_t wire_sum_fold(uint64_t sum)
{
	return __builtin_bswap16(fold(sum));
}

uint64_t wire_sum_iov(uint64_t sum, const struct iovec *iov, unsigned count, size_t offset,
		      size_t len)
{
	bool odd = false;

	for (unsigned i = 0; i < count && len > 0; i++) {
		const uint8_t *piece = iov[i].iov_base;
		size_t n = iov[i].iov_len;

		if (offset >= n) {
			offset -= n;
			continue;
		}
		n = min_u64(n - offset, len);
		/* From an odd place on, each byte is in the other half of its word:
		 * swap the piece's own sum (RFC 1071, 2 (B)). */
		if (odd)
			sum += __builtin_bswap16(fold(wire_sum(0, piece + offset, n)));
		else
			sum = wire_sum(sum, piece + offset, n);
		odd ^= n & 1;
		offset = 0;
		len -= n;
	}
	return sum;
}

uint64_t wire_sum_pseudo(uint32_t src, uint32_t dst, uint8_t proto, uint32_t len)
{
	uint8_t raw[12] = { 0 };

	be32_store(raw, src);
	be32_store(raw + 4, dst);
	raw[9] = proto;
	be16_store(raw + 10, (uint16_t)len);
	return wire_sum(0, raw, sizeof(raw));
}
