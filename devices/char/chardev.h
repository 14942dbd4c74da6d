/* char/chardev.h: a character device's host side, as a UART or a debug port
 * sees it.
 *
 *   guest ──put──▶ out ring ──main thread──▶ tap (log), backlog ──write(2)──▶ host
 *   guest ◀──get── in ring  ◀─main thread─── read(2) ◀───────────────────── host
 *
 * Two sides, two threads, no lock between them (each ring has one producer and
 * one consumer):
 *   device side  chardev_put/get/...: by one thread at a time, all that it did
 *                visible to the next: a UART's under the device lock, on any
 *                vCPU thread; a virtio console's on its I/O thread, without a
 *                lock.  Never blocks, no system call but, at the first byte of
 *                a burst, the arming of a timer.
 *   host side    everything else: on the main thread, from its event loop.
 *
 * Output is gathered: the main thread looks at the ring at a newline after a
 * quiet time, when it is half full, or GATHER_NS after a burst began, and hands
 * on all there is in one write.
 *
 * A reader that stops reading: output collects in the backlog (bounded).  When
 * that is full, chardev_can_put() says no, which a UART shows its guest as a
 * transmitter that is still busy: flow control, nothing lost.  When the reader
 * has taken nothing for STALL_NS, it counts as gone: bytes are dropped and
 * counted until it reads again, so that a guest never waits for it for long. */
#ifndef BANTAM_CHAR_CHARDEV_H
#define BANTAM_CHAR_CHARDEV_H

#include "base/err.h"
#include "base/types.h"

struct loop;
struct chardev;

enum chardev_kind {
	CHARDEV_NULL,  /* swallows output, never has input */
	CHARDEV_STDIO,
	CHARDEV_PTY,
	CHARDEV_FILE,
	CHARDEV_UNIX,
	CHARDEV_MEM,   /* for tests: output stays in the ring until drained */
};

struct chardev_config {
	enum chardev_kind kind;
	const char *path; /* FILE: made or truncated; UNIX: socket to listen on */
	/* Called on the main thread after input arrived in the in ring, after
	 * output room came back, or when the peer came or went.  The binder
	 * tells the device in the way that the device asks for.  May be NULL. */
	void (*ready)(void *ctx);
	/* All output, whether or not the reader takes it.  May be NULL. */
	void (*tap)(void *ctx, const uint8_t *bytes, size_t len);
	/* STDIO on a terminal: a command typed after the escape Ctrl-A, such as
	 * 'x'.  May be NULL: then there is no escape. */
	void (*escape)(void *ctx, uint8_t key);
	void *ctx;
};

/* Open the host side and watch it in loop.
 * loop  NULL only for NULL and MEM
 * out   owned by the caller until chardev_close()
 * 0, or -errno with err filled. */
int chardev_open(struct loop *loop, const struct chardev_config *config, struct chardev **out,
		 struct err *err);

/* Write out what is left, for as long as the reader goes on reading (at most
 * STALL_NS without progress), restore the terminal, release all. */
void chardev_close(struct chardev *c);

/* ---- device side ---- */

/* Whether a byte put now is kept or, from a reader that is gone, dropped by
 * rule: false means "busy, ask again". */
bool chardev_can_put(struct chardev *c);
void chardev_put(struct chardev *c, uint8_t byte);
/* Put as many of len bytes as there is room for.  Returns how many; after fewer
 * than len ready() comes when there is room again. */
size_t chardev_write(struct chardev *c, const uint8_t *bytes, size_t len);
/* The next input byte, or -1. */
int chardev_get(struct chardev *c);
/* Up to room input bytes.  Returns how many. */
size_t chardev_read(struct chardev *c, uint8_t *bytes, size_t room);
/* Whether input waits: it stays until the device side takes it. */
bool chardev_has_input(const struct chardev *c);
/* Whether a peer is there: always for all kinds but UNIX (a client connected)
 * and PTY (the other side open). */
bool chardev_connected(const struct chardev *c);

/* ---- host side ---- */

/* Where a peer finds it: the pty's name, the socket's path; NULL otherwise. */
const char *chardev_where(const struct chardev *c);
/* Output bytes dropped so far because the reader was gone. */
uint64_t chardev_dropped(const struct chardev *c);
/* Hand on all that the ring holds, to tap and host, now: before the machine looks
 * for a verdict.  Room for one such look is kept even for a stalled reader; what
 * exceeds it is dropped and counted, and the tap has seen it. */
void chardev_flush(struct chardev *c);

/* For tests (CHARDEV_MEM): push host input, and take output out of the ring. */
size_t chardev_feed(struct chardev *c, const uint8_t *bytes, size_t len);
size_t chardev_drain(struct chardev *c, uint8_t *bytes, size_t room);

#endif
