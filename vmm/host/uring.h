/* host/uring.h: io_uring(7) by its three system calls: a ring of orders (SQ) to
 * the kernel, a ring of results (CQ) back.
 *
 *	uring_sqe()    write orders              memory only
 *	uring_enter()  hand them over, wait      one system call
 *	uring_take()   read results              memory only
 *
 * One thread, the one that opened it, makes all the calls. */
#ifndef BANTAM_HOST_URING_H
#define BANTAM_HOST_URING_H

#include <linux/io_uring.h>

#include "base/err.h"
#include "base/types.h"

struct uring {
	int fd;
	int enter_fd;	      /* fd, or its index where the kernel registered it */
	unsigned enter_flags; /* IORING_ENTER_REGISTERED_RING then */
	unsigned setup_flags; /* of these IORING_SETUP_* the kernel knew */
	unsigned sq_entries, cq_entries;
	/* shared with the kernel */
	unsigned *sq_head, *sq_tail, *sq_flags, *cq_head, *cq_tail;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	/* our own ends */
	unsigned sq_next; /* tail that uring_enter() publishes */
	void *rings;
	size_t rings_bytes;
};

#define URING_FOREVER UINT64_MAX

/* Set up a ring with room for sq_entries orders and cq_entries results, powers of
 * two, as modern as the kernel allows.
 * 0; -EOPNOTSUPP if the kernel is older than 5.13; or another -errno. */
int uring_open(struct uring *u, unsigned sq_entries, unsigned cq_entries);

/* The kernel cancels what it still has. */
void uring_close(struct uring *u);

/* A zeroed order to fill in, handed over by the next uring_enter(); NULL if the
 * ring is full. */
struct io_uring_sqe *uring_sqe(struct uring *u);

/* Orders that the kernel did not take yet. */
unsigned uring_unsubmitted(const struct uring *u);

/* Turn the orders with this user_data that the kernel did not take yet into orders
 * to do nothing, whose result has user_data 0.  Returns whether there was one. */
bool uring_retract(struct uring *u, uint64_t user_data);

/* Hand over all orders, let the kernel deliver results, and wait until there is one
 * or wait_ns are over (0: do not wait; URING_FOREVER).
 * Returns how many orders were taken; or -errno if none: -ETIME, -EINTR, -EAGAIN,
 * -EBUSY (results must be taken first). */
int uring_enter(struct uring *u, uint64_t wait_ns);

/* Only wait. */
int uring_wait(struct uring *u, uint64_t wait_ns);

/* Results that uring_take() would give now. */
unsigned uring_results(const struct uring *u);

/* Whether the kernel has something that the next uring_enter() would deliver. */
bool uring_pending(const struct uring *u);

/* The next result, or false. */
bool uring_take(struct uring *u, struct io_uring_cqe *out);

/* Why this process cannot use io_uring, and what would help. */
struct uring_obstacle {
	const char *why;  /* "kernel.io_uring_disabled is 2" */
	const char *help; /* a command or an action */
};

/* rc        what uring_open() returned
 * disabled  what kernel.io_uring_disabled says: '0', '1', '2'; 0: no such setting */
struct uring_obstacle uring_explain(int rc, char disabled);

/* Open a small ring and close it again.  0; or -errno, and why. */
int uring_probe(struct uring_obstacle *out);

#endif
