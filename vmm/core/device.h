/* core/device.h: the device contract.
 *
 * A device is one file with one `const struct device_type` and one line in
 * devices/catalog.def.  It gets everything it may touch in a struct board,
 * filled with KVM's versions by the machine and with fakes by the tests.
 *
 * A device keeps what a migration would carry (register values, counters,
 * guest times) in one plain `struct NAME_state`, apart from its wiring (irq,
 * timers, character device, pointers): so reset is an assignment, and a
 * snapshot will be too.
 *
 * create() is called once before the first instruction, reset() after it and at
 * each machine reset; all calls but create and destroy come under the device
 * lock. */
#ifndef BANTAM_CORE_DEVICE_H
#define BANTAM_CORE_DEVICE_H

#include "base/err.h"
#include "base/types.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/irq.h"
#include "core/power.h"

struct doorbell_sink;
struct mem;
struct msi_sink;

/* What a device may touch: the same for all devices of a machine.  Borrowed for
 * the machine's life. */
struct board {
	struct bus *pio;
	struct bus *mmio;
	struct clock *clock;
	const struct mem *mem;
	const struct power_sink *power;
	/* The interrupt sink; a device copies it and sets its own gsi. */
	struct irq irq;
	const struct msi_sink *msi;
	const struct doorbell_sink *doorbells;
};

struct device {
	const struct device_type *type;
};

struct device_type {
	const char *name;
	/* Make the device and claim its ports.
	 * config  the type's own `struct NAME_config`, read during the call
	 * out     owned by the caller until destroy()
	 * Returns 0, or -errno with err filled. */
	int (*create)(const struct board *board, const void *config, struct device **out,
		      struct err *err);
	/* Put the device into its power-on state and lower its interrupt. */
	void (*reset)(struct device *dev);
	void (*destroy)(struct device *dev);
};

/* The interrupt sink of this board for line gsi. */
static inline struct irq board_irq(const struct board *b, unsigned gsi)
{
	struct irq irq = b->irq;

	irq.gsi = gsi;
	return irq;
}

#endif
