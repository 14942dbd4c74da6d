#include "fsread/path.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

struct walk {
	struct fs *fs;
	char rest[PATH_BYTES_MAX + FS_LINK_BYTES_MAX + 2]; /* what is still to go */
	size_t at;
	unsigned links;
	unsigned depth;
	uint64_t dirs[PATH_DEPTH_MAX]; /* ids from the root to where we are */
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same(const struct fs *fs, const char *a, size_t a_len, const char *b, size_t b_len)
{
	if (a_len != b_len)
		return false;
	for (size_t i = 0; i < a_len; i++) {
		if (a[i] != b[i] && !(fs->ops->ignores_case && lower(a[i]) == lower(b[i])))
			return false;
	}
	return true;
}

/* Go from a directory to what it has under that name. */
static int lookup(struct fs *fs, const char *name, size_t len, struct fs_node *node)
{
	const struct fs_node dir = *node;
	struct fs_entry entry;
	uint64_t cursor = 0;
	int rc;

	while ((rc = fs_next(fs, &dir, &cursor, &entry)) > 0) {
		if (same(fs, name, len, entry.name, entry.name_len) ||
		    (entry.alias[0] && same(fs, name, len, entry.alias, strlen(entry.alias))))
			return fs_load(fs, entry.id, node);
	}
	return rc < 0 ? rc : err_set(&fs->err, -ENOENT, "no such file or directory");
}

/* Put the target of a link before what is still to go. */
static int follow_link(struct walk *w, const struct fs_node *link)
{
	char target[FS_LINK_BYTES_MAX + 1];
	size_t len, rest_len = strlen(w->rest + w->at);
	int rc;

	if (w->links++ >= PATH_LINKS_MAX)
		return err_set(&w->fs->err, -ELOOP, "too many symbolic links");
	rc = fs_readlink(w->fs, link, target);
	if (rc < 0)
		return rc;
	len = strlen(target);
	if (len == 0)
		return err_set(&w->fs->err, -ENOENT, "an empty symbolic link");
	if (len + 1 + rest_len > PATH_BYTES_MAX)
		return err_set(&w->fs->err, -ENAMETOOLONG, "the path is too long");
	memmove(w->rest + len + 1, w->rest + w->at, rest_len + 1);
	memcpy(w->rest, target, len);
	w->rest[len] = '/';
	w->at = 0;
	if (target[0] == '/')
		w->depth = 0;
	return 0;
}

/* The next name; its length is 0 at the end. */
static const char *next_name(struct walk *w, size_t *len)
{
	const char *name;

	w->at += strspn(w->rest + w->at, "/");
	name = w->rest + w->at;
	*len = strcspn(name, "/");
	w->at += *len;
	return name;
}

/* Go one name further from the directory *node. */
static int step(struct walk *w, const char *name, size_t len, bool follow, struct fs_node *node)
{
	int rc;

	if (!S_ISDIR(node->mode))
		return err_set(&w->fs->err, -ENOTDIR, "not a directory");
	if (len == 1 && name[0] == '.')
		return 0;
	if (len == 2 && name[0] == '.' && name[1] == '.') {
		if (w->depth > 0)
			w->depth--;
		return fs_load(w->fs, w->dirs[w->depth], node);
	}
	rc = lookup(w->fs, name, len, node);
	if (rc < 0)
		return rc;
	if (S_ISLNK(node->mode) && (follow || w->rest[w->at])) {
		rc = follow_link(w, node);
		return rc < 0 ? rc : fs_load(w->fs, w->dirs[w->depth], node);
	}
	if (!S_ISDIR(node->mode))
		return 0;
	if (w->depth + 1 == PATH_DEPTH_MAX)
		return err_set(&w->fs->err, -ENAMETOOLONG, "the path is too deep");
	w->dirs[++w->depth] = node->id;
	return 0;
}

int path_walk(struct fs *fs, const char *path, bool follow, struct fs_node *node)
{
	struct walk w = { .fs = fs, .dirs = { fs->root_id } };
	size_t len = strlen(path);
	const char *name;
	int rc;

	if (len > PATH_BYTES_MAX)
		return err_set(&fs->err, -ENAMETOOLONG, "the path is too long");
	memcpy(w.rest, path, len + 1);
	rc = fs_load(fs, fs->root_id, node);
	if (rc == 0 && !S_ISDIR(node->mode))
		rc = err_set(&fs->err, -EUCLEAN, "the root is not a directory");
	while (rc == 0) {
		name = next_name(&w, &len);
		if (len == 0)
			break;
		rc = step(&w, name, len, follow, node);
	}
	return rc;
}
