#include "boot/dsdt_pci.h"

#include "core/platform.h"

#define PCI_DEVICES   32u
#define PCI_PINS      4u
#define ALL_FUNCTIONS 0xffffu
#define CONFIG_PORTS  8u
#define PORTS_END     0xffffu

/* What the bridge passes on (ACPI 6.4, 6.2.2 and 6.4.3.5): all ports but those of
 * its own, and memory where BARs may be. */
static void emit_windows(struct aml *a, const struct platform_desc *desc)
{
	aml_name(a, "_CRS");
	aml_open_resources(a);
	aml_bus_numbers(a, 0, PCI_BUS_LAST);
	aml_io(a, PORT_PCI_ADDRESS, CONFIG_PORTS);
	aml_io_window(a, 0, PORT_PCI_ADDRESS - 1);
	aml_io_window(a, PORT_PCI_ADDRESS + CONFIG_PORTS, PORTS_END);
	aml_memory_window32(a, (uint32_t)PCI32_BASE, (uint32_t)(PCI32_END - 1));
	if (desc->pci64_base < desc->pci64_end)
		aml_memory_window64(a, desc->pci64_base, desc->pci64_end - 1);
	aml_close_resources(a);
}

/* Where each pin of each device is, without a router to set (6.2.13: the source is
 * Zero, the index the GSI): on the IOAPIC, or on the PIC. */
static void emit_routes(struct aml *a, const char *name, bool by_ioapic)
{
	aml_name(a, name);
	aml_open_package(a, PCI_DEVICES * PCI_PINS);
	for (unsigned i = 0; i < PCI_DEVICES * PCI_PINS; i++) {
		const unsigned device = i / PCI_PINS, pin = i % PCI_PINS;
		const unsigned line = PCI_INTX_LINE(device, pin);

		aml_open_package(a, 4);
		aml_integer(a, device << 16 | ALL_FUNCTIONS);
		aml_integer(a, pin);
		aml_integer(a, 0);
		aml_integer(a, by_ioapic ? GSI_PCI_INTX + line : PCI_PIC_IRQ(line));
		aml_close(a);
	}
	aml_close(a);
}

/* What the operating system chose by _PIC. */
static void emit_prt(struct aml *a)
{
	emit_routes(a, "PRTP", false);
	emit_routes(a, "PRTA", true);
	aml_open_method(a, "_PRT", 0);
	aml_open_if(a);
	aml_ref(a, "PICF");
	aml_return(a);
	aml_ref(a, "PRTA");
	aml_close(a);
	aml_return(a);
	aml_ref(a, "PRTP");
	aml_close(a);
}

/* An operating system says how it takes interrupts (5.8.1): 0 by the PIC, which is
 * also so if it says nothing; 1 by the IOAPIC. */
void dsdt_pic_emit(struct aml *a)
{
	aml_name(a, "PICF");
	aml_integer(a, 0);
	aml_open_method(a, "_PIC", 1);
	aml_store(a);
	aml_arg(a, 0);
	aml_ref(a, "PICF");
	aml_close(a);
}

void dsdt_pci_emit(struct aml *a, const struct platform_desc *desc)
{
	static const char *const zeros[] = { "_UID", "_SEG", "_BBN" };

	aml_open_device(a, "PCI0");
	aml_name(a, "_HID");
	aml_eisa_id(a, "PNP0A08"); /* PCI Express: it has ECAM */
	aml_name(a, "_CID");
	aml_eisa_id(a, "PNP0A03");
	for (unsigned i = 0; i < ARRAY_LEN(zeros); i++) {
		aml_name(a, zeros[i]);
		aml_integer(a, 0);
	}
	emit_windows(a, desc);
	emit_prt(a);
	aml_close(a);
}
