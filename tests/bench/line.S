# A 16-bit guest that prints one line on COM1 and waits.  As a flat image it runs
# at 0x7c00; as the last 64 KiB below 1 MiB it is a BIOS, for peers that boot
# nothing smaller: the reset vector jumps to the same code.
	.code16
	.globl _start
_start:
	mov	%cs, %ax
	mov	%ax, %ds
	call	1f
1:	pop	%si
	add	$(line - 1b), %si
	mov	$0x3f8, %dx
2:	lodsb
	test	%al, %al
	jz	3f
	out	%al, %dx
	jmp	2b
3:	hlt
	jmp	3b
line:	.asciz	"a line from 16 bits\r\n"

	.ifdef BIOS
	.org	0xfff0
	ljmp	$0xf000, $0
	.org	0x10000
	.endif
