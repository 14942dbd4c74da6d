/* boot/mcfg.h: the MCFG: where PCI configuration space lies in memory (PCI Firmware
 * 3.2, 4.1.2). */
#ifndef BANTAM_BOOT_MCFG_H
#define BANTAM_BOOT_MCFG_H

#include "boot/emit.h"

/* Append the MCFG; returns its offset in e. */
size_t mcfg_emit(struct emit *e);

#endif
