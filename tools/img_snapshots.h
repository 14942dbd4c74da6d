/* tools/img_snapshots.h: lists of an image's snapshots. */
#ifndef BANTAM_TOOLS_IMG_SNAPSHOTS_H
#define BANTAM_TOOLS_IMG_SNAPSHOTS_H

#include "block/qcow2_meta.h"

/* For people, with its heading. */
void img_snapshots_print(const struct qcow2_meta *m);

/* A member "snapshots" of a JSON object, with the comma before.
 * in  what every line begins with */
void img_snapshots_print_json(const struct qcow2_meta *m, const char *in);

#endif
