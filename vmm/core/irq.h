/* core/irq.h: the interrupt sink that the machine hands to a device.
 *
 * A line is a GSI: 0..15 reach both the PIC and the IOAPIC, 16..23 the IOAPIC.
 * The machine fills `set` with KVM's version, tests with a recorder. */
#ifndef BANTAM_CORE_IRQ_H
#define BANTAM_CORE_IRQ_H

#include "base/types.h"

struct irq {
	/* Drive line gsi to level (0 or 1).  Never blocks; called under the
	 * device lock, for a PCI line under its bus's lock.  False: this edge
	 * was merged with an earlier one that the guest has not taken yet, and
	 * will never be seen as its own. */
	bool (*set)(void *ctx, unsigned gsi, int level);
	void *ctx;
	unsigned gsi;
};

static inline void irq_set(const struct irq *irq, int level)
{
	irq->set(irq->ctx, irq->gsi, level);
}

/* One edge: for edge-triggered ISA sources such as the PIT.  False: merged. */
static inline bool irq_pulse(const struct irq *irq)
{
	const bool seen = irq->set(irq->ctx, irq->gsi, 1);

	irq->set(irq->ctx, irq->gsi, 0);
	return seen;
}

#endif
