#include "boot/madt.h"

#include "boot/sdt.h"
#include "core/platform.h"

#define MADT_REVISION 5u

#define MADT_PCAT_COMPAT 0x1u /* there are also two 8259s */

/* Interrupt controller structure types and lengths, 5.2.12.2, .3, .5 and .7. */
#define MADT_LAPIC	     0u
#define MADT_LAPIC_BYTES     8u
#define MADT_IOAPIC	     1u
#define MADT_IOAPIC_BYTES    12u
#define MADT_OVERRIDE	     2u
#define MADT_OVERRIDE_BYTES  10u
#define MADT_LAPIC_NMI	     4u
#define MADT_LAPIC_NMI_BYTES 6u

#define LAPIC_ENABLED  0x1u
#define ALL_PROCESSORS 0xffu
#define BUS_ISA	       0u

/* MPS INTI flags, 5.2.12.5. */
#define INTI_AS_BUS	 0x0u
#define INTI_ACTIVE_HIGH 0x1u
#define INTI_LEVEL	 0xcu

static void put_lapic(struct emit *e, uint8_t id)
{
	emit_u8(e, MADT_LAPIC);
	emit_u8(e, MADT_LAPIC_BYTES);
	emit_u8(e, id); /* processor UID */
	emit_u8(e, id);
	emit_u32(e, LAPIC_ENABLED);
}

static void put_ioapic(struct emit *e, uint8_t id)
{
	emit_u8(e, MADT_IOAPIC);
	emit_u8(e, MADT_IOAPIC_BYTES);
	emit_u8(e, id);
	emit_u8(e, 0);
	emit_u32(e, (uint32_t)IOAPIC_BASE);
	emit_u32(e, 0); /* its first GSI */
}

static void put_override(struct emit *e, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	emit_u8(e, MADT_OVERRIDE);
	emit_u8(e, MADT_OVERRIDE_BYTES);
	emit_u8(e, BUS_ISA);
	emit_u8(e, irq);
	emit_u32(e, gsi);
	emit_u16(e, flags);
}

static void put_lapic_nmi(struct emit *e, uint8_t lint)
{
	emit_u8(e, MADT_LAPIC_NMI);
	emit_u8(e, MADT_LAPIC_NMI_BYTES);
	emit_u8(e, ALL_PROCESSORS);
	emit_u16(e, INTI_AS_BUS);
	emit_u8(e, lint);
}

size_t madt_emit(struct emit *e, unsigned cpu_count)
{
	const size_t start = sdt_begin(e, "APIC", MADT_REVISION);

	emit_u32(e, (uint32_t)LAPIC_BASE);
	emit_u32(e, MADT_PCAT_COMPAT);
	for (unsigned i = 0; i < cpu_count; i++)
		put_lapic(e, (uint8_t)i);
	put_ioapic(e, (uint8_t)IOAPIC_ID(cpu_count));
	/* No override for the timer: KVM's own routing brings GSI 0 to pin 0, and
	 * another one would cost a wait in the kernel at each start. */
	put_override(e, GSI_SCI, GSI_SCI, INTI_ACTIVE_HIGH | INTI_LEVEL);
	put_lapic_nmi(e, 1);
	sdt_end(e, start);
	return start;
}
