/* chipset/acpi_pm.h: ACPI's fixed hardware: PM1 block, PM timer, SCI.
 *
 * ACPI 6.4, 4.8.3 (registers) and 4.8.2 (features), at PORT_PM_BASE as in an
 * ICH9.  The machine is in ACPI mode from the start: SCI_EN always reads 1 and
 * there is no SMI command port.  The PM timer has 24 bits (FADT TMR_VAL_EXT
 * clear).  Writing SLP_EN with the SLP_TYP of S5 asks for POWER_OFF, source
 * "ACPI S5". */
#ifndef BANTAM_CHIPSET_ACPI_PM_H
#define BANTAM_CHIPSET_ACPI_PM_H

#include "core/device.h"

/* No config: pass NULL. */
extern const struct device_type acpi_pm_type;

/* Press the power button: PWRBTN_STS, and the SCI if the guest enabled it.
 * dev  made by acpi_pm_type; under the device lock
 * Returns whether the guest listens (PWRBTN_EN; SCI_EN is always set): if not,
 * the press only leaves its status bit. */
bool acpi_pm_press_power_button(struct device *dev);

#endif
