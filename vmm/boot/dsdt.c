#include "boot/dsdt.h"

#include <stdio.h>

#include "boot/aml.h"
#include "boot/dsdt_pci.h"
#include "boot/sdt.h"
#include "core/platform.h"

#define DSDT_REVISION 2u /* 64-bit integers */

/* _STA bits, ACPI 6.4 section 6.3.7. */
#define STA_PRESENT	0x01u
#define STA_ENABLED	0x02u
#define STA_FUNCTIONING 0x08u

static void name_integer(struct aml *a, const char *name, uint64_t v)
{
	aml_name(a, name);
	aml_integer(a, v);
}

/* Device (name) with a Plug and Play id; left open. */
static void open_pnp_device(struct aml *a, const char *name, const char *eisa_id)
{
	aml_open_device(a, name);
	aml_name(a, "_HID");
	aml_eisa_id(a, eisa_id);
}

static void open_crs(struct aml *a)
{
	aml_name(a, "_CRS");
	aml_open_resources(a);
}

/* Power off is the only sleep state (ACPI 6.4 section 7.4.2). */
static void emit_sleep_states(struct aml *a)
{
	aml_name(a, "_S5");
	aml_open_package(a, 4);
	aml_integer(a, PM_S5_SLP_TYP);
	aml_integer(a, PM_S5_SLP_TYP);
	aml_integer(a, 0);
	aml_integer(a, 0);
	aml_close(a);
}

/* _UID is the processor UID of the MADT (ACPI 6.4 section 8.4). */
static void emit_cpu(struct aml *a, unsigned index)
{
	char name[5];

	snprintf(name, sizeof name, "C%03X", index & 0xfff);
	aml_open_device(a, name);
	aml_name(a, "_HID");
	aml_string(a, "ACPI0007");
	name_integer(a, "_UID", index);
	aml_close(a);
}

static void emit_serial(struct aml *a, unsigned index)
{
	static const uint16_t bases[] = SERIAL_PORT_BASES;
	static const unsigned irqs[] = SERIAL_PORT_GSIS;
	char name[5];

	snprintf(name, sizeof name, "COM%u", (index + 1) % 10);
	open_pnp_device(a, name, "PNP0501");
	name_integer(a, "_UID", index + 1);
	open_crs(a);
	aml_io(a, bases[index], 8);
	aml_irq(a, irqs[index]);
	aml_close_resources(a);
	aml_close(a);
}

/* The devices of the board that are always there. */
static const struct pnp_device {
	const char *name, *hid;
	struct {
		uint16_t port;
		uint8_t len;
	} io[2]; /* len 0: none */
	unsigned gsi;
} board_devices[] = {
	{ "TIMR", "PNP0100", { { PORT_PIT, 4 } }, GSI_PIT },
	{ "RTC", "PNP0B00", { { PORT_RTC, 2 } }, GSI_RTC },
	{ "KBD", "PNP0303", { { PORT_KBD_DATA, 1 }, { PORT_KBD_STATUS, 1 } }, GSI_KBD },
	/* The controller has the mouse's port though no mouse is attached:
	 * Linux warns when the firmware names a keyboard and no mouse. */
	{ "MOU", "PNP0F13", { { 0, 0 } }, GSI_MOUSE },
};

static void emit_pnp_device(struct aml *a, const struct pnp_device *d)
{
	open_pnp_device(a, d->name, d->hid);
	open_crs(a);
	for (unsigned i = 0; i < ARRAY_LEN(d->io); i++)
		if (d->io[i].len > 0)
			aml_io(a, d->io[i].port, d->io[i].len);
	aml_irq(a, d->gsi);
	aml_close_resources(a);
	aml_close(a);
}

/* QEMU's docs/specs/pvpanic: the port, RDPT reads which events are known, WRPT
 * sends one.  Present and working, but not shown to a user. */
static void emit_pvpanic(struct aml *a)
{
	aml_open_device(a, "PEVT");
	aml_name(a, "_HID");
	aml_string(a, "QEMU0001");
	name_integer(a, "_STA", STA_PRESENT | STA_ENABLED | STA_FUNCTIONING);
	open_crs(a);
	aml_io(a, PORT_PVPANIC, 1);
	aml_close_resources(a);
	aml_io_region(a, "PEOR", PORT_PVPANIC, 1);
	aml_open_field(a, "PEOR");
	aml_field_unit(a, "PEPT", 8);
	aml_close(a);
	aml_open_method(a, "RDPT", 0);
	aml_return(a);
	aml_ref(a, "PEPT");
	aml_close(a);
	aml_open_method(a, "WRPT", 1);
	aml_store(a);
	aml_arg(a, 0);
	aml_ref(a, "PEPT");
	aml_close(a);
	aml_close(a);
}

/* Ports and memory that are taken but have no device of their own, so that no OS puts
 * something else there.  ECAM is among them: Linux uses it only where the firmware
 * says so twice.  The reset port 0xcf9 is not among them: it lies between the
 * PCI configuration ports, which an OS and the host bridge claim as one block, and
 * the FADT names it. */
static void emit_motherboard(struct aml *a, const struct platform_desc *desc)
{
	open_pnp_device(a, "MBRD", "PNP0C02");
	open_crs(a);
	aml_io(a, PORT_SYSTEM_B, 1);
	aml_io(a, PORT_POST, 1);
	aml_io(a, PORT_SYSTEM_A, 1);
	aml_io(a, PORT_BOCHS_DEBUG, 1);
	if (desc->debug_exit)
		aml_io(a, PORT_DEBUG_EXIT, 4);
	aml_io(a, PORT_DEBUGCON, 1);
	aml_io(a, PORT_PM_BASE, PM_BLOCK_BYTES);
	aml_memory32(a, (uint32_t)ECAM_BASE, (uint32_t)ECAM_BYTES);
	aml_memory32(a, (uint32_t)RCRB_BASE, (uint32_t)RCRB_BYTES);
	aml_close_resources(a);
	aml_close(a);
}

size_t dsdt_emit(struct emit *e, const struct platform_desc *desc)
{
	const size_t start = sdt_begin(e, "DSDT", DSDT_REVISION);
	struct aml a;

	aml_init(&a, e);
	emit_sleep_states(&a);
	aml_open_scope(&a, "_SB");
	for (unsigned i = 0; i < desc->cpu_count; i++)
		emit_cpu(&a, i);
	dsdt_pci_emit(&a, desc);
	emit_motherboard(&a, desc);
	for (unsigned i = 0; i < ARRAY_LEN(board_devices); i++)
		emit_pnp_device(&a, &board_devices[i]);
	for (unsigned i = 0; i < SERIAL_PORTS; i++)
		if (desc->serial_present[i])
			emit_serial(&a, i);
	emit_pvpanic(&a);
	aml_close(&a);
	dsdt_pic_emit(&a);
	aml_done(&a);
	sdt_end(e, start);
	return start;
}
