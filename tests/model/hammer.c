/* A program that hammers on a qcow2 image, killed at any moment, many times:
 *
 *   hammer [-n TIMES] [-s SEED]
 *
 * On the real layers: a file, its lock, the I/O loop.  After each kill the image must be
 * sound but for leaks, and hold what was flushed; then it goes on with what is there. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "block/raw.h"
#include "model/guest.h"
#include "model/image.h"

#define SECTORS UINT64_C(16384)
#define OPS_MAX 200000u
#define LIFE_US 60000u

static struct block *open_file(struct guest *g)
{
	const struct raw_options options = { .growable = true };
	struct block *block;
	struct store store;
	struct err err;

	(void)g;
	if (store_open(&store, image_path(), false, &err) < 0 ||
	    raw_create(&store, &options, &block, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	return block;
}

static void hammer(struct guest *g)
{
	if (guest_open(g) < 0)
		_exit(1);
	while (g->op_count < OPS_MAX)
		guest_do_anything(g, 256);
	_exit(0);
}

static size_t count_ops(const struct guest_op *ops)
{
	size_t n = 0;

	while (n < OPS_MAX && ops[n].began > 0)
		n++;
	return n;
}

/* What is in the file now, into g->now. */
static bool look(struct guest *g, uint64_t *leaks, char *why, size_t room)
{
	static uint8_t bytes[SECTORS * GUEST_SECTOR];
	struct qcow2_judge j;

	image_load(g->file);
	if (qcow2_judge_open(&j, g->file->bytes, g->file->size_bytes) == 0) {
		qcow2_judge_check(&j);
		if (j.corruptions == 0 &&
		    qcow2_judge_read(&j, NULL, 0, bytes, sizeof(bytes)) == 0) {
			*leaks += j.leaks;
			for (uint64_t i = 0; i < SECTORS; i++)
				g->now[i] = guest_value(i, bytes + i * GUEST_SECTOR);
			return true;
		}
	}
	snprintf(why, room, "%s", j.why);
	return false;
}

static bool kill_once(struct guest *g, uint64_t *leaks, uint64_t *done, char *why, size_t room)
{
	const pid_t child = fork();
	int status;

	if (child == 0)
		hammer(g);
	assert(child > 0);
	usleep((useconds_t)(2000 + guest_below(g, LIFE_US)));
	kill(child, SIGKILL);
	assert(waitpid(child, &status, 0) == child);
	if (!WIFSIGNALED(status)) {
		snprintf(why, room, "it ended by itself with status %d", WEXITSTATUS(status));
		return false;
	}
	g->op_count = count_ops(g->ops);
	*done += g->op_count;
	if (!look(g, leaks, why, room))
		return false;
	for (uint64_t i = 0; i < SECTORS; i++) {
		if (g->now[i] != GUEST_NOBODY && guest_may_hold(g, i, g->now[i], TAPE_NEVER - 1))
			continue;
		snprintf(why, room, "sector %llu is of write %x", (unsigned long long)i, g->now[i]);
		return false;
	}
	return true;
}

static void run_shape(const struct shape *shape, unsigned times, uint64_t seed)
{
	const size_t ops_bytes = OPS_MAX * sizeof(struct guest_op);
	uint64_t leaks = 0, done = 0;
	char why[256] = "";
	struct guest g;
	bool ok = true;
	unsigned i = 0;

	guest_init(&g, seed, SECTORS, 0);
	image_create(g.file, g.loop, shape, SECTORS * GUEST_SECTOR);
	image_store(g.file->bytes, g.file->size_bytes);
	g.open_file = open_file;
	g.ops = mmap(NULL, ops_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert(g.ops != MAP_FAILED);
	g.op_room = OPS_MAX;
	for (; i < times && ok; i++) {
		memset(g.ops, 0, g.op_count * sizeof(*g.ops));
		guest_begin(&g);
		g.last_value += 1000000;
		ok = kill_once(&g, &leaks, &done, why, sizeof(why));
	}
	if (ok)
		printf("ok - whoever_is_killed_at_work_keeps_what_was_flushed_%s\n    killed %u "
		       "times in "
		       "%llu requests, %llu clusters leaked\n",
		       shape->name, times, (unsigned long long)done, (unsigned long long)leaks);
	else
		printf("not ok - whoever_is_killed_at_work_keeps_what_was_flushed_%s: %s (time %u, "
		       "seed "
		       "%llu)\n",
		       shape->name, why, i, (unsigned long long)seed);
	fflush(stdout);
	munmap(g.ops, ops_bytes);
	g.ops = NULL;
	guest_destroy(&g);
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "64k", "4k-v2", "16k-extended" };
	unsigned times = 20;
	uint64_t seed = 1;
	int c;

	while ((c = getopt(argc, argv, "n:s:")) != -1) {
		if (c == 'n')
			times = (unsigned)atoi(optarg);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	for (unsigned i = 0; i < shape_count; i++) {
		for (unsigned k = 0; k < ARRAY_LEN(names); k++) {
			if (strcmp(names[k], shapes[i].name) == 0)
				run_shape(&shapes[i], times / ARRAY_LEN(names) + 1, seed);
		}
	}
	image_forget();
	return 0;
}
