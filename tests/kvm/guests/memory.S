/* memory.S: the memory sizes in CMOS, and the last bytes of the first 640 KiB. */
#include "flat.inc"

	.macro	cmos index
	outp	0x70, \index
	in	$0x71, %al
	call	put_hex8
	.endm

main:
	say	"base "
	cmos	0x16
	cmos	0x15
	say	" extended "
	cmos	0x18
	cmos	0x17
	say	" above 16M "
	cmos	0x35
	cmos	0x34
	say	" above 4G "
	cmos	0x5d
	cmos	0x5c
	cmos	0x5b
	say	"\nram "
	mov	$0x9000, %ax
	mov	%ax, %es
	movl	$0xcafe1234, %es:0xfbfc
	mov	%es:0xfbfc, %eax
	call	put_hex32
	say	"\n"
	call	power_off
