#include "chipset/debugexit.h"

#include <errno.h>
#include <stdlib.h>

#include "chipset/ports.h"
#include "core/platform.h"

/* Without any register: nothing to reset, nothing to migrate. */
struct debugexit {
	struct device dev;
	struct bus *pio;
	const struct power_sink *power;
};

static uint64_t debugexit_read(void *ctx, uint64_t offset, unsigned size)
{
	(void)ctx, (void)offset, (void)size;
	return 0;
}

static void debugexit_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	const struct debugexit *d = ctx;

	(void)size;
	/* The ports behind 0xf4 are there only so that a wide write arrives in
	 * one piece. */
	if (offset == 0)
		power_request(d->power, POWER_DEBUG_EXIT, (uint32_t)value, "isa-debug-exit");
}

static const struct bus_ops debugexit_ops = { debugexit_read, debugexit_write };

static const struct port_row debugexit_ports[] = {
	{ "isa-debug-exit", PORT_DEBUG_EXIT, 4, 4, &debugexit_ops },
};

static int debugexit_create(const struct board *board, const void *config, struct device **out,
			    struct err *err)
{
	struct debugexit *d = calloc(1, sizeof(*d));
	int rc;

	(void)config;
	if (!d)
		return err_set(err, -ENOMEM, "no memory for the debug exit port");
	d->dev.type = &debugexit_type;
	d->pio = board->pio;
	d->power = board->power;
	rc = ports_claim(d->pio, debugexit_ports, ARRAY_LEN(debugexit_ports), d, err);
	if (rc < 0) {
		free(d);
		return rc;
	}
	*out = &d->dev;
	return 0;
}

static void debugexit_reset(struct device *dev)
{
	(void)dev;
}

static void debugexit_destroy(struct device *dev)
{
	struct debugexit *d = container_of(dev, struct debugexit, dev);

	ports_release(d->pio, debugexit_ports, ARRAY_LEN(debugexit_ports));
	free(d);
}

const struct device_type debugexit_type = { "debugexit", debugexit_create, debugexit_reset,
					    debugexit_destroy };
