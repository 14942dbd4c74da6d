/* ioapic.S: the PIT at 1 kHz and the RTC at 128 Hz through the IOAPIC and the
 * local APIC, PIC masked, in half a second of the PM timer.  ACPI tells guests
 * that the PIT is on pin 2. */
#include "multi.inc"

	.set	IOAPIC, 0xfec00000
	.set	PIT_DIVISOR, 1193		/* 1000.2 Hz */

	.macro	pin number, low
	movl	$0x10 + 2 * \number + 1, IOAPIC
	movl	$0, IOAPIC + 0x10	/* to APIC id 0 */
	movl	$0x10 + 2 * \number, IOAPIC
	movl	$\low, IOAPIC + 0x10
	.endm

main:
	gate	0x40, on_pin0
	gate	0x42, on_pin2
	gate	0x48, on_rtc
	load_idt
	outp	0x21, 0xff
	outp	0xa1, 0xff
	movl	$0x1ff, LAPIC + 0xf0	/* software enable */
	movl	$0x10000, LAPIC + 0x350	/* LINT0 masked: nothing comes by the PIC */
	pin	0, 0x40
	pin	2, 0x42
	pin	8, 0x48
	outp	0x43, 0x34
	outp	0x40, PIT_DIVISOR & 0xff
	outp	0x40, PIT_DIVISOR >> 8
	outp	0x70, 0x0a
	mov	$0x29, %al		/* rate 9: 128 Hz */
	out	%al, $0x71
	outp	0x70, 0x0b
	mov	$0x42, %al
	out	%al, $0x71
	outp	0x70, 0x0c
	in	$0x71, %al
	sti
	mov	$PM_HALF_SECOND, %ecx
	call	wait_pm
	cli
	say	"pin0 "
	mov	pin0_ticks, %eax
	call	put_dec
	say	" pin2 "
	mov	pin2_ticks, %eax
	call	put_dec
	say	" rtc "
	mov	rtc_ticks, %eax
	call	put_dec
	say	"\n"
	call	power_off

on_pin0:
	incl	pin0_ticks
	movl	$0, LAPIC + 0xb0
	return_from_interrupt
on_pin2:
	incl	pin2_ticks
	movl	$0, LAPIC + 0xb0
	return_from_interrupt
on_rtc:	push	%eax
	incl	rtc_ticks
	mov	$0x0c, %al
	out	%al, $0x70
	in	$0x71, %al
	movl	$0, LAPIC + 0xb0
	pop	%eax
	return_from_interrupt

	.lcomm	pin0_ticks, 4
	.lcomm	pin2_ticks, 4
	.lcomm	rtc_ticks, 4
