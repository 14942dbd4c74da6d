#include "tools/img_look.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "fsread/path.h"
#include "tools/command.h"
#include "tools/img_print.h"

#define CAT_BYTES KIB(256)

/* The number that names a partition: 0 for the whole disk, -1 for no such name. */
static int part_number(const char *part)
{
	static const char *const prefixes[] = { "/dev/sda", "/dev/vda", "sda", "vda", "p", "" };
	uint64_t number;

	if (strcmp(part, "disk") == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		const size_t len = strlen(prefixes[i]);

		if (strncmp(part, prefixes[i], len) == 0)
			return parse_uint(part + len, 9999, &number) == 0 ? (int)number : -1;
	}
	return -1;
}

const char *look_split(char *arg)
{
	char *colon = strrchr(arg, ':');

	if (!colon || colon == arg || part_number(colon + 1) < 0)
		return NULL;
	*colon = '\0';
	return colon + 1;
}

int look_failed(const struct look *look, const struct volume *v, const char *path, const char *text)
{
	fflush(stdout);
	fprintf(stderr, "bantam img %s: %s", look->verb, look->file);
	if (v && v->number)
		fprintf(stderr, ":%s", v->name);
	if (path) {
		fprintf(stderr, ": ");
		print_name(stderr, path, strlen(path));
	}
	fprintf(stderr, ": %s", text);
	if (look->why->text[0])
		fprintf(stderr, " (%s)", look->why->text);
	fputc('\n', stderr);
	look->why->text[0] = '\0';
	return 1;
}

void look_table_faults(const struct look *look, const struct partition_table *table)
{
	unsigned faults = table->faults;
	const char *text;

	while ((text = partition_fault_text(&faults)))
		fprintf(stderr, "bantam img %s: warning: %s: %s\n", look->verb, look->file, text);
}

/* Open partition p, or the whole disk when it is NULL.  0, or why there is no fs. */
static int volume_open(const struct look *look, const struct partition *p, struct volume *v,
		       struct err *why)
{
	*v = (struct volume){ .number = p ? p->number : 0, .name = "disk" };
	if (p)
		snprintf(v->name, sizeof(v->name), "p%u", p->number);
	v->reader = window_open(&v->window, look->disk, p ? p->start_bytes : 0,
				p ? p->size_bytes : UINT64_MAX);
	return fs_open(&v->fs, &v->reader, why);
}

/* The partition that was named; NULL for the whole disk. */
static int find_named(const struct look *look, const struct partition_table *table,
		      const struct partition **p, struct err *err)
{
	const int number = part_number(look->part);

	*p = number > 0 ? partition_find(table, (unsigned)number) : NULL;
	if (number < 0 || (number > 0 && !*p))
		return err_set(err, -ENOENT, "it has no partition '%s'", look->part);
	return 0;
}

int look_each(const struct look *look, struct partition_table *table, unsigned i, struct volume *v,
	      struct err *why)
{
	const struct partition *p = NULL;
	int rc = i == 0 ? partition_read(look->disk, table, why) : 0;
	const bool one = look->part || table->scheme == SCHEME_NONE;

	*v = (struct volume){ .fs = NULL };
	if (rc < 0)
		return rc;
	if (i >= (one ? 1 : table->count))
		return 0;
	if (look->part)
		rc = find_named(look, table, &p, why);
	else if (!one)
		p = &table->entries[i];
	if (rc < 0)
		return rc;
	volume_open(look, p, v, why);
	return 1;
}

/* The only partition with a file system. */
static int open_only(const struct look *look, struct partition_table *table, struct volume *v,
		     struct err *err)
{
	const struct partition *found = NULL;

	for (unsigned i = 0; i < table->count; i++) {
		if (volume_open(look, &table->entries[i], v, NULL) < 0)
			continue;
		fs_close(v->fs);
		if (found)
			return err_set(err, -EINVAL,
				       "it has several file systems: say which, as in FILE:p%u "
				       "('bantam img filesystems' lists them)",
				       found->number);
		found = &table->entries[i];
	}
	if (!found)
		return err_set(err, -ENOENT, "none of its %u partitions can be read", table->count);
	return volume_open(look, found, v, err);
}

int look_open(const struct look *look, struct volume *v, struct err *err)
{
	struct partition_table *table = malloc(sizeof(*table));
	const struct partition *p = NULL;
	int rc;

	*v = (struct volume){ .fs = NULL };
	if (!table)
		return err_set(err, -ENOMEM, "no memory");
	rc = partition_read(look->disk, table, err);
	if (rc == 0 && look->part)
		rc = find_named(look, table, &p, err);
	if (rc == 0 && (look->part || table->scheme == SCHEME_NONE))
		rc = volume_open(look, p, v, err);
	else if (rc == 0)
		rc = open_only(look, table, v, err);
	free(table);
	return rc;
}

void look_close(const struct look *look, struct volume *v)
{
	const char *text;
	unsigned warnings;

	if (!v->fs)
		return;
	warnings = v->fs->warnings;
	while ((text = fs_warning_text(&warnings)))
		fprintf(stderr, "bantam img %s: warning: %s%s%s: %s\n", look->verb, look->file,
			v->number ? ":" : "", v->number ? v->name : "", text);
	fs_close(v->fs);
	v->fs = NULL;
}

/* All of buf to stdout, past stdio; 0 or -errno. */
static int write_all(const uint8_t *buf, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(STDOUT_FILENO, buf, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			buf += n, len -= (size_t)n;
	}
	return 0;
}

static int cat_one(const struct look *look, struct volume *v, const char *path, uint8_t *buf)
{
	struct fs_node node;
	struct err err;
	uint64_t offset = 0;
	int64_t n;
	int rc = path_walk(v->fs, path, true, &node);

	if (rc < 0)
		return look_failed(look, v, path, v->fs->err.text);
	while ((n = fs_read(v->fs, &node, offset, buf, CAT_BYTES)) > 0) {
		rc = write_all(buf, (size_t)n);
		if (rc < 0) {
			err_errno(&err, rc, "cannot write to stdout");
			return look_failed(look, v, path, err.text);
		}
		offset += (uint64_t)n;
	}
	return n < 0 ? look_failed(look, v, path, v->fs->err.text) : 0;
}

int look_cat(const struct look *look, char *const paths[], int count)
{
	uint8_t *buf = malloc(CAT_BYTES);
	struct err err = { "no memory" };
	struct volume v;
	int status = 0;

	if (!buf || look_open(look, &v, &err) < 0) {
		free(buf);
		return look_failed(look, NULL, NULL, err.text);
	}
	for (int i = 0; i < count; i++)
		status |= cat_one(look, &v, paths[i], buf);
	look_close(look, &v);
	free(buf);
	return status;
}
