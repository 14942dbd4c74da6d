/* char/backend.h: what the core of a character device and its kinds share.
 * Private to devices/char. */
#ifndef BANTAM_CHAR_BACKEND_H
#define BANTAM_CHAR_BACKEND_H

#include <stdatomic.h>

#include "base/ring.h"
#include "char/backlog.h"
#include "char/chardev.h"
#include "char/escape.h"
#include "char/hostfd.h"
#include "host/unix_path.h"

#define OUT_RING_BYTES 16384u
#define IN_RING_BYTES  4096u
#define GATHER_NS      NS_PER_MS         /* longest wait of a byte for company */
#define QUIET_NS       (5 * NS_PER_MS)   /* after this a line is not kept waiting */
#define STALL_NS       (100 * NS_PER_MS) /* a reader that took nothing so long is gone */
#define KEEP_BYTES     KIB(64)           /* last output, for a peer still to come */

/* One kind of host side.  All calls on the main thread. */
struct char_backend {
	/* Open c->path or what the kind means; set c->out_fd, c->connected.
	 * 0, or -errno with err filled and nothing left open. */
	int (*open)(struct chardev *c, struct err *err);
	/* Only after open() returned 0. */
	void (*close)(struct chardev *c);
	/* Offer output; never blocks.  Returns how many bytes are done with:
	 * taken by the reader or given up through char_drop().  Fewer than len
	 * means busy: the core asks for watch_output(). */
	size_t (*write)(struct chardev *c, const uint8_t *bytes, size_t len);
	/* Whether to call char_writable() once the reader takes bytes again. */
	void (*watch_output)(struct chardev *c, bool on);
	/* Whether to char_pull() input as it comes. */
	void (*watch_input)(struct chardev *c, bool on);
	const char *(*where)(const struct chardev *c);
};

extern const struct char_backend char_stdio;
extern const struct char_backend char_pty;
extern const struct char_backend char_file;
extern const struct char_backend char_unix;

struct stdio_state {
	struct hostfd_watch in, out, tick;
	enum hostfd_kind in_kind, out_kind;
	bool in_plain;      /* epoll does not take it: read by turns */
	uint32_t last_tail; /* of the in ring, at the last tick */
};

struct pty_state {
	struct hostfd_watch master, opened; /* opened: inotify on the other side */
	int peer_fd;                        /* -1, or kept open: see pty.c */
	char name[32];
};

struct file_state {
	struct hostfd_watch out;
	enum hostfd_kind kind;
	bool warned;
};

struct unix_state {
	struct hostfd_watch listener, client;
	struct unix_name name;
	bool input_ended; /* the client has shut its sending half */
	int spare_fd;     /* given up to turn a client away; -1: none */
	bool warned;      /* that one was */
};

/* How the main thread will next be woken.  A larger number is sooner, except
 * that STALL is the main thread's own. */
enum char_wake { WAKE_NONE, WAKE_GATHER, WAKE_NOW, WAKE_STALL };

struct chardev {
	struct chardev_config config;       /* path: see below */
	char *path;                         /* owned copy, or NULL */
	const struct char_backend *backend; /* NULL: MEM */
	struct loop *loop;
	struct hostfd_watch timer;
	bool swallow; /* nobody wants the output: it ends in chardev_put() */

	/* Both sides. */
	struct ring out;
	struct ring in;
	atomic_int wake;         /* enum char_wake; see chardev.c */
	atomic_bool room_wanted; /* the device was told "busy" */
	atomic_bool in_stalled;  /* the in ring was full, and is not half empty yet */
	atomic_bool connected;
	_Atomic uint64_t dropped;
	_Atomic uint64_t drained_ns; /* when the out ring was last emptied */

	/* Main thread. */
	struct backlog backlog;
	uint64_t progress_ns; /* when the reader last took something or owed nothing */
	bool in_paused;       /* watch_input(false) was said */
	int out_fd;           /* to poll(2) at the end; -1 for none */
	bool escape_on;
	struct escape escape;
	union {
		struct stdio_state stdio;
		struct pty_state pty;
		struct file_state file;
		struct unix_state unix_;
	};

	/* Last, so that pages count only as they fill. */
	uint8_t in_bytes[IN_RING_BYTES];
	uint8_t out_bytes[OUT_RING_BYTES];
};

/* ---- what a kind calls, on the main thread ---- */

/* Count n bytes of output as lost. */
void char_drop(struct chardev *c, size_t n);

/* The reader takes bytes again: go on with backlog and ring. */
void char_writable(struct chardev *c);

/* Read once from fd into the in ring, through the escape if it is on, and tell
 * the device.  Says watch_input(false) when the ring is full.
 * force  read even if the ring is full, and lose what does not fit: only for
 *        the sake of the escape
 * Returns bytes read, 0 at the end of input, -errno; -EAGAIN when no room. */
ssize_t char_pull(struct chardev *c, int fd, bool force);

/* Have watch_input(true) called from the event loop, soon. */
void char_pull_later(struct chardev *c);

/* A peer came or went. */
void char_set_connected(struct chardev *c, bool connected);

/* ---- between chardev.c and open.c ---- */

/* The timer's ready(). */
void char_on_timer(void *arg, uint32_t events);
/* Offer the backlog once; whether the reader took anything. */
bool char_push_backlog(struct chardev *c);

#endif
