/* pci/hostbridge.h: configuration mechanism #1 and the function behind it.
 *
 *   0xcf8  CONFIG_ADDRESS, a 32-bit port
 *   0xcf9  RST_CNT, an 8-bit port in its middle (ICH9 data sheet, 13.7.5): also
 *          ACPI's reset register; asks for POWER_RESET, source "port 0xcf9"
 *   0xcfc  CONFIG_DATA, a window of 1, 2 or 4 bytes
 *
 * PCI Local Bus 3.0, 3.2.2.3.2.  Function 00:00.0 identifies as the Q35 MCH
 * (8086:29c0); all others read as all ones. */
#ifndef BANTAM_PCI_HOSTBRIDGE_H
#define BANTAM_PCI_HOSTBRIDGE_H

#include "core/device.h"

/* No config: pass NULL. */
extern const struct device_type hostbridge_type;

#endif
