#include "chipset/port92.h"

#include <errno.h>
#include <stdlib.h>

#include "chipset/ports.h"
#include "core/platform.h"

/* Port A: bit 0 resets at 0 -> 1, bit 1 is A20. */
#define PORT_A_RESET 0x01u
#define PORT_A_A20   0x02u
#define PORT_A_BITS  (PORT_A_RESET | PORT_A_A20)

struct port92_state {
	/* A20 is remembered for a guest that reads it back; the line itself is
	 * always open, as on every PC that can run a 64-bit kernel. */
	uint8_t port_a;
};

static const struct port92_state port92_power_on = { .port_a = PORT_A_A20 };

struct port92 {
	struct device dev;
	struct port92_state s;
	struct bus *pio;
	const struct power_sink *power;
};

static uint64_t port_a_read(void *ctx, uint64_t offset, unsigned size)
{
	const struct port92 *r = ctx;

	(void)offset, (void)size;
	return r->s.port_a;
}

static void port_a_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct port92 *r = ctx;
	const uint8_t rises = (uint8_t)(value & ~(unsigned)r->s.port_a);

	(void)offset, (void)size;
	r->s.port_a = value & PORT_A_BITS;
	if (rises & PORT_A_RESET)
		power_request(r->power, POWER_RESET, 0, "port 0x92");
}

static const struct bus_ops port_a_ops = { port_a_read, port_a_write };

static const struct port_row port92_ports[] = {
	{ "system control A", PORT_SYSTEM_A, 1, 1, &port_a_ops },
};

static int port92_create(const struct board *board, const void *config, struct device **out,
			struct err *err)
{
	struct port92 *r = calloc(1, sizeof(*r));
	int rc;

	(void)config;
	if (!r)
		return err_set(err, -ENOMEM, "no memory for port 0x92");
	r->dev.type = &port92_type;
	r->s = port92_power_on;
	r->pio = board->pio;
	r->power = board->power;
	rc = ports_claim(r->pio, port92_ports, ARRAY_LEN(port92_ports), r, err);
	if (rc < 0) {
		free(r);
		return rc;
	}
	*out = &r->dev;
	return 0;
}

static void port92_reset(struct device *dev)
{
	struct port92 *r = container_of(dev, struct port92, dev);

	r->s = port92_power_on;
}

static void port92_destroy(struct device *dev)
{
	struct port92 *r = container_of(dev, struct port92, dev);

	ports_release(r->pio, port92_ports, ARRAY_LEN(port92_ports));
	free(r);
}

const struct device_type port92_type = { "port92", port92_create, port92_reset, port92_destroy };
