/* ticks.S: counts the interrupts of the PIT at 1 kHz and of the RTC at 128 Hz
 * through the PIC, in half a second of the PM timer. */
#include "flat.inc"

	.set	PIT_DIVISOR, 1193		/* 1000.2 Hz */

main:
	vector	0x20, on_pit
	vector	0x28, on_rtc
	pic_init 0xfa, 0xfe		/* IRQ 0, 2, 8 */
	outp	0x43, 0x34		/* channel 0, mode 2 */
	outp	0x40, PIT_DIVISOR & 0xff
	outp	0x40, PIT_DIVISOR >> 8
	outp	0x70, 0x0a
	mov	$0x29, %al		/* rate 9: 128 Hz */
	out	%al, $0x71
	outp	0x70, 0x0b
	mov	$0x42, %al		/* PIE, 24 h */
	out	%al, $0x71
	outp	0x70, 0x0c
	in	$0x71, %al

	say	"begin\n"
	sti
	mov	$PM_HALF_SECOND, %ecx
	call	wait_pm
	cli
	mov	rtc_ticks, %ebx
	mov	pit_ticks, %eax
	say	"end\npit "
	call	put_dec
	say	" rtc "
	mov	%ebx, %eax
	call	put_dec
	say	"\n"
	call	power_off

on_pit:	push	%ax
	incl	pit_ticks
	mov	$0x20, %al
	out	%al, $0x20
	pop	%ax
	iret

on_rtc:	push	%ax
	incl	rtc_ticks
	mov	$0x0c, %al		/* register C: done */
	out	%al, $0x70
	in	$0x71, %al
	mov	$0x20, %al
	out	%al, $0xa0
	out	%al, $0x20
	pop	%ax
	iret

	.lcomm	pit_ticks, 4
	.lcomm	rtc_ticks, 4
