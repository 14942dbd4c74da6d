#include "pci/hostbridge.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "core/platform.h"

#define ADDRESS_AT  0u /* offsets from PORT_PCI_ADDRESS */
#define RST_CNT_AT  1u
#define DATA_AT	    4u
#define PORTS	    8u

/* CONFIG_ADDRESS: enable, bus, device, function, register; bits 1:0 and 30:24
 * read as 0. */
#define ADDRESS_ENABLE	UINT32_C(0x80000000)
#define ADDRESS_BITS	UINT32_C(0x80fffffc)
#define ADDRESS_BDF	UINT32_C(0x00ffff00)
#define ADDRESS_REG	UINT32_C(0x000000fc)

/* RST_CNT: SYS_RST chooses a hard reset, RST_CPU starts it at 0 -> 1, FULL_RST
 * would cycle the power; the other bits are reserved and read as 0.  Every kind
 * of reset is the same machine reset here. */
#define RST_CPU	     0x04u
#define RST_CNT_BITS 0x0eu

/* The MCH's configuration header (PCI 3.0, 6.1): nothing in it can be written. */
#define HEADER_BYTES 16u
static const uint8_t mch_header[HEADER_BYTES] = {
	0x86, 0x80, 0xc0, 0x29, /* vendor, device */
	0x00, 0x00, 0x00, 0x00, /* command, status: no BARs, no capabilities */
	0x02, 0x00, 0x00, 0x06, /* revision 2; class: host bridge */
	0x00, 0x00, 0x00, 0x00, /* header type 0 */
};

struct hostbridge_state {
	uint32_t address;
	uint8_t rst_cnt;
};

struct hostbridge {
	struct device dev;
	struct hostbridge_state s;
	struct bus *pio;
	const struct power_sink *power;
};

static const struct hostbridge_state power_on = { 0 };

/* The dword of configuration space that CONFIG_ADDRESS points to. */
static uint32_t config_dword(const struct hostbridge *h)
{
	const uint32_t reg = h->s.address & ADDRESS_REG;

	if (!(h->s.address & ADDRESS_ENABLE) || (h->s.address & ADDRESS_BDF) != 0)
		return UINT32_MAX;
	return reg + 4 <= HEADER_BYTES ? le32_load(mch_header + reg) : 0;
}

static uint64_t hostbridge_read(void *ctx, uint64_t offset, unsigned size)
{
	const struct hostbridge *h = ctx;

	if (offset >= DATA_AT) /* the bus takes the low bytes, as many as it asked for */
		return config_dword(h) >> 8 * (offset - DATA_AT);
	if (offset == ADDRESS_AT && size == 4)
		return h->s.address;
	if (offset == RST_CNT_AT && size == 1)
		return h->s.rst_cnt;
	return UINT64_MAX;
}

static void write_rst_cnt(struct hostbridge *h, uint8_t value)
{
	const unsigned rises = value & ~(unsigned)h->s.rst_cnt;

	h->s.rst_cnt = value & RST_CNT_BITS;
	if (rises & RST_CPU)
		power_request(h->power, POWER_RESET, 0, "port 0xcf9");
}

static void hostbridge_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct hostbridge *h = ctx;

	/* Narrower accesses to CONFIG_ADDRESS are not configuration cycles
	 * (PCI 3.0, 3.2.2.3.2), which is what leaves 0xcf9 free. */
	if (offset == ADDRESS_AT && size == 4)
		h->s.address = (uint32_t)value & ADDRESS_BITS;
	else if (offset == RST_CNT_AT && size == 1)
		write_rst_cnt(h, (uint8_t)value);
}

static const struct bus_ops hostbridge_ops = { hostbridge_read, hostbridge_write };

static int hostbridge_create(const struct board *board, const void *config, struct device **out,
			     struct err *err)
{
	struct hostbridge *h = calloc(1, sizeof(*h));
	struct bus_region ports = {
		.name = "PCI configuration", .base = PORT_PCI_ADDRESS, .len = PORTS,
		.max_access = 4, .ops = &hostbridge_ops, .ctx = h,
	};
	int rc;

	(void)config;
	if (!h)
		return err_set(err, -ENOMEM, "no memory for the host bridge");
	h->dev.type = &hostbridge_type;
	h->s = power_on;
	h->pio = board->pio;
	h->power = board->power;
	rc = bus_add(h->pio, &ports);
	if (rc < 0) {
		free(h);
		return err_errno(err, rc, "PCI configuration ports");
	}
	*out = &h->dev;
	return 0;
}

static void hostbridge_reset(struct device *dev)
{
	struct hostbridge *h = container_of(dev, struct hostbridge, dev);

	h->s = power_on;
}

static void hostbridge_destroy(struct device *dev)
{
	struct hostbridge *h = container_of(dev, struct hostbridge, dev);

	bus_remove(h->pio, PORT_PCI_ADDRESS);
	free(h);
}

const struct device_type hostbridge_type = { "hostbridge", hostbridge_create, hostbridge_reset,
					     hostbridge_destroy };
