/* block/qcow2_meta.h: a qcow2 image that no guest runs on: its tables, and changes to
 * them that happen as a whole or not at all.
 *
 *      read, compute          in memory; what is new goes to free clusters of the file
 *      qcow2_meta_commit()    new refcounts, L1, snapshot table to free clusters,
 *                             flush, ONE write of sector 0, flush
 *      then                   holes where clusters were freed, the file's end cut
 *
 * Before that one write every table is where it was, as it was; after it the new ones
 * are complete.  So whatever is lost in a crash, the image is one of the two, with no
 * leak and no flag that is wrong.  An operation that fails before the commit is
 * forgotten by qcow2_meta_close(). */
#ifndef BANTAM_BLOCK_QCOW2_META_H
#define BANTAM_BLOCK_QCOW2_META_H

#include "block/qcow2_header.h"
#include "block/qcow2_places.h"
#include "block/qcow2_refs.h"
#include "block/sync.h"

/* Why an image is opened. */
enum qcow2_use {
	QCOW2_READ,   /* nothing will be written */
	QCOW2_WRITE,  /* refused when it is marked corrupt, or dirty */
	QCOW2_REPAIR, /* for qcow2_check(): also with broken refcounts and snapshots */
};

struct qcow2_snapshot {
	char *id;   /* owned, like all that follows */
	char *name; /* may be "" */
	uint64_t l1_offset;
	uint32_t l1_entries;
	uint32_t date_s;
	uint32_t date_ns;
	uint64_t vm_clock_ns;
	uint64_t vm_state_bytes;
	uint64_t disk_bytes;
	uint8_t *extra; /* behind the fields above: kept as it is */
	uint32_t extra_bytes;
};

/* How far a long operation has come: done of total, of whatever.  May be NULL.  To
 * return false ends it with -ECANCELED, and the image is as it was. */
struct qcow2_progress {
	bool (*step)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

struct qcow2_meta {
	struct sync_io io;
	const char *name; /* borrowed */
	enum qcow2_use use;
	struct qcow2_header h; /* as it shall be */
	uint64_t file_bytes;   /* when it was opened, or last committed */
	uint64_t end_bytes;    /* the same, with what was written since */
	uint64_t *l1;	       /* the active one, h.l1_entries, flags and all */
	struct qcow2_refs refs;
	struct qcow2_places places;	  /* QCOW2_WRITE: tables, on disk or not long ago */
	struct qcow2_snapshot *snapshots; /* h.snapshot_count, those that could be read */
	uint32_t claimed_snapshots;	  /* what the header on disk says */
	uint32_t snapshot_table_bytes;	  /* on disk */
	uint8_t *table;			  /* an L2 table, for who walks */
	/* On disk, until the commit. */
	struct {
		uint64_t l1_offset;
		uint32_t l1_entries;
		uint32_t snapshot_count;
		uint64_t snapshots_offset;
	} old;
	uint8_t *cluster0; /* the whole header's cluster when `header_changed` */
	bool l1_changed;
	bool snapshots_changed;
	bool header_changed; /* extensions or names, not only sector 0's fields */
	bool unfinished;     /* written to, not committed */
	bool broken;	     /* a commit failed half-way: reopen it */
};

/* file  borrowed; block.h's "blocks that hold a file", ours alone; stays open
 * loop  borrowed; this thread's
 * name  borrowed; for messages
 * 0, or -errno with err one line that names the image and what would be right. */
int qcow2_meta_open(struct qcow2_meta *m, struct block *file, struct ioloop *loop, const char *name,
		    enum qcow2_use use, struct err *err);

/* Forgets what was not committed, and cuts off what the file has grown by it. */
void qcow2_meta_close(struct qcow2_meta *m);

/* Make all changes true and durable.  0, or -errno with err filled: then the image is
 * as it was, or (an error while sector 0 was written) one of the two. */
int qcow2_meta_commit(struct qcow2_meta *m, struct err *err);

/* After a commit that freed much: the tables that it had to put behind all that, while
 * it was in use, move to the front, so that the file gets shorter.  It is no error if
 * they cannot; the image is good either way. */
void qcow2_meta_settle(struct qcow2_meta *m);

/* ---- tables -------------------------------------------------------------------------- */

static inline uint64_t qcow2_entry_count(const struct qcow2_meta *m)
{
	return UINT64_C(1) << qcow2_l2_bits(&m->h);
}

/* Entry i of an L2 table's bytes; and its second half with extended L2 (else 0). */
uint64_t qcow2_entry(const struct qcow2_meta *m, const uint8_t *table, uint64_t i);
uint64_t qcow2_entry_bitmap(const struct qcow2_meta *m, const uint8_t *table, uint64_t i);
void qcow2_entry_set(const struct qcow2_meta *m, uint8_t *table, uint64_t i, uint64_t entry,
		     uint64_t bitmap);

/* Entries of a whole L1 table elsewhere (a snapshot's), in memory that the caller
 * frees; at least one element, cut or zero-filled to `room` entries when that is more. */
int qcow2_l1_read(struct qcow2_meta *m, uint64_t offset, uint32_t entries, uint32_t room,
		  uint64_t **out, struct err *err);

/* Judge an L1 entry: -EUCLEAN, err filled, when it cannot be.  *offset is 0 where
 * there is no L2 table. */
int qcow2_l1_check(const struct qcow2_meta *m, uint64_t entry, uint64_t *offset, struct err *err);

/* The L2 table of an L1 entry, into a cluster of memory; zeros if there is none. */
int qcow2_l2_read(struct qcow2_meta *m, uint64_t l1_entry, uint8_t *table, struct err *err);

/* The host clusters that an L2 entry uses: count 0 for none.  -EUCLEAN, err filled,
 * when it cannot be. */
struct qcow2_span {
	uint64_t cluster;
	uint64_t count;
};
int qcow2_entry_span(const struct qcow2_meta *m, uint64_t entry, struct qcow2_span *span,
		     struct err *err);

/* The active table of L1 entry i is `table` from the commit on: put it into a cluster
 * of its own, or over the one it got before in this change. */
int qcow2_l2_place(struct qcow2_meta *m, uint32_t i, const uint8_t *table, struct err *err);

/* Count all that L1 entries [first, first+count) reach up or down by one. */
int qcow2_count_reach(struct qcow2_meta *m, const uint64_t *l1, uint32_t first, uint32_t count,
		      bool up, const struct qcow2_progress *progress, struct err *err);

/* Set and clear COPIED all over the active tables as the refcounts say; tables that
 * change get new places. */
int qcow2_refresh_copied(struct qcow2_meta *m, const struct qcow2_progress *progress,
			 struct err *err);

/* The disk's content changes: bitmaps that say what changed are not true any more.
 * Frees them. */
int qcow2_drop_bitmaps(struct qcow2_meta *m, struct err *err);

/* Write anything to free clusters before the commit. */
int qcow2_meta_write(struct qcow2_meta *m, uint64_t offset, const void *from, size_t len,
		     const char *what, struct err *err);

/* 0, or -ECANCELED with err filled. */
int qcow2_step(const struct qcow2_meta *m, const struct qcow2_progress *progress, uint64_t done,
	       uint64_t total, struct err *err);

/* ---- snapshots in memory (qcow2_snapshots.c) ------------------------------------------- */

int qcow2_snapshots_load(struct qcow2_meta *m, struct err *err);
void qcow2_snapshot_free(struct qcow2_snapshot *s);
void qcow2_snapshots_free(struct qcow2_meta *m);
/* The table to a new place; h names it then. */
int qcow2_snapshots_write(struct qcow2_meta *m, struct err *err);

#endif
