/* channel2.S: PIT channel 2, started by the gate in port 0x61, measured by the
 * PM timer; and the refresh bit of port 0x61. */
#include "flat.inc"

	.set	COUNT, 59659		/* 50 ms: 178977 ticks of the PM timer */

main:
	outp	0x61, 0			/* gate closed */
	outp	0x43, 0xb0		/* channel 2, mode 0: OUT rises at the end */
	outp	0x42, COUNT & 0xff
	outp	0x42, COUNT >> 8
	say	"gate closed:"
	mov	$60000, %ecx		/* 17 ms: it must not count */
	call	wait_pm
	mov	$0x61, %dx
	in	(%dx), %al
	and	$0x20, %al
	call	put_hex8

	mov	$PM_TIMER, %dx
	inl	(%dx), %eax
	mov	%eax, %ebx
	outp	0x61, 1
1:	in	(%dx), %al
	test	$0x20, %al
	jz	1b
	mov	$PM_TIMER, %dx
	inl	(%dx), %eax
	sub	%ebx, %eax
	and	$0xffffff, %eax
	say	"\nticks "
	call	put_dec

	/* 15 us a half period: 200 changes in 3 ms and some */
	mov	$200, %ecx
	mov	$0x61, %dx
	in	(%dx), %al
	mov	%al, %bl
2:	in	(%dx), %al
	xor	%bl, %al
	test	$0x10, %al
	jz	2b
	xor	$0x10, %bl
	loop	2b
	say	"\nrefresh toggles\n"
	call	power_off
