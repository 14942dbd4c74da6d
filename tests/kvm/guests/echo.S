/* echo.S: sends back each byte that is typed, 65536 of them, then powers off. */
#include "flat.inc"

main:
	outp	COM1 + 2, 0x01		/* FIFO on */
	mov	$65536, %ecx
1:	call	get_char
	call	put_char
	loopl	1b
	call	power_off
