#include "pci/bus.h"

#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/log.h"
#include "core/mem.h"

#define NOWHERE UINT64_MAX

void pci_bus_init(struct pci_bus *bus, const struct board *board)
{
	memset(bus, 0, sizeof(*bus));
	bus->board = board;
	bus->next_gpa = PCI32_BASE;
	for (unsigned line = 0; line < PCI_INTX_LINES; line++)
		bus->pic_irq[line] = PCI_PIC_IRQ(line);
	pthread_mutex_init(&bus->intx_lock, NULL);
}

/* ---- windows --------------------------------------------------------------------- */

static gpa_t ram_end(const struct mem *mem)
{
	const struct mem_block *last;

	if (mem->block_count == 0)
		return 0;
	last = &mem->blocks[mem->block_count - 1];
	return last->gpa + last->len;
}

static bool in_windows(const struct pci_bus *bus, gpa_t gpa, uint64_t len)
{
	if (gpa >= RAM_HIGH_BASE)
		return gpa >= ram_end(bus->board->mem);
	return gpa >= PCI32_BASE && range_inside(gpa - PCI32_BASE, len, PCI32_END - PCI32_BASE);
}

static void tell(struct pci_function *fn, unsigned bar, gpa_t gpa)
{
	if (fn->ops->bar_moved)
		fn->ops->bar_moved(fn, bar, gpa);
}

static void take_off(struct pci_bus *bus, struct pci_function *fn, unsigned bar)
{
	struct pci_bar *b = &fn->bars[bar];
	const int rc = bus_remove(bus->board->mmio, b->region.base);

	assert(rc == 0);
	(void)rc;
	b->decoded = false;
	tell(fn, bar, NOWHERE);
}

static bool put_on(struct pci_bus *bus, struct pci_function *fn, unsigned bar)
{
	struct pci_bar *b = &fn->bars[bar];

	b->region.base = b->gpa;
	if (!in_windows(bus, b->gpa, b->len) || bus_add(bus->board->mmio, &b->region) < 0)
		return false;
	b->decoded = true;
	tell(fn, bar, b->gpa);
	return true;
}

/* What was in the way of others is gone: the lowest function comes first. */
static void put_on_blocked(struct pci_bus *bus)
{
	for (unsigned devfn = 0; devfn < PCI_FUNCTIONS; devfn++) {
		struct pci_function *fn = bus->functions[devfn];

		for (unsigned i = 0; fn && i < PCI_BARS; i++)
			if (fn->bars[i].gpa != NOWHERE && fn->bars[i].len > 0 &&
			    !fn->bars[i].decoded)
				put_on(bus, fn, i);
	}
}

void pci_bus_decode(struct pci_bus *bus, struct pci_function *fn, const gpa_t gpas[PCI_BARS])
{
	bool moved[PCI_BARS] = { false }, room = false;

	/* All that go first: one may take another's place. */
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct pci_bar *b = &fn->bars[i];

		moved[i] = b->len > 0 && b->gpa != gpas[i];
		if (!moved[i])
			continue;
		b->gpa = gpas[i];
		if (b->decoded) {
			take_off(bus, fn, i);
			room = true;
		}
	}
	for (unsigned i = 0; i < PCI_BARS; i++)
		if (moved[i] && gpas[i] != NOWHERE && !put_on(bus, fn, i))
			log_debug("PCI %02x.%x: BAR %u has no room at %#llx", fn->devfn >> 3,
				  fn->devfn & 7, i, (unsigned long long)gpas[i]);
	if (room)
		put_on_blocked(bus);
}

/* ---- who is where ------------------------------------------------------------------ */

/* One BAR behind the other, each on a multiple of its size. */
static int assign_bars(struct pci_bus *bus, struct pci_function *fn)
{
	gpa_t next = bus->next_gpa;

	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *b = &fn->bars[i];
		uint8_t *reg = fn->config + PCI_BASE_ADDRESS_0 + 4 * (size_t)i;
		gpa_t gpa;

		if (b->len == 0)
			continue;
		if (!align_up_u64(next, b->len, &gpa) || !in_windows(bus, gpa, b->len) ||
		    gpa >= PCI32_END)
			return -ENOSPC;
		le32_store(reg, (uint32_t)gpa | (le32_load(reg) & 0xf));
		next = gpa + b->len;
	}
	bus->next_gpa = next;
	return 0;
}

/* A guest looks for functions 1 to 7 only where function 0 says so (6.2.1). */
static void mark_multifunction(struct pci_bus *bus, unsigned devfn)
{
	struct pci_function *first = bus->functions[PCI_DEVFN(devfn >> 3, 0u)];
	unsigned count = 0;

	for (unsigned i = 0; i < 8; i++)
		count += bus->functions[PCI_DEVFN(devfn >> 3, i)] != NULL;
	if (!first || count < 2)
		return;
	first->config[PCI_HEADER_TYPE] |= 0x80;
	first->power_on[PCI_HEADER_TYPE] |= 0x80;
}

int pci_bus_add(struct pci_bus *bus, struct pci_function *fn, unsigned devfn, struct err *err)
{
	int rc;

	assert(devfn < PCI_FUNCTIONS && !fn->bus);
	if (bus->functions[devfn])
		return err_set(err, -EEXIST, "PCI device %02x.%x is taken", devfn >> 3, devfn & 7);
	rc = assign_bars(bus, fn);
	if (rc < 0)
		return err_set(err, rc, "the 32-bit PCI window has no room for its registers");
	if (fn->identity->pin != PCI_NO_PIN)
		fn->config[PCI_INTERRUPT_LINE] =
			(uint8_t)PCI_PIC_IRQ(PCI_INTX_LINE(devfn >> 3, fn->identity->pin - 1u));
	memcpy(fn->power_on, fn->config, sizeof(fn->power_on));
	fn->bus = bus;
	fn->devfn = devfn;
	bus->functions[devfn] = fn;
	mark_multifunction(bus, devfn);
	pci_function_reset(fn);
	return 0;
}

int pci_bus_free_devfn(const struct pci_bus *bus)
{
	for (unsigned device = 1; device < PCI_DEVICES; device++) {
		const unsigned devfn = PCI_DEVFN(device, 0u);

		if (devfn != PCI_LPC_DEVFN && !bus->functions[devfn])
			return (int)devfn;
	}
	return -ENOSPC;
}

void pci_bus_remove(struct pci_bus *bus, struct pci_function *fn)
{
	static const gpa_t nowhere[PCI_BARS] = { NOWHERE, NOWHERE, NOWHERE,
						 NOWHERE, NOWHERE, NOWHERE };

	assert(fn->bus == bus && bus->functions[fn->devfn] == fn);
	pci_bus_decode(bus, fn, nowhere);
	pci_bus_drive_intx(bus, fn, false);
	if (fn->msix)
		msix_reset(fn->msix);
	bus->functions[fn->devfn] = NULL;
	fn->bus = NULL;
}

/* ---- configuration cycles ------------------------------------------------------------ */

static struct pci_function *find(const struct pci_bus *bus, unsigned bus_number, unsigned devfn,
				 unsigned offset, unsigned size)
{
	assert(size == 1 || size == 2 || size == 4);
	assert(offset % size == 0 && offset + size <= PCI_ECAM_BYTES);
	return bus_number == 0 && devfn < PCI_FUNCTIONS ? bus->functions[devfn] : NULL;
}

uint32_t pci_bus_read(struct pci_bus *bus, unsigned bus_number, unsigned devfn, unsigned offset,
		      unsigned size)
{
	struct pci_function *fn = find(bus, bus_number, devfn, offset, size);

	return fn ? pci_function_read(fn, offset, size) : UINT32_MAX >> (32 - 8 * size);
}

void pci_bus_write(struct pci_bus *bus, unsigned bus_number, unsigned devfn, unsigned offset,
		   unsigned size, uint32_t value)
{
	struct pci_function *fn = find(bus, bus_number, devfn, offset, size);

	if (fn)
		pci_function_write(fn, offset, size, value);
}

/* ---- interrupt pins -------------------------------------------------------------------- */

static void change(const struct pci_bus *bus, struct irq_or *node, unsigned gsi, bool level)
{
	const struct irq irq = board_irq(bus->board, gsi);

	irq_or_change(node, &irq, level);
}

/* Lines are level-triggered and shared: high while any function drives. */
static void drive(struct pci_bus *bus, struct pci_function *fn)
{
	const bool level = atomic_load(&fn->intx_level) && !fn->intx_blocked;
	unsigned line, irq;

	if (level == fn->intx_driven)
		return;
	fn->intx_driven = level;
	line = PCI_INTX_LINE(fn->devfn >> 3, fn->identity->pin - 1u);
	irq = bus->pic_irq[line];
	change(bus, &bus->intx[line], GSI_PCI_INTX + line, level);
	if (irq != 0)
		change(bus, &bus->pic[irq], irq, level);
}

void pci_bus_drive_intx(struct pci_bus *bus, struct pci_function *fn, bool level)
{
	pthread_mutex_lock(&bus->intx_lock);
	atomic_store(&fn->intx_level, level);
	drive(bus, fn);
	pthread_mutex_unlock(&bus->intx_lock);
}

void pci_bus_block_intx(struct pci_bus *bus, struct pci_function *fn, bool blocked)
{
	pthread_mutex_lock(&bus->intx_lock);
	fn->intx_blocked = blocked;
	drive(bus, fn);
	pthread_mutex_unlock(&bus->intx_lock);
}

void pci_bus_route_intx(struct pci_bus *bus, unsigned line, unsigned irq)
{
	unsigned old;

	assert(line < PCI_INTX_LINES && irq < PIC_IRQS);
	pthread_mutex_lock(&bus->intx_lock);
	old = bus->pic_irq[line];
	bus->pic_irq[line] = irq;
	for (unsigned i = 0; i < bus->intx[line].high_count; i++) {
		if (old != 0)
			change(bus, &bus->pic[old], old, false);
		if (irq != 0)
			change(bus, &bus->pic[irq], irq, true);
	}
	pthread_mutex_unlock(&bus->intx_lock);
}
