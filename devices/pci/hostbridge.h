/* pci/hostbridge.h: the PCI bus's root: both ways into configuration space, and the
 * bridge's own function.
 *
 *   0xcf8  CONFIG_ADDRESS, a 32-bit port
 *   0xcf9  RST_CNT, an 8-bit port in its middle (ICH9 data sheet, 13.7.5): also
 *          ACPI's reset register; asks for POWER_RESET, source "port 0xcf9"
 *   0xcfc  CONFIG_DATA, a window of 1, 2 or 4 bytes
 *   ECAM   256 MiB of memory at ECAM_BASE, 4 KiB a function
 *
 * PCI Local Bus 3.0, 3.2.2.3.2; PCI Express Base 3.0, 7.2.2.  Function 00:00.0
 * identifies as the Q35 MCH (8086:29c0). */
#ifndef BANTAM_PCI_HOSTBRIDGE_H
#define BANTAM_PCI_HOSTBRIDGE_H

#include "core/device.h"

struct pci_bus;

/* No config: pass NULL. */
extern const struct device_type hostbridge_type;

/* The bus behind it; lives as long.  What is on it is to be taken off before the
 * host bridge is destroyed. */
struct pci_bus *hostbridge_bus(struct device *dev);

#endif
