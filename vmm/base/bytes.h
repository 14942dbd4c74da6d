/* base/bytes.h: loads and stores of a given byte order on bytes of any alignment.
 * File formats, guest memory and registers are read by these, never through a
 * cast or a packed struct. */
#ifndef BANTAM_BASE_BYTES_H
#define BANTAM_BASE_BYTES_H

#include "base/types.h"

static inline uint16_t le16_load(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t le32_load(const void *p)
{
	const uint8_t *b = p;

	return le16_load(b) | (uint32_t)le16_load(b + 2) << 16;
}

static inline uint64_t le64_load(const void *p)
{
	const uint8_t *b = p;

	return le32_load(b) | (uint64_t)le32_load(b + 4) << 32;
}

static inline void le16_store(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

static inline void le32_store(void *p, uint32_t v)
{
	uint8_t *b = p;

	le16_store(b, (uint16_t)v);
	le16_store(b + 2, (uint16_t)(v >> 16));
}

static inline void le64_store(void *p, uint64_t v)
{
	uint8_t *b = p;

	le32_store(b, (uint32_t)v);
	le32_store(b + 4, (uint32_t)(v >> 32));
}

/* Load a 1-, 2-, 4- or 8-byte little-endian value; 0 for any other size. */
static inline uint64_t le_load(const void *p, unsigned size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		return le16_load(p);
	case 4:
		return le32_load(p);
	case 8:
		return le64_load(p);
	default:
		return 0;
	}
}

/* Store the low size bytes (1, 2, 4 or 8) of v; nothing for any other size. */
static inline void le_store(void *p, unsigned size, uint64_t v)
{
	switch (size) {
	case 1:
		*(uint8_t *)p = (uint8_t)v;
		break;
	case 2:
		le16_store(p, (uint16_t)v);
		break;
	case 4:
		le32_store(p, (uint32_t)v);
		break;
	case 8:
		le64_store(p, v);
		break;
	default:
		break;
	}
}

/* ---- big-endian ---------------------------------------------------------------- */

static inline uint16_t be16_load(const void *p)
{
	return __builtin_bswap16(le16_load(p));
}

static inline uint32_t be32_load(const void *p)
{
	return __builtin_bswap32(le32_load(p));
}

static inline uint64_t be64_load(const void *p)
{
	return __builtin_bswap64(le64_load(p));
}

static inline void be16_store(void *p, uint16_t v)
{
	le16_store(p, __builtin_bswap16(v));
}

static inline void be32_store(void *p, uint32_t v)
{
	le32_store(p, __builtin_bswap32(v));
}

static inline void be64_store(void *p, uint64_t v)
{
	le64_store(p, __builtin_bswap64(v));
}

#endif
