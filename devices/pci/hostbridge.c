#include "pci/hostbridge.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "pci/bus.h"

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

/* A place in configuration space as ECAM numbers them (PCI Express 3.0, 7.2.2):
 * bus << 20 | devfn << 12 | offset.  Mechanism #1 knows 8 bits of offset. */
#define ECAM_BUS(at)	((unsigned)((at) >> 20))
#define ECAM_DEVFN(at)	((unsigned)((at) >> 12 & 0xff))
#define ECAM_OFFSET(at)	((unsigned)((at) & 0xfff))

/* RST_CNT: SYS_RST chooses a hard reset, RST_CPU starts it at 0 -> 1, FULL_RST
 * would cycle the power; the other bits are reserved and read as 0.  Every kind
 * of reset is the same machine reset here. */
#define RST_CPU	     0x04u
#define RST_CNT_BITS 0x0eu

/* The memory controller hub of a Q35 (Intel 3 Series data sheet, device 0).  Firmware
 * finds ECAM by PCIEXBAR at 0x60: its base, 256 MiB, on.  The register is locked. */
static const struct pci_identity mch_identity = {
	.vendor = 0x8086, .device = 0x29c0, .revision = 2, .class_code = 0x060000,
};

#define PCIEXBAR_ENABLE 1u

static const struct pci_register mch_registers[] = {
	{ 0x60, 4, (uint32_t)ECAM_BASE | PCIEXBAR_ENABLE, 0 },
	{ 0x64, 4, (uint32_t)(ECAM_BASE >> 32), 0 },
};

_Static_assert(ECAM_BYTES >> 20 == 256, "PCIEXBAR says 256 MiB");

struct hostbridge_state {
	uint32_t address;
	uint8_t rst_cnt;
};

struct hostbridge {
	struct device dev;
	struct hostbridge_state s;
	const struct board *board;
	struct pci_bus bus;
	struct pci_function mch;
};

static const struct hostbridge_state power_on = { 0 };

struct pci_bus *hostbridge_bus(struct device *dev)
{
	return &container_of(dev, struct hostbridge, dev)->bus;
}

/* ---- configuration cycles ------------------------------------------------------ */

/* What is not aligned goes byte by byte, maybe into the next function. */
static uint32_t config_read(struct pci_bus *bus, uint64_t at, unsigned size)
{
	uint32_t value = 0;

	if (at % size == 0)
		return pci_bus_read(bus, ECAM_BUS(at), ECAM_DEVFN(at), ECAM_OFFSET(at), size);
	for (unsigned i = 0; i < size; i++)
		value |= config_read(bus, at + i, 1) << 8 * i;
	return value;
}

static void config_write(struct pci_bus *bus, uint64_t at, unsigned size, uint32_t value)
{
	if (at % size == 0) {
		pci_bus_write(bus, ECAM_BUS(at), ECAM_DEVFN(at), ECAM_OFFSET(at), size, value);
		return;
	}
	for (unsigned i = 0; i < size; i++)
		config_write(bus, at + i, 1, value >> 8 * i & 0xff);
}

static uint64_t ecam_read(void *ctx, uint64_t offset, unsigned size)
{
	return config_read(ctx, offset, size);
}

static void ecam_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	config_write(ctx, offset, size, (uint32_t)value);
}

static const struct bus_ops ecam_ops = { ecam_read, ecam_write };

/* Where CONFIG_ADDRESS and the port of CONFIG_DATA at offset point to. */
static uint64_t data_place(const struct hostbridge *h, uint64_t offset)
{
	return (uint64_t)(h->s.address & ADDRESS_BDF) << 4 | (h->s.address & ADDRESS_REG) |
	       (offset - DATA_AT);
}

static bool data_enabled(const struct hostbridge *h)
{
	return h->s.address & ADDRESS_ENABLE;
}

/* ---- ports ----------------------------------------------------------------------- */

static uint64_t hostbridge_read(void *ctx, uint64_t offset, unsigned size)
{
	struct hostbridge *h = ctx;

	if (offset >= DATA_AT)
		return data_enabled(h) ? config_read(&h->bus, data_place(h, offset), size)
				       : UINT64_MAX;
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
		power_request(h->board->power, POWER_RESET, 0, "port 0xcf9");
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
	else if (offset >= DATA_AT && data_enabled(h))
		config_write(&h->bus, data_place(h, offset), size, (uint32_t)value);
}

static const struct bus_ops hostbridge_ops = { hostbridge_read, hostbridge_write };

/* ---- the device ------------------------------------------------------------------ */

static int add_regions(struct hostbridge *h, struct err *err)
{
	const struct bus_region ports = {
		.name = "PCI configuration", .base = PORT_PCI_ADDRESS, .len = PORTS,
		.max_access = 4, .ops = &hostbridge_ops, .ctx = h,
	};
	const struct bus_region ecam = {
		.name = "PCI ECAM", .base = ECAM_BASE, .len = ECAM_BYTES,
		.max_access = 4, .ops = &ecam_ops, .ctx = &h->bus,
	};
	int rc;

	rc = bus_add(h->board->pio, &ports);
	if (rc < 0)
		return err_errno(err, rc, "PCI configuration ports");
	rc = bus_add(h->board->mmio, &ecam);
	if (rc < 0) {
		bus_remove(h->board->pio, PORT_PCI_ADDRESS);
		return err_errno(err, rc, "PCI ECAM");
	}
	return 0;
}

static int hostbridge_create(const struct board *board, const void *config, struct device **out,
			     struct err *err)
{
	struct hostbridge *h = calloc(1, sizeof(*h));
	int rc;

	(void)config;
	if (!h)
		return err_set(err, -ENOMEM, "no memory for the host bridge");
	h->dev.type = &hostbridge_type;
	h->s = power_on;
	h->board = board;
	pci_bus_init(&h->bus, board);
	rc = add_regions(h, err);
	if (rc < 0) {
		free(h);
		return rc;
	}
	pci_function_init(&h->mch, &mch_identity, NULL);
	pci_add_registers(&h->mch, mch_registers, ARRAY_LEN(mch_registers));
	rc = pci_bus_add(&h->bus, &h->mch, 0, err);
	assert(rc == 0); /* an empty bus takes a function without BARs */
	*out = &h->dev;
	return 0;
}

static void hostbridge_reset(struct device *dev)
{
	struct hostbridge *h = container_of(dev, struct hostbridge, dev);

	h->s = power_on;
	pci_function_reset(&h->mch);
}

static void hostbridge_destroy(struct device *dev)
{
	struct hostbridge *h = container_of(dev, struct hostbridge, dev);

	pci_bus_remove(&h->bus, &h->mch);
	bus_remove(h->board->mmio, ECAM_BASE);
	bus_remove(h->board->pio, PORT_PCI_ADDRESS);
	free(h);
}

const struct device_type hostbridge_type = { "hostbridge", hostbridge_create, hostbridge_reset,
					     hostbridge_destroy };
