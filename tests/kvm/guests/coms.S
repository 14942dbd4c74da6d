/* coms.S: a word on each of COM1 to COM4; what is not there reads all ones. */
#include "flat.inc"

	.macro	com base, name
	mov	$\base, %dx
	mov	$\name, %esi
	call	send
	.endm

main:
	com	0x3f8, one
	com	0x2f8, two
	com	0x3e8, three
	com	0x2e8, four
	say	"lsr"
	mov	$0x2fd, %dx
	show	1
	mov	$0x3ed, %dx
	show	1
	mov	$0x2ed, %dx
	show	1
	say	"\n"
	call	power_off

send:	lodsb
	test	%al, %al
	jz	1f
	out	%al, (%dx)
	jmp	send
1:	ret

one:	.asciz	"one\n"
two:	.asciz	"two\n"
three:	.asciz	"three\n"
four:	.asciz	"four\n"
