/* pci/msix.h: MSI-X: vector table, pending bits, masks (PCI 3.0, 6.8.2).
 *
 * Two sides: the guest programs the table under the device lock; a device's I/O
 * thread raises vectors without it.  Between them stands one small lock, taken for
 * a few instructions. */
#ifndef BANTAM_PCI_MSIX_H
#define BANTAM_PCI_MSIX_H

#include <pthread.h>

#include "core/msi.h"

#define MSIX_ENTRY_BYTES 16u
#define MSIX_VECTORS_MAX 64u
#define MSIX_NO_VECTOR	 0xffffu

struct msix_vector {
	uint64_t address;
	uint32_t data;
	uint32_t control; /* bit 0: masked */
	bool pending;
	bool has_line; /* line is open; lines are opened at the first unmask */
	bool routed;   /* line sends this address and data */
	unsigned line;
};

struct msix {
	const struct msi_sink *sink;
	pthread_mutex_t lock;
	unsigned vector_count; /* 1..MSIX_VECTORS_MAX */
	bool enabled, function_masked;
	struct msix_vector vectors[MSIX_VECTORS_MAX];
};

void msix_init(struct msix *m, const struct msi_sink *sink, unsigned vector_count);
/* Close all lines; then as after msix_init(): for reset and the end. */
void msix_reset(struct msix *m);

/* Message Control's enable and function mask as the guest wrote them. */
void msix_set_control(struct msix *m, bool enabled, bool function_masked);

/* Table and pending bits as the guest sees them: offset within each, any value
 * that the region allows; size 1, 2, 4 or 8 (PCI asks for 4 and 8; others read all
 * ones and write nothing). */
uint64_t msix_table_read(struct msix *m, uint64_t offset, unsigned size);
void msix_table_write(struct msix *m, uint64_t offset, unsigned size, uint64_t value);
uint64_t msix_pba_read(struct msix *m, uint64_t offset, unsigned size);

/* Any thread: send vector, or keep it pending while it is masked.  A vector that
 * does not exist (MSIX_NO_VECTOR) is nothing.
 * False if MSI-X is off: INTx is to be used. */
bool msix_raise(struct msix *m, unsigned vector);

#endif
