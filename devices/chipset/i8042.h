/* chipset/i8042.h: the keyboard controller at 0x60/0x64, and the keyboard.
 *
 * IBM PS/2 hardware reference, "Keyboard and auxiliary device controller".  It
 * is here for three reasons: its pulse of output port bit 0 is the oldest way to
 * reset a PC (POWER_RESET, source "i8042"); its output port has A20; and a kernel
 * that probes it must get an answer to every question at once.
 *
 * A keyboard is attached, and no mouse.  What that choice saves a Linux guest
 * (drivers/input/serio/i8042.c, drivers/input/keyboard/atkbd.c):
 *   - With no keyboard, atkbd waits half a second for each command that nobody
 *     acknowledges; this one acknowledges all of them at once.
 *   - i8042_check_aux() sends 0xd3 (loop) and looks for AUXDATA in the status.
 *     Here the byte comes back as keyboard data, so the loop test fails at once
 *     instead of after 500 ms; then 0xa9 (test the mouse's lines) reports "clock
 *     stuck low", and the kernel knows, without a word, that there is no port.
 *     (Were 0xa9 to report success, the kernel would go on to believe in a mouse
 *     port, and psmouse would wait for a mouse.)
 * The keyboard has no keys: it answers commands and is otherwise silent. */
#ifndef BANTAM_CHIPSET_I8042_H
#define BANTAM_CHIPSET_I8042_H

#include "core/device.h"

/* No config: pass NULL. */
extern const struct device_type i8042_type;

#endif
