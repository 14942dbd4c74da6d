/* net/stream.h: frames in a stream of bytes, each behind its length (4 bytes, big-endian),
 * as QEMU's `-netdev stream` and passt have them.
 *
 * Bytes come and go through a buffer on each side, many frames in one system call: for
 * frames of ordinary size that costs far less than the copy does. */
#ifndef BANTAM_NET_STREAM_H
#define BANTAM_NET_STREAM_H

#include "net/net.h"

#define STREAM_LENGTH_BYTES 4u
#define STREAM_BUFFER_BYTES (128u << 10) /* more than the longest frame */
/* From this length on a frame is written from where it is. */
#define STREAM_DIRECT_BYTES (16u << 10)

struct stream_in {
	uint32_t start, end; /* bytes that came and were not taken */
	uint8_t bytes[STREAM_BUFFER_BYTES];
};

/* Where the next bytes go, at least one: *to and how many. */
size_t stream_in_space(struct stream_in *s, uint8_t **to);

/* So many came there. */
void stream_in_came(struct stream_in *s, size_t n);

/* Look at the next whole frame; stream_in_take() takes it.
 * frame  points into the buffer, good until stream_in_space()
 * Its length; 0: it is not all there; -EPROTO: a length that no frame has. */
int stream_in_next(const struct stream_in *s, const uint8_t **frame);
void stream_in_take(struct stream_in *s, uint32_t len);

struct stream_out {
	uint32_t start, end; /* bytes that have to be sent */
	uint8_t bytes[STREAM_BUFFER_BYTES];
};

/* Add f, all but its first `skip` bytes, length included, which were sent.
 * False: no room now. */
bool stream_out_add(struct stream_out *s, const struct net_frame *f, size_t skip);

#endif
