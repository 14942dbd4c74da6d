/* A hostile qcow2 image: opened, checked and repaired offline, and run on by a guest
 * that reads and writes everywhere.
 *
 * Whatever is in it: nothing crashes or hangs, memory stays small, a disk that is only
 * read is not written to, what a guest writes never lands in the header or where
 * snapshots are kept, and what could be opened to be changed can be opened again.
 *
 * Input: 1 byte of what to do, then the image. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "block/qcow2.h"
#include "block/qcow2_ops.h"
#include "fake/fake_file.h"

#define IMAGE_MAX  KIB(128)
#define PIECE	   KIB(64)
#define PIECES_MAX 24u
#define MARK	   0xa5 /* of what the guest writes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                 \
	do {                             \
		if (!(condition))        \
			wrong(__LINE__); \
	} while (0)

static void wrong(int line)
{
	fprintf(stderr, "fuzz_qcow2.c:%d\n", line);
	abort();
}

static struct ioloop *the_loop(void)
{
	static struct ioloop *loop;

	if (!loop)
		CHECK(ioloop_create(IO_ENGINE_THREADS, &loop, NULL) == 0);
	return loop;
}

/* ---- offline ------------------------------------------------------------------------- */

static bool open_meta(struct qcow2_meta *m, struct fake_file *file, enum qcow2_use use)
{
	struct err err;

	return qcow2_meta_open(m, &file->block, the_loop(), "fuzz", use, &err) == 0;
}

static void check(struct fake_file *file, bool repair)
{
	struct qcow2_check_result first, second;
	struct qcow2_meta m;
	struct err err;

	if (!open_meta(&m, file, QCOW2_REPAIR))
		return;
	if (qcow2_check(&m, repair ? QCOW2_REPAIR_ALL : QCOW2_REPAIR_NONE, &first, NULL, NULL,
			&err) < 0)
		repair = false;
	qcow2_meta_close(&m);
	if (!repair || !open_meta(&m, file, QCOW2_REPAIR))
		return;
	/* What was put right stays right. */
	if (qcow2_check(&m, QCOW2_REPAIR_NONE, &second, NULL, NULL, &err) == 0)
		CHECK(first.corruptions > 0 || first.check_errors > 0 || second.corruptions == 0);
	qcow2_meta_close(&m);
}

static void operate(struct fake_file *file, uint8_t what)
{
	struct qcow2_meta m;
	struct err err;

	if (!open_meta(&m, file, QCOW2_WRITE))
		return;
	switch (what % 5) {
	case 0:
		qcow2_snapshot_create(&m, "s", 1, NULL, &err);
		break;
	case 1:
		if (m.h.snapshot_count > 0)
			qcow2_snapshot_apply(&m, 0, NULL, &err);
		break;
	case 2:
		if (m.h.snapshot_count > 0)
			qcow2_snapshot_delete(&m, 0, NULL, &err);
		break;
	case 3:
		qcow2_resize(&m, KIB(8), true, NULL, NULL, &err);
		break;
	default:
		qcow2_resize(&m, KIB(768), true, NULL, NULL, &err);
		break;
	}
	qcow2_meta_close(&m);
	CHECK(open_meta(&m, file, QCOW2_READ));
	qcow2_meta_close(&m);
}

/* ---- a guest ----------------------------------------------------------------------------- */

struct request {
	struct block_req req;
	struct iovec iov;
	bool ended;
};

static void ended(struct block_req *req, int status)
{
	(void)status;
	container_of(req, struct request, req)->ended = true;
}

static void submit(struct block *disk, enum block_op op, uint64_t offset, uint64_t len,
		   uint8_t *bytes)
{
	struct request r = { .iov = { bytes, len } };

	r.req.op = op;
	r.req.offset = offset;
	r.req.len = len;
	r.req.iov = &r.iov;
	r.req.iov_count = 1;
	r.req.loop = the_loop();
	r.req.done = ended;
	block_submit(disk, &r.req);
	while (!r.ended)
		ioloop_round(the_loop(), -1);
}

static void everywhere(struct block *disk, enum block_op op, uint8_t *bytes)
{
	const uint64_t size = disk->limits.size_bytes;
	/* All of a small disk, and places all over a large one. */
	const uint64_t step = max_u64(PIECE, (size / PIECES_MAX) & ~(PIECE - 1));

	for (uint64_t at = 0, n = 0; at < size && n < PIECES_MAX; at += step, n++)
		submit(disk, op, at, min_u64(PIECE, size - at), bytes);
}

static void run_guest(struct fake_file *file, uint8_t what, uint8_t *bytes)
{
	const struct qcow2_options options = { .name = "fuzz", .read_only = what & 1 };
	struct block *disk = NULL;
	struct qcow2_header h;

	if (qcow2_read_header(&file->block, "fuzz", &h, NULL) < 0)
		return;
	if (qcow2_open(&file->block, &h, NULL, &options, &disk, NULL) < 0) {
		qcow2_header_free(&h);
		return;
	}
	everywhere(disk, BLOCK_READ, bytes);
	if (!(what & 1)) {
		memset(bytes, MARK, PIECE);
		if (what & 2)
			everywhere(disk, BLOCK_DISCARD, NULL);
		everywhere(disk, BLOCK_WRITE, bytes);
		submit(disk, BLOCK_FLUSH, 0, 0, NULL);
		everywhere(disk, what & 4 ? BLOCK_ZERO : BLOCK_READ, bytes);
	}
	block_close(disk);
}

static void unchanged(const struct fake_file *file, const uint8_t *image, size_t len,
		      uint64_t offset, uint64_t bytes)
{
	if (offset < len)
		CHECK(memcmp(file->bytes + offset, image + offset, min_u64(bytes, len - offset)) ==
		      0);
}

/* What no guest can change, of what the image was. */
static void judge(struct fake_file *file, const uint8_t *image, size_t len, bool read_only)
{
	struct fake_file *was = fake_file_open(image, len);
	struct qcow2_meta m;

	/* Feature bits may change, nothing else. */
	unchanged(file, image, len, 0, 40);
	if (read_only) {
		CHECK(file->size_bytes == len);
		unchanged(file, image, len, 0, len);
	} else if (open_meta(&m, was, QCOW2_READ)) {
		unchanged(file, image, len, m.h.snapshots_offset, m.snapshot_table_bytes);
		for (uint32_t i = 0; i < m.h.snapshot_count; i++)
			unchanged(file, image, len, m.snapshots[i].l1_offset,
				  (uint64_t)m.snapshots[i].l1_entries * 8);
		qcow2_meta_close(&m);
	}
	fake_file_close(was);
}

/* The file outlives the disk that stands on it. */
static void keep(struct block *b)
{
	(void)b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[PIECE];
	static struct block_ops ops;
	const struct block_ops *real;
	struct fake_file *file;

	if (size < 2 || size - 1 > IMAGE_MAX)
		return 0;
	file = fake_file_open(data + 1, size - 1);
	file->room_bytes = MIB(64);
	real = file->block.ops;
	ops = *real;
	ops.close = keep;
	file->block.ops = &ops;
	switch (data[0] >> 6) {
	case 0:
		check(file, data[0] & 1);
		break;
	case 1:
		operate(file, data[0]);
		break;
	default:
		run_guest(file, data[0], bytes);
		judge(file, data + 1, size - 1, data[0] & 1);
		break;
	}
	file->block.ops = real;
	fake_file_close(file);
	return 0;
}
