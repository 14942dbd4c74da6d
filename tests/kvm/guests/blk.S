/* blk.S: reads, writes, flushes and errors on a disk of 64 sectors, each of which
 * begins with a text; a second disk, read-only; all by polling.  Ends by the debug
 * exit. */
#include "multi.inc"
#include "blk.inc"

/* tell NAME: status byte, device's bytes written and the first bytes of data */
	.macro	tell name
	say	"\name: status "
	mov	STATUS(%edi), %al
	call	put_hex8
	say	", written "
	mov	AVAIL_INDEX(%ebx), %eax
	dec	%eax
	and	$QUEUE_SIZE - 1, %eax
	mov	USED + 8(%edi, %eax, 8), %eax
	call	put_dec
	say	"\n"
	.endm

/* show_data BYTES: printable bytes of data */
	.macro	show_data bytes
	lea	DATA(%edi), %esi
	movb	$0, \bytes(%esi)
	say	"  "
	call	put_text
	say	"\n"
	.endm

main:
	mov	$disk0, %ebx
	xor	%ecx, %ecx
	mov	$RINGS, %eax
	call	open_disk
	say	"sectors "
	mov	DEVICE(%ebx), %esi
	mov	(%esi), %eax
	call	put_dec
	say	"\n"

	request	REQ_IN, 7, 512, F_WRITE
	tell	"read"
	show_data 11
	request	REQ_IN, 63, 512, F_WRITE
	tell	"read of the last"
	show_data 11

	/* More requests than the ring has entries. */
	mov	$20, %ecx
1:	push	%ecx
	request	REQ_IN, 3, 512, F_WRITE
	pop	%ecx
	dec	%ecx
	jnz	1b
	tell	"read again and again"
	show_data 11

	mov	RING(%ebx), %edi
	lea	DATA(%edi), %edi
	mov	$words, %esi
	mov	$words_end - words, %ecx
	rep movsb
	request	REQ_OUT, 5, 512, 0
	tell	"write"
	header	REQ_FLUSH, 0
	desc	0, HEADER, 16, F_NEXT, 2	/* the others are from before */
	xor	%eax, %eax
	call	offer
	call	kick
	call	await
	tell	"flush"
	mov	RING(%ebx), %edi
	movl	$0, DATA(%edi)
	request	REQ_IN, 5, 512, F_WRITE
	tell	"read of what was written"
	show_data 11
	request	REQ_GET_ID, 0, 20, F_WRITE
	tell	"serial number"
	show_data 20

	request	REQ_IN, 64, 512, F_WRITE
	tell	"read behind the end"
	request	REQ_IN, 63, 1024, F_WRITE
	tell	"read over the end"
	request	REQ_OUT, 0x7fffffff, 512, 0
	tell	"write far behind the end"
	request	REQ_IN, 1, 511, F_WRITE
	tell	"read of half a sector"
	request	0x77, 0, 512, F_WRITE
	tell	"request of no known type"

	mov	$disk1, %ebx
	mov	$1, %ecx
	mov	$RINGS + 0x10000, %eax
	call	open_disk
	request	REQ_IN, 2, 512, F_WRITE
	tell	"read of a read-only disk"
	show_data 11
	request	REQ_OUT, 2, 512, 0
	tell	"write of a read-only disk"
	outp	0xf4, 0x10
	call	power_off

	.section .rodata
words:	.ascii	"the guest's"
words_end:
	.text
