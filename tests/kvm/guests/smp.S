/* smp.S: starts all other CPUs by INIT-SIPI-SIPI (Intel SDM vol. 3, §9.4); each
 * prints its APIC id.  Ends half a second after the start-up IPIs. */
#include "multi.inc"

	.set	TRAMPOLINE, 0x8000	/* start-up vector 8 */
	.set	TEN_MS, 35795

main:
	movl	$0x1ff, LAPIC + 0xf0
	mov	$trampoline, %esi
	mov	$TRAMPOLINE, %edi
	mov	$trampoline_end - trampoline, %ecx
	rep movsb
	call	report
	movl	$0xc4500, LAPIC + 0x300	/* INIT to all but self */
	mov	$TEN_MS, %ecx
	call	wait_pm
	movl	$0xc4608, LAPIC + 0x300
	call	wait_pm
	movl	$0xc4608, LAPIC + 0x300
	mov	$PM_HALF_SECOND, %ecx
	call	wait_pm
	say	"done\n"
	call	power_off

/* report: this CPU's APIC id, one CPU at a time */
report:
1:	lock btsl $0, lock
	jc	1b
	mov	LAPIC + 0x20, %eax
	shr	$24, %eax
	say	"cpu "
	call	put_dec
	say	"\n"
	movl	$0, lock
	ret

application_processor:
	mov	$16, %eax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x1000, %esp
	lock xadd %esp, stack		/* a stack of its own */
	call	report
2:	cli
	hlt
	jmp	2b

	.data
stack:	.long	0x12000
lock:	.long	0

	.code16
	.text
trampoline:
	cli
	lgdtl	%cs:1f - trampoline
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$8, $application_processor
	.p2align 2
1:	.word	23
	.long	gdt
trampoline_end:
