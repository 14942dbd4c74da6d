/* `bantam img ls`.  A directory is gathered, sorted and printed in portions, so
 * that an endless one takes no endless memory. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fsread/path.h"
#include "tools/command.h"
#include "tools/img_look.h"
#include "tools/img_print.h"

#define PORTION_ROWS_MAX  16384u
#define PORTION_BYTES_MAX MIB(4)
#define WAITING_BYTES_MAX MIB(16) /* of directories that -R must still visit */
#define VISITED_MAX	  (UINT32_C(1) << 20)

struct row {
	struct fs_node node;
	size_t name_len, target_len;
	char text[]; /* name, NUL, target, NUL */
};

/* A directory that is still to be shown. */
struct waiting {
	struct waiting *next;
	uint64_t id;
	char path[];
};

/* Directories that were or will be shown: a hash table that doubles. */
struct visited {
	uint64_t *ids; /* id + 1; 0: free */
	uint32_t room, count;
};

struct ls {
	const struct look *look;
	struct volume v;
	struct json_lines lines;
	struct row *rows[PORTION_ROWS_MAX];
	unsigned row_count;
	size_t row_bytes;
	struct waiting *waiting;
	size_t waiting_bytes;
	struct visited visited;
	bool refused; /* a directory was left out, and that was said */
	int status;
};

static void failed(struct ls *ls, const char *path, const char *text)
{
	ls->status = look_failed(ls->look, &ls->v, path, text);
}

/* ---- directories, each once ---- */

static uint64_t *visited_slot(const struct visited *s, uint64_t id)
{
	uint32_t i = (uint32_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (s->room - 1);

	while (s->ids[i] && s->ids[i] != id + 1)
		i = (i + 1) & (s->room - 1);
	return &s->ids[i];
}

static bool visited_grow(struct visited *s)
{
	const struct visited old = *s;

	s->room = old.room ? 2 * old.room : 256;
	s->ids = calloc(s->room, sizeof(*s->ids));
	if (!s->ids) {
		*s = old;
		return false;
	}
	for (uint32_t i = 0; i < old.room; i++) {
		if (old.ids[i])
			*visited_slot(s, old.ids[i] - 1) = old.ids[i];
	}
	free(old.ids);
	return true;
}

/* 1 when it is new; 0 when it was there; -ENOMEM, also when there are too many. */
static int visited_add(struct visited *s, uint64_t id)
{
	uint64_t *slot;

	if (2 * s->count >= s->room && (s->count >= VISITED_MAX || !visited_grow(s)))
		return -ENOMEM;
	slot = visited_slot(s, id);
	if (*slot)
		return 0;
	*slot = id + 1;
	s->count++;
	return 1;
}

/* ---- what is still to be shown ---- */

/* "DIR/NAME"; the name alone, as a path from the root, when DIR is empty. */
static size_t join(char *to, const char *dir, const char *name, size_t name_len)
{
	const size_t dir_len = strlen(dir);
	const size_t slash = dir_len ? dir[dir_len - 1] != '/' : name[0] != '/';

	memcpy(to, dir, dir_len);
	if (slash)
		to[dir_len] = '/';
	memcpy(to + dir_len + slash, name, name_len);
	to[dir_len + slash + name_len] = '\0';
	return dir_len + slash + name_len;
}

static void wait_for(struct ls *ls, const char *dir, const struct row *row)
{
	const size_t bytes = sizeof(struct waiting) + strlen(dir) + row->name_len + 2;
	struct waiting *w;
	int rc;

	/* Hostile: a directory that holds itself, or that hangs in two. */
	rc = visited_add(&ls->visited, row->node.id);
	if (rc == 0)
		failed(ls, dir, "a directory below is linked twice: shown once");
	w = rc > 0 && bytes <= PATH_BYTES_MAX && ls->waiting_bytes + bytes <= WAITING_BYTES_MAX
		    ? malloc(bytes)
		    : NULL;
	if (!w) {
		if (rc != 0 && !ls->refused)
			failed(ls, dir, "too many directories, or too deep: some are left out");
		ls->refused |= rc != 0;
		return;
	}
	w->id = row->node.id;
	join(w->path, dir, row->text, row->name_len);
	w->next = ls->waiting;
	ls->waiting = w;
	ls->waiting_bytes += bytes;
}

static struct waiting *wait_take(struct ls *ls)
{
	struct waiting *w = ls->waiting;

	if (w) {
		ls->waiting = w->next;
		ls->waiting_bytes -= sizeof(*w) + strlen(w->path) + 1;
	}
	return w;
}

/* ---- printing ---- */

static int digits(uint64_t v)
{
	int n = 1;

	while (v >= 10)
		v /= 10, n++;
	return n;
}

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

struct widths {
	int links, uid, gid, size;
};

static bool is_device(const struct fs_node *n)
{
	return S_ISCHR(n->mode) || S_ISBLK(n->mode);
}

/* "8, 16" in the place of a size. */
static int size_text(char text[32], const struct fs_node *n)
{
	if (is_device(n))
		return snprintf(text, 32, "%" PRIu32 ", %" PRIu32, n->dev_major, n->dev_minor);
	return snprintf(text, 32, "%" PRIu64, n->size_bytes);
}

static void widen(struct widths *w, const struct fs_node *n)
{
	char text[32];

	w->links = max_int(w->links, digits(n->link_count));
	w->uid = max_int(w->uid, digits(n->uid));
	w->gid = max_int(w->gid, digits(n->gid));
	w->size = max_int(w->size, size_text(text, n));
}

static void print_row(const struct widths *w, const struct row *row)
{
	const struct fs_node *n = &row->node;
	char mode[11], time[TIME_TEXT_BYTES], size[32];

	size_text(size, n);
	printf("%s %*" PRIu32 " %*" PRIu32 " %*" PRIu32 " %*s %s ", mode_text(mode, n->mode),
	       w->links, n->link_count, w->uid, n->uid, w->gid, n->gid, w->size, size,
	       time_text(time, n->mtime_s));
	print_name(stdout, row->text, row->name_len);
	if (S_ISLNK(n->mode)) {
		printf(" -> ");
		print_name(stdout, row->text + row->name_len + 1, row->target_len);
	}
	printf("\n");
}

static void print_json(struct ls *ls, const char *dir, const struct row *row)
{
	static const struct {
		enum fs_attribute attribute;
		const char *name;
	} attributes[] = {
		{ FS_ENCRYPTED, "encrypted" },
		{ FS_CASEFOLD, "casefold" },
		{ FS_VERITY, "verity" },
	};
	const struct fs_node *n = &row->node;
	char path[PATH_BYTES_MAX + FS_NAME_BYTES + 2], mode[8];
	struct json j;

	snprintf(mode, sizeof(mode), "%04" PRIo32, n->mode & 07777);
	json_line(&ls->lines, &j);
	json_string_len(&j, "path", path, join(path, dir, row->text, row->name_len));
	json_string(&j, "type", type_text(n->mode));
	json_string(&j, "mode", mode);
	json_uint(&j, "links", n->link_count);
	json_uint(&j, "uid", n->uid);
	json_uint(&j, "gid", n->gid);
	json_uint(&j, "size", n->size_bytes);
	json_int(&j, "mtime", n->mtime_s);
	json_uint(&j, "mtime_ns", n->mtime_ns);
	if (S_ISLNK(n->mode))
		json_string_len(&j, "target", row->text + row->name_len + 1, row->target_len);
	if (is_device(n)) {
		json_uint(&j, "major", n->dev_major);
		json_uint(&j, "minor", n->dev_minor);
	}
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		if (n->attributes & attributes[i].attribute)
			json_bool(&j, attributes[i].name, true);
	}
	json_line_end(&ls->lines, &j);
}

/* ---- gathering ---- */

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
	const int by_bytes = memcmp(x->text, y->text, min_u64(x->name_len, y->name_len));

	return by_bytes ? by_bytes : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

/* Print the rows, and put the directories among them before what is waiting. */
static void portion_print(struct ls *ls, const char *dir, bool descend)
{
	struct widths w = { 0 };

	qsort(ls->rows, ls->row_count, sizeof(void *), compare_rows);
	for (unsigned i = 0; i < ls->row_count; i++)
		widen(&w, &ls->rows[i]->node);
	for (unsigned i = 0; i < ls->row_count; i++) {
		if (ls->look->json)
			print_json(ls, dir, ls->rows[i]);
		else
			print_row(&w, ls->rows[i]);
	}
	for (unsigned i = ls->row_count; i-- > 0;) {
		if (descend && S_ISDIR(ls->rows[i]->node.mode))
			wait_for(ls, dir, ls->rows[i]);
		free(ls->rows[i]);
	}
	ls->row_count = 0;
	ls->row_bytes = 0;
}

/* A damaged file is shown as far as it is known. */
static void portion_add(struct ls *ls, const char *dir, uint64_t id, const char *name,
			size_t name_len)
{
	char path[PATH_BYTES_MAX + FS_NAME_BYTES + 2], target[FS_LINK_BYTES_MAX + 1];
	struct fs *fs = ls->v.fs;
	struct fs_node node = { .id = id };
	size_t target_len = 0, bytes;
	struct row *row;

	if (fs_load(fs, id, &node) < 0) {
		join(path, dir, name, name_len);
		failed(ls, path, fs->err.text);
	}
	if (S_ISLNK(node.mode)) {
		const int n = fs_readlink(fs, &node, target);

		join(path, dir, name, name_len);
		if (n < 0)
			failed(ls, path, fs->err.text);
		target_len = n < 0 ? 0 : (size_t)n;
	}
	bytes = sizeof(*row) + name_len + target_len + 2;
	row = malloc(bytes);
	if (!row) {
		failed(ls, dir, "no memory");
		return;
	}
	row->node = node;
	row->name_len = name_len;
	row->target_len = target_len;
	memcpy(row->text, name, name_len);
	row->text[name_len] = '\0';
	memcpy(row->text + name_len + 1, target, target_len);
	row->text[name_len + 1 + target_len] = '\0';
	ls->rows[ls->row_count++] = row;
	ls->row_bytes += bytes;
}

static void show_dir(struct ls *ls, const char *path, const struct fs_node *dir)
{
	struct fs *fs = ls->v.fs;
	struct fs_entry entry;
	uint64_t cursor = 0;
	int rc;

	while ((rc = fs_next(fs, dir, &cursor, &entry)) > 0) {
		portion_add(ls, path, entry.id, entry.name, entry.name_len);
		if (ls->row_count == PORTION_ROWS_MAX || ls->row_bytes > PORTION_BYTES_MAX)
			portion_print(ls, path, ls->look->recursive);
	}
	if (rc < 0)
		failed(ls, path, fs->err.text);
	portion_print(ls, path, ls->look->recursive);
}

static void print_heading(const struct ls *ls, const char *path, bool first)
{
	if (ls->look->json || !ls->look->recursive)
		return;
	printf("%s", first ? "" : "\n");
	print_name(stdout, path, strlen(path));
	printf(":\n");
}

/* Depth first, as ls -R, without recursion. */
static void show_below(struct ls *ls)
{
	struct waiting *w;
	struct fs_node dir;

	while ((w = wait_take(ls))) {
		print_heading(ls, w->path, false);
		if (fs_load(ls->v.fs, w->id, &dir) < 0)
			failed(ls, w->path, ls->v.fs->err.text);
		else
			show_dir(ls, w->path, &dir);
		free(w);
	}
}

static void show(struct ls *ls, const char *path)
{
	struct fs *fs = ls->v.fs;
	struct fs_node node;
	const size_t len = strlen(path);
	/* ls, too, follows a link that ends in a slash, and else shows it. */
	const bool follow = len > 0 && path[len - 1] == '/';

	if (path_walk(fs, path, follow, &node) < 0) {
		failed(ls, path, fs->err.text);
		return;
	}
	if (!S_ISDIR(node.mode)) {
		portion_add(ls, "", node.id, path, len);
		portion_print(ls, "", false);
		return;
	}
	visited_add(&ls->visited, node.id);
	print_heading(ls, path, true);
	show_dir(ls, path, &node);
	show_below(ls);
}

int look_ls(const struct look *look, const char *path)
{
	struct ls *ls = calloc(1, sizeof(*ls));
	struct err err = { "no memory" };
	int status;

	if (!ls || look_open(look, &ls->v, &err) < 0 ||
	    (look->json && json_lines_begin(&ls->lines) < 0)) {
		free(ls);
		return look_failed(look, NULL, NULL, err.text);
	}
	ls->look = look;
	show(ls, path ? path : "/");
	if (look->json)
		json_lines_end(&ls->lines);
	status = ls->status | command_flush();
	look_close(look, &ls->v);
	free(ls->visited.ids);
	free(ls);
	return status;
}
