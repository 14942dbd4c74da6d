/* chipset/post.h: the POST code port 0x80 and its twin 0xed.
 *
 * Linux delays I/O by a write to 0x80 (or, with io_delay=0xed, to 0xed):
 * both are claimed so that such a write is answered at once and never logged. */
#ifndef BANTAM_CHIPSET_POST_H
#define BANTAM_CHIPSET_POST_H

#include "core/device.h"

/* No config: pass NULL. */
extern const struct device_type post_type;

#endif
