#include "pci/function.h"

#include <assert.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/bytes.h"
#include "pci/bus.h"

/* Parity and SERR# mean nothing here, but every driver may set them. */
#define COMMAND_WRITABLE                                                                    \
	(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR | \
	 PCI_COMMAND_INTX_DISABLE)

#define BAR_AT(bar)	 (PCI_BASE_ADDRESS_0 + 4u * (bar))
#define BAR_FLAGS	 0xfu /* of a memory BAR: type and prefetchable */
#define CAP_HEADER_BYTES 2u   /* id, next pointer */

static bool touches(unsigned offset, unsigned size, unsigned at, unsigned len)
{
	return offset < at + len && at < offset + size;
}

/* ---- making a function --------------------------------------------------------- */

static void set_register(struct pci_function *fn, unsigned offset, unsigned size, uint32_t power_on,
			 uint32_t writable)
{
	assert(offset + size <= PCI_CONFIG_BYTES);
	le_store(fn->config + offset, size, power_on);
	le_store(fn->writable + offset, size, writable);
}

void pci_function_init(struct pci_function *fn, const struct pci_identity *identity,
		       const struct pci_ops *ops)
{
	static const struct pci_ops no_ops;

	assert(identity->class_code >> 24 == 0 && identity->pin <= 4);
	memset(fn, 0, sizeof(*fn));
	fn->identity = identity;
	fn->ops = ops ? ops : &no_ops;
	fn->cap_next = PCI_STD_HEADER_SIZEOF;
	atomic_init(&fn->intx_level, false);
	set_register(fn, PCI_VENDOR_ID, 2, identity->vendor, 0);
	set_register(fn, PCI_DEVICE_ID, 2, identity->device, 0);
	set_register(fn, PCI_COMMAND, 2, 0, COMMAND_WRITABLE);
	set_register(fn, PCI_CLASS_REVISION, 4, identity->class_code << 8 | identity->revision, 0);
	set_register(fn, PCI_CACHE_LINE_SIZE, 1, 0, UINT8_MAX);
	set_register(fn, PCI_LATENCY_TIMER, 1, 0, UINT8_MAX);
	set_register(fn, PCI_SUBSYSTEM_VENDOR_ID, 2, identity->subsystem_vendor, 0);
	set_register(fn, PCI_SUBSYSTEM_ID, 2, identity->subsystem, 0);
	set_register(fn, PCI_INTERRUPT_LINE, 1, 0, UINT8_MAX);
	set_register(fn, PCI_INTERRUPT_PIN, 1, identity->pin, 0);
}

/* Only the address bits from len up can be written: a guest that writes all ones
 * reads the size back (6.2.5.1). */
void pci_add_bar(struct pci_function *fn, unsigned bar, uint64_t len, bool is_64bit,
		 bool prefetchable, const struct bus_region *region)
{
	const uint64_t address_bits = ~(len - 1);
	const uint32_t flags =
		(is_64bit ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0) |
		(prefetchable ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0);
	struct pci_bar *b = &fn->bars[bar];

	assert(bar + is_64bit < PCI_BARS && le32_load(fn->writable + BAR_AT(bar)) == 0);
	assert(len >= 4096 && (len & (len - 1)) == 0 && (is_64bit || len <= GIB(2)));
	b->len = len;
	b->is_64bit = is_64bit;
	b->region = *region;
	b->region.len = len;
	b->gpa = UINT64_MAX;
	set_register(fn, BAR_AT(bar), 4, flags, (uint32_t)address_bits);
	if (is_64bit)
		set_register(fn, BAR_AT(bar + 1), 4, 0, (uint32_t)(address_bits >> 32));
	set_register(fn, PCI_COMMAND, 2, PCI_COMMAND_MEMORY, COMMAND_WRITABLE);
}

void pci_add_registers(struct pci_function *fn, const struct pci_register *registers,
		       unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		set_register(fn, registers[i].offset, registers[i].size, registers[i].power_on,
			     registers[i].writable);
}

unsigned pci_add_cap(struct pci_function *fn, uint8_t id, const void *body, unsigned len,
		     const void *writable)
{
	const unsigned at = fn->cap_next;

	assert(at + CAP_HEADER_BYTES + len <= PCI_CONFIG_BYTES);
	fn->config[fn->cap_last ? fn->cap_last + PCI_CAP_LIST_NEXT : PCI_CAPABILITY_LIST] =
		(uint8_t)at;
	fn->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	fn->config[at] = id;
	memcpy(fn->config + at + CAP_HEADER_BYTES, body, len);
	if (writable)
		memcpy(fn->writable + at + CAP_HEADER_BYTES, writable, len);
	fn->cap_last = at;
	fn->cap_next = (at + CAP_HEADER_BYTES + len + 3) & ~3u;
	return at;
}

void pci_set_window(struct pci_function *fn, unsigned offset, unsigned len)
{
	assert(offset % 4 == 0 && len % 4 == 0 && offset + len <= PCI_CONFIG_BYTES);
	assert(fn->ops->window_read && fn->ops->window_write);
	fn->window_at = offset;
	fn->window_len = len;
}

void pci_add_msix(struct pci_function *fn, struct msix *msix, unsigned bar, uint32_t table_offset,
		  uint32_t pba_offset)
{
	static const uint8_t writable[PCI_MSIX_PBA + 4 - CAP_HEADER_BYTES] = {
		0, (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8,
	};
	uint8_t body[sizeof(writable)] = { 0 };

	assert(!fn->msix && fn->bars[bar].len > 0 && (table_offset | pba_offset) % 8 == 0);
	assert(table_offset + MSIX_ENTRY_BYTES * msix->vector_count <= fn->bars[bar].len);
	assert(pba_offset + UINT64_C(8) <= fn->bars[bar].len);
	le16_store(body + PCI_MSIX_FLAGS - CAP_HEADER_BYTES, (uint16_t)(msix->vector_count - 1));
	le32_store(body + PCI_MSIX_TABLE - CAP_HEADER_BYTES, table_offset | bar);
	le32_store(body + PCI_MSIX_PBA - CAP_HEADER_BYTES, pba_offset | bar);
	fn->msix = msix;
	fn->msix_cap = pci_add_cap(fn, PCI_CAP_ID_MSIX, body, sizeof(body), writable);
}

/* ---- effects -------------------------------------------------------------------- */

static uint16_t command(const struct pci_function *fn)
{
	return le16_load(fn->config + PCI_COMMAND);
}

bool pci_bus_master(const struct pci_function *fn)
{
	return command(fn) & PCI_COMMAND_MASTER;
}

/* BARs as the registers say; the bus does the rest. */
static void update_bars(struct pci_function *fn)
{
	gpa_t gpas[PCI_BARS];

	for (unsigned i = 0; i < PCI_BARS; i++) {
		const uint8_t *raw = fn->config + BAR_AT(i);

		gpas[i] = UINT64_MAX;
		if (fn->bars[i].len > 0 && (command(fn) & PCI_COMMAND_MEMORY))
			gpas[i] = (fn->bars[i].is_64bit ? le64_load(raw) : le32_load(raw)) &
				  ~(uint64_t)BAR_FLAGS;
	}
	pci_bus_decode(fn->bus, fn, gpas);
}

static void update_intx(struct pci_function *fn)
{
	const bool msix_on = fn->msix && atomic_load(&fn->msix->enabled);

	pci_bus_block_intx(fn->bus, fn, msix_on || (command(fn) & PCI_COMMAND_INTX_DISABLE));
}

static void update_msix(struct pci_function *fn)
{
	const uint16_t control = le16_load(fn->config + fn->msix_cap + PCI_MSIX_FLAGS);

	msix_set_control(fn->msix, control & PCI_MSIX_FLAGS_ENABLE,
			 control & PCI_MSIX_FLAGS_MASKALL);
}

void pci_function_reset(struct pci_function *fn)
{
	memcpy(fn->config, fn->power_on, sizeof(fn->config));
	if (fn->msix)
		msix_reset(fn->msix);
	pci_set_intx(fn, false);
	update_intx(fn);
	update_bars(fn);
}

void pci_set_intx(struct pci_function *fn, bool level)
{
	assert(fn->bus && (fn->identity->pin != PCI_NO_PIN || !level));
	pci_bus_drive_intx(fn->bus, fn, level);
}

/* ---- configuration cycles -------------------------------------------------------- */

static bool in_window(const struct pci_function *fn, unsigned offset)
{
	return offset >= fn->window_at && offset - fn->window_at < fn->window_len;
}

uint32_t pci_function_read(struct pci_function *fn, unsigned offset, unsigned size)
{
	uint32_t value;

	if (offset >= PCI_CONFIG_BYTES)
		return 0; /* no extended capability */
	if (in_window(fn, offset))
		return fn->ops->window_read(fn, offset - fn->window_at, size);
	value = (uint32_t)le_load(fn->config + offset, size);
	if (touches(offset, size, PCI_STATUS, 1) && atomic_load(&fn->intx_level))
		value |= (uint32_t)PCI_STATUS_INTERRUPT << 8 * (PCI_STATUS - offset);
	return value;
}

static void store(struct pci_function *fn, unsigned offset, unsigned size, uint32_t value)
{
	for (unsigned i = 0; i < size; i++) {
		const unsigned at = offset + i, mask = fn->writable[at];

		fn->config[at] = (uint8_t)((fn->config[at] & ~mask) | (value >> 8 * i & mask));
	}
}

void pci_function_write(struct pci_function *fn, unsigned offset, unsigned size, uint32_t value)
{
	if (offset >= PCI_CONFIG_BYTES)
		return;
	if (in_window(fn, offset)) {
		fn->ops->window_write(fn, offset - fn->window_at, size, value);
		return;
	}
	store(fn, offset, size, value);
	if (touches(offset, size, PCI_COMMAND, 2)) {
		update_bars(fn);
		update_intx(fn);
	} else if (touches(offset, size, PCI_BASE_ADDRESS_0, 4 * PCI_BARS)) {
		update_bars(fn);
	} else if (fn->msix && touches(offset, size, fn->msix_cap + PCI_MSIX_FLAGS, 2)) {
		update_msix(fn);
		update_intx(fn);
	}
}
