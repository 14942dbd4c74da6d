/* pci/msix.h: MSI-X: vector table, pending bits, masks (PCI 3.0, 6.8.2).
 *
 * Two sides: the guest programs the table under the device lock; a device's I/O
 * threads raise vectors without it.  Between them stands one small lock a vector,
 * so that queues served by different threads do not meet. */
#ifndef BANTAM_PCI_MSIX_H
#define BANTAM_PCI_MSIX_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/msi.h"

#define MSIX_ENTRY_BYTES 16u
#define MSIX_VECTORS_MAX 64u
#define MSIX_NO_VECTOR	 0xffffu

struct msix_vector {
	/* the guest's, under the device lock */
	uint64_t address;
	uint32_t data;
	uint32_t control; /* bit 0: masked */
	bool has_line; /* line is open; lines are opened at the first unmask */
	bool routed;   /* line sends this address and data */
	unsigned line;
	/* where both sides meet */
	pthread_mutex_t lock;
	bool deliverable; /* on, not masked, and the line is routed */
	bool pending;
};

struct msix {
	const struct msi_sink *sink;
	unsigned vector_count; /* 1..MSIX_VECTORS_MAX */
	atomic_bool enabled;   /* written under the device lock */
	bool function_masked;
	struct msix_vector vectors[MSIX_VECTORS_MAX];
};

/* MSI-X off, all vectors masked, none pending.  sink is borrowed. */
void msix_init(struct msix *m, const struct msi_sink *sink, unsigned vector_count);
/* Close all lines; then as after msix_init(): for reset and the end. */
void msix_reset(struct msix *m);

/* Message Control's enable and function mask as the guest wrote them. */
void msix_set_control(struct msix *m, bool enabled, bool function_masked);

/* Table and pending bits as the guest sees them: offset within each, any value.
 * PCI asks for aligned accesses of 4 and 8 bytes; others read all ones and write
 * nothing.  Behind the last vector all reads 0. */
uint64_t msix_table_read(struct msix *m, uint64_t offset, unsigned size);
void msix_table_write(struct msix *m, uint64_t offset, unsigned size, uint64_t value);
uint64_t msix_pba_read(struct msix *m, uint64_t offset, unsigned size);

/* Any thread: send vector, or keep it pending while it cannot be sent: masked, or
 * its message is none that the host takes.  A vector that does not exist
 * (MSIX_NO_VECTOR) is nothing.
 * False if MSI-X is off: INTx is to be used. */
bool msix_raise(struct msix *m, unsigned vector);

#endif
