/* button.S: listens to the power button through the SCI, IRQ 9, and powers off
 * when it is pressed. */
#include "flat.inc"

main:
	vector	0x29, on_sci
	pic_init 0xfb, 0xfd		/* IRQ 2, 9 */
	mov	$0x4d1, %dx		/* ELCR: IRQ 9 by level */
	mov	$0x02, %al
	out	%al, (%dx)
	mov	$0x604, %dx
	mov	$1, %ax			/* SCI_EN */
	outw	%ax, (%dx)
	mov	$0x602, %dx
	mov	$0x100, %ax		/* PWRBTN_EN */
	outw	%ax, (%dx)
	say	"listening\n"
1:	sti
	hlt
	jmp	1b

on_sci:	mov	$0x600, %dx
	inw	(%dx), %ax
	test	$0x100, %ax
	jz	1f
	mov	$0x100, %ax		/* PWRBTN_STS, write one to clear */
	outw	%ax, (%dx)
	inw	(%dx), %ax
	say	"power button, then "
	and	$0x100, %ax
	call	put_hex16
	say	"\n"
	call	power_off
1:	say	"SCI without a reason\n"
	mov	$0x20, %al
	out	%al, $0xa0
	out	%al, $0x20
	iret
