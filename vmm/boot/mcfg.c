#include "boot/mcfg.h"

#include "boot/sdt.h"
#include "core/platform.h"

#define MCFG_REVISION 1u

#define BUS_ECAM_BYTES MIB(1)
#define BUS_LAST       (ECAM_BYTES / BUS_ECAM_BYTES - 1)

_Static_assert(BUS_LAST == UINT8_MAX, "ECAM has all 256 buses");

size_t mcfg_emit(struct emit *e)
{
	const size_t start = sdt_begin(e, "MCFG", MCFG_REVISION);

	emit_zeros(e, 8); /* reserved */
	emit_u64(e, ECAM_BASE);
	emit_u16(e, 0); /* segment */
	emit_u8(e, 0);	/* its first bus and its last */
	emit_u8(e, (uint8_t)BUS_LAST);
	emit_zeros(e, 4);
	sdt_end(e, start);
	return start;
}
