/* pci/lpc.h: the LPC bridge of an ICH9 (8086:2918) at 00:1f.0: where operating
 * systems and firmware look for the ACPI PM block of chipset/acpi_pm.c.
 *
 * Data sheet: Intel I/O Controller Hub 9, 13.1 (configuration), 10.1 (RCRB).  The
 * registers that would move things say where those are and cannot be written; those
 * that route PCI's interrupt lines to the PIC do. */
#ifndef BANTAM_PCI_LPC_H
#define BANTAM_PCI_LPC_H

#include "core/device.h"

struct pci_bus;

struct lpc_config {
	struct pci_bus *bus; /* borrowed */
};

extern const struct device_type lpc_type;

#endif
