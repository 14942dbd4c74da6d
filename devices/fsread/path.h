/* fsread/path.h: from a path to a file, inside one image.
 *
 * Symbolic links are followed here and never by the host: an absolute one begins
 * at the image's root, and ".." of the root is the root.  The names "." and ".."
 * that the disk holds are not asked: the way back is the way we came. */
#ifndef BANTAM_FSREAD_PATH_H
#define BANTAM_FSREAD_PATH_H

#include "fsread/fs.h"

#define PATH_BYTES_MAX 4096u /* with the links' targets put in, as in Linux */
#define PATH_LINKS_MAX 40u
#define PATH_DEPTH_MAX 1024u

/* Walk to the file.
 * path    "/" and no leading "/" are the same: from the root
 * follow  whether a symbolic link at the very end is followed, too
 * Returns 0; -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG, or as of fs_load();
 * fs->err filled then. */
int path_walk(struct fs *fs, const char *path, bool follow, struct fs_node *node);

#endif
