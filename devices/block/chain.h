/* block/chain.h: an image and the backing files below it, as they lie on disk: for
 * who works on images that no guest runs on.
 *
 *      links[0]  the image that was asked for         qcow2
 *      links[1]  its backing file                     qcow2
 *      links[2]  that one's                           raw: always the last
 *
 * chain_extent() tells where a part of the disk's content is: in a file at an offset,
 * packed in one, or nowhere; what holds nothing need not be read.  Nothing is cached
 * but an L2 table a link; all on the loop's thread. */
#ifndef BANTAM_BLOCK_CHAIN_H
#define BANTAM_BLOCK_CHAIN_H

#include "block/qcow2_meta.h"
#include "block/store.h"

#define CHAIN_LINKS_MAX 200u

enum image_format { IMAGE_PROBE, IMAGE_RAW, IMAGE_QCOW2 };

/* "raw", "qcow2". */
const char *image_format_name(enum image_format f);
/* 0; -EINVAL, err filled: no such format, or one that is not supported. */
int image_format_parse(const char *name, enum image_format *out, struct err *err);

struct chain_options {
	enum image_format format; /* PROBE: of the first; backing files say theirs */
	enum qcow2_use use;	  /* of the first; backing files are read */
	bool read_only;		  /* whatever the use: for a check that repairs nothing */
	bool alone;		  /* backing files are not followed */
	bool unlocked;		  /* others may write meanwhile */
	bool direct;		  /* past the page cache */
	bool no_flush;		  /* of the first: nobody needs it after a crash */
	const char *snapshot;	  /* of the first: this one's content, by id or name */
};

struct chain_link {
	char *path; /* owned; as it can be opened from here */
	char name[QUOTED_BYTES];
	enum image_format format;
	int fd;		    /* the file's, for fstat(); owned by `file` */
	struct block *file; /* owned; block.h's "blocks that hold a file" */
	uint64_t size_bytes; /* of its disk, a multiple of 512 */
	struct qcow2_meta meta; /* QCOW2 */
	bool meta_open;
	/* The disk that is looked at: the active one, or a snapshot's. */
	uint64_t *snapshot_l1; /* owned, or NULL */
	uint32_t l1_entries;
	/* One L2 table of it. */
	uint8_t *l2; /* owned */
	uint64_t l2_index; /* of its L1 entry; UINT64_MAX: none is loaded */
	/* What the file system said last: data or a hole, and from where to where.  It is
	 * asked once for each, for a file system may have to go through all of it. */
	bool hole_known, hole_is_data;
	uint64_t hole_begin, hole_end;
};

struct chain {
	struct ioloop *loop;
	unsigned count;
	struct chain_link *links[CHAIN_LINKS_MAX];
};

/* loop  borrowed; this thread's
 * c     the caller's until chain_close(), when all goes well
 * 0, or -errno with err one line that names the file and what would be right. */
int chain_open(struct chain *c, struct ioloop *loop, const char *path,
	       const struct chain_options *options, struct err *err);
void chain_close(struct chain *c);

/* Where a backing file's name leads, seen from the image that has it: in memory that
 * the caller frees.  0; -ENOMEM; -EINVAL where it is no path, err filled. */
int chain_resolve(const char *image_path, const char *backing_name, char **out, struct err *err);

/* The disk's size. */
static inline uint64_t chain_size(const struct chain *c)
{
	return c->links[0]->size_bytes;
}

enum extent_kind {
	EXTENT_ABSENT, /* in no link: zeros */
	EXTENT_ZERO,   /* a link says zeros */
	EXTENT_DATA,
	EXTENT_COMPRESSED, /* one cluster of it, perhaps in part */
};

#define EXTENT_NOWHERE UINT64_MAX

struct chain_extent {
	enum extent_kind kind;
	unsigned depth;	  /* the link that has it; ABSENT: the last that was asked */
	uint64_t len;	  /* bytes, at least 1 */
	uint64_t host;	  /* in that link's file, or NOWHERE; COMPRESSED: of the packed data */
	uint64_t packed;  /* COMPRESSED: bytes there */
	bool is_hole;	  /* DATA: the file has a hole there: zeros */
};

/* What is at offset, below the disk's size, and how far it goes on, at most len.
 * first  the link to begin with; its disk may end before: zeros
 * 0, or -errno with err filled: -EUCLEAN where tables cannot be. */
int chain_extent(struct chain *c, unsigned first, uint64_t offset, uint64_t len,
		 struct chain_extent *x, struct err *err);

/* The same of one link alone: *allocated is false where it leaves that to those below. */
int chain_link_extent(struct chain *c, unsigned depth, uint64_t offset, uint64_t len,
		      struct chain_extent *x, bool *allocated, struct err *err);

/* Forget L2 tables and holes: they were written to. */
void chain_forget(struct chain *c);

#endif
