/* net/finish.h: what a frame's sender left to others, done by the processor: checksums
 * completed, long frames cut into segments.  For receivers that take less than senders
 * leave. */
#ifndef BANTAM_NET_FINISH_H
#define BANTAM_NET_FINISH_H

#include "net/net.h"

/* The frame, finished for one who can take what `can` says, in as many pieces as it
 * takes: emit() is called for each; its memory is good only meanwhile.
 * bytes  the frame, in memory of ours; may be changed
 * len    NET_HEADER_BYTES..NET_FRAME_BYTES_MAX
 * o      consistent with it (net_offload_parse()), no more: what the frame's own headers
 *        say is hostile
 * can    mask of enum net_can
 * 0; -EBADMSG: the headers are not what o promises, nothing was emitted. */
int net_finish(uint8_t *bytes, size_t len, const struct net_offload *o, unsigned can,
	       void (*emit)(void *arg, const struct net_frame *f), void *arg);

#endif
