#include "boot/mptable.h"

#include <assert.h>

#include "boot/layout.h"

/* Offsets, MP specification 1.4 sections 4.1 and 4.2. */
enum mp_field {
	MP_POINTER_CHECKSUM = 10,
	MP_CONFIG_LENGTH = 4,
	MP_CONFIG_CHECKSUM = 7,
	MP_CONFIG_ENTRY_COUNT = 34,
	MP_CONFIG_HEADER_BYTES = 44,
};

#define MP_SPEC_REVISION 4u /* 1.4 */

/* Entry types, section 4.3. */
#define MP_PROCESSOR	   0u
#define MP_BUS		   1u
#define MP_IOAPIC	   2u
#define MP_INTERRUPT	   3u
#define MP_LOCAL_INTERRUPT 4u

#define CPU_ENABLED   0x1u
#define CPU_BOOT      0x2u
#define CPU_SIGNATURE 0x600u /* a P6; an OS asks CPUID for the truth */
#define CPU_FEATURES  0x201u /* FPU and APIC, as above */
#define LAPIC_VERSION 0x14u

#define IOAPIC_VERSION 0x11u
#define IOAPIC_ENABLED 0x1u

/* Interrupt types, section 4.3.4. */
#define MP_INT	  0u
#define MP_NMI	  1u
#define MP_EXTINT 3u

/* Polarity and trigger mode, section 4.3.4. */
#define AS_BUS		  0x0u
#define LEVEL_ACTIVE_HIGH 0xdu

/* Bus ids.  PCI's is the number of its bus: an OS looks for that. */
#define BUS_PCI	     0u
#define BUS_ISA	     1u
#define ISA_IRQS     16u
#define ISA_CASCADE  2u /* the second 8259's line: no device has it */
#define PCI_DEVICES  32u
#define LINT_EXTINT  0u
#define LINT_NMI     1u
#define ALL_APICS    0xffu
#define BOOT_APIC_ID 0u

int mp_pointer_build(struct emit *e, gpa_t config_gpa)
{
	const size_t start = e->len;

	assert(config_gpa <= UINT32_MAX);
	emit_text(e, "_MP_", 4);
	emit_u32(e, (uint32_t)config_gpa);
	emit_u8(e, MP_POINTER_BYTES / 16);
	emit_u8(e, MP_SPEC_REVISION);
	emit_u8(e, 0);	  /* checksum */
	emit_u8(e, 0);	  /* there is a configuration table */
	emit_u8(e, 0);	  /* virtual wire mode, no IMCR */
	emit_zeros(e, 3); /* reserved */
	emit_patch_checksum(e, start + MP_POINTER_CHECKSUM, start, MP_POINTER_BYTES);
	return emit_status(e);
}

static void put_header(struct emit *e)
{
	emit_text(e, "PCMP", 4);
	emit_u16(e, 0); /* length */
	emit_u8(e, MP_SPEC_REVISION);
	emit_u8(e, 0); /* checksum */
	emit_text(e, "BANTAM", 8);
	emit_text(e, "PC", 12);
	emit_u32(e, 0); /* no OEM table */
	emit_u16(e, 0);
	emit_u16(e, 0); /* entry count */
	emit_u32(e, (uint32_t)LAPIC_BASE);
	emit_u16(e, 0); /* no extended table */
	emit_u8(e, 0);
	emit_u8(e, 0); /* reserved */
	assert(e->overflow || e->len == MP_CONFIG_HEADER_BYTES);
}

static void put_processor(struct emit *e, uint8_t apic_id)
{
	emit_u8(e, MP_PROCESSOR);
	emit_u8(e, apic_id);
	emit_u8(e, LAPIC_VERSION);
	emit_u8(e, apic_id == BOOT_APIC_ID ? CPU_ENABLED | CPU_BOOT : CPU_ENABLED);
	emit_u32(e, CPU_SIGNATURE);
	emit_u32(e, CPU_FEATURES);
	emit_zeros(e, 8);
}

static void put_bus(struct emit *e, uint8_t id, const char *type)
{
	emit_u8(e, MP_BUS);
	emit_u8(e, id);
	emit_text(e, type, 6);
}

static void put_ioapic(struct emit *e, uint8_t id)
{
	emit_u8(e, MP_IOAPIC);
	emit_u8(e, id);
	emit_u8(e, IOAPIC_VERSION);
	emit_u8(e, IOAPIC_ENABLED);
	emit_u32(e, (uint32_t)IOAPIC_BASE);
}

/* An I/O (to an IOAPIC's pin) or local (to a LAPIC's LINT) interrupt assignment. */
struct assignment {
	uint8_t entry_type;
	uint8_t interrupt_type;
	uint16_t flags;
	uint8_t bus;
	uint8_t irq; /* of PCI: pin, and from bit 2 on the device (appendix D) */
	uint8_t apic_id;
	uint8_t pin;
};

static void put_assignment(struct emit *e, const struct assignment *a)
{
	emit_u8(e, a->entry_type);
	emit_u8(e, a->interrupt_type);
	emit_u16(e, a->flags);
	emit_u8(e, a->bus);
	emit_u8(e, a->irq);
	emit_u8(e, a->apic_id);
	emit_u8(e, a->pin);
}

static unsigned put_isa_irqs(struct emit *e, uint8_t ioapic_id)
{
	unsigned count = 0;

	for (unsigned irq = 0; irq < ISA_IRQS; irq++) {
		if (irq == ISA_CASCADE)
			continue;
		put_assignment(e, &(struct assignment){
					  .entry_type = MP_INTERRUPT,
					  .interrupt_type = MP_INT,
					  .flags = irq == GSI_SCI ? LEVEL_ACTIVE_HIGH : AS_BUS,
					  .bus = BUS_ISA,
					  .irq = (uint8_t)irq,
					  .apic_id = ioapic_id,
					  .pin = (uint8_t)irq,
				  });
		count++;
	}
	return count;
}

/* INTA of each device behind the host bridge: ours have no other pin, and the table
 * has no room for more.  PCI's lines are level-triggered, active low, "as bus". */
static unsigned put_pci_irqs(struct emit *e, uint8_t ioapic_id)
{
	for (unsigned device = 1; device < PCI_DEVICES; device++)
		put_assignment(e, &(struct assignment){
					  .entry_type = MP_INTERRUPT,
					  .interrupt_type = MP_INT,
					  .flags = AS_BUS,
					  .bus = BUS_PCI,
					  .irq = (uint8_t)(device << 2),
					  .apic_id = ioapic_id,
					  .pin = (uint8_t)(GSI_PCI_INTX + PCI_INTX_LINE(device, 0)),
				  });
	return PCI_DEVICES - 1;
}

/* The 8259s through the boot processor's LINT0, NMI to everyone's LINT1. */
static unsigned put_local_interrupts(struct emit *e)
{
	static const struct assignment locals[] = {
		{ MP_LOCAL_INTERRUPT, MP_EXTINT, AS_BUS, BUS_ISA, 0, BOOT_APIC_ID, LINT_EXTINT },
		{ MP_LOCAL_INTERRUPT, MP_NMI, AS_BUS, BUS_ISA, 0, ALL_APICS, LINT_NMI },
	};

	for (unsigned i = 0; i < ARRAY_LEN(locals); i++)
		put_assignment(e, &locals[i]);
	return ARRAY_LEN(locals);
}

int mp_config_build(struct emit *e, unsigned cpu_count)
{
	const uint8_t ioapic_id = (uint8_t)IOAPIC_ID(cpu_count);
	unsigned entry_count = cpu_count + 3; /* two buses, an IOAPIC */

	assert(cpu_count >= 1 && cpu_count <= CPUS_MAX && e->len == 0);
	put_header(e);
	for (unsigned i = 0; i < cpu_count; i++)
		put_processor(e, (uint8_t)i);
	put_bus(e, BUS_PCI, "PCI");
	put_bus(e, BUS_ISA, "ISA");
	put_ioapic(e, ioapic_id);
	entry_count += put_isa_irqs(e, ioapic_id);
	entry_count += put_pci_irqs(e, ioapic_id);
	entry_count += put_local_interrupts(e);
	emit_patch_u16(e, MP_CONFIG_LENGTH, (uint16_t)e->len);
	emit_patch_u16(e, MP_CONFIG_ENTRY_COUNT, (uint16_t)entry_count);
	emit_patch_checksum(e, MP_CONFIG_CHECKSUM, 0, e->len);
	return emit_status(e);
}

int mptable_write(const struct mem *mem, const struct platform_desc *desc)
{
	uint8_t *pointer, *config;
	struct emit e;
	int rc;

	rc = mem_span(mem, LAYOUT_EBDA, LAYOUT_EBDA_BYTES, &pointer);
	if (rc < 0)
		return rc;
	rc = mem_span(mem, LAYOUT_MPTABLE, LAYOUT_MPTABLE_BYTES, &config);
	if (rc < 0)
		return rc;
	emit_init(&e, config, LAYOUT_MPTABLE_BYTES);
	rc = mp_config_build(&e, desc->cpu_count);
	if (rc < 0)
		return rc;
	emit_init(&e, pointer, LAYOUT_EBDA_BYTES);
	return mp_pointer_build(&e, LAYOUT_MPTABLE);
}
