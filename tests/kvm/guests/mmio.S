/* mmio.S: accesses of every width to memory that is not there, and over the end
 * of RAM, which is 64 MiB. */
#include "multi.inc"

	.set	NOWHERE, 0xe0000000
	.set	RAM_END, 64 << 20

	.macro	look base, gap
	movb	\base, %al
	call	put_hex8
	say	" "
	movw	\base + \gap, %ax
	call	put_hex16
	say	" "
	movl	\base + 2 * \gap, %eax
	call	put_hex32
	say	"\n"
	.endm

main:
	say	"nothing: "
	look	NOWHERE, 4
	say	"unaligned: "
	look	NOWHERE + 1, 4
	say	"over a page: "
	look	NOWHERE + 0xfff, 0x1000

	movb	$0x12, NOWHERE
	movw	$0x1234, NOWHERE
	movl	$0x12345678, NOWHERE
	movl	$0x12345678, NOWHERE + 0xffe
	addl	$5, NOWHERE
	say	"after writes: "
	look	NOWHERE, 4

	mov	$NOWHERE, %esi
	mov	$0x200000, %edi
	mov	$4, %ecx
	rep movsl
	say	"copied: "
	look	0x200000, 4

	say	"above RAM: "
	look	RAM_END, 4
	movl	$0x12345678, RAM_END
	say	"after a write: "
	look	RAM_END, 4

	movl	$0xa1b2c3d4, RAM_END - 4
	say	"the last bytes of RAM: "
	look	RAM_END-4, 0
	say	"over the end: "
	movl	RAM_END - 2, %eax
	call	put_hex32
	say	"\n"
	call	power_off
