/* fsread/partition.h: how a disk is parted: MBR with logical partitions, or GPT
 * (UEFI 2.10 section 5). */
#ifndef BANTAM_FSREAD_PARTITION_H
#define BANTAM_FSREAD_PARTITION_H

#include "base/err.h"
#include "fsread/reader.h"
#include "fsread/utf16.h"

#define PARTITIONS_MAX	     128u
#define PARTITION_NAME_BYTES UTF8_BYTES(36)

struct partition {
	unsigned number;		 /* as Linux counts: sda1 is 1; logical ones from 5 */
	uint64_t start_bytes;		 /* inside the disk */
	uint64_t size_bytes;		 /* more than 0, inside the disk */
	char name[PARTITION_NAME_BYTES]; /* GPT's name, UTF-8; "" with MBR */
};

enum partition_scheme { SCHEME_NONE, SCHEME_MBR, SCHEME_GPT };

/* What was not as it should be. */
enum partition_fault {
	PARTITION_CUT = 1,	 /* a partition reached behind the disk and was cut */
	PARTITION_BACKUP = 2,	 /* GPT: read from the backup, for the first one is damaged */
	PARTITION_NO_BACKUP = 4, /* GPT: the backup is damaged or missing */
	PARTITION_CHAIN = 8,	 /* MBR: the chain of logical partitions is damaged */
	PARTITION_MANY = 16,	 /* more than PARTITIONS_MAX: the rest was left out */
};

struct partition_table {
	enum partition_scheme scheme;
	unsigned faults; /* enum partition_fault */
	unsigned count;
	struct partition entries[PARTITIONS_MAX]; /* in the order of their numbers */
};

/* Read the table.  A disk without one gives SCHEME_NONE and no partition: it may
 * hold a file system as a whole.
 * Returns 0; -EUCLEAN when both copies of a GPT are damaged; or what the reader
 * said; err filled then. */
int partition_read(const struct reader *disk, struct partition_table *table, struct err *err);

/* The partition of that number, or NULL. */
const struct partition *partition_find(const struct partition_table *table, unsigned number);

/* A line of text for the lowest fault in *faults, which is taken away; NULL: none
 * is left. */
const char *partition_fault_text(unsigned *faults);

/* For the readers of both schemes: put a partition behind the others, cut to the
 * disk.  Nothing happens with one that is empty or wholly outside.
 * Returns it, or NULL when nothing was added. */
struct partition *partition_add(struct partition_table *table, const struct reader *disk,
				unsigned number, uint64_t start_bytes, uint64_t size_bytes);

#endif
