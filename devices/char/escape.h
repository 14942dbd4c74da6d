/* char/escape.h: the keys that are for Bantam and not for the guest.
 *
 *   Ctrl-A a       one Ctrl-A for the guest (Ctrl-A Ctrl-A too, as in screen)
 *   Ctrl-A KEY     command KEY: 'x', 'b', 'c', ...; what it means, if anything,
 *                  is the machine's business
 *
 * Pure: no terminal, no allocation. */
#ifndef BANTAM_CHAR_ESCAPE_H
#define BANTAM_CHAR_ESCAPE_H

#include "base/types.h"

#define ESCAPE_KEY 0x01u /* Ctrl-A */

struct escape {
	bool pending; /* Ctrl-A came, its key has not yet */
};

enum escape_result {
	ESCAPE_NOTHING, /* the byte was swallowed: a key will follow */
	ESCAPE_BYTE,    /* *out goes to the guest */
	ESCAPE_COMMAND, /* *out is a command key */
};

/* One typed byte.  *out is written unless ESCAPE_NOTHING comes back. */
enum escape_result escape_feed(struct escape *e, uint8_t byte, uint8_t *out);

#endif
