/* block/probe.h: what an image's first bytes say it is.  Pure; any bytes. */
#ifndef BANTAM_BLOCK_PROBE_H
#define BANTAM_BLOCK_PROBE_H

#include "base/types.h"

#define PROBE_BYTES 512u

/* The name of the image format that these bytes begin ("qcow2", "VMDK", ...), or
 * NULL: nothing but a disk's content. */
const char *probe_format(const uint8_t first[PROBE_BYTES]);

#endif
