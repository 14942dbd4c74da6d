/* nowhere.S: jumps to memory that is not there, with no interrupt table. */
#include "multi.inc"

main:
	lidt	none
	mov	$0xe0000000, %eax
	jmp	*%eax
none:	.skip	6
