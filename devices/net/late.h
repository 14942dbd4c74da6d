/* net/late.h: frames that wait for their time, in copies; bounded. */
#ifndef BANTAM_NET_LATE_H
#define BANTAM_NET_LATE_H

#include "net/net.h"

#define LATE_FRAMES_MAX 4096u
#define LATE_BYTES_MAX	(8u << 20)

struct late_frame {
	uint64_t due_ns;
	uint64_t number; /* of those with one due_ns, the first in is the first out */
	struct net_offload offload;
	uint32_t len;
	uint8_t bytes[];
};

/* A heap: the earliest is frames[0].  All zero at first. */
struct late {
	struct late_frame *frames[LATE_FRAMES_MAX];
	unsigned count;
	size_t bytes;
	uint64_t number;
};

/* A copy of len bytes of a frame, not in any queue yet; NULL: no memory. */
struct late_frame *late_copy(const struct iovec *iov, unsigned iov_count, uint32_t len,
			     const struct net_offload *offload);

/* Take f over.  False, and f is freed: full. */
bool late_put(struct late *q, struct late_frame *f, uint64_t due_ns);

/* The next one's time; UINT64_MAX: there is none. */
uint64_t late_next_ns(const struct late *q);

/* The next one; stays in the queue.  NULL: there is none. */
struct late_frame *late_first(const struct late *q);

/* Free the first one, which must be there; free all. */
void late_drop_first(struct late *q);
void late_drop_all(struct late *q);

#endif
