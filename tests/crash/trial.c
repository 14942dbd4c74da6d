#include "crash/trial.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- what an image is -------------------------------------------------------------------- */

static uint64_t hash_bytes(uint64_t hash, const void *bytes, uint64_t len)
{
	const uint8_t *p = bytes;

	for (uint64_t i = 0; i + 8 <= len; i += 8) {
		uint64_t word;

		memcpy(&word, p + i, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 29;
	}
	for (uint64_t i = len & ~UINT64_C(7); i < len; i++)
		hash = (hash ^ p[i]) * 0x9e3779b97f4a7c15;
	return hash;
}

static bool hash_disk(struct qcow2_judge *j, const struct qcow2_judge_snapshot *s, uint64_t *hash)
{
	static uint8_t bytes[2 * TRIAL_DISK_BYTES];
	const uint64_t len = s ? s->disk_bytes : j->disk_bytes;

	if (len > sizeof(bytes) || qcow2_judge_read(j, s, 0, bytes, len) < 0)
		return false;
	*hash = hash_bytes(len, bytes, len);
	if (s)
		*hash = hash_bytes(*hash, s->name, strlen(s->name));
	return true;
}

static bool look(struct qcow2_judge *j, bool disk_only, struct view *v)
{
	struct qcow2_judge_snapshot s;

	v->count = 0;
	if (!hash_disk(j, NULL, &v->hash[v->count++]))
		return false;
	for (uint32_t i = 0; i < j->snapshot_count && v->count < VIEWS_MAX && !disk_only; i++) {
		if (qcow2_judge_snapshot(j, i, &s) < 0 || !hash_disk(j, &s, &v->hash[v->count++]))
			return false;
	}
	return true;
}

bool trial_is_same(const struct view *a, const struct view *b)
{
	return a->count == b->count && memcmp(a->hash, b->hash, a->count * sizeof(a->hash[0])) == 0;
}

static int open_judge(const struct trial *t, struct qcow2_judge *j, const struct state *file)
{
	const int rc = qcow2_judge_open(j, file[0].bytes, file[0].size_bytes);

	j->backing = t->changes_backing ? file[1].bytes : t->g->backing;
	j->backing_len =
		t->changes_backing ? file[1].size_bytes : t->g->backing_sectors * GUEST_SECTOR;
	return rc;
}

bool trial_view(const struct trial *t, const struct state *file, struct view *v)
{
	struct qcow2_judge j;

	v->count = 0;
	if (open_judge(t, &j, file) == 0 && look(&j, t->changes_backing, v))
		return true;
	printf("    %s: %s\n", t->name, j.why);
	return false;
}

bool trial_wanted(const struct trial *t)
{
	return !t->all->only || strstr(t->name, t->all->only);
}

bool trial_fail(struct trial *t, const struct state *file, const char *why)
{
	char path[128];

	t->failed = true;
	snprintf(path, sizeof(path), "%s.failed", image_path());
	image_store(file->bytes, file->size_bytes);
	rename(image_path(), path);
	printf("not ok - %s: %s (state %llu, left in %s)\n", t->name, why,
	       (unsigned long long)t->states.count, path);
	return false;
}

/* ---- one state ------------------------------------------------------------------------------ */

static bool check_offline(const struct trial *t, struct qcow2_judge *j, uint64_t time,
			  const char **why)
{
	struct view v;

	if (!look(j, t->changes_backing, &v)) {
		*why = j->why;
		return false;
	}
	*why = "it is neither the image before nor the one after";
	if (time > t->done_at) {
		*why = "it is not the image after, though that was promised";
		return trial_is_same(&v, &t->after);
	}
	return trial_is_same(&v, &t->before) || trial_is_same(&v, &t->after);
}

static bool check_guest(struct trial *t, struct qcow2_judge *j, uint64_t time, const char **why)
{
	static uint8_t bytes[TRIAL_DISK_BYTES];
	static char text[128];
	struct view v;

	*why = "a snapshot has changed";
	if (!look(j, t->changes_backing, &v) || v.count != t->frozen.count ||
	    memcmp(&v.hash[1], &t->frozen.hash[1], (v.count - 1) * sizeof(v.hash[0])) != 0)
		return false;
	*why = j->why;
	if (qcow2_judge_read(j, NULL, 0, bytes, TRIAL_DISK_BYTES) < 0)
		return false;
	if (t->held_at != time)
		memset(t->held, 0xfe, TRIAL_SECTORS * sizeof(*t->held));
	t->held_at = time;
	for (uint64_t i = 0; i < TRIAL_SECTORS; i++) {
		const uint32_t value = guest_value(i, bytes + i * GUEST_SECTOR);

		if (value == t->held[i])
			continue;
		if (value == GUEST_NOBODY || !guest_may_hold(t->g, i, value, time)) {
			snprintf(text, sizeof(text), "sector %llu is of write %x",
				 (unsigned long long)i, value);
			*why = text;
			return false;
		}
		t->held[i] = value;
	}
	return true;
}

static bool check_content(struct trial *t, struct qcow2_judge *j, uint64_t time, const char **why)
{
	return t->is_offline ? check_offline(t, j, time, why) : check_guest(t, j, time, why);
}

/* By qcow2_check() on a copy: it must find what the judge found, and put it right. */
static bool check_ours(struct trial *t, const struct state *file, bool is_sound, uint64_t time,
		       const char **why)
{
	struct fake_file *copy = fake_file_open(file->bytes, file->size_bytes);
	struct state repaired[STATES_FILES] = { { .bytes = copy->bytes }, file[1] };
	struct qcow2_check_result found = { .leaks = 0 }, left = { .leaks = 0 };
	static struct err err;
	static char text[160];
	struct qcow2_judge j, was;
	struct qcow2_meta m;
	bool ok;
	int rc;

	open_judge(t, &was, file);
	qcow2_judge_check(&was);
	rc = qcow2_meta_open(&m, &copy->block, t->g->loop, "the state", QCOW2_REPAIR, &err);
	*why = err.text;
	if (rc == 0) {
		rc = qcow2_check(&m, QCOW2_REPAIR_NONE, &found, NULL, NULL, &err);
		qcow2_meta_close(&m);
	}
	ok = rc == 0;
	if (ok && ((found.corruptions > 0) != (was.corruptions > 0) ||
		   found.leaks != was.leaks + was.leaks_beyond)) {
		snprintf(text, sizeof(text),
			 "qcow2_check() finds %llu corruptions and %llu leaks, the judge %llu and "
			 "%llu",
			 (unsigned long long)found.corruptions, (unsigned long long)found.leaks,
			 (unsigned long long)was.corruptions,
			 (unsigned long long)(was.leaks + was.leaks_beyond));
		*why = text;
		ok = false;
	}
	if (ok && (!is_sound || was.leaks + was.leaks_beyond > 0 || was.dirty)) {
		t->repaired++;
		rc = qcow2_meta_open(&m, &copy->block, t->g->loop, "the state", QCOW2_REPAIR, &err);
		if (rc == 0) {
			rc = qcow2_check(&m, QCOW2_REPAIR_ALL, &left, NULL, NULL, &err);
			qcow2_meta_close(&m);
		}
		repaired->size_bytes = copy->size_bytes;
		ok = rc == 0 && open_judge(t, &j, repaired) == 0;
		if (ok) {
			qcow2_judge_check(&j);
			*why = j.corruptions ? j.why : "it leaks or is dirty after its repair";
			ok = j.corruptions == 0 && j.leaks + j.leaks_beyond == 0 && !j.dirty &&
			     check_content(t, &j, time, why);
		}
	}
	fake_file_close(copy);
	return ok;
}

static bool visit(void *arg, const struct state *file, uint64_t time)
{
	struct trial *t = arg;
	const uint64_t number = t->all->states + t->states.visited;
	struct qcow2_judge j;
	const char *why = "";
	bool may_be_corrupt;
	int status;

	if (open_judge(t, &j, file) < 0)
		return (t->creates && time <= t->done_at) || trial_fail(t, file, j.why);
	qcow2_judge_check(&j);
	t->leaking += j.leaks > 0;
	may_be_corrupt = (t->is_lazy && j.dirty) || (t->was_damaged && time <= t->done_at);
	if (j.corruptions > 0 && !may_be_corrupt)
		return trial_fail(t, file, j.why);
	if (!check_content(t, &j, time, &why))
		return trial_fail(t, file, why);
	if (number % (t->all->is_long ? 3 : 47) == 0 &&
	    !check_ours(t, file, j.corruptions == 0, time, &why))
		return trial_fail(t, file, why);
	if (number % (t->all->is_long ? 97 : 499) != 0 || may_be_corrupt)
		return true;
	t->checked++;
	status = image_qemu_check(file->bytes, file->size_bytes);
	if (status != (j.leaks > 0 ? 3 : 0))
		return trial_fail(t, file,
				  status == 0 || status == 3 ? "qemu-img and the judge disagree"
							     : "qemu-img finds it corrupt");
	return true;
}

void trial_run(struct trial *t, const struct state *start, const uint64_t *marks, size_t mark_count)
{
	struct trials *all = t->all;

	t->states = (struct states){
		.tape = &t->g->file->tape,
		.marks = marks,
		.mark_count = mark_count,
		.all_up_to = all->is_long ? 8 : 4,
		.random_count = all->is_long ? 60 : 6,
		.visits_max = all->is_long ? 0 : 250,
		.random = all->seed * 2 + 1,
		.visit = visit,
		.arg = t,
	};
	memcpy(t->states.file, start, sizeof(t->states.file));
	states_visit(&t->states);
	all->states += t->states.visited;
	all->leaking += t->leaking;
	all->checked += t->checked;
	all->repaired += t->repaired;
	if (!t->failed)
		printf("ok - %s\n    %llu of %llu states, %llu with leaks; %llu given to qemu-img, "
		       "%llu "
		       "repaired\n",
		       t->name, (unsigned long long)t->states.visited,
		       (unsigned long long)t->states.count, (unsigned long long)t->leaking,
		       (unsigned long long)t->checked, (unsigned long long)t->repaired);
	fflush(stdout);
}

/* ---- images to begin with ---------------------------------------------------------------------
 */

struct state trial_copy(const struct fake_file *file)
{
	struct state copy = { fake_file_space(), file->size_bytes };

	memcpy(copy.bytes, file->bytes, file->size_bytes);
	return copy;
}

void trial_free(struct state *file)
{
	if (file->bytes)
		munmap(file->bytes, FAKE_FILE_BYTES_MAX);
}

void trial_take_snapshot(struct guest *g, const char *name)
{
	struct qcow2_meta m;
	struct err err;

	if (qcow2_meta_open(&m, &g->file->block, g->loop, "the image", QCOW2_WRITE, &err) < 0 ||
	    qcow2_snapshot_create(&m, name, 1, NULL, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	qcow2_meta_close(&m);
}

void trial_prepare(const struct trials *all, struct guest *g, const struct shape *shape,
		   uint64_t salt)
{
	static uint8_t bytes[TRIAL_DISK_BYTES];

	guest_init(g, all->seed * 1000003 + salt, TRIAL_SECTORS,
		   shape->backed ? TRIAL_SECTORS / 2 : 0);
	if (shape->backed)
		image_store_backing(g->backing, g->backing_sectors * GUEST_SECTOR);
	if (shape->compressed) {
		for (uint64_t i = 0; i < TRIAL_SECTORS; i++) {
			g->now[i] = i % 200 < 150 ? ++g->last_value : 0;
			guest_stamp(g->now[i], i, bytes + i * GUEST_SECTOR);
		}
		image_create_compressed(g->file, shape, bytes, TRIAL_DISK_BYTES);
	} else {
		image_create(g->file, g->loop, shape, TRIAL_DISK_BYTES);
	}
}
