/* block/qcow2_internal.h: an open qcow2 image as its own files see it. */
#ifndef BANTAM_BLOCK_QCOW2_INTERNAL_H
#define BANTAM_BLOCK_QCOW2_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/options.h"
#include "block/qcow2.h"
#include "block/qcow2_places.h"
#include "block/sync.h"
#include "host/iothread.h"

#define Q_PIECE_BYTES	 4096u /* tables are written by so much, or by clusters if less */
#define Q_DIRTY_WORDS	 8u    /* 64 pieces each: 2 MiB */
#define Q_RUN_EXTENTS	 64u
#define Q_RUN_BYTES	 MIB(64)
#define Q_SUBCLUSTERS	 32u
#define Q_OPERATION_IOVS 12u

struct qcow2;
struct qjob;
struct qop;
struct zstd_decoder;
struct qbatch;

/* ---- tables ---------------------------------------------------------------------- */

/* An L2 table in memory, entries in the host's byte order; with extended L2 two words
 * an entry.  All but `word` and `used` under the lock. */
struct qtable {
	_Atomic bool used;	/* lately: the clock's */
	bool dirty;		/* in q->dirty_tables or being written */
	bool moved;		/* new place: all of it is written before the L1 entry */
	unsigned pins;		/* claims that will change it */
	uint64_t index;		/* in L1 */
	uint64_t offset;	/* in the file */
	struct qtable *next;	/* dirty_tables, or retired */
	uint64_t dirty_pieces[Q_DIRTY_WORDS];
	_Atomic uint64_t word[];
};

/* Who wants a table that is being read. */
struct qload {
	uint64_t index;
	struct qjob *waiters;
	struct qload *next;
};

/* ---- requests ---------------------------------------------------------------------- */

/* What one loop keeps here.  All but `active` is that loop's thread's own. */
struct qslot {
	struct qslot *next;
	struct ioloop *loop;
	struct qop *free_ops;
	unsigned free_count;
	struct zstd_decoder *unzstd; /* NULL until it is needed */
	_Alignas(64) atomic_uint active[2]; /* requests under way, by the epoch's parity */
};

/* A guest's request that takes more than handing it on; in its private_bytes. */
struct qjob {
	struct io_task task; /* to go on, on its own loop */
	struct qcow2 *q;
	struct qslot *slot;
	/* Start what can be started: true when that was all; false when it waits for
	 * something, and wants to be called again then. */
	bool (*step)(struct qjob *job);
	struct qjob *next;	   /* among those who wait for the same */
	uint64_t pos, end;	   /* of the disk; what is before pos is under way or done */
	const struct iovec *iov;   /* at pos */
	size_t iov_skip;	   /* bytes of *iov that are before pos */
	unsigned outstanding;	   /* operations under way, and one for step() itself */
	unsigned parity;
	int status;		   /* the first error */
	int wait_status;	   /* of what it waited for */
	bool starting;		   /* within submit: nothing may end yet */
	bool flushed;
};

_Static_assert(sizeof(struct qjob) <= BLOCK_REQ_PRIVATE_BYTES, "room in a request");

/* Clusters whose entries a write is about to change: nobody else changes them. */
struct qclaim {
	uint64_t first, count; /* of the disk */
	struct qjob *waiters;
	struct qclaim *next;
};

/* One I/O of a job; kept by the slot.  A write to new clusters is one with a claim. */
struct qop {
	struct block_req req;
	struct qjob *job;
	struct qop *next;
	void (*ended)(struct qop *op, int status);
	struct iovec *iov; /* own, or allocated when there are many */
	unsigned iov_count;
	struct iovec single; /* of req, when iov is not */
	struct iovec own[Q_OPERATION_IOVS];
	uint8_t *buffer; /* NULL, or owned: freed with the operation */

	/* ---- of a write that allocates */
	struct qclaim claim;
	struct qtable *table;
	uint64_t host;	       /* where the first cluster goes */
	bool own_cluster;      /* it is there already (a zero cluster, subclusters) */
	bool replaces;	       /* what is read there now is not zeros */
	uint64_t pos, len;     /* what the guest writes */
	uint64_t from, to;     /* what is written, filled up from what is there now */
	unsigned fills;	       /* reads under way */
	int fill_status;
	struct qop *parent;    /* of a read that fills: the write */
	/* ---- of a read of a compressed cluster */
	uint64_t entry;
	uint64_t skip;
};

/* ---- clusters ------------------------------------------------------------------------ */

struct qextent {
	uint64_t first, count; /* clusters of the file */
};

/* Clusters whose refcount is 1 on disk, which nothing uses, and which are zeros. */
struct qrun {
	struct qextent extent[Q_RUN_EXTENTS];
	unsigned extent_count;
	uint64_t cluster_count;
};

/* Clusters that lost a reference; not complete if there was no memory (a leak). */
struct qfreed {
	struct qextent *extent;
	size_t count, room;
};

/* A refcount block in memory, as on disk.  The steward's. */
struct qrefblock {
	uint64_t offset;
	bool linked; /* the table on disk names it */
	bool dirty;
	uint64_t dirty_pieces[Q_DIRTY_WORDS];
	uint8_t bytes[];
};

/* ---- decompressed clusters ------------------------------------------------------------- */

#define Q_UNPACKED 16u

struct qunpacked {
	uint64_t entry; /* 0: none */
	uint64_t used_at;
	uint8_t *bytes;
};

struct qcow2 {
	struct block block;
	struct block *file;
	struct block *backing;
	uint64_t backing_bytes; /* behind that it reads as zeros */
	char name[QUOTED_BYTES];
	bool durable_writes;

	/* fixed */
	unsigned cluster_bits, l2_bits, l1_shift, entry_words, grain_bits;
	uint64_t cluster_bytes, disk_bytes, table_bytes;
	uint32_t piece_bytes;
	uint64_t l1_entries;
	bool v3, extended;
	uint64_t data_mask; /* of a plain entry: the bits that a cluster's offset may have */

	_Atomic uint64_t *l1; /* entries as on disk */
	uint64_t l1_bytes;
	_Atomic(struct qtable *) *tables; /* by L1 index; NULL: not in memory */
	_Atomic(struct qslot *) slots;
	_Atomic unsigned epoch;
	atomic_bool prepared; /* the header says that it is being written to */
	atomic_bool corrupt;
	/* Changes of the mapping are numbered: all up to durable_seq are on disk. */
	_Atomic uint64_t dirty_seq, durable_seq;
	_Atomic uint64_t file_bytes;
	/* Where tables are, and where some were: the places of those that have moved
	 * rest until the next opening. */
	struct qcow2_places places;

	_Alignas(64) pthread_mutex_t lock;
	/* ---- under the lock */
	struct qload *loads;
	struct qclaim *claims;
	struct qtable *dirty_tables;
	uint64_t *l1_dirty; /* bit a piece */
	bool l1_is_dirty;
	bool replaced; /* entries whose data must be durable before they are written */
	uint64_t table_count, table_limit, clock_hand;
	struct qtable *retired; /* not reachable any more */
	struct qrun run;
	uint64_t run_low; /* below, the next one is asked for */
	bool run_wanted;
	int run_status; /* of the last attempt */
	struct qjob *run_waiters, *flush_waiters;
	bool flush_wanted; /* too many tables are dirty */
	struct qfreed freed; /* since the last flush */
	struct qunpacked unpacked[Q_UNPACKED];
	uint64_t unpacked_clock;
	bool finished; /* the steward, on closing */
	pthread_cond_t finished_cond;

	/* ---- the steward's */
	struct iothread *steward;
	struct io_task steward_task;
	atomic_bool steward_called;
	struct io_timer timer;
	bool busy, again, closing, marked_corrupt;
	uint64_t dirty_since_ns; /* 0: not dirty */
	struct qbatch *batch;
	struct sync_io io;
	struct qcow2_header h;
	uint64_t *reftable; /* offsets */
	uint64_t reftable_entries;
	struct qrefblock **refblocks;
	uint64_t refblock_bits, refblock_count;
	uint64_t end_cluster;  /* the file's end: first cluster behind */
	uint64_t scan_cluster; /* where to look for free ones before that */
	uint64_t run_clusters; /* of the next run */
	uint64_t run_clusters_max;
	uint64_t first_end_cluster; /* end_cluster when it was opened */
	struct qfreed unmapped; /* nothing on disk refers to them */
	struct qfreed waiting;	/* the same; requests of then may be under way */
	struct qtable *waiting_tables;
	unsigned grace;	       /* 0: none is waited for; 1, 2: its halves */
	unsigned grace_parity;
};

/* ---- qcow2_map.c: pure -------------------------------------------------------------------- */

enum qkind {
	Q_DATA,	      /* at host */
	Q_ZERO,
	Q_NOTHING,    /* the backing disk's, or zeros */
	Q_COMPRESSED, /* of `entry`, in one cluster */
	Q_TABLE,      /* its L2 table is not in memory */
	Q_BAD,
};

struct qspan {
	enum qkind kind;
	bool in_place; /* DATA: only ours */
	uint64_t host;
	uint64_t len;
	uint64_t entry;
};

/* What [pos, pos+len) is, as far as it is one thing: s->len says how far. */
void q_map(struct qcow2 *q, uint64_t pos, uint64_t len, struct qspan *s);

static inline uint64_t q_cluster(const struct qcow2 *q, uint64_t bytes)
{
	return bytes >> q->cluster_bits;
}

static inline uint64_t q_entry_index(const struct qcow2 *q, uint64_t pos)
{
	return (pos >> q->cluster_bits) & ((UINT64_C(1) << q->l2_bits) - 1);
}

/* Whether the backing disk has anything in the cluster at pos. */
static inline bool q_is_backed(const struct qcow2 *q, uint64_t pos)
{
	return (pos & ~(q->cluster_bytes - 1)) < q->backing_bytes;
}

/* What an entry and its bitmap (0 without extended L2) are. */
struct qentry {
	enum qkind kind; /* DATA, ZERO (with extended L2 none of both), NOTHING, ... */
	bool in_place;	 /* host is only ours */
	uint64_t host;	 /* 0: none; also of a ZERO entry */
	uint32_t data;	 /* extended: subclusters that are there, or zeros */
	uint32_t zeros;
};

void q_classify(const struct qcow2 *q, uint64_t entry, uint64_t bitmap, struct qentry *e);

/* Complain of what cannot be, once, and let nothing be written from now on. */
void q_corrupt(struct qcow2 *q, const char *what, uint64_t where);
/* The same where q_map() said BAD, unless that was only seen while it changed. */
void q_bad_at(struct qcow2 *q, uint64_t pos);

/* ---- qcow2_job.c --------------------------------------------------------------------------- */

struct qslot *q_slot(struct qcow2 *q, struct ioloop *loop); /* NULL: no memory */

/* Around every request: what it sees of the mapping is not reused before it ends. */
static inline unsigned q_enter(struct qcow2 *q, struct qslot *slot)
{
	const unsigned parity = atomic_load_explicit(&q->epoch, memory_order_relaxed) & 1;

	atomic_fetch_add(&slot->active[parity], 1); /* before any look at a table */
	return parity;
}

static inline void q_leave(struct qslot *slot, unsigned parity)
{
	atomic_fetch_sub_explicit(&slot->active[parity], 1, memory_order_release);
}

/* Begin a job in req's private_bytes; it goes on with step(). */
void q_job_start(struct qcow2 *q, struct block_req *req, struct qslot *slot,
		 bool (*step)(struct qjob *job));
/* One of what is outstanding has ended; with the last, the request does. */
void q_job_put(struct qjob *job, int status);
/* From any thread: let job->step() be called. */
void q_job_wake(struct qjob *job, int status);
void q_jobs_wake(struct qjob *first, int status);

static inline struct block_req *q_request(struct qjob *job)
{
	return block_req_of(job);
}

/* An operation of job, its request for [offset, offset+len) of some block.  NULL: no
 * memory. */
struct qop *q_op_new(struct qjob *job, enum block_op op, uint64_t offset, uint64_t len,
		     void (*ended)(struct qop *op, int status));
/* Whether the image may be written to now; not: job->status says why, or it waits. */
bool q_may_write(struct qjob *job, bool *waits);
/* Give it the next len bytes of the job's memory, behind `before` elements that are
 * the caller's to fill, and with room for `after`; pos moves on.  0 or -ENOMEM. */
int q_op_take_iov(struct qop *op, uint64_t len, unsigned before, unsigned after);
/* Let pos move on by len without an operation. */
void q_job_skip(struct qjob *job, uint64_t len);
void q_job_zero(struct qjob *job, uint64_t len);
void q_job_copy_in(struct qjob *job, const uint8_t *from, uint64_t len);
void q_op_submit(struct qop *op, struct block *to);
void q_op_free(struct qop *op);
/* The usual end: of the operation, then of its part of the job. */
void q_op_ended(struct qop *op, int status);

/* ---- qcow2_read.c, qcow2_compressed.c, qcow2_write.c, qcow2_discard.c ------------------------ */

bool q_read_step(struct qjob *job);
int q_read_compressed(struct qjob *job, const struct qspan *s);
void q_unpacked_free(struct qcow2 *q);
bool q_write_step(struct qjob *job);
bool q_zero_step(struct qjob *job);
bool q_discard_step(struct qjob *job);
bool q_flush_step(struct qjob *job);

/* ---- qcow2_l2.c ------------------------------------------------------------------------------ */

/* Have job woken when the table of L1 index is in memory.  False: it is already. */
bool q_table_want(struct qcow2 *q, uint64_t index, struct qjob *job);
/* Under the lock: the table of index as one that may be changed, pinned; it may take a
 * cluster.  0; -EAGAIN: it must be loaded; -ENOSPC: the run is empty; or -errno. */
int q_table_own(struct qcow2 *q, uint64_t index, struct qtable **out);
/* Under the lock: set an entry. */
void q_entry_set(struct qcow2 *q, struct qtable *t, uint64_t i, uint64_t entry, uint64_t bitmap);
void q_entry_get(const struct qcow2 *q, struct qtable *t, uint64_t i, struct qentry *e);
/* The same: mark what changed, count the change. */
void q_dirtied(struct qcow2 *q);
void q_tables_free(struct qcow2 *q);

/* ---- qcow2_guarded.c ---------------------------------------------------------------------------- */

/* Find all clusters that hold tables, on opening. */
int q_guard_tables(struct qcow2 *q, uint64_t file_bytes, struct err *err);
/* An entry of an L2 table says that there is data where a table is, or behind the
 * file's end. */
bool q_is_astray(const struct qcow2 *q, uint64_t entry);

/* Whether bytes of the file are some of a table's.  An entry was judged when it was
 * read; but a table made since may be in a cluster that was in use and not counted. */
static inline bool q_is_on_table(const struct qcow2 *q, uint64_t host, uint64_t len)
{
	const uint64_t first = q_cluster(q, host);

	return qcow2_places_any(&q->places, first, q_cluster(q, host + len - 1) - first + 1);
}

/* ---- qcow2_alloc.c: under the lock ------------------------------------------------------------- */

/* Up to count clusters in a row: how many, 0 if the run is empty. */
uint64_t q_run_take(struct qcow2 *q, uint64_t count, uint64_t *first);
/* Wait for more.  The caller unlocks and returns. */
void q_run_wait(struct qcow2 *q, struct qjob *job);
void q_freed_add(struct qfreed *f, uint64_t first, uint64_t count);
/* What an entry refers to loses a reference. */
void q_entry_freed(struct qcow2 *q, uint64_t entry);
struct qclaim *q_claim_find(struct qcow2 *q, uint64_t first, uint64_t count);

/* ---- qcow2_refcount.c: the steward's -------------------------------------------------------------- */

int q_refcounts_open(struct qcow2 *q);
void q_refcounts_close(struct qcow2 *q);
int q_refcount_get(struct qcow2 *q, uint64_t cluster, uint64_t *count);
/* One reference less. */
int q_refcount_put(struct qcow2 *q, uint64_t cluster, bool *is_free);
/* Count clusters, which are free, in memory.  A block may be missing for them: then the
 * first becomes one, and e is what is left. */
int q_refcount_claim(struct qcow2 *q, struct qextent *e);
int q_refcount_set_range(struct qcow2 *q, uint64_t first, uint64_t count, uint64_t value);
/* A new block, for table entry i, in a cluster of the file. */
int q_refblock_add(struct qcow2 *q, uint64_t i, uint64_t cluster);
void q_refblocks_linked(struct qcow2 *q);
bool q_refcounts_dirty(const struct qcow2 *q);
/* What is dirty; not durable yet. */
int q_refcounts_write(struct qcow2 *q);
/* Name new blocks, which are durable, in the table on disk; durable after. */
int q_refcounts_link(struct qcow2 *q);

/* ---- qcow2_reserve.c: the steward's ------------------------------------------------------------------ */

void q_reserve_init(struct qcow2 *q, uint64_t file_bytes);
/* More for the run.  0 or -errno. */
int q_reserve(struct qcow2 *q);
/* At the end: what nobody took. */
int q_give_back(struct qcow2 *q);
int q_header_write(struct qcow2 *q);

/* ---- qcow2_steward.c --------------------------------------------------------------------------------- */

int q_steward_start(struct qcow2 *q, struct err *err);
void q_steward_stop(struct qcow2 *q);
void q_steward_call(struct qcow2 *q); /* any thread: there is something to do */

/* ---- qcow2_flush.c: the steward's ----------------------------------------------------------------------- */

int q_flush_init(struct qcow2 *q);
void q_flush_free(struct qcow2 *q);
/* All that is dirty becomes durable, and with it what was written before. */
int q_flush(struct qcow2 *q);

/* ---- qcow2_settle.c: the steward's ---------------------------------------------------------------------- */

/* Free what nobody can be using any more; whether there is more to come. */
bool q_settle(struct qcow2 *q, bool nothing_in_flight);
/* The same of an image without a steward, which has only tables: under the lock. */
void q_settle_read_only(struct qcow2 *q);

#endif
