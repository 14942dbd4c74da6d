/* tools/img_look.h: looking into an image without a guest: `bantam img ls`, `cat`,
 * `df` and `filesystems`.  Read-only; the image may be hostile.
 *
 * Each prints on stdout, what went wrong as lines on stderr, and returns the exit
 * status: 0, or 1 if anything was wrong. */
#ifndef BANTAM_TOOLS_IMG_LOOK_H
#define BANTAM_TOOLS_IMG_LOOK_H

#include "base/err.h"
#include "fsread/fs.h"
#include "fsread/partition.h"

struct look {
	const struct reader *disk; /* borrowed */
	const char *verb;	   /* "ls", for messages */
	const char *file;	   /* the disk's name, for messages */
	struct err *why;	   /* what the disk said when it could not be read, until told */
	const char *part;	   /* as look_split() gives it; NULL: none was named */
	bool json;
	bool recursive; /* ls: directories below, too */
	bool human;	/* df: sizes with units */
};

/* Cut "FILE:PART" into two at its last colon, if what follows names a partition: p1
 * or 1, sda1 or vda1 with or without /dev/, or disk for the whole of it.
 * arg  changed
 * Returns the part, or NULL when arg is a FILE alone. */
const char *look_split(char *arg);

/* What a directory holds, or what a single file is.  path NULL is the root. */
int look_ls(const struct look *look, const char *path);

/* The bytes of regular files, one behind the other. */
int look_cat(const struct look *look, char *const paths[], int count);

/* What is used and free in the named, or in all, file systems. */
int look_df(const struct look *look);

/* All partitions, or the whole disk, and what they hold. */
int look_filesystems(const struct look *look);

/* ---- for the files of these verbs ---- */

/* A partition, or the whole disk, and the file system in it. */
struct volume {
	struct window window;
	struct reader reader;
	struct fs *fs;	 /* NULL: none that can be read */
	unsigned number; /* of the partition; 0: the whole disk */
	char name[16];	 /* "p1", "disk" */
};

/* The one that look->part names, or else the only one with a file system.
 * Returns 0 or -errno with err filled. */
int look_open(const struct look *look, struct volume *v, struct err *err);

/* As look_open() when one is named; else number i of all.
 * table  filled when i is 0, and used for the others
 * Returns 1; 0 when there are no more than i; -errno.  v->fs may be NULL, why says
 * why then. */
int look_each(const struct look *look, struct partition_table *table, unsigned i, struct volume *v,
	      struct err *why);

/* Tell on stderr what was met, and close. */
void look_close(const struct look *look, struct volume *v);

/* "bantam img VERB: FILE:PART: PATH: TEXT (WHY)" on stderr.  v and path may be NULL.
 * Returns 1. */
int look_failed(const struct look *look, const struct volume *v, const char *path,
		const char *text);

/* "bantam img VERB: warning: FILE: TEXT" for each fault of the table. */
void look_table_faults(const struct look *look, const struct partition_table *table);

#endif
