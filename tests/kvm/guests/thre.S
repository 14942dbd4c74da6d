/* thre.S: a text sent by COM1's transmitter interrupts, IRQ 4, with the CPU
 * halted in between. */
#include "flat.inc"

main:
	vector	0x24, on_uart
	pic_init 0xef, 0xff		/* IRQ 4 */
	outp	COM1 + 4, 0x08		/* OUT2: the way to the bus */
	outp	COM1 + 1, 0x02		/* THRE: interrupts at once */
	mov	$text, %esi
1:	sti
	hlt
	cli
	cmp	$text_end, %esi
	jb	1b
	say	"polled again\n"
	call	power_off

on_uart:
	push	%ax
	push	%dx
	mov	$COM1 + 2, %dx
	in	(%dx), %al		/* IIR: THRE, and it is acknowledged */
	and	$0x0f, %al
	cmp	$2, %al
	jne	2f
	cmp	$text_end, %esi
	je	1f
	lodsb
	mov	$COM1, %dx
	out	%al, (%dx)
	jmp	2f
1:	xor	%al, %al
	mov	$COM1 + 1, %dx
	out	%al, (%dx)
2:	mov	$0x20, %al
	out	%al, $0x20
	pop	%dx
	pop	%ax
	iret

text:	.ascii	"each byte by an interrupt\n"
text_end:
