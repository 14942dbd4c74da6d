#include <string.h>

#include "base/hash.h"
#include "nat/nat.h"

/* Behind the networks that a guest has for itself, of which it has a few at most. */
#define FIRST 16u
#define COUNT 240u

uint32_t nat_network_of(const char *name)
{
	const uint64_t hash = hash_mix(hash_bytes(HASH_BASIS, name, strlen(name)));

	return (NAT_NETWORK & UINT32_C(0xffff0000)) | (uint32_t)(FIRST + hash % COUNT) << 8;
}
