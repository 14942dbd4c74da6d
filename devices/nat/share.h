/* nat/share.h: how many entries of a table each guest has, so that a full one takes from
 * whoever has the most: a guest that opens what it can is in its own way then, not in
 * that of others.  All zero at first. */
#ifndef BANTAM_NAT_SHARE_H
#define BANTAM_NAT_SHARE_H

#include "base/types.h"

#define SHARE_GUESTS 256u /* by the last byte of the address */

struct shares {
	uint16_t counts[SHARE_GUESTS];
};

static inline void share_add(struct shares *s, uint32_t guest_ip)
{
	s->counts[guest_ip % SHARE_GUESTS]++;
}

static inline void share_remove(struct shares *s, uint32_t guest_ip)
{
	s->counts[guest_ip % SHARE_GUESTS]--;
}

/* What each of those has who have the most. */
static inline uint16_t share_largest(const struct shares *s)
{
	uint16_t largest = 0;

	for (unsigned i = 0; i < SHARE_GUESTS; i++) {
		if (s->counts[i] > largest)
			largest = s->counts[i];
	}
	return largest;
}

static inline uint16_t share_of(const struct shares *s, uint32_t guest_ip)
{
	return s->counts[guest_ip % SHARE_GUESTS];
}

#endif
