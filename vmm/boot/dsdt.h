/* boot/dsdt.h: the DSDT: the devices of this PC that an OS cannot probe for. */
#ifndef BANTAM_BOOT_DSDT_H
#define BANTAM_BOOT_DSDT_H

#include "boot/emit.h"
#include "boot/tables.h"

/* Append the DSDT; returns its offset in e. */
size_t dsdt_emit(struct emit *e, const struct platform_desc *desc);

#endif
