/* ports.S: accesses of every width, to devices, between them and to nothing. */
#include "flat.inc"

main:
	/* COM1 with known registers: IER 5, LCR 3, MCR 0 */
	outp	COM1 + 1, 5
	outp	COM1 + 3, 3
	outp	COM1 + 4, 0

	say	"nothing:"
	mov	$0x5000, %dx
	show	1
	show	2
	show	4
	say	"\n"

	/* writes to nothing are swallowed */
	mov	$0x5000, %dx
	mov	$0x12345678, %eax
	outb	%al, (%dx)
	outw	%ax, (%dx)
	outl	%eax, (%dx)
	say	"nothing after writes:"
	show	4
	say	"\n"

	/* IER and IIR; then LCR, MCR, LSR and MSR */
	say	"uart 0x3f9 by 2:"
	mov	$0x3f9, %dx
	show	2
	say	"\nuart 0x3fb by 4:"
	mov	$0x3fb, %dx
	show	4

	/* PIT control, which nobody can read, and three that are not there */
	say	"\npit 0x43 by 4:"
	mov	$0x43, %dx
	show	4

	/* nothing below system control A with its A20 bit */
	say	"\n0x91 by 2:"
	mov	$0x91, %dx
	show	2

	/* 0x3ff is COM1's scratch register, 0x400 and 0x401 are nothing, 0x402
	 * is the debug console */
	mov	$0x3ff, %dx
	mov	$0x580000a5, %eax	/* 'X' on top */
	outl	%eax, (%dx)
	say	"\nscratch:"
	show	1
	say	"\n0x3ff by 4:"
	show	4

	/* both CMOS ports at once: index 0x40, value 0x77 */
	mov	$0x70, %dx
	mov	$0x7740, %ax
	outw	%ax, (%dx)
	say	"\ncmos by 2:"
	show	2
	say	"\n"
	call	power_off
