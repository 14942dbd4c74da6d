/* chipset/keyboard.h: an AT keyboard without keys, behind the i8042.
 *
 * IBM PS/2 hardware reference, "Keyboard (101- and 102-key)": the commands of a
 * keyboard and its answers, as bytes on its line.  Pure. */
#ifndef BANTAM_CHIPSET_KEYBOARD_H
#define BANTAM_CHIPSET_KEYBOARD_H

#include "base/types.h"

#define KEYBOARD_QUEUE_BYTES 16u

struct keyboard {
	uint8_t awaits;	  /* the command whose argument comes next; 0: none */
	uint8_t scan_set; /* 1..3 */
	uint8_t last;	  /* the last byte taken out, for "resend" */
	uint8_t count;	  /* bytes in the queue */
	uint8_t queue[KEYBOARD_QUEUE_BYTES];
};

void keyboard_init(struct keyboard *k);

/* A byte from the host: a command or its argument.  The answer is queued; what
 * was queued before a new command is dropped, as a keyboard does. */
void keyboard_put(struct keyboard *k, uint8_t byte);

/* The next byte for the host, or -1 if there is none. */
int keyboard_get(struct keyboard *k);

#endif
