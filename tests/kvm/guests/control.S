/* control.S: lines with control characters, a long line and one without end. */
#include "flat.inc"

main:
	mov	$text, %esi
	mov	$text_end - text, %ecx
1:	lodsb
	call	put_char
	loop	1b
	call	power_off

text:	.ascii	"plain\r\n"
	.byte	27
	.ascii	"[1mbold\t"
	.byte	0, 7, 0x7f
	.ascii	"\xc3\xa4\n\nno end"
text_end:
