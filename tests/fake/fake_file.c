#include "fake/fake_file.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define EXTENT_BYTES 4096u

/* In req->private_bytes, behind what block_done_later() takes. */
struct wait {
	struct io_task task;
	struct fake_file *file;
	int status;
	bool served;
	unsigned rounds; /* left until it ends */
	size_t entry;	 /* of the tape; SIZE_MAX: none */
	unsigned tape_number;
};

static struct wait *wait_of(struct block_req *req)
{
	return (struct wait *)(void *)(req->private_bytes + BLOCK_REQ_PRIVATE_BYTES / 2);
}

static struct fake_file *of_block(struct block *b)
{
	return container_of(b, struct fake_file, block);
}

/* ---- the tape ------------------------------------------------------------------------- */

static struct fake_file *recorder_of(struct fake_file *file)
{
	return file->recorder ? file->recorder : file;
}

static size_t record_at(struct fake_file *file, struct tape *t, enum tape_kind kind,
			const struct block_req *req)
{
	if (t->count == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->entries = realloc(t->entries, t->room * sizeof(*t->entries));
		assert(t->entries);
	}
	t->entries[t->count] = (struct tape_entry){
		.kind = kind,
		.offset = req->offset,
		.len = req->len,
		.durable = req->durable,
		.file = file->number,
		.began = ++t->now,
		.ended = TAPE_NEVER,
	};
	if (kind == TAPE_WRITE) {
		t->entries[t->count].bytes = malloc(req->len);
		assert(t->entries[t->count].bytes);
		memcpy(t->entries[t->count].bytes, file->bytes + req->offset, req->len);
	}
	return t->count++;
}

static size_t record(struct fake_file *file, enum tape_kind kind, const struct block_req *req)
{
	struct fake_file *recorder = recorder_of(file);
	size_t entry = SIZE_MAX;

	if (recorder != file)
		pthread_mutex_lock(&recorder->lock);
	if (recorder->recording)
		entry = record_at(file, &recorder->tape, kind, req);
	if (recorder != file)
		pthread_mutex_unlock(&recorder->lock);
	return entry;
}

static void record_end(struct fake_file *file, size_t entry)
{
	struct fake_file *recorder = recorder_of(file);

	if (entry == SIZE_MAX)
		return;
	if (recorder != file)
		pthread_mutex_lock(&recorder->lock);
	recorder->tape.entries[entry].ended = ++recorder->tape.now;
	if (recorder != file)
		pthread_mutex_unlock(&recorder->lock);
}

static void forget(struct fake_file *file)
{
	for (size_t i = 0; i < file->tape.count; i++)
		free(file->tape.entries[i].bytes);
	free(file->tape.entries);
	file->tape = (struct tape){ .now = 0 };
}

void fake_file_record(struct fake_file *file)
{
	pthread_mutex_lock(&file->lock);
	forget(file);
	file->tape_number++;
	file->recording = true;
	pthread_mutex_unlock(&file->lock);
}

/* What is cut off is zeros for whoever comes there again. */
static void set_size(uint8_t *bytes, uint64_t *size, uint64_t new_size)
{
	if (new_size < *size)
		memset(bytes + new_size, 0, *size - new_size);
	*size = new_size;
}

void tape_play(const struct tape_entry *e, uint8_t *bytes, uint64_t *size)
{
	switch (e->kind) {
	case TAPE_WRITE:
		memcpy(bytes + e->offset, e->bytes, e->len);
		if (e->offset + e->len > *size)
			*size = e->offset + e->len;
		break;
	case TAPE_ZERO:
		if (e->offset < *size)
			memset(bytes + e->offset, 0, min_u64(e->len, *size - e->offset));
		break;
	case TAPE_TRUNCATE:
		set_size(bytes, size, e->offset);
		break;
	case TAPE_FLUSH:
		break;
	}
}

/* ---- requests ----------------------------------------------------------------------------- */

static uint64_t random_below(struct fake_file *file, uint64_t n)
{
	file->random ^= file->random << 13;
	file->random ^= file->random >> 7;
	file->random ^= file->random << 17;
	return file->random % n;
}

static void move(struct fake_file *file, struct block_req *req)
{
	uint8_t *at = file->bytes + req->offset;
	uint64_t left = req->len;

	for (unsigned i = 0; i < req->iov_count; i++) {
		assert(req->iov[i].iov_len <= left);
		if (req->op == BLOCK_READ)
			memcpy(req->iov[i].iov_base, at, req->iov[i].iov_len);
		else
			memcpy(at, req->iov[i].iov_base, req->iov[i].iov_len);
		at += req->iov[i].iov_len;
		left -= req->iov[i].iov_len;
	}
	assert(left == 0);
	/* A real block may use the elements up. */
	memset(req->iov, 0x5a, req->iov_count * sizeof(*req->iov));
}

static int serve_write(struct fake_file *file, struct block_req *req)
{
	const uint64_t end = req->offset + req->len;

	if (end > min_u64(file->room_bytes, FAKE_FILE_BYTES_MAX))
		return -ENOSPC;
	move(file, req);
	if (end > file->size_bytes)
		file->size_bytes = end;
	wait_of(req)->entry = record(file, TAPE_WRITE, req);
	return 0;
}

static int serve(struct fake_file *file, struct block_req *req)
{
	switch (req->op) {
	case BLOCK_READ:
		if (req->offset + req->len > FAKE_FILE_BYTES_MAX) {
			for (unsigned i = 0; i < req->iov_count; i++)
				memset(req->iov[i].iov_base, 0, req->iov[i].iov_len);
			return 0;
		}
		move(file, req);
		return 0;
	case BLOCK_WRITE:
		return serve_write(file, req);
	case BLOCK_DISCARD: /* a hint, and those who rely on it are found out */
		if (file->shuffle && random_below(file, 2) == 0)
			return 0;
		__attribute__((fallthrough));
	case BLOCK_ZERO:
		if (req->offset < file->size_bytes)
			memset(file->bytes + req->offset, 0,
			       min_u64(req->len, file->size_bytes - req->offset));
		wait_of(req)->entry = record(file, TAPE_ZERO, req);
		return 0;
	case BLOCK_FLUSH:
		wait_of(req)->entry = record(file, TAPE_FLUSH, req);
		return 0;
	}
	return -EINVAL;
}

static bool fails(struct fake_file *file)
{
	file->submitted++;
	return file->fail_at > 0 && (file->submitted == file->fail_at ||
				     (file->fail_from && file->submitted > file->fail_at));
}

static bool is_seen_at_once(struct fake_file *file)
{
	return !file->shuffle || random_below(file, 2) == 0;
}

static void serve_once(struct fake_file *file, struct block_req *req)
{
	struct wait *w = wait_of(req);

	if (!w->served && w->status == 0)
		w->status = serve(file, req);
	w->served = true;
}

static void run(void *arg)
{
	struct wait *w = arg;
	struct block_req *req = block_req_of((uint8_t *)arg - BLOCK_REQ_PRIVATE_BYTES / 2);
	struct fake_file *file = w->file;

	if (w->rounds > 0) {
		w->rounds--;
		ioloop_post(req->loop, &w->task);
		return;
	}
	pthread_mutex_lock(&file->lock);
	serve_once(file, req);
	if (w->tape_number == file->tape_number)
		record_end(file, w->entry);
	file->in_flight--;
	pthread_mutex_unlock(&file->lock);
	block_done(req, w->status);
}

static void fake_submit(struct block *b, struct block_req *req)
{
	struct fake_file *file = of_block(b);
	struct wait *w = wait_of(req);

	pthread_mutex_lock(&file->lock);
	*w = (struct wait){
		.task = { .run = run, .arg = w },
		.file = file,
		.status = fails(file) ? file->fail_status : 0,
		.entry = SIZE_MAX,
		.tape_number = file->tape_number,
	};
	file->in_flight++;
	/* A flush is promised nothing of what is done after it was asked for. */
	if (req->op == BLOCK_FLUSH || is_seen_at_once(file))
		serve_once(file, req);
	if (file->shuffle)
		w->rounds = (unsigned)random_below(file, 5);
	pthread_mutex_unlock(&file->lock);
	ioloop_post(req->loop, &w->task);
}

/* ---- the file -------------------------------------------------------------------------------- */

static int file_size(struct block *b, uint64_t *size_bytes)
{
	*size_bytes = of_block(b)->size_bytes;
	return 0;
}

static int file_truncate(struct block *b, uint64_t size_bytes)
{
	struct fake_file *file = of_block(b);
	const struct block_req cut = { .offset = size_bytes };
	int rc = 0;

	pthread_mutex_lock(&file->lock);
	if (fails(file))
		rc = file->fail_status;
	else if (size_bytes > FAKE_FILE_BYTES_MAX)
		rc = -EFBIG;
	if (rc == 0) {
		const size_t entry = record(file, TAPE_TRUNCATE, &cut);

		set_size(file->bytes, &file->size_bytes, size_bytes);
		record_end(file, entry);
	}
	pthread_mutex_unlock(&file->lock);
	return rc;
}

static bool is_zeros(const struct fake_file *file, uint64_t offset)
{
	static const uint8_t zeros[EXTENT_BYTES];

	return memcmp(file->bytes + offset, zeros, sizeof(zeros)) == 0;
}

/* Zeros are holes. */
static int file_extent(struct block *b, uint64_t offset, bool *is_data, uint64_t *end)
{
	struct fake_file *file = of_block(b);
	uint64_t at = offset & ~(uint64_t)(EXTENT_BYTES - 1);

	*is_data = at < file->size_bytes && !is_zeros(file, at);
	while (at < file->size_bytes && *is_data == !is_zeros(file, at))
		at += EXTENT_BYTES;
	*end = at < file->size_bytes ? at : *is_data ? file->size_bytes : UINT64_MAX;
	return 0;
}

uint64_t fake_file_mark(struct fake_file *file)
{
	uint64_t now;

	pthread_mutex_lock(&file->lock);
	now = ++file->tape.now;
	pthread_mutex_unlock(&file->lock);
	return now;
}

void fake_file_close(struct fake_file *file)
{
	assert(file->in_flight == 0);
	forget(file);
	pthread_mutex_destroy(&file->lock);
	munmap(file->bytes, FAKE_FILE_BYTES_MAX);
	free(file);
}

static void close_block(struct block *b)
{
	fake_file_close(of_block(b));
}

static const struct block_ops file_ops = {
	.name = "fake file",
	.submit = fake_submit,
	.close = close_block,
	.file_size = file_size,
	.file_truncate = file_truncate,
	.file_extent = file_extent,
};

uint8_t *fake_file_space(void)
{
	void *space = mmap(NULL, FAKE_FILE_BYTES_MAX, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert(space != MAP_FAILED);
	return space;
}

struct fake_file *fake_file_open(const uint8_t *bytes, uint64_t len)
{
	struct fake_file *file = calloc(1, sizeof(*file));

	assert(file);
	file->bytes = fake_file_space();
	if (len > 0)
		memcpy(file->bytes, bytes, len);
	file->size_bytes = len;
	file->room_bytes = FAKE_FILE_BYTES_MAX;
	file->random = 1;
	pthread_mutex_init(&file->lock, NULL);
	file->block = (struct block){
		.ops = &file_ops,
		.limits = {
			.size_bytes = BLOCK_FILE_BYTES_MAX,
			.logical_bytes = BLOCK_SECTOR_BYTES,
			.physical_bytes = BLOCK_SECTOR_BYTES,
			.can_discard = true,
			.can_zero = true,
			.discard_granularity_bytes = BLOCK_SECTOR_BYTES,
			.iov_max = IO_IOV_MAX,
		},
	};
	return file;
}
