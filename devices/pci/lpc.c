#include "pci/lpc.h"

#include <errno.h>
#include <stdlib.h>

#include "pci/bus.h"

static const struct pci_identity identity = {
	.vendor = 0x8086, .device = 0x2918, .revision = 2, .class_code = 0x060100,
};

/* Data sheet, 13.1. */
#define PMBASE_IO	0x001u	/* bit 0 of PMBASE: an I/O address */
#define ACPI_CNTL_ON	0x80u	/* ACPI_EN; SCI_IRQ_SEL 0: IRQ 9 */
#define GPIOBASE_NONE	0x001u	/* as out of reset, and GPIO_CNTL off */
#define PIRQ_UNROUTED	0x80u	/* to the IOAPIC only */
#define PIRQ_WRITABLE	0x8fu
#define SERIRQ_CONTROL	0x10u
#define RCBA_ENABLE	0x1u

static const struct pci_register registers[] = {
	{ 0x40, 4, PORT_PM_BASE | PMBASE_IO, 0 },
	{ 0x44, 1, ACPI_CNTL_ON, 0 },
	{ 0x48, 4, GPIOBASE_NONE, 0 },
	{ 0x60, 1, PIRQ_UNROUTED, PIRQ_WRITABLE },
	{ 0x61, 1, PIRQ_UNROUTED, PIRQ_WRITABLE },
	{ 0x62, 1, PIRQ_UNROUTED, PIRQ_WRITABLE },
	{ 0x63, 1, PIRQ_UNROUTED, PIRQ_WRITABLE },
	{ 0x64, 1, SERIRQ_CONTROL, 0 },
	{ 0x68, 1, PIRQ_UNROUTED, PIRQ_WRITABLE },
	{ 0x69, 1, PIRQ_UNROUTED, PIRQ_WRITABLE },
	{ 0x6a, 1, PIRQ_UNROUTED, PIRQ_WRITABLE },
	{ 0x6b, 1, PIRQ_UNROUTED, PIRQ_WRITABLE },
	{ 0xf0, 4, (uint32_t)RCRB_BASE | RCBA_ENABLE, 0 },
};

_Static_assert(GSI_SCI == 9, "SCI_IRQ_SEL in ACPI_CNTL says 9");

/* GCS: bit 5, No Reboot, is strapped: the TCO watchdog cannot reset the machine, as
 * there is none.  Its drivers look here, and say no more than that. */
#define GCS_AT	      0x3410u
#define GCS_NO_REBOOT 0x20u

struct lpc {
	struct device dev;
	const struct board *board;
	struct pci_bus *bus;
	struct pci_function fn;
};

static uint64_t rcrb_read(void *ctx, uint64_t offset, unsigned size)
{
	(void)ctx;
	if (offset > GCS_AT || offset + size <= GCS_AT)
		return 0;
	return (uint64_t)GCS_NO_REBOOT << 8 * (GCS_AT - offset);
}

static void rcrb_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	(void)ctx;
	(void)offset;
	(void)size;
	(void)value;
}

static const struct bus_ops rcrb_ops = { rcrb_read, rcrb_write };

static int lpc_create(const struct board *board, const void *config, struct device **out,
		      struct err *err)
{
	const struct lpc_config *c = config;
	const struct bus_region rcrb = {
		.name = "LPC RCRB", .base = RCRB_BASE, .len = RCRB_BYTES,
		.max_access = 4, .ops = &rcrb_ops,
	};
	struct lpc *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return err_set(err, -ENOMEM, "no memory for the LPC bridge");
	l->dev.type = &lpc_type;
	l->board = board;
	l->bus = c->bus;
	rc = bus_add(board->mmio, &rcrb);
	if (rc < 0) {
		err_errno(err, rc, "LPC bridge's registers");
		goto free;
	}
	pci_function_init(&l->fn, &identity, NULL);
	pci_add_registers(&l->fn, registers, ARRAY_LEN(registers));
	rc = pci_bus_add(l->bus, &l->fn, PCI_LPC_DEVFN, err);
	if (rc < 0)
		goto remove;
	*out = &l->dev;
	return 0;
remove:
	bus_remove(board->mmio, RCRB_BASE);
free:
	free(l);
	return rc;
}

static void lpc_reset(struct device *dev)
{
	pci_function_reset(&container_of(dev, struct lpc, dev)->fn);
}

static void lpc_destroy(struct device *dev)
{
	struct lpc *l = container_of(dev, struct lpc, dev);

	pci_bus_remove(l->bus, &l->fn);
	bus_remove(l->board->mmio, RCRB_BASE);
	free(l);
}

const struct device_type lpc_type = { "lpc", lpc_create, lpc_reset, lpc_destroy };
