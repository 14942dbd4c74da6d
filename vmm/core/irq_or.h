/* core/irq_or.h: one interrupt line driven by several devices.
 *
 * COM1 and COM3 share IRQ 4, COM2 and COM4 IRQ 3.  On the ISA bus that works on
 * boards that wire the sources together as an OR: the line stays high while any
 * of them asks, and no second edge comes for the second one.  Linux knows
 * (serial8250_interrupt() looks at all UARTs of a line until a whole round finds
 * nothing), and so do the multiport drivers of the others.
 *
 * All calls under the device lock. */
#ifndef BANTAM_CORE_IRQ_OR_H
#define BANTAM_CORE_IRQ_OR_H

#include <assert.h>

#include "core/irq.h"

/* The node where the sources meet; all zero at first, and outlives them. */
struct irq_or {
	unsigned high_count; /* sources that ask now */
};

/* A source's own level changed to level.  Only changes: never the same level
 * twice, and low at first.
 * node  NULL: the line is not shared */
static inline void irq_or_change(struct irq_or *node, const struct irq *line, int level)
{
	if (node) {
		assert(level || node->high_count > 0);
		if (level ? node->high_count++ > 0 : --node->high_count > 0)
			return;
	}
	irq_set(line, level);
}

#endif
