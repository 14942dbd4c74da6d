/* net/dump.h: a layer that keeps a record of all frames in a file for tcpdump and
 * Wireshark (pcap, nanoseconds, LINKTYPE_ETHERNET).
 *
 * Frames are whole, and as they pass between guest and network: with segmentation
 * offload longer than any wire takes, and checksums may be missing.  A thread writes
 * the file; what it cannot keep up with is not recorded, which is said at the end. */
#ifndef BANTAM_NET_DUMP_H
#define BANTAM_NET_DUMP_H

#include "net/net.h"

struct net_dump_config {
	const char *path;  /* made, or emptied; may be a FIFO that someone reads */
	struct net *below; /* ours, and closed with the layer, if the open succeeds */
};

/* out  owned by the caller until net_close()
 * 0, or -errno with err filled. */
int net_dump_open(const struct net_dump_config *config, struct net **out, struct err *err);

#endif
