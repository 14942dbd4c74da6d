/* A hostile guest at the PCI bus: configuration space by ports and by ECAM, BARs
 * moved anywhere, MSI-X programmed while vectors and pins are raised.
 *
 * After each step what the guest sees must agree with who answers: a BAR is decoded
 * exactly once or not at all, never over another one; a line is high while some
 * function drives it; nothing is sent but on an open line.
 *
 * Input: records of 8 bytes: what, where (3), value (4). */
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "core/platform.h"
#include "fake/fake_board.h"
#include "pci/bus.h"
#include "pci/hostbridge.h"
#include "pci/lpc.h"

#define RECORD_BYTES 8
#define RECORDS_MAX  128
#define FUNCTIONS    4u
#define MSIX_TABLE   0x2000u
#define MSIX_PBA     0x3000u
#define MSIX_BAR     2u /* of every function; two have other BARs too */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct guest;

struct target {
	struct guest *g;
	struct pci_function fn;
	struct msix msix;
	gpa_t gpas[PCI_BARS]; /* as bar_moved() told */
	uint32_t window;
};

struct guest {
	struct fake_board fb;
	struct device *hostbridge, *lpc;
	struct pci_bus *bus;
	struct target targets[FUNCTIONS];
};

static void check(bool truth)
{
	if (!truth)
		__builtin_trap();
}

static struct target *target_of(struct pci_function *fn)
{
	return container_of(fn, struct target, fn);
}

static void bar_moved(struct pci_function *fn, unsigned bar, gpa_t gpa)
{
	gpa_t *last = &target_of(fn)->gpas[bar];

	check(bar < PCI_BARS && fn->bars[bar].len > 0);
	check((*last == UINT64_MAX) != (gpa == UINT64_MAX)); /* went and came in turn */
	*last = gpa;
}

static uint32_t window_read(struct pci_function *fn, unsigned offset, unsigned size)
{
	check(offset % size == 0 && offset + size <= sizeof(uint32_t));
	return target_of(fn)->window >> 8 * offset;
}

static void window_write(struct pci_function *fn, unsigned offset, unsigned size, uint32_t value)
{
	uint8_t bytes[4];

	check(offset % size == 0 && offset + size <= sizeof(uint32_t));
	le32_store(bytes, target_of(fn)->window);
	le_store(bytes + offset, size, value);
	target_of(fn)->window = le32_load(bytes);
}

static uint64_t bar_read(void *ctx, uint64_t offset, unsigned size)
{
	struct target *t = ctx;

	if (offset >= MSIX_PBA)
		return msix_pba_read(&t->msix, offset - MSIX_PBA, size);
	if (offset >= MSIX_TABLE)
		return msix_table_read(&t->msix, offset - MSIX_TABLE, size);
	return 0;
}

static void bar_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct target *t = ctx;

	if (offset >= MSIX_TABLE && offset < MSIX_PBA)
		msix_table_write(&t->msix, offset - MSIX_TABLE, size, value);
}

static const struct bus_ops bar_ops = { bar_read, bar_write };
static const struct pci_ops pci_ops = { bar_moved, window_read, window_write };
static const struct pci_identity identity = {
	.vendor = 0x1af4, .device = 0x1042, .class_code = 0x018000, .pin = 1,
};

static void plug(struct guest *g, unsigned i, unsigned devfn)
{
	static const uint8_t body[14];
	struct target *t = &g->targets[i];
	const struct bus_region region = {
		.name = "BAR", .max_access = 8, .ops = &bar_ops, .ctx = t,
	};

	t->g = g;
	memset(t->gpas, 0xff, sizeof(t->gpas));
	pci_function_init(&t->fn, &identity, &pci_ops);
	pci_add_bar(&t->fn, MSIX_BAR, 0x4000, i % 2 == 0, true, &region);
	if (i >= 2) {
		pci_add_bar(&t->fn, 0, MIB(16), false, false, &region);
		pci_add_bar(&t->fn, 4, 4096, true, false, &region);
	}
	pci_set_window(&t->fn, pci_add_cap(&t->fn, 9, body, sizeof(body), NULL) + 12, 4);
	msix_init(&t->msix, g->fb.board.msi, 3 + i);
	pci_add_msix(&t->fn, &t->msix, MSIX_BAR, MSIX_TABLE, MSIX_PBA);
	check(pci_bus_add(g->bus, &t->fn, devfn, NULL) == 0);
}

static void power_on(struct guest *g)
{
	/* Devices 1 and 9 share a line; device 2 has two functions. */
	static const unsigned places[FUNCTIONS] = {
		PCI_DEVFN(1u, 0u), PCI_DEVFN(2u, 0u), PCI_DEVFN(2u, 3u), PCI_DEVFN(9u, 0u),
	};
	struct lpc_config lpc;

	fake_board_init(&g->fb);
	check(mem_add(&g->fb.mem, 0, GIB(3), NULL) == 0);
	check(mem_add(&g->fb.mem, GIB(4), GIB(1), NULL) == 0);
	check(hostbridge_type.create(&g->fb.board, NULL, &g->hostbridge, NULL) == 0);
	g->bus = lpc.bus = hostbridge_bus(g->hostbridge);
	check(lpc_type.create(&g->fb.board, &lpc, &g->lpc, NULL) == 0);
	for (unsigned i = 0; i < FUNCTIONS; i++)
		plug(g, i, places[i]);
}

/* ---- what must hold after each step ---- */

static void check_bars(struct guest *g)
{
	unsigned decoded_count = 0;

	for (unsigned i = 0; i < FUNCTIONS; i++) {
		for (unsigned bar = 0; bar < PCI_BARS; bar++) {
			const struct pci_bar *b = &g->targets[i].fn.bars[bar];
			const gpa_t gpa = g->targets[i].gpas[bar];
			const struct bus_region *r;

			check(b->decoded == (gpa != UINT64_MAX));
			if (!b->decoded)
				continue;
			decoded_count++;
			r = bus_find(&g->fb.mmio, gpa);
			check(r && r->base == gpa && r->len == b->len && gpa == b->gpa);
			check((gpa >= PCI32_BASE && gpa + b->len <= PCI32_END) || gpa >= GIB(5));
		}
	}
	check(g->fb.mmio.region_count == decoded_count + 2); /* ECAM, RCRB */
}

static void check_lines(const struct guest *g)
{
	for (unsigned line = 0; line < PCI_INTX_LINES; line++) {
		bool high = false;

		for (unsigned i = 0; i < FUNCTIONS; i++) {
			const struct pci_function *fn = &g->targets[i].fn;

			if (PCI_INTX_LINE(fn->devfn >> 3, 0) == line)
				high |= fn->intx_level && !g->targets[i].msix.enabled &&
					!(fn->config[5] & 0x04);
		}
		check(g->fb.irq_level[GSI_PCI_INTX + line] == high);
	}
}

/* ---- steps ---- */

/* Registers where something happens, so that most accesses meet one. */
static const uint8_t likely[] = {
	0x00, 0x04, 0x05, 0x06, 0x0c, 0x0e, 0x10, 0x14, 0x18, 0x19, 0x1c, 0x20, 0x24,
	0x34, 0x3c, 0x40, 0x42, 0x4c, 0x4e, 0x50, 0x52, 0x53, 0x54, 0x58, 0x60, 0xf0,
};

static uint32_t place(const struct guest *g, const uint8_t *record)
{
	const unsigned devfn = record[1] < 0xf0 ? g->targets[record[1] % FUNCTIONS].fn.devfn
						: record[2];

	if (record[1] & 0x10)
		return devfn << 12 | likely[record[3] % ARRAY_LEN(likely)];
	return devfn << 12 | (record[2] & 0x0f) << 8 | record[3];
}

/* A value for a BAR that has a chance to be decoded: pages of the window, of other
 * BARs, of RAM's end. */
static uint32_t bar_value(uint32_t value)
{
	return value & 1 ? value : (uint32_t)PCI32_BASE + (value & 0x1ff0) * 0x1000;
}

static void by_ports(struct guest *g, const uint8_t *record, unsigned size, bool is_write)
{
	const uint32_t at = place(g, record);
	const uint16_t port = (uint16_t)(PORT_PCI_ADDRESS + 4 + (record[3] & (4 - size)));
	const uint32_t value = le32_load(record + 4);
	uint8_t bytes[4];

	fake_out32(&g->fb, PORT_PCI_ADDRESS, 0x80000000 | at >> 4 | (at & 0xfc));
	le32_store(bytes, value);
	if (is_write)
		bus_write(&g->fb.pio, port, bytes, size);
	else
		bus_read(&g->fb.pio, port, bytes, size);
}

static void reset_all(struct guest *g)
{
	hostbridge_type.reset(g->hostbridge);
	lpc_type.reset(g->lpc);
	for (unsigned i = 0; i < FUNCTIONS; i++)
		pci_function_reset(&g->targets[i].fn);
	check(g->fb.msi_open_count == 0);
	for (unsigned i = 0; i < FUNCTIONS; i++)
		for (unsigned bar = 0; bar < PCI_BARS; bar++)
			check(g->targets[i].fn.bars[bar].len == 0 ||
			      g->targets[i].fn.bars[bar].decoded);
}

static void act(struct guest *g, const uint8_t *record)
{
	static const unsigned sizes[] = { 1, 2, 4, 8 };
	struct target *t = &g->targets[record[1] % FUNCTIONS];
	const unsigned size = sizes[record[0] >> 6];
	const uint32_t value = le32_load(record + 4);
	const uint32_t at = place(g, record);

	switch (record[0] % 16) {
	case 0:
		fake_mmio_read(&g->fb, ECAM_BASE + at, size);
		break;
	case 1:
	case 2:
		fake_mmio_write(&g->fb, ECAM_BASE + at, size, value * UINT64_C(0x100000001));
		break;
	case 3:
		by_ports(g, record, size < 8 ? size : 4, false);
		break;
	case 4:
		by_ports(g, record, size < 8 ? size : 4, true);
		break;
	case 5:
	case 6: /* move a BAR */
		fake_mmio_write(&g->fb,
				ECAM_BASE + ((uint32_t)t->fn.devfn << 12 | 0x10 |
					     (record[3] % PCI_BARS) * 4u),
				4, bar_value(value));
		break;
	case 7: /* command */
		fake_mmio_write(&g->fb, ECAM_BASE + ((uint32_t)t->fn.devfn << 12 | 4), 2, value);
		break;
	case 8: /* MSI-X control */
		fake_mmio_write(&g->fb,
				ECAM_BASE + ((uint32_t)t->fn.devfn << 12 | (t->fn.msix_cap + 2)), 2,
				value);
		break;
	case 9:
	case 10: /* its table, when there */
		if (t->gpas[MSIX_BAR] != UINT64_MAX)
			fake_mmio_write(&g->fb, t->gpas[MSIX_BAR] + MSIX_TABLE + record[3] % 128u,
					size, value * UINT64_C(0x100000001));
		break;
	case 11: /* its pending bits, or anything in the BAR */
		if (t->gpas[MSIX_BAR] != UINT64_MAX)
			fake_mmio_read(&g->fb,
				       t->gpas[MSIX_BAR] + (le16_load(record + 2) & 0x3fff), size);
		break;
	case 12:
		msix_raise(&t->msix, record[3] % 9u);
		break;
	case 13:
		pci_set_intx(&t->fn, value & 1);
		break;
	case 14: /* the host runs out of lines, or takes no message */
		g->fb.msi_open_rc = value & 1 ? -28 : 0;
		g->fb.msi_route_rc = value & 2 ? -22 : 0;
		break;
	default:
		if (record[3] < 8)
			reset_all(g);
		else if (record[3] < 64)
			pci_function_reset(&t->fn);
		break;
	}
	check_bars(g);
	check_lines(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest guest;
	struct guest *g = &guest;

	memset(g, 0, sizeof(*g));
	power_on(g);
	for (size_t i = 0; i < RECORDS_MAX && (i + 1) * RECORD_BYTES <= size; i++)
		act(g, data + i * RECORD_BYTES);
	reset_all(g);
	for (unsigned i = 0; i < FUNCTIONS; i++)
		pci_bus_remove(g->bus, &g->targets[i].fn);
	lpc_type.destroy(g->lpc);
	hostbridge_type.destroy(g->hostbridge);
	check(g->fb.mmio.region_count == 0 && g->fb.pio.region_count == 0);
	return 0;
}
