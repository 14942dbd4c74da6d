#include "block/store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/units.h"
#include "block/block.h"

#define PAGE_BYTES 4096u

/* ---- opening ------------------------------------------------------------------ */

/* What stat() said, judged: 0, or -errno with err filled. */
static int check_kind(const struct store *s, mode_t mode, struct err *err)
{
	static const struct {
		mode_t kind;
		const char *what;
	} refused[] = {
		{ S_IFDIR, "directory" },
		{ S_IFIFO, "FIFO" },
		{ S_IFSOCK, "socket" },
		{ S_IFCHR, "character device" },
	};

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if ((mode & S_IFMT) == refused[i].kind)
			return err_set(err, -EINVAL,
				       "%s is a %s; a disk is a file or a block device", s->name,
				       refused[i].what);
	}
	return 0;
}

static int refuse_open(const struct store *s, const char *path, int code, struct err *err)
{
	int fd;

	if (code == -EBUSY)
		return err_set(err, code,
			       "%s is mounted or in use on this host; unmount it, or add ,ro or "
			       ",snapshot",
			       s->name);
	if (s->read_only)
		return err_errno(err, code, "%s", s->name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, code, "%s", s->name);
	close(fd);
	return err_set(err, code, "%s can be read but not written (%s); add ,ro or ,snapshot",
		       s->name, strerror(-code));
}

static int open_fd(struct store *s, const char *path, struct err *err)
{
	int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (s->read_only ? O_RDONLY : O_RDWR);
	struct stat before, after;
	int rc;

	if (stat(path, &before) < 0)
		return err_errno(err, -errno, "%s", s->name);
	rc = check_kind(s, before.st_mode, err);
	if (rc < 0)
		return rc;
	/* On a block device: nobody else may have it mounted or claimed. */
	if (S_ISBLK(before.st_mode) && !s->read_only)
		flags |= O_EXCL;
	s->fd = open(path, flags);
	if (s->fd < 0)
		return refuse_open(s, path, -errno, err);
	if (fstat(s->fd, &after) < 0 || ((before.st_mode ^ after.st_mode) & S_IFMT) != 0)
		return err_set(err, -EAGAIN, "%s was replaced while it was opened; try again",
			       s->name);
	s->is_device = S_ISBLK(after.st_mode);
	/* O_NONBLOCK was for what might have come in between; io_uring would take
	 * it for a wish that reads never wait. */
	fcntl(s->fd, F_SETFL, 0);
	return 0;
}

/* ---- sizes ---------------------------------------------------------------------- */

static uint32_t sane_power(uint64_t v, uint32_t least, uint32_t most, uint32_t otherwise)
{
	return v >= least && v <= most && (v & (v - 1)) == 0 ? (uint32_t)v : otherwise;
}

static bool lives_in_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static void learn_file(struct store *s, const struct stat *st)
{
	const uint32_t grain =
		sane_power((uint64_t)st->st_blksize, BLOCK_SECTOR_BYTES, PAGE_BYTES, PAGE_BYTES);

	s->size_bytes = (uint64_t)st->st_size;
	s->logical_bytes = BLOCK_SECTOR_BYTES;
	s->physical_bytes = grain;
	/* More than that is somebody's wish for large I/O. */
	s->optimal_bytes = sane_power((uint64_t)st->st_blksize, grain + 1, (uint32_t)MIB(64), 0);
	s->discard_granularity_bytes = grain;
	s->can_discard = true;
	s->in_memory = lives_in_memory(s->fd);
}

/* A number that the kernel tells of a device's request queue; a partition's is
 * its disk's. */
static uint64_t queue_number(dev_t device, const char *name, uint64_t otherwise)
{
	static const char *const places[] = { "queue", "../queue" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char path[128], line[32];
		uint64_t value;
		FILE *f;
		bool found;

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s", major(device),
			 minor(device), places[i], name);
		f = fopen(path, "re");
		if (!f)
			continue;
		found = fgets(line, sizeof(line), f) != NULL;
		fclose(f);
		line[found ? strcspn(line, "\n") : 0] = '\0';
		if (parse_uint(line, UINT64_MAX, &value) == 0)
			return value;
	}
	return otherwise;
}

static int learn_device(struct store *s, const struct stat *st, struct err *err)
{
	unsigned physical = 0, optimal = 0;
	int logical = 0;

	if (ioctl(s->fd, BLKGETSIZE64, &s->size_bytes) < 0 || ioctl(s->fd, BLKSSZGET, &logical) < 0)
		return err_errno(err, -errno, "%s: its size", s->name);
	if (logical != (int)BLOCK_SECTOR_BYTES && logical != (int)PAGE_BYTES)
		return err_set(err, -EINVAL, "%s has %d-byte blocks; 512 and 4096 are supported",
			       s->name, logical);
	s->logical_bytes = (uint32_t)logical;
	if (ioctl(s->fd, BLKPBSZGET, &physical) < 0)
		physical = 0;
	if (ioctl(s->fd, BLKIOOPT, &optimal) < 0)
		optimal = 0;
	s->physical_bytes =
		sane_power(physical, s->logical_bytes, (uint32_t)MIB(1), s->logical_bytes);
	s->optimal_bytes = optimal % s->logical_bytes == 0 ? optimal : 0;
	s->discard_granularity_bytes =
		sane_power(queue_number(st->st_rdev, "discard_granularity", 0), s->logical_bytes,
			   (uint32_t)GIB(1), s->logical_bytes);
	s->can_discard = queue_number(st->st_rdev, "discard_max_bytes", 1) != 0;
	return 0;
}

static int learn(struct store *s, struct err *err)
{
	struct stat st;

	if (fstat(s->fd, &st) < 0)
		return err_errno(err, -errno, "%s", s->name);
	if (s->is_device)
		return learn_device(s, &st, err);
	learn_file(s, &st);
	return 0;
}

int store_open(struct store *s, const char *path, bool read_only, struct err *err)
{
	int rc;

	*s = (struct store){ .fd = -1, .read_only = read_only };
	quoted(s->name, path);
	rc = open_fd(s, path, err);
	if (rc == 0)
		rc = learn(s, err);
	if (rc < 0)
		store_close(s);
	return rc;
}

void store_close(struct store *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* ---- the file behind an image ------------------------------------------------------ */

int store_size(const struct store *s, uint64_t *size_bytes)
{
	struct stat st;

	*size_bytes = s->size_bytes;
	if (s->is_device)
		return 0;
	if (fstat(s->fd, &st) < 0)
		return -errno;
	*size_bytes = (uint64_t)st.st_size;
	return 0;
}

int store_truncate(const struct store *s, uint64_t size_bytes)
{
	if (s->is_device)
		return -EOPNOTSUPP;
	return ftruncate(s->fd, (off_t)size_bytes) < 0 ? -errno : 0;
}

int store_extent(const struct store *s, uint64_t offset, bool *is_data, uint64_t *end)
{
	off_t data, hole;

	*is_data = true;
	*end = UINT64_MAX;
	if (s->is_device)
		return 0;
	data = lseek(s->fd, (off_t)offset, SEEK_DATA);
	if (data < 0 && errno == ENXIO) { /* no data from here on */
		*is_data = false;
		return 0;
	}
	if (data < 0)
		return errno == EINVAL ? 0 : -errno; /* EINVAL: who knows; say data */
	if ((uint64_t)data > offset) {
		*is_data = false;
		*end = (uint64_t)data;
		return 0;
	}
	hole = lseek(s->fd, (off_t)offset, SEEK_HOLE);
	if (hole < 0)
		return -errno;
	*end = (uint64_t)hole;
	return 0;
}

/* ---- temporary files ------------------------------------------------------------ */

static int open_unnamed(const char *folder)
{
	char path[512];
	int fd = open(folder, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	/* A file system that does not know O_TMPFILE. */
	if ((size_t)snprintf(path, sizeof(path), "%s/bantam-XXXXXX", folder) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

int store_open_scratch(struct store *s, uint64_t size_bytes, bool in_memory, const char *name,
		       struct err *err)
{
	const char *folder = getenv("TMPDIR");
	char folder_name[QUOTED_BYTES], size_text[UNITS_TEXT_BYTES];
	int rc;

	if (!folder || !*folder)
		folder = "/var/tmp";
	*s = (struct store){ .fd = -1 };
	snprintf(s->name, sizeof(s->name), "%s", name);
	quoted(folder_name, in_memory ? "memory" : folder);
	s->fd = in_memory ? memfd_create("bantam-overlay", MFD_CLOEXEC) : open_unnamed(folder);
	if (s->fd < 0)
		return err_errno(err, -errno,
				 "%s: no temporary file in %s (TMPDIR=DIR, or overlay=mem)", name,
				 folder_name);
	if (ftruncate(s->fd, (off_t)size_bytes) < 0) {
		rc = err_errno(err, -errno,
			       "%s: a temporary file of %s in %s (TMPDIR=DIR elsewhere may do)",
			       name, format_size(size_text, size_bytes), folder_name);
		store_close(s);
		return rc;
	}
	rc = learn(s, err);
	if (rc < 0)
		store_close(s);
	return rc;
}

/* ---- direct I/O ------------------------------------------------------------------- */

static void learn_alignment_by_trial(struct store *s)
{
	static const uint32_t sizes[] = { BLOCK_SECTOR_BYTES, PAGE_BYTES };
	void *page = NULL;

	s->direct_offset_bytes = PAGE_BYTES;
	if (posix_memalign(&page, PAGE_BYTES, PAGE_BYTES) != 0)
		page = NULL;
	for (size_t i = 0; page && i < ARRAY_LEN(sizes); i++) {
		if (sizes[i] >= s->logical_bytes && pread(s->fd, page, sizes[i], 0) >= 0) {
			s->direct_offset_bytes = sizes[i];
			break;
		}
	}
	free(page);
	s->direct_memory_bytes = s->direct_offset_bytes;
}

int store_set_direct(struct store *s, struct err *err)
{
	struct statx sx = { .stx_mask = 0 };
	bool told;

	told = statx(s->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) == 0 &&
	       (sx.stx_mask & STATX_DIOALIGN) != 0;
	if ((told && sx.stx_dio_offset_align == 0) || fcntl(s->fd, F_SETFL, O_DIRECT) < 0)
		return err_set(err, -EOPNOTSUPP,
			       "%s: its file system has no direct I/O; use cache=writeback",
			       s->name);
	if (told) {
		s->direct_memory_bytes = (uint32_t)max_u64(sx.stx_dio_mem_align, 1);
		s->direct_offset_bytes = sx.stx_dio_offset_align;
	} else {
		learn_alignment_by_trial(s);
	}
	if (s->direct_offset_bytes > s->logical_bytes)
		return err_set(err, -EOPNOTSUPP,
			       "%s: direct I/O there goes by %u bytes, the disk's blocks are %u; "
			       "use cache=writeback",
			       s->name, s->direct_offset_bytes, s->logical_bytes);
	return 0;
}
