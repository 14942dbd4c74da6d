/* virtio/virtio.h: a virtio device apart from its transport, and a transport
 * apart from its device (virtio 1.2, chapter 2).
 *
 *      guest ──registers──▶ virtio/pci.c ──▶ virtio/device.c ──▶ blk.c, rng.c, ...
 *      guest ──doorbell──▶ ioloop ──▶ queue_kick() ──▶ vq_pop() ... vq_flush() ──▶ MSI-X
 *
 * Who owns what: registers, status and features are the vCPUs', under the device
 * lock.  A queue that runs belongs to its loop's thread alone.  The hand-over is a
 * task posted to the loop: queue_start() there when the driver is ready, and on
 * reset queue_stop(), after which the device finishes what is in flight and says
 * virtio_queue_stopped().  Nobody waits: until then a reset device still reads its
 * old status, as the standard allows (2.4.1, 4.1.4.3.1). */
#ifndef BANTAM_VIRTIO_VIRTIO_H
#define BANTAM_VIRTIO_VIRTIO_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/log.h"
#include "host/ioloop.h"
#include "virtio/queue.h"

/* Feature bits common to all devices (6); those of rings are in queue.h. */
#define VIRTIO_F_VERSION_1	   (UINT64_C(1) << 32)
#define VIRTIO_F_NOTIFICATION_DATA (UINT64_C(1) << 38)
#define VIRTIO_F_RING_RESET	   (UINT64_C(1) << 40)
/* What every device of ours offers. */
#define VIRTIO_F_COMMON                                                                            \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED | \
	 VIRTIO_F_IN_ORDER | VIRTIO_F_NOTIFICATION_DATA | VIRTIO_F_RING_RESET)

/* Device status (2.1). */
#define VIRTIO_ACKNOWLEDGE	  1u
#define VIRTIO_DRIVER		  2u
#define VIRTIO_DRIVER_OK	  4u
#define VIRTIO_FEATURES_OK	  8u
#define VIRTIO_NEEDS_RESET	  64u
#define VIRTIO_FAILED		  128u

#define VIRTIO_QUEUES_MAX 40u

struct virtio;

/* What a device type does.  All but the queue_ calls come under the device lock. */
struct virtio_ops {
	const char *name;	/* "virtio-blk", for messages */
	uint16_t id;		/* device id, 5 */
	uint32_t class_code;	/* PCI class */
	unsigned config_bytes;	/* of device-specific configuration */
	/* Configuration space; offset + len is inside it. */
	void (*config_read)(struct virtio *v, unsigned offset, void *to, unsigned len);
	void (*config_write)(struct virtio *v, unsigned offset, const void *from, unsigned len);
	/* The driver said FEATURES_OK: `v->features` holds from now on.  May
	 * refuse: false. */
	bool (*features_ok)(struct virtio *v);
	/* DRIVER_OK, before the queues start; and after all queues have stopped
	 * because of a reset.  May be NULL. */
	void (*driver_ok)(struct virtio *v);
	void (*reset)(struct virtio *v);
	/* On the queue's loop: the ring is ready.  May be NULL. */
	void (*queue_start)(struct virtio *v, unsigned index);
	/* On the queue's loop: chains may be there: take as many as can be
	 * served.  Kicks are switched off and on by the caller.  It is called
	 * again as long as it takes some and there are more; a device that takes
	 * none of them (no room, throttled) calls virtio_again() when it can.
	 * Not called any more once the device is broken. */
	void (*queue_kick)(struct virtio *v, unsigned index);
	/* On the queue's loop: pop no more, and when no chain is in flight any
	 * longer call virtio_queue_stopped(), from here or later on this loop.
	 * NULL: nothing is ever in flight between calls. */
	void (*queue_stop)(struct virtio *v, unsigned index);
};

enum virtio_queue_life { QUEUE_OFF, QUEUE_STARTING, QUEUE_RUNNING, QUEUE_STOPPING };

struct virtio_queue {
	struct vq vq;		/* the loop's, while life is not OFF */
	struct virtio *v;
	unsigned index;
	struct ioloop *loop;
	uint16_t size_max;
	/* registers, under the device lock */
	uint16_t size;
	_Atomic uint16_t vector; /* read by the loop */
	bool enabled;
	gpa_t desc, driver, device;
	gpa_t doorbell_gpa;	/* the transport's: attached there; UINT64_MAX: not */
	bool resetting;		/* RING_RESET asked for this one alone */
	/* the hand-over */
	_Atomic int life;	/* enum virtio_queue_life */
	struct io_event kick;	/* eventfd, made when it first starts */
	struct io_task start_task, stop_task;
	/* the loop's */
	struct io_poller poller;
	bool started;		/* vq runs; event and poller are on the loop */
	bool stopping;		/* queue_stop() was called */
	bool again;		/* virtio_again() */
	bool took_none;		/* the last queue_kick() */
	/* counters for --stats; the loop's */
	uint64_t kicks, chains, interrupts;
	uint64_t chains_told; /* to the loop: ioloop_gave_back() */
};

/* What a transport does for its device.  Any thread. */
struct virtio_transport {
	void (*interrupt)(struct virtio *v, unsigned vector); /* used buffers */
	void (*config_interrupt)(struct virtio *v);
	/* Under the device lock: a queue began or ceased to listen to kicks. */
	void (*queue_listens)(struct virtio *v, unsigned index, bool listens);
	/* Under the device lock: a reset is complete: no vectors, no interrupt. */
	void (*reset)(struct virtio *v);
};

struct virtio {
	const struct virtio_ops *ops;
	const struct virtio_transport *transport;
	const struct mem *mem;
	const char *label;	   /* "disk vda": for messages */
	unsigned queue_count;
	struct virtio_queue *queues; /* owned */
	/* registers, under the device lock */
	uint64_t offered, driver_features;
	uint64_t features;	   /* what was agreed on, after FEATURES_OK */
	bool features_beyond;	   /* the driver accepted bits from 64 on */
	bool resetting;		   /* status 0 was written; queues are still stopping */
	/* any thread reads */
	_Atomic uint8_t status;	   /* as the driver wrote it */
	atomic_bool broken;	   /* NEEDS_RESET: set by virtio_fault() */
	atomic_uint generation;	   /* of configuration space */
	struct log_limit fault_log; /* of whoever sets broken */
	pthread_mutex_t off_lock;  /* a queue's life becomes OFF under it */
	pthread_cond_t off;
};

struct virtio_setup {
	const struct virtio_ops *ops;
	const struct mem *mem;
	uint64_t features;	/* the device's own; VIRTIO_F_COMMON is added */
	unsigned queue_count;	/* 1..VIRTIO_QUEUES_MAX */
	const uint16_t *queue_sizes; /* the most that each may have, a power of two */
	struct ioloop *const *loops; /* one a queue; borrowed */
	const char *label;
};

/* ---- made and used by the device and its transport -------------------------------- */

int virtio_init(struct virtio *v, const struct virtio_setup *setup,
		const struct virtio_transport *transport, struct err *err);
/* All queues are OFF: after virtio_quiesce(). */
void virtio_free(struct virtio *v);

/* With or without the device lock: stop all queues, wait until nothing is in
 * flight, reset.  For a machine's reset and end.  On a thread whose own loop serves
 * a queue it runs that loop's rounds meanwhile. */
void virtio_quiesce(struct virtio *v);

/* ---- for devices, on the queue's loop ---------------------------------------------- */

static inline struct vq *virtio_vq(struct virtio *v, unsigned index)
{
	return &v->queues[index].vq;
}

/* Give a chain back (see vq_push()).  At the end of the loop's round all that was
 * pushed is published and the driver interrupted, if it wants to be: once. */
void virtio_push(struct virtio *v, unsigned index, const struct chain *c, uint32_t written);

/* The driver broke a rule (text; NULL: vq.fault): DEVICE_NEEDS_RESET, a config
 * interrupt, one rate-limited line; kicks are ignored until it resets.  What is in
 * flight may still be pushed. */
void virtio_fault(struct virtio *v, unsigned index, const char *text);

/* Have queue_kick() called again in the next round. */
void virtio_again(struct virtio *v, unsigned index);

/* The end of queue_stop(): nothing is in flight.  What was pushed and not flushed is
 * never seen. */
void virtio_queue_stopped(struct virtio *v, unsigned index);

/* ---- for devices, any thread --------------------------------------------------------- */

/* Device configuration changed: a new generation and an interrupt. */
void virtio_config_changed(struct virtio *v);

/* ---- for transports, under the device lock ------------------------------------------- */

uint8_t virtio_status(struct virtio *v);
/* The driver writes the status: 0 resets; only legal steps have an effect. */
void virtio_set_status(struct virtio *v, uint8_t raw_status);

/* Feature bits 32 * select to 32 * select + 31: select is any value. */
uint32_t virtio_offered(const struct virtio *v, uint32_t select);
uint32_t virtio_accepted(const struct virtio *v, uint32_t select);
/* No effect after FEATURES_OK. */
void virtio_accept(struct virtio *v, uint32_t select, uint32_t value);

/* The queue whose registers the driver selected; NULL if there is none. */
struct virtio_queue *virtio_queue_at(struct virtio *v, unsigned raw_index);
/* Whether size and addresses may not change: enabled, or a reset is under way. */
bool virtio_queue_frozen(const struct virtio_queue *q);
/* Check q and enable it, after FEATURES_OK: it starts with DRIVER_OK, or at once if
 * that was there.  Never again off but by a reset. */
void virtio_enable_queue(struct virtio_queue *q);
/* RING_RESET: q->resetting until it is done. */
void virtio_reset_queue(struct virtio_queue *q);
/* Whether kicks are for somebody. */
bool virtio_queue_listens(const struct virtio_queue *q);
/* A notify that came as an exit. */
void virtio_kick(struct virtio_queue *q);

#endif
