/* net/fault.h: a layer that is a bad cable: frames are lost, doubled, damaged or late,
 * in both directions, each frame by chance of its own.
 *
 * The same seed gives the same fates to the same sequence of frames of a queue pair and
 * a direction.  Where frames get lost or doubled nobody leaves segmentation to the other
 * side, so that a fate is that of one packet of the wire; where they are damaged nobody
 * leaves checksums either, so that the receiver notices. */
#ifndef BANTAM_NET_FAULT_H
#define BANTAM_NET_FAULT_H

#include "net/net.h"

#define NET_FAULT_CERTAIN      1000000u	       /* a chance in millionths */
#define NET_FAULT_DELAY_NS_MAX (60 * NS_PER_S) /* delay + jitter */

struct net_fault_config {
	uint32_t drop_ppm, duplicate_ppm, corrupt_ppm; /* 0..NET_FAULT_CERTAIN */
	/* Each frame is late by delay_ns, more or less by up to jitter_ns (which is at
	 * most delay_ns), so that frames overtake each other. */
	uint64_t delay_ns, jitter_ns;
	uint64_t seed;
	struct net *below; /* ours, and closed with the layer, if the open succeeds */
};

/* out  owned by the caller until net_close()
 * 0, or -errno with err filled. */
int net_fault_open(const struct net_fault_config *config, struct net **out, struct err *err);

/* Whether config asks for anything. */
bool net_fault_wanted(const struct net_fault_config *config);

/* A chance as people write it: "0.01" or "1%", exact to a millionth.
 * 0; -EINVAL: not such a number; -ERANGE: not within 0..1 or 0%..100%. */
int net_fault_parse_chance(const char *text, uint32_t *ppm);

#endif
