#include "pci/lpc.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "pci/bus.h"

static const struct pci_identity identity = {
	.vendor = 0x8086,
	.device = 0x2918,
	.revision = 2,
	.class_code = 0x060100,
};

/* Data sheet, 13.1. */
#define PMBASE_IO      0x001u /* bit 0 of PMBASE: an I/O address */
#define ACPI_CNTL_ON   0x80u  /* ACPI_EN; SCI_IRQ_SEL 0: IRQ 9 */
#define GPIOBASE_NONE  0x001u /* as out of reset, and GPIO_CNTL off */
#define PIRQ_UNROUTED  0x80u  /* to the IOAPIC only */
#define PIRQ_WRITABLE  0x8fu
#define PIRQ_IRQ       0x0fu
#define PIRQ_IRQS      0xdef8u /* those that there are: 3 to 7, 9 to 12, 14, 15 */
#define SERIRQ_CONTROL 0x10u
#define RCBA_ENABLE    0x1u

static const struct pci_register registers[] = {
	{ 0x40, 4, PORT_PM_BASE | PMBASE_IO, 0 },
	{ 0x44, 1, ACPI_CNTL_ON, 0 },
	{ 0x48, 4, GPIOBASE_NONE, 0 },
	{ 0xf0, 4, (uint32_t)RCRB_BASE | RCBA_ENABLE, 0 },
};

/* PIRQA to D, SERIRQ_CNTL and reserved ones, PIRQE to H: answered by ourselves. */
#define PIRQ_AT		     0x60u
#define PIRQ_WINDOW	     0x0cu
#define SERIRQ_IN_WINDOW     4u
#define PIRQ_IN_WINDOW(line) ((line) + ((line) < 4 ? 0u : 4u))

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
	uint8_t routing[PIRQ_WINDOW]; /* the registers from PIRQ_AT on */
};

/* ---- interrupt routing (13.1.17, 13.1.19) -------------------------------------- */

static void route(struct lpc *l, unsigned line, uint8_t pirq)
{
	const unsigned irq = pirq & PIRQ_IRQ;
	const bool routed = !(pirq & PIRQ_UNROUTED) && (PIRQ_IRQS >> irq & 1);

	l->routing[PIRQ_IN_WINDOW(line)] = pirq;
	pci_bus_route_intx(l->bus, line, routed ? irq : 0);
}

/* Out of reset nothing would be routed; this is how firmware leaves it. */
static void reset_routes(struct lpc *l)
{
	l->routing[SERIRQ_IN_WINDOW] = SERIRQ_CONTROL;
	for (unsigned line = 0; line < PCI_INTX_LINES; line++)
		route(l, line, (uint8_t)PCI_PIC_IRQ(line));
}

static uint32_t routing_read(struct pci_function *fn, unsigned offset, unsigned size)
{
	return (uint32_t)le_load(container_of(fn, struct lpc, fn)->routing + offset, size);
}

static void routing_write(struct pci_function *fn, unsigned offset, unsigned size, uint32_t value)
{
	struct lpc *l = container_of(fn, struct lpc, fn);

	for (unsigned line = 0; line < PCI_INTX_LINES; line++) {
		const unsigned at = PIRQ_IN_WINDOW(line);

		if (at >= offset && at - offset < size)
			route(l, line, (uint8_t)(value >> 8 * (at - offset) & PIRQ_WRITABLE));
	}
}

static const struct pci_ops lpc_ops = { .window_read = routing_read,
					.window_write = routing_write };

/* ---- root complex registers ------------------------------------------------------ */

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
		.name = "LPC RCRB",
		.base = RCRB_BASE,
		.len = RCRB_BYTES,
		.max_access = 4,
		.ops = &rcrb_ops,
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
	pci_function_init(&l->fn, &identity, &lpc_ops);
	pci_set_window(&l->fn, PIRQ_AT, PIRQ_WINDOW);
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
	struct lpc *l = container_of(dev, struct lpc, dev);

	pci_function_reset(&l->fn);
	reset_routes(l);
}

static void lpc_destroy(struct device *dev)
{
	struct lpc *l = container_of(dev, struct lpc, dev);

	pci_bus_remove(l->bus, &l->fn);
	bus_remove(l->board->mmio, RCRB_BASE);
	free(l);
}

const struct device_type lpc_type = { "lpc", lpc_create, lpc_reset, lpc_destroy };
