#include "codec/xxh64.h"

#include "base/bytes.h"

/* The primes and steps are those of the XXH64 specification, version 0.1.1. */
static const uint64_t prime[6] = {
	0, 0x9e3779b185ebca87, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9, 0x85ebca77c2b2ae63,
	0x27d4eb2f165667c5
};

static uint64_t rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static uint64_t mix(uint64_t acc, uint64_t lane)
{
	return rotl(acc + lane * prime[2], 31) * prime[1];
}

/* Stripes of 32 bytes, each of the four accumulators its own lane; *in moves on. */
static uint64_t hash_stripes(const uint8_t **in, const uint8_t *end)
{
	uint64_t acc[4] = { prime[1] + prime[2], prime[2], 0, 0 - prime[1] };
	uint64_t h;

	for (; end - *in >= 32; *in += 32) {
		for (unsigned i = 0; i < 4; i++)
			acc[i] = mix(acc[i], le64_load(*in + (size_t)8 * i));
	}
	h = rotl(acc[0], 1) + rotl(acc[1], 7) + rotl(acc[2], 12) + rotl(acc[3], 18);
	for (unsigned i = 0; i < 4; i++)
		h = (h ^ mix(0, acc[i])) * prime[1] + prime[4];
	return h;
}

uint64_t xxh64(const uint8_t *in, size_t len)
{
	const uint8_t *const end = in + len;
	uint64_t h = len >= 32 ? hash_stripes(&in, end) : prime[5];

	h += len;
	for (; end - in >= 8; in += 8)
		h = rotl(h ^ mix(0, le64_load(in)), 27) * prime[1] + prime[4];
	if (end - in >= 4) {
		h = rotl(h ^ le32_load(in) * prime[1], 23) * prime[2] + prime[3];
		in += 4;
	}
	for (; in < end; in++)
		h = rotl(h ^ *in * prime[5], 11) * prime[1];
	h = (h ^ h >> 33) * prime[2];
	h = (h ^ h >> 29) * prime[3];
	return h ^ h >> 32;
}
