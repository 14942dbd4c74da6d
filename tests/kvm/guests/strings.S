/* strings.S: string instructions on ports.  Four bytes are typed into COM1. */
#include "flat.inc"

	.macro	hex_of buffer, count
	mov	$\buffer, %esi
	mov	$\count, %ecx
1:	lodsb
	call	put_hex8
	loop	1b
	say	"\n"
	.endm

main:
	mov	$text, %esi
	mov	$COM1, %dx
	mov	$text_end - text, %ecx
	rep outsb

	mov	$text, %esi
	mov	$0xe9, %dx
	mov	$text_end - text, %ecx
	rep outsb

	/* words to 0x401: the lower byte to nothing, the upper to 0x402 */
	mov	$words, %esi
	mov	$0x401, %dx
	mov	$4, %ecx
	rep outsw

	/* backwards */
	std
	mov	$text_end - 2, %esi
	mov	$0xe9, %dx
	mov	$3, %ecx
	rep outsb
	cld

	mov	$COM1 + 5, %dx		/* the typed bytes are there */
1:	in	(%dx), %al
	test	$1, %al
	jz	1b
	mov	$COM1, %dx
	mov	$buffer, %edi
	mov	$4, %ecx
	rep insb
	hex_of	buffer, 4

	mov	$0x92, %dx
	mov	$buffer, %edi
	mov	$3, %ecx
	rep insb
	hex_of	buffer, 3

	mov	$0x5000, %dx
	mov	$buffer, %edi
	mov	$3, %ecx
	rep insw
	hex_of	buffer, 6

	mov	$0x91, %dx		/* nothing and 0x92, in turns */
	mov	$buffer, %edi
	mov	$2, %ecx
	rep insl
	hex_of	buffer, 8

	xor	%ecx, %ecx		/* none at all */
	mov	$COM1, %dx
	rep outsb
	call	power_off

text:	.ascii	"string\n"
text_end:
words:	.ascii	".w.o.r.d"
	.lcomm	buffer, 16
