/* host/rundir.h: where running programs of one user find each other:
 * $XDG_RUNTIME_DIR/bantam, or /tmp/bantam-UID where that is not set or not this
 * user's.  Only their owner may enter these folders, and nobody else can have made
 * them. */
#ifndef BANTAM_HOST_RUNDIR_H
#define BANTAM_HOST_RUNDIR_H

#include "base/err.h"
#include "base/types.h"

/* Open the folder `sub` in there.
 * sub     one name
 * create  make it if it is not there
 * Returns a descriptor of the caller's; -ENOENT without create; -EPERM if it is
 * somebody else's, or open to others; another -errno: err is filled. */
int rundir_open(const char *sub, bool create, struct err *err);

/* Make the folder and tell its path, for what has no form with a descriptor (sockets).
 * 0; -ENAMETOOLONG; as rundir_open(). */
int rundir_path(const char *sub, char *path, size_t size, struct err *err);

#endif
