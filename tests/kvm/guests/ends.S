/* ends.S: ends, or does not end, in the way that a typed letter names. */
#include "flat.inc"

main:
	say	"ready\n"
next:	call	get_char
	mov	$table, %ebx
1:	cmpb	$0, (%bx)
	je	next			/* not a letter that we know */
	cmp	%al, (%bx)
	je	2f
	add	$3, %bx
	jmp	1b
2:	jmp	*1(%bx)

	.macro	letter key, place
	.byte	\key
	.word	\place
	.endm
table:	letter	'o', power_off
	letter	'k', by_i8042
	letter	'c', by_cf9
	letter	'a', by_port_92
	letter	'p', by_pvpanic
	letter	'q', debug_exit
	letter	'w', debug_exit_wide
	letter	'z', debug_exit_zero
	letter	't', triple_fault
	letter	's', sse
	letter	'h', halt
	letter	'l', spin
	letter	'b', want_button
	letter	'n', resets_on_nmi
	.byte	0

by_i8042:
	outp	0x64, 0xfe
	jmp	alive
by_cf9:
	outp	0xcf9, 2
	outp	0xcf9, 6
	jmp	alive
by_port_92:
	outp	0x92, 3
	jmp	alive
by_pvpanic:
	outp	0x505, 1
	jmp	alive
debug_exit:
	outp	0xf4, 0x10
	jmp	alive
debug_exit_zero:
	outp	0xf4, 0
	jmp	alive
debug_exit_wide:
	mov	$0xf4, %dx
	mov	$0x1234, %eax
	outl	%eax, (%dx)
	jmp	alive

triple_fault:				/* protected mode, no IDT, no descriptor */
	lidt	nothing
	lgdt	nothing
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	mov	$0x18, %ax
faults:	mov	%ax, %ds		/* #GP, #DF, the end */
	jmp	alive

sse:	mov	%cr4, %eax
	or	$0x200, %ax		/* OSFXSR */
	mov	%eax, %cr4
	sqrtps	%xmm1, %xmm0
	jmp	alive

halt:	cli
	hlt
	jmp	halt

spin:	mov	$0x1234abcd, %ebx
	mov	$0x7777, %bp
spinning:
	jmp	spinning

want_button:				/* and never look at it */
	mov	$0x602, %dx
	mov	$0x100, %ax
	outw	%ax, (%dx)
	say	"listening\n"
	jmp	next

resets_on_nmi:
	vector	2, by_cf9
	jmp	spin

alive:	say	"still here\n"		/* nothing came of it */
	jmp	next

nothing: .skip	6
