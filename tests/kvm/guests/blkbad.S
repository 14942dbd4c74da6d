/* blkbad.S: every way to break the rules of a queue, one after another.  After
 * each: the disk says that it needs a reset, another disk goes on, and after a reset
 * the first one works again.  Ends by the debug exit. */
#include "multi.inc"
#include "blk.inc"

/* crime TEXT: what follows, up to `done`, is done to disk0 with %edi its ring */
	.macro	crime text:vararg
	mov	$disk0, %ebx
	mov	RING(%ebx), %edi
	say	\text
	header	REQ_IN, 1
	desc	0, HEADER, 16, F_NEXT, 1
	desc	1, DATA, 512, F_NEXT | F_WRITE, 2
	desc	2, STATUS, 1, F_WRITE, 0
	xor	%eax, %eax
	.endm
	.macro	done
	call	offer
	call	judge
	.endm

main:
	mov	$disk1, %ebx
	mov	$1, %ecx
	mov	$RINGS + 0x100000, %eax
	call	open_disk
	mov	$disk0, %ebx
	xor	%ecx, %ecx
	mov	$RINGS, %eax
	call	open_disk

	crime	"descriptors in a loop"
	movw	$F_NEXT | F_WRITE, DESC + 16 * 2 + 12(%edi)
	movw	$1, DESC + 16 * 2 + 14(%edi)
	done
	crime	"descriptor over the device's own registers"
	mov	COMMON(%ebx), %eax
	mov	%eax, DESC + 16(%edi)
	xor	%eax, %eax
	done
	crime	"descriptor over the end of RAM"
	movl	$(64 << 20) - 256, DESC + 16(%edi)
	done
	crime	"descriptor that wraps around"
	movl	$-256, DESC + 16(%edi)
	movl	$-1, DESC + 16 + 4(%edi)
	done
	crime	"head twice in flight"
	call	offer
	xor	%eax, %eax
	done
	crime	"head that does not exist"
	mov	$QUEUE_SIZE, %eax
	done
	crime	"descriptor that does not exist"
	movw	$QUEUE_SIZE, DESC + 14(%edi)
	done
	crime	"available index that jumped"
	addl	$QUEUE_SIZE, AVAIL_INDEX(%ebx)
	done
	crime	"readable after writable"
	movw	$F_NEXT, DESC + 16 * 1 + 12(%edi)
	movw	$F_NEXT | F_WRITE, DESC + 12(%edi)
	done
	crime	"indirect table of 17 bytes"
	movw	$F_INDIRECT, DESC + 12(%edi)
	movl	$17, DESC + 8(%edi)
	done
	crime	"indirect table in an indirect table"
	lea	DESC + 16 * 4(%edi), %eax
	mov	%eax, DESC(%edi)
	movl	$16, DESC + 8(%edi)
	movw	$F_INDIRECT, DESC + 12(%edi)
	desc	4, HEADER, 16, F_INDIRECT, 0
	xor	%eax, %eax
	done
	call	ring_outside_ram
	call	ring_changed_later
	call	reset_in_flight
	outp	0xf4, 0x10
	call	power_off

/* judge: kick disk0, then what became of it, of disk1, and of disk0 after a reset */
judge:	call	kick
	call	await
judged:	cmp	$1, %al
	je	1f
	say	": no reset needed"
	jmp	2f
1:	say	": needs a reset"
2:	call	others_and_again
	ret

others_and_again:
	mov	$disk1, %ebx
	read_sector 2
	test	%al, %al
	jz	1f
	say	", the other disk does not go on"
1:	mov	$disk0, %ebx
	call	start_disk
	read_sector 1
	test	%al, %al
	jnz	2f
	cmpl	$0x74636573, DATA(%edi)	/* "sect" */
	jne	2f
	say	", works again\n"
	ret
2:	say	", does not work again\n"
	ret

/* The rings' places are checked when the queue starts. */
ring_outside_ram:
	mov	$disk0, %ebx
	say	"ring outside RAM"
	call	prepare_disk
	mov	COMMON(%ebx), %edi
	mov	COMMON(%ebx), %eax
	mov	%eax, Q_DEVICE(%edi)
	call	enable_disk
	mov	RING(%ebx), %edi
	xor	%eax, %eax
	call	offer
	jmp	judge

/* Registers of a queue in use are frozen: it goes on as it was. */
ring_changed_later:
	mov	$disk0, %ebx
	say	"queue changed while in use"
	mov	COMMON(%ebx), %edi
	movw	$0, Q_SELECT(%edi)
	movw	$256, Q_SIZE(%edi)
	movl	$0xfffff000, Q_DESC(%edi)
	movl	$0x1000, Q_DRIVER(%edi)
	movl	$0x3001, Q_DEVICE(%edi)
	read_sector 2
	cmp	$0, %al
	jne	1f
	say	": no change"
	jmp	others_and_again
1:	say	": fails"
	jmp	others_and_again

/* Two reads of 512 KiB; when the reset is done, memory is the driver's again. */
reset_in_flight:
	mov	$disk0, %ebx
	mov	RING(%ebx), %edi
	say	"reset with reads in flight"
	header	REQ_IN, 0
	desc	0, HEADER, 16, F_NEXT, 1
	desc	1, DATA, 512 << 10, F_NEXT | F_WRITE, 2
	desc	2, STATUS, 1, F_WRITE, 0
	desc	3, HEADER, 16, F_NEXT, 4
	desc	4, DATA, 512 << 10, F_NEXT | F_WRITE, 5
	desc	5, STATUS, 1, F_WRITE, 0
	xor	%eax, %eax
	call	offer
	mov	$3, %eax
	call	offer
	call	kick
	call	reset_disk
	mov	$0xa5a5a5a5, %eax
	mov	RING(%ebx), %edi
	lea	DATA(%edi), %edi
	mov	$(512 << 10) / 4, %ecx
	push	%edi
	push	%ecx
	rep stosl
	mov	$PM_SECOND / 20, %ecx
	call	wait_pm
	pop	%ecx
	pop	%edi
	repe scasl
	je	1f
	say	": memory changed after it"
	jmp	others_and_again
1:	say	": memory is left alone"
	jmp	others_and_again
