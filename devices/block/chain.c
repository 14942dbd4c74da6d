#include "block/chain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/file.h"

#include "block/lock.h"
#include "block/probe.h"
#include "block/raw.h"

/* ---- formats ------------------------------------------------------------------------ */

static const char *const format_names[] = { NULL, "raw", "qcow2" };

const char *image_format_name(enum image_format f)
{
	return format_names[f];
}

int image_format_parse(const char *name, enum image_format *out, struct err *err)
{
	char text[QUOTED_BYTES];

	for (size_t i = IMAGE_RAW; i < ARRAY_LEN(format_names); i++) {
		if (strcmp(name, format_names[i]) == 0) {
			*out = (enum image_format)i;
			return 0;
		}
	}
	return err_set(err, -EINVAL, "'%s' is not a format of this version: use raw or qcow2",
		       quoted(text, name));
}

static int probe(struct chain_link *l, struct err *err)
{
	uint8_t first[PROBE_BYTES] = { 0 };
	const char *format;
	ssize_t n;

	/* A shorter file has zeros behind, as far as this goes. */
	n = pread(l->fd, first, sizeof(first), 0);
	if (n < 0)
		return err_errno(err, -errno, "%s: its first sector", l->name);
	format = probe_format(first);
	l->format = IMAGE_RAW;
	if (!format)
		return 0;
	if (strcmp(format, image_format_name(IMAGE_QCOW2)) != 0)
		return err_set(err, -EOPNOTSUPP,
			       "%s is a %s image; raw and qcow2 are supported (-f raw takes its "
			       "bytes as they are)",
			       l->name, format);
	l->format = IMAGE_QCOW2;
	return 0;
}

/* ---- one link ------------------------------------------------------------------------- */

static void close_link(struct chain_link *l)
{
	if (l->meta_open)
		qcow2_meta_close(&l->meta);
	block_close(l->file);
	free(l->snapshot_l1);
	free(l->l2);
	free(l->path);
	free(l);
}

/* The file itself: store, lock, format, block. */
static int open_file(struct chain_link *l, const struct chain_options *o, struct err *err)
{
	const bool writer = o->use != QCOW2_READ && !o->read_only;
	const struct raw_options raw = {
		.by_thread = true, /* several at once, from a warm page cache too */
		.scratch = o->no_flush,
		.growable = true,
	};
	struct store s;
	int rc = store_open(&s, l->path, !writer, err);

	if (rc == -EACCES || rc == -EPERM || rc == -EROFS)
		return err_errno(err, rc, "%s cannot be opened for %s", l->name,
				 writer ? "writing" : "reading");
	if (rc < 0)
		return rc;
	l->fd = s.fd;
	l->size_bytes = (s.size_bytes + BLOCK_SECTOR_BYTES - 1) & ~(uint64_t)(BLOCK_SECTOR_BYTES - 1);
	l->format = o->format;
	if (!o->unlocked)
		rc = image_lock(s.fd, writer, s.name, err);
	if (rc == 0 && l->format == IMAGE_PROBE)
		rc = probe(l, err);
	if (rc == 0 && o->direct)
		rc = store_set_direct(&s, err);
	if (rc == 0)
		rc = raw_create(&s, &raw, &l->file, err);
	if (rc < 0)
		store_close(&s);
	return rc;
}

static int choose_snapshot(struct chain_link *l, const char *snapshot, struct err *err)
{
	const struct qcow2_snapshot *s = NULL;
	char text[QUOTED_BYTES];
	int rc;

	for (uint32_t i = 0; !s && i < l->meta.h.snapshot_count; i++) {
		if (strcmp(l->meta.snapshots[i].id, snapshot) == 0)
			s = &l->meta.snapshots[i];
	}
	for (uint32_t i = 0; !s && i < l->meta.h.snapshot_count; i++) {
		if (strcmp(l->meta.snapshots[i].name, snapshot) == 0)
			s = &l->meta.snapshots[i];
	}
	if (!s)
		return err_set(err, -ENOENT, "%s has no snapshot '%s': 'bantam img snapshot -l' lists them",
			       l->name, quoted(text, snapshot));
	rc = qcow2_l1_read(&l->meta, s->l1_offset, s->l1_entries, s->l1_entries, &l->snapshot_l1,
			   err);
	if (rc < 0)
		return rc;
	l->l1_entries = s->l1_entries;
	l->size_bytes = s->disk_bytes;
	return 0;
}

static int open_qcow2(struct chain *c, struct chain_link *l, const struct chain_options *o,
		      struct err *err)
{
	int rc = qcow2_meta_open(&l->meta, l->file, c->loop, l->name, o->use, err);

	if (rc < 0)
		return rc;
	l->meta_open = true;
	l->l1_entries = l->meta.h.l1_entries;
	l->size_bytes = l->meta.h.size_bytes;
	l->l2 = malloc(qcow2_cluster_bytes(&l->meta.h));
	if (!l->l2)
		return err_set(err, -ENOMEM, "%s: no memory for a table", l->name);
	return o->snapshot ? choose_snapshot(l, o->snapshot, err) : 0;
}

static int open_link(struct chain *c, const char *path, const struct chain_options *o,
		     struct err *err)
{
	struct chain_link *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return err_set(err, -ENOMEM, "no memory");
	l->l2_index = UINT64_MAX;
	quoted(l->name, path);
	l->path = strdup(path);
	if (!l->path) {
		free(l);
		return err_set(err, -ENOMEM, "no memory");
	}
	rc = open_file(l, o, err);
	if (rc == 0 && o->snapshot && l->format != IMAGE_QCOW2)
		rc = err_set(err, -EINVAL, "%s is %s, which has no snapshots", l->name,
			     image_format_name(l->format));
	if (rc == 0 && l->format == IMAGE_QCOW2)
		rc = open_qcow2(c, l, o, err);
	if (rc < 0) {
		close_link(l);
		return rc;
	}
	c->links[c->count++] = l;
	return 0;
}

/* ---- the chain --------------------------------------------------------------------------- */

int chain_resolve(const char *image_path, const char *backing_name, char **out, struct err *err)
{
	const char *slash = strrchr(image_path, '/'), *colon = strchr(backing_name, ':');
	const char *first_slash = strchr(backing_name, '/');
	const size_t folder = slash && *backing_name != '/' ? (size_t)(slash - image_path) + 1 : 0;
	char text[QUOTED_BYTES];

	/* What other programs take for a protocol: no file of that name is meant. */
	if (colon && (!first_slash || colon < first_slash))
		return err_set(err, -EINVAL,
			       "backing file '%s': not a path; only files are followed (a name with "
			       "a colon is written ./NAME)",
			       quoted(text, backing_name));
	if (asprintf(out, "%.*s%s", (int)folder, image_path, backing_name) < 0)
		return err_set(err, -ENOMEM, "no memory");
	return 0;
}

/* The last link is a file that is there already: a chain without an end. */
static int check_visited(const struct chain *c, struct err *err)
{
	const struct chain_link *last = c->links[c->count - 1];
	struct stat a, b;

	if (fstat(last->fd, &a) < 0)
		return err_errno(err, -errno, "%s", last->name);
	if (c->count > 1 && !S_ISREG(a.st_mode))
		return err_set(err, -EINVAL, "%s is not a file; backing files have to be", last->name);
	for (unsigned i = 0; i + 1 < c->count; i++) {
		if (fstat(c->links[i]->fd, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return err_set(err, -ELOOP, "%s is its own backing file, by way of %u other%s",
				       last->name, c->count - 2 - i, c->count - 2 - i == 1 ? "" : "s");
	}
	return 0;
}

/* Open what the last link names. */
static int follow(struct chain *c, const struct chain_options *top, struct err *err)
{
	const struct chain_link *l = c->links[c->count - 1];
	struct chain_options o = { .use = QCOW2_READ, .unlocked = top->unlocked, .direct = top->direct };
	char format_text[QUOTED_BYTES], *path = NULL;
	struct err why = { "" };
	int rc;

	if (c->count == CHAIN_LINKS_MAX)
		return err_set(err, -ELOOP, "%s: more than %u backing files", l->name, CHAIN_LINKS_MAX);
	if (!*l->meta.h.backing_format)
		return err_set(err, -EINVAL,
			       "%s does not say the format of its backing file; 'bantam img rebase -u "
			       "-b NAME -F raw|qcow2' says it",
			       l->name);
	if (image_format_parse(l->meta.h.backing_format, &o.format, &why) < 0)
		return err_set(err, -EOPNOTSUPP, "%s: its backing file's format '%s': use raw or qcow2",
			       l->name, quoted(format_text, l->meta.h.backing_format));
	rc = chain_resolve(l->path, l->meta.h.backing_name, &path, &why);
	if (rc < 0 || !path)
		return err_set(err, rc, "%s: %s", l->name, why.text);
	rc = open_link(c, path, &o, &why);
	free(path);
	if (rc == 0)
		rc = check_visited(c, &why);
	return rc < 0 ? err_set(err, rc, "%s: backing file: %s", l->name, why.text) : 0;
}

/* The same, and an error names the image that the user named. */
static int follow_for(struct chain *c, const struct chain_options *top, struct err *err)
{
	struct err why;
	const bool first = c->count == 1;
	const int rc = follow(c, top, first ? err : &why);

	return rc < 0 && !first ? err_set(err, rc, "%s: %s", c->links[0]->name, why.text) : rc;
}

int chain_open(struct chain *c, struct ioloop *loop, const char *path,
	       const struct chain_options *options, struct err *err)
{
	int rc;

	*c = (struct chain){ .loop = loop };
	rc = open_link(c, path, options, err);
	while (rc == 0 && !options->alone && c->links[c->count - 1]->meta_open &&
	       c->links[c->count - 1]->meta.h.has_backing)
		rc = follow_for(c, options, err);
	if (rc < 0)
		chain_close(c);
	return rc;
}

void chain_close(struct chain *c)
{
	while (c->count > 0)
		close_link(c->links[--c->count]);
}

void chain_forget(struct chain *c)
{
	for (unsigned i = 0; i < c->count; i++) {
		c->links[i]->l2_index = UINT64_MAX;
		c->links[i]->hole_known = false;
	}
}
