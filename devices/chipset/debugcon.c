#include "chipset/debugcon.h"

#include <errno.h>
#include <stdlib.h>

#include "char/chardev.h"
#include "chipset/ports.h"
#include "core/platform.h"

#define DEBUGCON_PRESENT 0xe9u /* Bochs: port 0xe9 reads as its own number */

/* Without any register: nothing to reset, nothing to migrate. */
struct debugcon {
	struct device dev;
	struct bus *pio;
	struct chardev *chardev; /* borrowed; may be NULL */
};

static uint64_t debugcon_read(void *ctx, uint64_t offset, unsigned size)
{
	(void)ctx, (void)offset, (void)size;
	return DEBUGCON_PRESENT;
}

static void debugcon_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	const struct debugcon *d = ctx;

	(void)offset, (void)size;
	if (d->chardev)
		chardev_put(d->chardev, (uint8_t)value); /* counts what it drops */
}

static const struct bus_ops debugcon_ops = { debugcon_read, debugcon_write };

static const struct port_row debugcon_ports[] = {
	{ "debug console", PORT_DEBUGCON, 1, 1, &debugcon_ops },
	{ "Bochs debug", PORT_BOCHS_DEBUG, 1, 1, &debugcon_ops },
};

static int debugcon_create(const struct board *board, const void *config, struct device **out,
			   struct err *err)
{
	const struct debugcon_config *c = config;
	struct debugcon *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return err_set(err, -ENOMEM, "no memory for the debug console");
	d->dev.type = &debugcon_type;
	d->pio = board->pio;
	d->chardev = c->chardev;
	rc = ports_claim(d->pio, debugcon_ports, ARRAY_LEN(debugcon_ports), d, err);
	if (rc < 0) {
		free(d);
		return rc;
	}
	*out = &d->dev;
	return 0;
}

static void debugcon_reset(struct device *dev)
{
	(void)dev;
}

static void debugcon_destroy(struct device *dev)
{
	struct debugcon *d = container_of(dev, struct debugcon, dev);

	ports_release(d->pio, debugcon_ports, ARRAY_LEN(debugcon_ports));
	free(d);
}

const struct device_type debugcon_type = { "debugcon", debugcon_create, debugcon_reset,
					   debugcon_destroy };
