/* restart.S: resets itself twice and powers off the third time; a CMOS byte,
 * which a battery keeps, counts.  RAM shall be clear each time. */
#include "flat.inc"

	.set	COUNTER, 0x40
	.set	MARK, 0x500

main:
	outp	0x70, COUNTER
	in	$0x71, %al
	mov	%al, %bl
	say	"start "
	call	put_hex8
	say	" ram "
	mov	MARK, %eax
	call	put_hex32
	say	" ier"
	mov	$COM1 + 1, %dx		/* IER: 0 after a reset */
	show	1
	say	"\n"
	movl	$0x600df00d, MARK
	outp	COM1 + 1, 0x0f
	outp	0x70, COUNTER
	mov	%bl, %al
	inc	%al
	out	%al, $0x71
	cmp	$2, %bl
	je	1f
	outp	0x64, 0xfe
	hlt
1:	call	power_off
