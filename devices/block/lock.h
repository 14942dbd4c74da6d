/* block/lock.h: who uses an image: locks on bytes of the file, the same as QEMU's,
 * so that QEMU, qemu-img and Bantam respect each other.
 *
 * A user takes shared locks on byte 100+p for each permission p that it uses and
 * on 200+p for each that it does not share; then it looks whether anybody else has
 * locked the opposite.  A reader can do that too, since shared locks only need
 * read access; and since each looks after it locked, two that come at the same
 * time may both be refused but never both be let in.  The locks belong to the open
 * file (OFD): they end when it is closed, by a crash too. */
#ifndef BANTAM_BLOCK_LOCK_H
#define BANTAM_BLOCK_LOCK_H

#include "base/err.h"
#include "base/types.h"

/* Lock the open file for reading, or for reading and writing, with no other writer
 * beside.  Holds until fd is closed.  A file system without such locks is warned of
 * and goes unlocked.
 * name  for messages
 * 0; -EBUSY with err saying who uses it; another -errno with err filled. */
int image_lock(int fd, bool writer, const char *name, struct err *err);

#endif
