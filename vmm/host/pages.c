#include "host/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u /* Linux 6.3 */
#endif

#define THP_DIR "/sys/kernel/mm/transparent_hugepage/"

/* Whether one of the words is the chosen one ("always [madvise] never") in the
 * file; false when there is no such file. */
static bool chosen(const char *path, const char *const *words)
{
	char text[128];
	bool found = false;
	ssize_t n;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (; *words; words++)
		found |= strstr(text, *words) != NULL;
	return found;
}

static bool only_private_memory_gets_huge_pages(void)
{
	static const char *const off[] = { "[never]", "[deny]", NULL };
	static const char *const on[] = { "[always]", "[madvise]", NULL };

	return chosen(THP_DIR "shmem_enabled", off) && chosen(THP_DIR "enabled", on);
}

/* Reserve address space, then map over an aligned part of it. */
static void *map_aligned(int fd, uint64_t len)
{
	const int flags = MAP_NORESERVE | MAP_FIXED |
			  (fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS);
	uint64_t room, at;
	uint8_t *base;
	void *p;

	if (!add_u64(len, HUGE_PAGE_BYTES, &room)) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	base = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return base;
	at = ((uintptr_t)base + HUGE_PAGE_BYTES - 1) & ~(uintptr_t)(HUGE_PAGE_BYTES - 1);
	p = mmap((void *)(uintptr_t)at, len, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (p == MAP_FAILED) {
		munmap(base, room);
		return p;
	}
	if (at > (uintptr_t)base)
		munmap(base, at - (uintptr_t)base);
	munmap((uint8_t *)p + len, (uintptr_t)base + room - (at + len));
	return p;
}

int pages_map(struct pages *p, const char *name, uint64_t len)
{
	int rc;

	*p = (struct pages){ .fd = -1, .len = len };
	if (!only_private_memory_gets_huge_pages()) {
		p->fd = memfd_create(name, MFD_CLOEXEC);
		if (p->fd < 0 && errno == EACCES) /* sysctl vm.memfd_noexec=2 */
			p->fd = memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
		if (p->fd < 0)
			return -errno;
		if (ftruncate(p->fd, (off_t)len) < 0)
			goto fail;
	}
	p->bytes = map_aligned(p->fd, len);
	if (p->bytes == MAP_FAILED)
		goto fail;
	/* Advice: where the host does not take it, nothing is lost. */
	madvise(p->bytes, len, MADV_HUGEPAGE);
	/* A crash of ours shall not write gigabytes of guest into a core file,
	 * and a child has no business with them. */
	madvise(p->bytes, len, MADV_DONTDUMP);
	madvise(p->bytes, len, MADV_DONTFORK);
	return 0;
fail:
	rc = -errno;
	p->bytes = NULL;
	pages_unmap(p);
	return rc;
}

void pages_keep_small(struct pages *p, uint64_t offset, uint64_t len)
{
	madvise(p->bytes + offset, len, MADV_NOHUGEPAGE); /* advice, as above */
}

int pages_clear(struct pages *p)
{
	int rc;

	if (p->fd >= 0)
		rc = fallocate(p->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			       (off_t)p->len);
	else
		rc = madvise(p->bytes, p->len, MADV_DONTNEED);
	return rc < 0 ? -errno : 0;
}

void pages_unmap(struct pages *p)
{
	if (p->bytes)
		munmap(p->bytes, p->len);
	if (p->fd >= 0)
		close(p->fd);
	p->bytes = NULL;
	p->fd = -1;
}
