/* Several threads at once on one image in a file, beside a copy of the disk in memory.
 *
 * Each request slot has sectors of its own, spread so that all slots meet in every
 * cluster: what is read must be what was last written there, whoever allocated,
 * copied, zeroed and flushed beside it. */
#include "block_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "block/qcow2_ops.h"
#include "block/raw.h"
#include "host/iothread.h"

#define THREADS	      3u
#define SLOTS	      6u /* of a thread, at once */
#define ALL_SLOTS     (THREADS * SLOTS)
#define ROW_BYTES     4096u /* consecutive rows belong to consecutive slots */
#define ROWS	      64u   /* of a slot */
#define DISK_BYTES    ((uint64_t)ROW_BYTES * ALL_SLOTS * ROWS)
#define REQUESTS      200u  /* of a slot, in a life of the image */
#define LIVES	      2u

struct crowd;

struct slot {
	struct block_req req;
	struct iovec iov;
	struct crowd *crowd;
	struct ioloop *loop;
	uint8_t *bytes;
	unsigned index;
	unsigned left;
	uint64_t random;
	struct io_task start;
};

struct crowd {
	struct block *disk;
	uint8_t *twin;
	struct slot slots[ALL_SLOTS];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned busy; /* under the lock */
	atomic_uint wrong;
};

static uint64_t draw(struct slot *s, uint64_t below)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random % below;
}

static void next(struct slot *s);

static void ended(struct block_req *req, int status)
{
	struct slot *s = container_of(req, struct slot, req);
	uint8_t *twin = s->crowd->twin + req->offset;
	bool right = status == 0;

	if (right && req->op == BLOCK_READ)
		right = memcmp(s->bytes, twin, req->len) == 0;
	else if (right && req->op == BLOCK_WRITE)
		memcpy(twin, s->bytes, req->len);
	else if (right && req->op == BLOCK_ZERO)
		memset(twin, 0, req->len);
	if (!right)
		atomic_fetch_add(&s->crowd->wrong, 1);
	next(s);
}

static void leave(struct crowd *c)
{
	pthread_mutex_lock(&c->lock);
	c->busy--;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static void next(struct slot *s)
{
	static const enum block_op ops[] = { BLOCK_WRITE, BLOCK_WRITE, BLOCK_WRITE, BLOCK_READ,
					     BLOCK_READ,  BLOCK_READ,  BLOCK_ZERO };
	const uint64_t sector = draw(s, ROW_BYTES / 512);
	const uint64_t count = 1 + draw(s, ROW_BYTES / 512 - sector);

	if (s->left-- == 0) {
		leave(s->crowd);
		return;
	}
	s->req.op = draw(s, 100) == 0 ? BLOCK_FLUSH : ops[draw(s, ARRAY_LEN(ops))];
	s->req.durable = draw(s, 100) == 0;
	s->req.may_unmap = draw(s, 2) == 0;
	s->req.offset = (draw(s, ROWS) * ALL_SLOTS + s->index) * ROW_BYTES + sector * 512;
	s->req.len = count * 512;
	s->iov = (struct iovec){ .iov_base = s->bytes, .iov_len = s->req.len };
	s->req.iov = &s->iov;
	s->req.iov_count = 1;
	s->req.loop = s->loop;
	s->req.done = ended;
	if (s->req.op == BLOCK_WRITE)
		memset(s->bytes, (int)draw(s, 256), s->req.len);
	block_submit(s->crowd->disk, &s->req);
}

static void start(void *arg)
{
	next(arg);
}

static void live(struct crowd *c, unsigned life)
{
	struct iothread *threads[THREADS];
	struct err err;

	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(iothread_start(IO_ENGINE_AUTO, i, &threads[i], &err), 0);
	c->busy = ALL_SLOTS;
	for (unsigned i = 0; i < ALL_SLOTS; i++) {
		struct slot *s = &c->slots[i];

		s->crowd = c;
		s->loop = iothread_loop(threads[i % THREADS]);
		s->index = i;
		s->left = REQUESTS;
		s->random = life * ALL_SLOTS + i + 1;
		s->start = (struct io_task){ .run = start, .arg = s };
		ioloop_post(s->loop, &s->start);
	}
	pthread_mutex_lock(&c->lock);
	while (c->busy > 0)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < THREADS; i++)
		iothread_stop(threads[i]);
	assert_int_equal(atomic_load(&c->wrong), 0);
}

/* The whole disk is as the twin says. */
static void compare(struct block_bench *b, const uint8_t *twin)
{
	uint8_t *bytes = buffer(65536, 0);

	for (uint64_t at = 0; at < DISK_BYTES; at += 65536) {
		assert_int_equal(run_op(b, BLOCK_READ, at, bytes, 65536), 0);
		assert_memory_equal(bytes, twin + at, 65536);
	}
	free(bytes);
}

static void make_image(struct block_bench *b, const struct qcow2_create_options *options)
{
	const struct raw_options growable = { .growable = true };
	struct block *file;
	struct store s;

	close(open(b->path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(store_open(&s, b->path, false, &b->err), 0);
	assert_int_equal(raw_create(&s, &growable, &file, &b->err), 0);
	assert_int_equal(qcow2_create(file, b->loop, "new", options, NULL, &b->err), 0);
	block_close(file);
}

/* By ourselves, and by qemu-img where it is. */
static void assert_sound(struct block_bench *b)
{
	char command[256];
	int status;

	snprintf(command, sizeof(command),
		 "if command -v qemu-img; then qemu-img check %s; fi >%s.said 2>&1", b->path,
		 b->path);
	status = system(command);
	if (status != 0)
		fail_msg("qemu-img check %s: see %s.said", b->path, b->path);
	snprintf(command, sizeof(command), "%s.said", b->path);
	unlink(command);
}

static void hammer(struct block_bench *b, const struct qcow2_create_options *options)
{
	struct crowd *c = calloc(1, sizeof(*c));
	char below[128];

	snprintf(below, sizeof(below), "%s/below", b->dir);
	c->twin = buffer(DISK_BYTES, 0);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	for (unsigned i = 0; i < ALL_SLOTS; i++)
		c->slots[i].bytes = buffer(ROW_BYTES, 0);
	if (options->backing_name) {
		char path[96];

		strcpy(path, b->path);
		strcpy(b->path, below);
		make_file(b, DISK_BYTES / 2);
		read_file(below, c->twin, DISK_BYTES / 2, 0);
		strcpy(b->path, path);
	}
	make_image(b, options);
	for (unsigned life = 0; life < LIVES; life++) {
		assert_int_equal(disk_up(b), 0);
		c->disk = b->disk;
		live(c, life);
		compare(b, c->twin);
		disk_down(b);
		assert_sound(b);
	}
	assert_int_equal(disk_up(b), 0);
	compare(b, c->twin);
	disk_down(b);
	unlink(below);
	for (unsigned i = 0; i < ALL_SLOTS; i++)
		free(c->slots[i].bytes);
	free(c->twin);
	free(c);
}

static void threads_that_meet_in_every_cluster_see_what_they_wrote(void **state)
{
	static const struct qcow2_create_options shapes[] = {
		{ .size_bytes = DISK_BYTES },
		{ .size_bytes = DISK_BYTES, .cluster_bytes = 4096, .refcount_bits = 1 },
		{ .size_bytes = DISK_BYTES, .version = 2 },
		{ .size_bytes = DISK_BYTES, .backing_name = "below", .backing_format = "raw" },
		{ .size_bytes = DISK_BYTES, .backing_name = "below", .backing_format = "raw",
		  .extended_l2 = true },
	};

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		hammer(*state, &shapes[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLOCK_TEST(threads_that_meet_in_every_cluster_see_what_they_wrote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
