/* virtio/life.h: how a queue changes hands between the vCPUs and its loop.
 *
 *	        queue_begin()              on the loop
 *	  OFF ────────────────▶ STARTING ───────────────▶ RUNNING
 *	   ▲                        │ queue_end()            │ queue_end()
 *	   │   on the loop,         ▼                        ▼
 *	   └──────────────────── STOPPING ◀──────────────────┘
 *	     nothing in flight
 *
 * device.c and life.c share this; nobody else includes it. */
#ifndef BANTAM_VIRTIO_LIFE_H
#define BANTAM_VIRTIO_LIFE_H

#include "virtio/virtio.h"

void queue_init(struct virtio_queue *q, struct virtio *v, unsigned index);
/* It is OFF. */
void queue_free(struct virtio_queue *q);

/* Under the device lock: have the loop start q, which is OFF and whose registers
 * stay as they are from now on. */
void queue_begin(struct virtio_queue *q);

/* Under the device lock: have the loop stop q, whatever state it is in. */
void queue_end(struct virtio_queue *q);

/* Whether the loop has let go of q: its registers may change. */
bool queue_is_off(const struct virtio_queue *q);

/* After queue_end(): wait for it.  Runs rounds where the calling thread owns q's
 * loop. */
void queue_wait_off(struct virtio_queue *q);

/* What q's registers say. */
struct vq_setup queue_setup(const struct virtio_queue *q);

#endif
