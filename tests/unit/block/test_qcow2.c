#include "qcow2_fixture.h"

#include "block/qcow2.h"
#include "host/iothread.h"
#include "unit/machine/said.h"

/* ---- an image in memory, and the disk that is in it ------------------------------------ */

/* The file stays when the disk is closed. */
struct keeper {
	struct block block;
	struct fake_file *file;
};

static struct fake_file *kept(struct block *b)
{
	return container_of(b, struct keeper, block)->file;
}

static void keeper_submit(struct block *b, struct block_req *req)
{
	block_hand_on(&kept(b)->block, req);
}

static void keeper_close(struct block *b)
{
	free(container_of(b, struct keeper, block));
}

static int keeper_size(struct block *b, uint64_t *size_bytes)
{
	return block_file_size(&kept(b)->block, size_bytes);
}

static int keeper_truncate(struct block *b, uint64_t size_bytes)
{
	return block_file_truncate(&kept(b)->block, size_bytes);
}

static int keeper_extent(struct block *b, uint64_t offset, bool *is_data, uint64_t *end)
{
	return block_file_extent(&kept(b)->block, offset, is_data, end);
}

static const struct block_ops keeper_ops = {
	.name = "keeper",
	.submit = keeper_submit,
	.close = keeper_close,
	.file_size = keeper_size,
	.file_truncate = keeper_truncate,
	.file_extent = keeper_extent,
};

static struct block *keep(struct fake_file *file)
{
	struct keeper *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	*k = (struct keeper){ .block = { .ops = &keeper_ops, .limits = file->block.limits },
			      .file = file };
	return &k->block;
}

struct disk {
	struct qcow2_bench *b;
	struct block *block; /* NULL: closed */
	struct fake_block *backing;
	struct qcow2_options options;
};

static int try_open(struct disk *d)
{
	struct block *file = keep(d->b->file), *below = NULL;
	struct qcow2_header h;
	int rc;

	d->options.name = "x.qcow2";
	d->b->err.text[0] = '\0';
	rc = qcow2_read_header(file, "x.qcow2", &h, &d->b->err);
	if (rc == 0 && h.has_backing) {
		d->backing = fake_block_open(MIB(4));
		memset(d->backing->bytes, 'b', MIB(4));
		below = &d->backing->block;
	}
	if (rc == 0)
		rc = qcow2_open(file, &h, below, &d->options, &d->block, &d->b->err);
	if (rc < 0) {
		block_close(below);
		block_close(file);
		qcow2_header_free(&h);
	}
	return rc;
}

static void open_disk(struct disk *d)
{
	shut(d->b);
	assert_ok(d->b, try_open(d));
}

static struct disk new_disk(struct qcow2_bench *b)
{
	struct disk d = { .b = b };

	assert_ok(b, make(b));
	open_disk(&d);
	return d;
}

static void close_disk(struct disk *d)
{
	block_close(d->block);
	d->block = NULL;
}

/* Closed in order: the image is sound. */
static void end(struct disk *d)
{
	close_disk(d);
	assert_sound(d->b);
}

struct request {
	struct block_req req;
	struct iovec iov;
	bool ended;
	int status;
};

static void request_done(struct block_req *req, int status)
{
	struct request *r = container_of(req, struct request, req);

	r->status = status;
	r->ended = true;
}

static void begin(struct disk *d, struct request *r, enum block_op op, uint64_t offset,
		  void *bytes, uint64_t len)
{
	memset(r, 0xa5, sizeof(*r));
	r->ended = false;
	r->iov = (struct iovec){ .iov_base = bytes, .iov_len = len };
	r->req.op = op;
	r->req.durable = false;
	r->req.may_unmap = true;
	r->req.offset = offset;
	r->req.len = len;
	r->req.iov = bytes ? &r->iov : NULL;
	r->req.iov_count = bytes ? 1 : 0;
	r->req.loop = d->b->loop;
	r->req.done = request_done;
	block_submit(d->block, &r->req);
	assert_false(r->ended);
}

static int await(struct disk *d, struct request *r)
{
	for (unsigned i = 0; i < 200 && !r->ended; i++)
		ioloop_round(d->b->loop, 100);
	assert_true(r->ended);
	return r->status;
}

static int run(struct disk *d, enum block_op op, uint64_t offset, void *bytes, uint64_t len)
{
	struct request r;

	begin(d, &r, op, offset, bytes, len);
	return await(d, &r);
}

static int put(struct disk *d, uint64_t offset, uint8_t byte, uint64_t len)
{
	uint8_t *bytes = malloc(len);
	int rc;

	memset(bytes, byte, len);
	rc = run(d, BLOCK_WRITE, offset, bytes, len);
	free(bytes);
	return rc;
}

/* The byte that fills a sector. */
static int got(struct disk *d, uint64_t offset)
{
	uint8_t sector[512];
	const int rc = run(d, BLOCK_READ, offset, sector, sizeof(sector));

	for (unsigned i = 1; rc == 0 && i < sizeof(sector); i++)
		assert_int_equal(sector[i], sector[0]);
	return rc < 0 ? rc : sector[0];
}

static int flush(struct disk *d)
{
	return run(d, BLOCK_FLUSH, 0, NULL, 0);
}

static unsigned flushes(const struct fake_file *file)
{
	unsigned count = 0;

	for (size_t i = 0; i < file->tape.count; i++)
		count += file->tape.entries[i].kind == TAPE_FLUSH;
	return count;
}

static uint64_t l2_of(struct qcow2_bench *b)
{
	struct qcow2_judge j = judged(b);

	return be64_load(b->file->bytes + j.l1_offset) & QCOW2_OFFSET_MASK;
}

/* ---- reads and writes --------------------------------------------------------------------- */

static void what_is_written_is_read_again_and_the_rest_is_zeros(void **state)
{
	struct disk d = new_disk(*state);

	assert_int_equal(got(&d, 0), 0);
	assert_int_equal(put(&d, CLUSTER + 512, 'w', 2 * CLUSTER), 0);
	assert_int_equal(got(&d, CLUSTER), 0);
	assert_int_equal(got(&d, CLUSTER + 512), 'w');
	assert_int_equal(got(&d, 3 * CLUSTER), 'w');
	assert_int_equal(got(&d, 3 * CLUSTER + 512), 0);
	end(&d);
	assert_int_equal(byte_at(d.b, CLUSTER), 0);
	assert_int_equal(byte_at(d.b, 3 * CLUSTER), 'w');
	assert_int_equal(byte_at(d.b, 3 * CLUSTER + 512), 0);
	open_disk(&d);
	assert_int_equal(got(&d, 2 * CLUSTER), 'w');
	end(&d);
}

static void a_disk_of_odd_size_is_used_to_its_end(void **state)
{
	struct qcow2_bench *b = *state;
	struct disk d;

	b->options.size_bytes = MIB(1) + 512;
	b->options.backing_name = "below";
	b->options.backing_format = "raw";
	d = new_disk(b);
	assert_int_equal(d.block->limits.size_bytes, MIB(1) + 512);
	assert_int_equal(put(&d, MIB(1), 'e', 512), 0);
	assert_int_equal(run(&d, BLOCK_READ, MIB(1), b, 1024), -EINVAL);
	assert_int_equal(got(&d, MIB(1)), 'e');
	assert_int_equal(run(&d, BLOCK_ZERO, 0, NULL, MIB(1) + 512), 0);
	assert_int_equal(got(&d, MIB(1)), 0);
	end(&d);
}

/* The guest has whole sectors; the disk's last bytes are not its to change. */
static void what_ends_at_the_last_whole_sector_ends(void **state)
{
	struct qcow2_bench *b = *state;
	const uint64_t last = MIB(1) + 1024, before = last - 512;
	struct disk d;
	uint64_t host;

	b->options.size_bytes = last;
	made(b);
	be64_store(b->file->bytes + 24, last + 100);
	d = (struct disk){ .b = b };
	open_disk(&d);
	assert_int_equal(d.block->limits.size_bytes, last);
	assert_int_equal(put(&d, MIB(1), 'e', 1024), 0);
	close_disk(&d);
	host = be64_load(b->file->bytes + l2_of(b) + MIB(1) / CLUSTER * 8) & QCOW2_OFFSET_MASK;
	b->file->bytes[host + 1024] = 't';
	open_disk(&d);
	assert_int_equal(run(&d, BLOCK_ZERO, before, NULL, 512), 0);
	assert_int_equal(got(&d, MIB(1)), 'e');
	assert_int_equal(got(&d, before), 0);
	assert_int_equal(run(&d, BLOCK_DISCARD, MIB(1), NULL, 1024), 0);
	assert_int_equal(got(&d, MIB(1)), 'e');
	assert_int_equal(run(&d, BLOCK_ZERO, 0, NULL, last), 0);
	assert_int_equal(got(&d, MIB(1)), 0);
	close_disk(&d);
	assert_int_equal(b->file->bytes[host + 1024], 't');
	assert_sound(b);
}

static void writes_that_meet_in_a_new_cluster_share_it(void **state)
{
	struct disk d = new_disk(*state);
	uint8_t bytes[8][512];
	struct request r[8];
	uint64_t before;

	assert_int_equal(put(&d, 0, 'a', 512), 0); /* the table is there */
	assert_int_equal(flush(&d), 0);
	d.b->file->shuffle = true;
	d.b->file->random = 7;
	for (unsigned i = 0; i < 8; i++) {
		memset(bytes[i], 'a' + (int)i, 512);
		begin(&d, &r[i], BLOCK_WRITE, 5 * CLUSTER + i * 1024, bytes[i], 512);
	}
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(await(&d, &r[i]), 0);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(got(&d, 5 * CLUSTER + i * 1024), 'a' + (int)i);
		assert_int_equal(got(&d, 5 * CLUSTER + i * 1024 + 512), 0);
	}
	before = d.b->file->size_bytes;
	end(&d);
	/* header, refcounts, L1, L2, two of data */
	assert_true(d.b->file->size_bytes <= 7 * CLUSTER);
	assert_true(before > d.b->file->size_bytes); /* the reservation is given back */
}

/* ---- flushes ---------------------------------------------------------------------------------- */

static void a_flush_after_new_clusters_is_one_flush_of_the_file(void **state)
{
	struct disk d = new_disk(*state);

	assert_int_equal(put(&d, 0, 'a', 512), 0);
	fake_file_record(d.b->file);
	assert_int_equal(put(&d, 3 * CLUSTER, 'n', 4096), 0);
	assert_int_equal(flushes(d.b->file), 0);
	assert_int_equal(flush(&d), 0);
	assert_int_equal(flushes(d.b->file), 1);
	/* In place, there is nothing else to be written. */
	fake_file_record(d.b->file);
	assert_int_equal(put(&d, 3 * CLUSTER, 'm', 4096), 0);
	assert_int_equal(flush(&d), 0);
	assert_int_equal(d.b->file->tape.count, 2);
	assert_int_equal(flushes(d.b->file), 1);
	end(&d);
}

static void data_that_replaces_other_is_durable_before_its_entry(void **state)
{
	struct qcow2_bench *b = *state;
	struct tape_entry *e;
	struct disk d;

	b->options.backing_name = "below";
	b->options.backing_format = "raw";
	d = new_disk(b);
	assert_int_equal(put(&d, 0, 'a', 512), 0);
	assert_int_equal(flush(&d), 0);
	fake_file_record(b->file);
	assert_int_equal(put(&d, 3 * CLUSTER + 512, 'n', 512), 0);
	assert_int_equal(flush(&d), 0);
	e = b->file->tape.entries;
	assert_int_equal(b->file->tape.count, 4);
	assert_int_equal(e[0].kind, TAPE_WRITE);
	assert_int_equal(e[0].len, CLUSTER); /* head, data and tail as one */
	assert_int_equal(e[1].kind, TAPE_FLUSH);
	assert_int_equal(e[2].kind, TAPE_WRITE);
	assert_int_equal(e[2].len, 4096); /* a piece of the table */
	assert_int_equal(e[3].kind, TAPE_FLUSH);
	assert_int_equal(got(&d, 3 * CLUSTER), 'b');
	assert_int_equal(got(&d, 3 * CLUSTER + 512), 'n');
	assert_int_equal(got(&d, 3 * CLUSTER + 1024), 'b');
	end(&d);
}

static void a_durable_write_needs_no_flush(void **state)
{
	struct disk d = new_disk(*state);
	uint8_t bytes[512] = { 1 };
	struct request r;

	assert_int_equal(put(&d, 0, 'a', 512), 0);
	close_disk(&d);
	d.options.durable_writes = true;
	open_disk(&d);
	fake_file_record(d.b->file);
	begin(&d, &r, BLOCK_WRITE, MIB(1), bytes, sizeof(bytes));
	assert_int_equal(await(&d, &r), 0);
	assert_true(d.b->file->tape.count > 0);
	assert_int_equal(d.b->file->tape.entries[d.b->file->tape.count - 1].kind, TAPE_FLUSH);
	end(&d);
}

/* ---- zeros and discards ------------------------------------------------------------------------- */

static void zeroes_by_the_cluster_write_no_data(void **state)
{
	struct qcow2_bench *b = *state;
	struct disk d;

	b->options.backing_name = "below";
	b->options.backing_format = "raw";
	d = new_disk(b);
	assert_int_equal(got(&d, MIB(3)), 'b');
	assert_int_equal(put(&d, 0, 'a', 512), 0);
	fake_file_record(b->file);
	assert_int_equal(run(&d, BLOCK_ZERO, 4 * CLUSTER, NULL, MIB(1)), 0);
	assert_int_equal(b->file->tape.count, 0);
	assert_int_equal(got(&d, 4 * CLUSTER), 0);
	assert_int_equal(got(&d, 4 * CLUSTER - 512), 'b');
	assert_int_equal(got(&d, 4 * CLUSTER + MIB(1)), 'b');
	/* Less than a cluster is written. */
	assert_int_equal(run(&d, BLOCK_ZERO, MIB(2) + 512, NULL, 1024), 0);
	assert_int_equal(got(&d, MIB(2)), 'b');
	assert_int_equal(got(&d, MIB(2) + 1024), 0);
	assert_int_equal(got(&d, MIB(2) + 1536), 'b');
	assert_int_equal(flush(&d), 0);
	end(&d);
}

static void a_discard_gives_space_back_and_never_shows_what_is_below(void **state)
{
	struct qcow2_bench *b = *state;
	uint64_t full;
	struct disk d;

	b->options.backing_name = "below";
	b->options.backing_format = "raw";
	d = new_disk(b);
	assert_int_equal(put(&d, 0, 'x', MIB(2)), 0);
	close_disk(&d);
	full = b->file->size_bytes;
	open_disk(&d);
	assert_int_equal(run(&d, BLOCK_DISCARD, 0, NULL, MIB(2)), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(got(&d, i * CLUSTER), 0);
	/* In time, its clusters are used again. */
	assert_int_equal(flush(&d), 0);
	end(&d);
	open_disk(&d);
	assert_int_equal(put(&d, MIB(2), 'y', MIB(2)), 0);
	end(&d);
	assert_true(b->file->size_bytes <= full + 2 * CLUSTER);
}

static void version_2_has_no_zero_flag_and_keeps_what_it_cannot_hide(void **state)
{
	struct qcow2_bench *b = *state;
	struct disk d;

	b->options.version = 2;
	b->options.backing_name = "below";
	b->options.backing_format = "raw";
	d = new_disk(b);
	assert_int_equal(put(&d, 0, 'x', CLUSTER), 0);
	assert_int_equal(run(&d, BLOCK_DISCARD, 0, NULL, CLUSTER), 0);
	assert_int_equal(got(&d, 0), 'x');
	assert_int_equal(run(&d, BLOCK_ZERO, 0, NULL, 2 * CLUSTER), 0);
	assert_int_equal(got(&d, 0), 0);
	assert_int_equal(got(&d, CLUSTER), 0);
	assert_int_equal(got(&d, 2 * CLUSTER), 'b');
	end(&d);
}

/* ---- subclusters ------------------------------------------------------------------------------------ */

static void with_extended_l2_only_subclusters_are_copied(void **state)
{
	struct qcow2_bench *b = *state;
	struct tape_entry *e;
	struct disk d;

	b->options.extended_l2 = true;
	b->options.backing_name = "below";
	b->options.backing_format = "raw";
	d = new_disk(b);
	assert_int_equal(put(&d, 0, 'a', 512), 0);
	assert_int_equal(flush(&d), 0);
	fake_file_record(b->file);
	/* 16 KiB / 32: a subcluster is a sector. */
	assert_int_equal(put(&d, 3 * CLUSTER + 512, 'n', 512), 0);
	e = b->file->tape.entries;
	assert_int_equal(b->file->tape.count, 1);
	assert_int_equal(e[0].len, 512);
	assert_int_equal(got(&d, 3 * CLUSTER), 'b');
	assert_int_equal(got(&d, 3 * CLUSTER + 512), 'n');
	assert_int_equal(run(&d, BLOCK_ZERO, 3 * CLUSTER + 1024, NULL, 512), 0);
	assert_int_equal(got(&d, 3 * CLUSTER + 1024), 0);
	assert_int_equal(got(&d, 3 * CLUSTER + 1536), 'b');
	end(&d);
}

/* ---- snapshots ---------------------------------------------------------------------------------------- */

static void what_a_snapshot_has_is_copied_and_stays(void **state)
{
	struct qcow2_bench *b = *state;
	struct qcow2_judge_snapshot snapshot;
	struct disk d = new_disk(b);
	struct qcow2_judge j;
	uint8_t sector[512];

	assert_int_equal(put(&d, 0, 'o', 2 * CLUSTER), 0);
	close_disk(&d);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_snapshot_create(&b->m, "before", 1, NULL, &b->err));
	open_disk(&d);
	assert_int_equal(put(&d, 512, 'n', 512), 0);
	assert_int_equal(run(&d, BLOCK_DISCARD, CLUSTER, NULL, CLUSTER), 0);
	assert_int_equal(got(&d, 0), 'o');
	assert_int_equal(got(&d, 512), 'n');
	assert_int_equal(got(&d, CLUSTER), 0);
	end(&d);
	j = judged(b);
	assert_int_equal(qcow2_judge_snapshot(&j, 0, &snapshot), 0);
	for (uint64_t at = 0; at < 2 * CLUSTER; at += 512) {
		assert_int_equal(qcow2_judge_read(&j, &snapshot, at, sector, 512), 0);
		assert_int_equal(sector[0], 'o');
	}
}

/* ---- trouble --------------------------------------------------------------------------------------------- */

/* Write, flush, discard, write: status of each flush; those that failed are told. */
static void work(struct disk *d, uint8_t want[64])
{
	for (unsigned i = 0; i < 24; i++) {
		const uint64_t at = (i * 7 % 64) * CLUSTER;
		const unsigned k = i * 7 % 64;

		if (i % 6 == 5) {
			if (run(d, BLOCK_DISCARD, at, NULL, CLUSTER) == 0)
				want[k] = 0;
			else
				want[k] = 0xff;
		} else {
			want[k] = put(d, at, (uint8_t)(i + 1), CLUSTER) == 0 ? (uint8_t)(i + 1) : 0xff;
		}
		if (i % 8 == 7)
			flush(d);
	}
}

static void an_error_at_any_request_spoils_that_request_only(void **state)
{
	struct qcow2_bench *b = *state;

	for (uint64_t n = 1; n < 60; n++) {
		uint8_t want[64] = { 0 };
		struct disk d;

		b->file->size_bytes = 0;
		memset(b->file->bytes, 0, MIB(16));
		d = new_disk(b);
		b->file->submitted = 0;
		b->file->fail_at = n;
		b->file->fail_status = n % 2 ? -EIO : -ENOSPC;
		work(&d, want);
		b->file->fail_at = 0;
		assert_int_equal(flush(&d), 0);
		for (unsigned k = 0; k < 64; k++) {
			if (want[k] != 0xff)
				assert_int_equal(got(&d, k * CLUSTER), want[k]);
		}
		close_disk(&d);
		assert_int_equal(judged(b).corruptions, 0);
		for (unsigned k = 0; k < 64; k++) {
			if (want[k] != 0xff)
				assert_int_equal(byte_at(b, k * CLUSTER), want[k]);
		}
	}
}

static void a_full_disk_is_said_and_forgotten_when_there_is_room(void **state)
{
	struct qcow2_bench *b = *state;
	struct disk d = new_disk(b);

	b->file->room_bytes = b->file->size_bytes;
	assert_int_equal(put(&d, 0, 'f', CLUSTER), -ENOSPC);
	assert_int_equal(got(&d, 0), 0);
	assert_int_equal(put(&d, CLUSTER, 'f', CLUSTER), -ENOSPC);
	b->file->room_bytes = MIB(64);
	assert_int_equal(put(&d, 0, 'g', CLUSTER), 0);
	assert_int_equal(flush(&d), 0);
	assert_int_equal(got(&d, 0), 'g');
	end(&d);
}

/* ---- what is in an image -------------------------------------------------------------------------------------- */

static void an_entry_that_cannot_be_is_an_error_and_ends_all_writing(void **state)
{
	struct qcow2_bench *b = *state;
	struct disk d = new_disk(b);
	const char *said;

	assert_int_equal(put(&d, 0, 'x', 3 * CLUSTER), 0);
	close_disk(&d);
	be64_store(b->file->bytes + l2_of(b) + 8, QCOW2_COPIED | (l2_of(b) + CLUSTER + 512));
	open_disk(&d);
	said_begin();
	assert_int_equal(got(&d, 0), 'x');
	assert_int_equal(got(&d, CLUSTER), -EIO);
	assert_int_equal(got(&d, CLUSTER), -EIO);
	assert_int_equal(got(&d, 2 * CLUSTER), 'x');
	assert_int_equal(put(&d, 0, 'y', 512), -EIO);
	close_disk(&d);
	said = said_end();
	assert_int_equal(count_of(said, "\n"), 1);
	assert_non_null(strstr(said, "x.qcow2 is damaged: an L2 entry that cannot be"));
	assert_true(be64_load(b->file->bytes + 72) & QCOW2_CORRUPT);
	assert_int_equal(try_open(&d), -EUCLEAN);
	assert_says(b, "x.qcow2 is marked as damaged");
	d.options.read_only = true;
	open_disk(&d);
	assert_int_equal(got(&d, 0), 'x');
	close_disk(&d);
}

static void a_guest_cannot_write_to_a_table(void **state)
{
	struct qcow2_bench *b = *state;
	struct disk d = new_disk(b);
	uint8_t before[512];
	uint64_t l2;

	assert_int_equal(put(&d, 0, 'x', 3 * CLUSTER), 0);
	close_disk(&d);
	l2 = l2_of(b);
	be64_store(b->file->bytes + l2 + 8, QCOW2_COPIED | l2);
	memcpy(before, b->file->bytes + l2, sizeof(before));
	open_disk(&d);
	said_begin();
	assert_int_equal(put(&d, CLUSTER, 'y', 512), -EIO);
	close_disk(&d);
	said_end();
	assert_memory_equal(before, b->file->bytes + l2, sizeof(before));
}

static void a_guest_cannot_write_to_what_snapshots_are_kept_in(void **state)
{
	struct qcow2_bench *b = *state;
	struct disk d = new_disk(b);
	uint64_t at[2];

	assert_int_equal(put(&d, 0, 'x', 3 * CLUSTER), 0);
	close_disk(&d);
	assert_ok(b, open_for(b, QCOW2_WRITE));
	assert_ok(b, qcow2_snapshot_create(&b->m, "s", 1, NULL, &b->err));
	at[0] = b->m.h.snapshots_offset;
	at[1] = b->m.snapshots[0].l1_offset;
	shut(b);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t before[64];

		memcpy(before, b->file->bytes + at[i], sizeof(before));
		be64_store(b->file->bytes + l2_of(b) + 8, QCOW2_COPIED | at[i]);
		be64_store(b->file->bytes + 72, 0); /* said to be damaged, the second time */
		open_disk(&d);
		said_begin();
		assert_int_equal(put(&d, CLUSTER, 'y', 512), -EIO);
		close_disk(&d);
		assert_non_null(strstr(said_end(), "an L2 table names a cluster that is no data"));
		assert_memory_equal(before, b->file->bytes + at[i], sizeof(before));
	}
}

/* Cluster 1 of the disk is in a cluster that is not counted, and becomes a table. */
static void a_guest_cannot_write_to_a_table_that_was_made_since(void **state)
{
	struct qcow2_bench *b = *state;
	const uint64_t far = MIB(40); /* in another L2 table */
	struct disk d;
	uint64_t host;

	b->options.size_bytes = MIB(64);
	d = new_disk(b);
	assert_int_equal(put(&d, 0, 'x', 3 * CLUSTER), 0);
	close_disk(&d);
	host = be64_load(b->file->bytes + l2_of(b) + 8) & QCOW2_OFFSET_MASK;
	assert_ok(b, open_for(b, QCOW2_WRITE));
	be16_store(b->file->bytes + b->m.refs.blocks[0].offset + host / CLUSTER * 2, 0);
	shut(b);
	open_disk(&d);
	assert_int_equal(got(&d, 0), 'x'); /* its table is in memory */
	assert_int_equal(put(&d, far, 'f', CLUSTER), 0);
	said_begin();
	assert_int_equal(put(&d, CLUSTER, 'y', 512), -EIO);
	assert_int_equal(put(&d, CLUSTER, 'y', 2 * CLUSTER), -EIO);
	close_disk(&d);
	assert_non_null(strstr(said_end(), "an L2 table names a cluster that is a table's"));
	assert_true(be64_load(b->file->bytes + 72) & QCOW2_CORRUPT);
	assert_int_equal(byte_at(b, far), 'f');
}

static void unknown_autoclear_bits_go_before_the_first_write_and_not_before(void **state)
{
	struct qcow2_bench *b = *state;
	struct disk d = new_disk(b);
	struct tape_entry *e;

	assert_int_equal(put(&d, 0, 'x', CLUSTER), 0);
	close_disk(&d);
	be64_store(b->file->bytes + 88, 6);
	open_disk(&d);
	assert_int_equal(got(&d, 0), 'x');
	close_disk(&d);
	assert_int_equal(be64_load(b->file->bytes + 88), 6);
	open_disk(&d);
	fake_file_record(b->file);
	assert_int_equal(put(&d, 0, 'y', 512), 0);
	e = b->file->tape.entries;
	assert_int_equal(e[0].kind, TAPE_WRITE);
	assert_int_equal(e[0].offset, 0);
	assert_int_equal(e[1].kind, TAPE_FLUSH);
	assert_int_equal(be64_load(b->file->bytes + 88), 0);
	end(&d);
}

static void an_image_cut_before_its_l1_table_is_not_a_disk_of_zeros(void **state)
{
	struct qcow2_bench *b = *state;
	struct disk d = { .b = b };
	uint64_t l1;

	made(b);
	l1 = b->m.h.l1_offset;
	shut(b);
	assert_ok(b, block_file_truncate(&b->file->block, l1));
	for (unsigned i = 0; i < 2; i++) {
		d.options.read_only = i;
		assert_int_equal(try_open(&d), -EUCLEAN);
		assert_says(b, "behind the file's end (was it cut off?)");
		assert_int_equal(open_for(b, i ? QCOW2_READ : QCOW2_WRITE), -EUCLEAN);
		assert_says(b, "behind the file's end (was it cut off?)");
	}
	assert_ok(b, open_for(b, QCOW2_REPAIR));
	shut(b);
	assert_ok(b, block_file_truncate(&b->file->block, l1 + 1));
	open_disk(&d);
	close_disk(&d);
}

static void a_dirty_image_is_only_read(void **state)
{
	struct qcow2_bench *b = *state;
	struct disk d = { .b = b };

	assert_ok(b, make(b));
	be64_store(b->file->bytes + 72, QCOW2_DIRTY);
	assert_int_equal(try_open(&d), -EUCLEAN);
	assert_says(b, "bantam img check -r all");
	d.options.read_only = true;
	open_disk(&d);
	assert_int_equal(got(&d, 0), 0);
	assert_int_equal(put(&d, 0, 'x', 512), -EROFS);
	close_disk(&d);
}

/* ---- sizes ------------------------------------------------------------------------------------------------------ */

/* Tiny clusters: more refcounts than the first table has room for, and more tables
 * than are kept. */
static void refcounts_grow_and_tables_come_and_go(void **state)
{
	struct qcow2_bench *b = *state;
	struct disk d;

	b->options.cluster_bytes = 512;
	b->options.size_bytes = MIB(24);
	b->options.refcount_bits = 64;
	d = new_disk(b);
	close_disk(&d);
	d.options.table_cache_bytes = 4096;
	open_disk(&d);
	for (uint64_t at = 0; at < MIB(24); at += MIB(1) / 2)
		assert_int_equal(put(&d, at, (uint8_t)(at / (MIB(1) / 2) + 1), MIB(1) / 2), 0);
	for (uint64_t at = 0; at < MIB(24); at += MIB(1) / 2)
		assert_int_equal(got(&d, at + 4096), (int)(at / (MIB(1) / 2) + 1));
	end(&d);
	d.options.read_only = true;
	open_disk(&d);
	for (uint64_t at = 0; at < MIB(24); at += 32768)
		assert_int_equal(got(&d, at), (int)(at / (MIB(1) / 2) + 1));
	close_disk(&d);
}

static void a_durable_write_in_place_is_one_durable_write(void **state)
{
	struct disk d = new_disk(*state);
	uint8_t bytes[512] = { 1 };
	struct request r;

	assert_int_equal(put(&d, 0, 'a', CLUSTER), 0);
	assert_int_equal(flush(&d), 0);
	close_disk(&d);
	d.options.durable_writes = true;
	open_disk(&d);
	assert_int_equal(got(&d, 0), 'a');
	fake_file_record(d.b->file);
	begin(&d, &r, BLOCK_WRITE, 512, bytes, sizeof(bytes));
	assert_int_equal(await(&d, &r), 0);
	assert_false(r.req.durable);
	assert_int_equal(d.b->file->tape.count, 1);
	assert_true(d.b->file->tape.entries[0].durable);
	end(&d);
}

static void every_width_of_refcounts_will_do(void **state)
{
	struct qcow2_bench *b = *state;

	for (unsigned bits = 1; bits <= 64; bits *= 2) {
		struct disk d;

		b->file->size_bytes = 0;
		memset(b->file->bytes, 0, MIB(16));
		b->options.refcount_bits = bits;
		d = new_disk(b);
		assert_int_equal(put(&d, 0, 'x', MIB(2)), 0);
		assert_int_equal(run(&d, BLOCK_DISCARD, MIB(1), NULL, MIB(1)), 0);
		end(&d);
		assert_int_equal(byte_at(b, 0), 'x');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		QCOW2_TEST(what_is_written_is_read_again_and_the_rest_is_zeros),
		QCOW2_TEST(a_disk_of_odd_size_is_used_to_its_end),
		QCOW2_TEST(what_ends_at_the_last_whole_sector_ends),
		QCOW2_TEST(writes_that_meet_in_a_new_cluster_share_it),
		QCOW2_TEST(a_flush_after_new_clusters_is_one_flush_of_the_file),
		QCOW2_TEST(data_that_replaces_other_is_durable_before_its_entry),
		QCOW2_TEST(a_durable_write_needs_no_flush),
		QCOW2_TEST(zeroes_by_the_cluster_write_no_data),
		QCOW2_TEST(a_discard_gives_space_back_and_never_shows_what_is_below),
		QCOW2_TEST(version_2_has_no_zero_flag_and_keeps_what_it_cannot_hide),
		QCOW2_TEST(with_extended_l2_only_subclusters_are_copied),
		QCOW2_TEST(what_a_snapshot_has_is_copied_and_stays),
		QCOW2_TEST(an_error_at_any_request_spoils_that_request_only),
		QCOW2_TEST(a_full_disk_is_said_and_forgotten_when_there_is_room),
		QCOW2_TEST(an_entry_that_cannot_be_is_an_error_and_ends_all_writing),
		QCOW2_TEST(a_guest_cannot_write_to_a_table),
		QCOW2_TEST(a_guest_cannot_write_to_what_snapshots_are_kept_in),
		QCOW2_TEST(a_guest_cannot_write_to_a_table_that_was_made_since),
		QCOW2_TEST(unknown_autoclear_bits_go_before_the_first_write_and_not_before),
		QCOW2_TEST(an_image_cut_before_its_l1_table_is_not_a_disk_of_zeros),
		QCOW2_TEST(a_dirty_image_is_only_read),
		QCOW2_TEST(a_durable_write_in_place_is_one_durable_write),
		QCOW2_TEST(refcounts_grow_and_tables_come_and_go),
		QCOW2_TEST(every_width_of_refcounts_will_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
