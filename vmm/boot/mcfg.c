#include "boot/mcfg.h"

#include "boot/sdt.h"
#include "core/platform.h"

#define MCFG_REVISION 1u

_Static_assert((PCI_BUS_LAST + 1) * ECAM_BUS_BYTES <= ECAM_BYTES, "ECAM has these buses");

size_t mcfg_emit(struct emit *e)
{
	const size_t start = sdt_begin(e, "MCFG", MCFG_REVISION);

	emit_zeros(e, 8); /* reserved */
	emit_u64(e, ECAM_BASE);
	emit_u16(e, 0); /* segment */
	emit_u8(e, 0);	/* its first bus and its last */
	emit_u8(e, PCI_BUS_LAST);
	emit_zeros(e, 4);
	sdt_end(e, start);
	return start;
}
