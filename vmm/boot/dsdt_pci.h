/* boot/dsdt_pci.h: the DSDT's PCI root bridge.  Private to dsdt.c. */
#ifndef BANTAM_BOOT_DSDT_PCI_H
#define BANTAM_BOOT_DSDT_PCI_H

#include "boot/aml.h"
#include "boot/tables.h"

/* Method (_PIC) and what it is told, for the root. */
void dsdt_pic_emit(struct aml *a);

/* Device (PCI0), inside \_SB: its bus numbers and windows, and which GSI each
 * device's pins are on. */
void dsdt_pci_emit(struct aml *a, const struct platform_desc *desc);

#endif
