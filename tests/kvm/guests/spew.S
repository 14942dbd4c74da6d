/* spew.S: 3200 lines of 64 bytes, 204800 bytes, 16 bytes for each look at LSR;
 * the lines are numbered. */
#include "flat.inc"

main:
	outp	COM1 + 2, 0x01		/* FIFO on */
	xor	%ebx, %ebx
1:	mov	%ebx, %eax
	call	put_hex16
	mov	$rest, %esi
	mov	$60 / 15, %ebp
2:	mov	$COM1 + 5, %dx
3:	in	(%dx), %al
	test	$0x20, %al
	jz	3b
	mov	$COM1, %dx
	mov	$15, %ecx
	rep outsb
	dec	%ebp
	jnz	2b
	inc	%ebx
	cmp	$3200, %ebx
	jb	1b
	call	power_off

rest:	.ascii	" abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123\n"
