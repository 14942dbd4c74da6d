#include "chipset/reset.h"

#include <errno.h>
#include <stdlib.h>

#include "chipset/ports.h"
#include "core/platform.h"

/* RST_CNT: SYS_RST chooses a hard reset, RST_CPU starts it at 0 -> 1, FULL_RST
 * would cycle the power; the other bits are reserved and read as 0.  Every kind
 * of reset is the same machine reset here. */
#define RST_CPU	     0x04u
#define RST_CNT_BITS 0x0eu

/* Port A: bit 0 resets at 0 -> 1, bit 1 is A20. */
#define PORT_A_RESET 0x01u
#define PORT_A_A20   0x02u
#define PORT_A_BITS  (PORT_A_RESET | PORT_A_A20)

struct reset_state {
	uint8_t rst_cnt;
	/* A20 is remembered for a guest that reads it back; the line itself is
	 * always open, as on every PC that can run a 64-bit kernel. */
	uint8_t port_a;
};

static const struct reset_state reset_power_on = { .rst_cnt = 0, .port_a = PORT_A_A20 };

struct reset {
	struct device dev;
	struct reset_state s;
	struct bus *pio;
	const struct power_sink *power;
};

static uint64_t rst_cnt_read(void *ctx, uint64_t offset, unsigned size)
{
	const struct reset *r = ctx;

	(void)offset, (void)size;
	return r->s.rst_cnt;
}

static void rst_cnt_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct reset *r = ctx;
	const uint8_t rises = (uint8_t)(value & ~(unsigned)r->s.rst_cnt);

	(void)offset, (void)size;
	r->s.rst_cnt = value & RST_CNT_BITS;
	if (rises & RST_CPU)
		power_request(r->power, POWER_RESET, 0, "port 0xcf9");
}

static uint64_t port_a_read(void *ctx, uint64_t offset, unsigned size)
{
	const struct reset *r = ctx;

	(void)offset, (void)size;
	return r->s.port_a;
}

static void port_a_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct reset *r = ctx;
	const uint8_t rises = (uint8_t)(value & ~(unsigned)r->s.port_a);

	(void)offset, (void)size;
	r->s.port_a = value & PORT_A_BITS;
	if (rises & PORT_A_RESET)
		power_request(r->power, POWER_RESET, 0, "port 0x92");
}

static const struct bus_ops rst_cnt_ops = { rst_cnt_read, rst_cnt_write };
static const struct bus_ops port_a_ops = { port_a_read, port_a_write };

static const struct port_row reset_ports[] = {
	{ "reset control", PORT_RESET, 1, 1, &rst_cnt_ops },
	{ "system control A", PORT_SYSTEM_A, 1, 1, &port_a_ops },
};

static int reset_create(const struct board *board, const void *config, struct device **out,
			struct err *err)
{
	struct reset *r = calloc(1, sizeof(*r));
	int rc;

	(void)config;
	if (!r)
		return err_set(err, -ENOMEM, "no memory for the reset ports");
	r->dev.type = &reset_type;
	r->s = reset_power_on;
	r->pio = board->pio;
	r->power = board->power;
	rc = ports_claim(r->pio, reset_ports, ARRAY_LEN(reset_ports), r, err);
	if (rc < 0) {
		free(r);
		return rc;
	}
	*out = &r->dev;
	return 0;
}

static void reset_reset(struct device *dev)
{
	struct reset *r = container_of(dev, struct reset, dev);

	r->s = reset_power_on;
}

static void reset_destroy(struct device *dev)
{
	struct reset *r = container_of(dev, struct reset, dev);

	ports_release(r->pio, reset_ports, ARRAY_LEN(reset_ports));
	free(r);
}

const struct device_type reset_type = { "reset", reset_create, reset_reset, reset_destroy };
