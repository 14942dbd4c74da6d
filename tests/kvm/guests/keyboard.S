/* keyboard.S: the keyboard controller's tests and the keyboard's reset, with its
 * answers by IRQ 1. */
#include "flat.inc"

/* answer: wait for the output buffer, print the byte */
	.macro	answer
1:	in	$0x64, %al
	test	$1, %al
	jz	1b
	in	$0x60, %al
	call	put_hex8
	.endm

main:
	outp	0x64, 0x60		/* command byte: no interrupts yet */
	outp	0x60, 0x44
	say	"self test "
	outp	0x64, 0xaa
	answer
	say	"\ninterface test "
	outp	0x64, 0xab
	answer
	say	"\nreset by irq 1:"
	vector	0x21, on_key
	pic_init 0xfd, 0xff		/* IRQ 1 */
	outp	0x64, 0x60
	outp	0x60, 0x45
	outp	0x60, 0xff
1:	sti
	hlt
	cli
	cmpb	$2, got
	jb	1b
	say	"\n"
	call	power_off

on_key:	push	%eax
	mov	$' ', %al
	call	put_char
	in	$0x60, %al
	call	put_hex8
	incb	got
	mov	$0x20, %al
	out	%al, $0x20
	pop	%eax
	iret

	.lcomm	got, 1
