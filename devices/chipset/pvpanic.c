#include "chipset/pvpanic.h"

#include <errno.h>
#include <stdlib.h>

#include "chipset/ports.h"
#include "core/platform.h"

#define PVPANIC_PANICKED     0x01u
#define PVPANIC_CRASH_LOADED 0x02u

/* Without any register: nothing to reset, nothing to migrate. */
struct pvpanic {
	struct device dev;
	struct bus *pio;
	const struct power_sink *power;
};

static uint64_t pvpanic_read(void *ctx, uint64_t offset, unsigned size)
{
	(void)ctx, (void)offset, (void)size;
	return PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
}

static void pvpanic_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	const struct pvpanic *p = ctx;

	(void)offset, (void)size;
	/* Both at once is a guest's mistake; the worse news goes first, and the
	 * first request wins. */
	if (value & PVPANIC_PANICKED)
		power_request(p->power, POWER_PANIC, 0, "pvpanic");
	if (value & PVPANIC_CRASH_LOADED)
		power_request(p->power, POWER_CRASH_LOADED, 0, "pvpanic");
}

static const struct bus_ops pvpanic_ops = { pvpanic_read, pvpanic_write };

static const struct port_row pvpanic_ports[] = {
	{ "pvpanic", PORT_PVPANIC, 1, 1, &pvpanic_ops },
};

static int pvpanic_create(const struct board *board, const void *config, struct device **out,
			  struct err *err)
{
	struct pvpanic *p = calloc(1, sizeof(*p));
	int rc;

	(void)config;
	if (!p)
		return err_set(err, -ENOMEM, "no memory for pvpanic");
	p->dev.type = &pvpanic_type;
	p->pio = board->pio;
	p->power = board->power;
	rc = ports_claim(p->pio, pvpanic_ports, ARRAY_LEN(pvpanic_ports), p, err);
	if (rc < 0) {
		free(p);
		return rc;
	}
	*out = &p->dev;
	return 0;
}

static void pvpanic_reset(struct device *dev)
{
	(void)dev;
}

static void pvpanic_destroy(struct device *dev)
{
	struct pvpanic *p = container_of(dev, struct pvpanic, dev);

	ports_release(p->pio, pvpanic_ports, ARRAY_LEN(pvpanic_ports));
	free(p);
}

const struct device_type pvpanic_type = { "pvpanic", pvpanic_create, pvpanic_reset,
					  pvpanic_destroy };
