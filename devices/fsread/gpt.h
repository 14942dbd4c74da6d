/* fsread/gpt.h: the GUID partition table (UEFI 2.10 section 5.3). */
#ifndef BANTAM_FSREAD_GPT_H
#define BANTAM_FSREAD_GPT_H

#include "fsread/partition.h"

/* Fill table from the first of both copies whose sums are right.
 * Returns 0; -ENOENT when there is no sign of a GPT; -EUCLEAN when both copies
 * are damaged, err filled; or what the reader said. */
int gpt_read(const struct reader *disk, struct partition_table *table, struct err *err);

#endif
