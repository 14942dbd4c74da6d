#include "block/chain_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "codec/inflate.h"

struct chain_piece {
	struct chain_extent x;
	uint64_t offset; /* of the disk */
};

static void step(struct chain_read *r);

static struct chain_link *link_of(const struct chain_read *r, const struct chain_piece *p)
{
	return r->chain->links[p->x.depth];
}

/* ---- where everything is ----------------------------------------------------------------- */

static int add_piece(struct chain_read *r, uint64_t offset, const struct chain_extent *x)
{
	if (r->piece_count == r->piece_room) {
		const unsigned room = r->piece_room ? 2 * r->piece_room : 8;
		struct chain_piece *pieces = realloc(r->pieces, room * sizeof(*pieces));

		if (!pieces)
			return -ENOMEM;
		r->pieces = pieces;
		r->piece_room = room;
	}
	r->pieces[r->piece_count++] = (struct chain_piece){ *x, offset };
	return 0;
}

static int look_up(struct chain_read *r, uint64_t offset, uint64_t len, struct err *err)
{
	struct chain_extent x;
	int rc = 0;

	r->piece_count = 0;
	for (uint64_t at = offset; rc == 0 && at < offset + len; at += x.len) {
		rc = chain_extent(r->chain, r->first, at, offset + len - at, &x, err);
		if (rc == 0 && add_piece(r, at, &x) < 0)
			rc = err_set(err, -ENOMEM, "no memory");
	}
	return rc;
}

/* Memory for packed clusters, if there are any. */
static int make_room(struct chain_read *r, struct err *err)
{
	size_t room = 0;
	bool zstd = false;

	for (unsigned i = 0; i < r->piece_count; i++) {
		const struct chain_piece *p = &r->pieces[i];

		if (p->x.kind != EXTENT_COMPRESSED)
			continue;
		/* An entry has bits for two clusters' worth of sectors, no more. */
		room = max_u64(room, 2 * qcow2_cluster_bytes(&link_of(r, p)->meta.h) +
					     (uint64_t)2 * BLOCK_SECTOR_BYTES);
		zstd |= link_of(r, p)->meta.h.compression == QCOW2_ZSTD;
	}
	if (room > r->packed_room) {
		free(r->packed);
		free(r->unpacked);
		r->packed = malloc(room);
		r->unpacked = malloc(room);
		r->packed_room = r->packed && r->unpacked ? room : 0;
	}
	if (zstd && !r->zstd)
		r->zstd = malloc(sizeof(*r->zstd));
	if ((room > 0 && r->packed_room == 0) || (zstd && !r->zstd))
		return err_set(err, -ENOMEM, "no memory to unpack clusters");
	return 0;
}

/* ---- packed clusters ------------------------------------------------------------------------ */

/* On any thread. */
static void unpack(void *arg)
{
	struct chain_read *r = arg;
	const struct chain_piece *p = &r->pieces[r->next];
	const struct qcow2_header *h = &link_of(r, p)->meta.h;
	const size_t cluster = (size_t)qcow2_cluster_bytes(h);
	const size_t skip = (size_t)(p->offset & (cluster - 1));
	uint8_t *const to = r->to + (p->offset - r->offset);
	uint8_t *const out = p->x.len == cluster ? to : r->unpacked;
	const uint8_t *in = r->packed + (p->x.host & (BLOCK_SECTOR_BYTES - 1));

	if (h->compression == QCOW2_ZSTD)
		r->status = zstd_decode(r->zstd, in, p->x.packed, out, cluster, NULL);
	else
		r->status = inflate_raw(in, p->x.packed, out, cluster, NULL);
	if (r->status == 0 && out != to)
		memcpy(to, out + skip, p->x.len);
}

static void unpacked(void *arg)
{
	struct chain_read *r = arg;

	if (r->status < 0) {
		r->done(r, -EIO);
		return;
	}
	r->next++;
	step(r);
}

static void start_unpacking(struct chain_read *r)
{
	r->task = (struct crew_task){ .work = unpack, .done = unpacked, .arg = r };
	if (r->crew) {
		crew_submit(r->crew, &r->task);
		return;
	}
	unpack(r);
	unpacked(r);
}

/* ---- piece by piece ---------------------------------------------------------------------------- */

static void piece_read(struct block_req *req, int status)
{
	struct chain_read *r = container_of(req, struct chain_read, req);

	if (status < 0) {
		r->done(r, status);
	} else if (r->pieces[r->next].x.kind == EXTENT_COMPRESSED) {
		start_unpacking(r);
	} else {
		r->next++;
		step(r);
	}
}

static void submit(struct chain_read *r, const struct chain_piece *p, uint64_t host, uint8_t *to,
		   uint64_t len)
{
	struct block_req *const req = &r->req;

	r->iov = (struct iovec){ to, len };
	req->op = BLOCK_READ;
	req->offset = host;
	req->len = len;
	req->iov = &r->iov;
	req->iov_count = 1;
	req->loop = r->chain->loop;
	req->done = piece_read;
	block_submit(link_of(r, p)->file, req);
}

static void step(struct chain_read *r)
{
	for (; r->next < r->piece_count; r->next++) {
		const struct chain_piece *p = &r->pieces[r->next];
		uint8_t *const to = r->to + (p->offset - r->offset);
		uint64_t host, end;

		if (p->x.kind == EXTENT_DATA && !p->x.is_hole) {
			submit(r, p, p->x.host, to, p->x.len);
			return;
		}
		if (p->x.kind == EXTENT_COMPRESSED) {
			host = align_down_u64(p->x.host, BLOCK_SECTOR_BYTES);
			end = p->x.host + p->x.packed; /* a sector's */
			submit(r, p, host, r->packed, end - host);
			return;
		}
		memset(to, 0, p->x.len);
	}
	r->done(r, 0);
}

int chain_read_start(struct chain_read *r, uint64_t offset, uint64_t len, uint8_t *to,
		     struct err *err)
{
	int rc = look_up(r, offset, len, err);

	if (rc == 0)
		rc = make_room(r, err);
	if (rc < 0)
		return rc;
	r->to = to;
	r->offset = offset;
	r->next = 0;
	step(r);
	return 0;
}

void chain_read_release(struct chain_read *r)
{
	free(r->pieces);
	free(r->packed);
	free(r->unpacked);
	free(r->zstd);
	r->pieces = NULL;
	r->packed = r->unpacked = NULL;
	r->zstd = NULL;
	r->piece_room = 0;
	r->packed_room = 0;
}

/* ---- for one who waits -------------------------------------------------------------------------- */

struct waiting {
	struct chain_read read;
	bool ended;
	int status;
};

static void ended(struct chain_read *r, int status)
{
	struct waiting *w = container_of(r, struct waiting, read);

	w->ended = true;
	w->status = status;
}

int chain_read_sync(struct chain *c, unsigned first, uint64_t offset, uint64_t len, uint8_t *to,
		    struct err *err)
{
	struct waiting w = { .read = { .chain = c, .first = first, .done = ended } };
	int rc = chain_read_start(&w.read, offset, len, to, err);

	while (rc == 0 && !w.ended)
		ioloop_round(c->loop, -1);
	chain_read_release(&w.read);
	if (rc == 0 && w.status < 0)
		rc = err_errno(err, w.status, "%s: reading at %llu", c->links[first]->name,
			       (unsigned long long)offset);
	return rc;
}
