/* base/hash.h: a number that follows from bytes, the same one on every host and in every
 * run: for what is made from a name.  Not for tables that an enemy may fill. */
#ifndef BANTAM_BASE_HASH_H
#define BANTAM_BASE_HASH_H

#include "base/types.h"

#define HASH_BASIS UINT64_C(0xcbf29ce484222325) /* to begin with */

/* FNV-1a. */
static inline uint64_t hash_byte(uint64_t hash, uint8_t byte)
{
	return (hash ^ byte) * UINT64_C(0x100000001b3);
}

static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *at = (const uint8_t *)bytes;

	for (size_t i = 0; i < len; i++)
		hash = hash_byte(hash, at[i]);
	return hash;
}

/* At the end: spread what the last bytes changed over all bits.  FNV leaves the upper ones
 * of names that differ in the end only nearly alike.  (The finalizer of MurmurHash3.) */
static inline uint64_t hash_mix(uint64_t hash)
{
	hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
	hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ hash >> 33;
}

#endif
