#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"

#define PAGE_BYTES 4096u

int mem_add(struct mem *m, gpa_t gpa, uint64_t len, void *hva)
{
	return mem_add_file(m, gpa, len, hva, -1, 0);
}

int mem_add_file(struct mem *m, gpa_t gpa, uint64_t len, void *hva, int fd, uint64_t offset)
{
	uint64_t end;

	if (len == 0 || (gpa | len | offset) % PAGE_BYTES != 0 || !add_u64(gpa, len, &end))
		return -EINVAL;
	if (m->block_count > 0) {
		const struct mem_block *last = &m->blocks[m->block_count - 1];

		if (gpa < last->gpa + last->len)
			return -EINVAL;
	}
	if (m->block_count == MEM_BLOCKS_MAX)
		return -ENOSPC;
	m->blocks[m->block_count++] = (struct mem_block){
		.gpa = gpa, .len = len, .hva = hva, .fd = fd, .fd_offset = offset
	};
	return 0;
}

/* The block that holds gpa, or NULL. */
static const struct mem_block *find_block(const struct mem *m, gpa_t gpa)
{
	for (unsigned i = 0; i < m->block_count; i++) {
		const struct mem_block *b = &m->blocks[i];

		if (gpa >= b->gpa && gpa - b->gpa < b->len)
			return b;
	}
	return NULL;
}

int mem_span(const struct mem *m, gpa_t gpa, uint64_t len, uint8_t **out)
{
	const struct mem_block *b;

	if (len == 0)
		return -EINVAL;
	b = find_block(m, gpa);
	if (!b || !range_inside(gpa - b->gpa, len, b->len))
		return -EFAULT;
	*out = b->hva + (gpa - b->gpa);
	return 0;
}

static bool is_ram(const struct mem *m, gpa_t gpa, uint64_t len)
{
	while (len > 0) {
		const struct mem_block *b = find_block(m, gpa);
		uint64_t n;

		if (!b)
			return false;
		n = min_u64(len, b->len - (gpa - b->gpa));
		gpa += n;
		len -= n;
	}
	return true;
}

int mem_read(const struct mem *m, gpa_t gpa, void *dst, uint64_t len)
{
	uint8_t *to = dst;

	if (!is_ram(m, gpa, len))
		return -EFAULT;
	while (len > 0) {
		const struct mem_block *b = find_block(m, gpa);
		const uint64_t n = min_u64(len, b->len - (gpa - b->gpa));

		memcpy(to, b->hva + (gpa - b->gpa), n);
		gpa += n;
		to += n;
		len -= n;
	}
	return 0;
}

int mem_write(const struct mem *m, gpa_t gpa, const void *src, uint64_t len)
{
	const uint8_t *from = src;

	if (!is_ram(m, gpa, len))
		return -EFAULT;
	while (len > 0) {
		const struct mem_block *b = find_block(m, gpa);
		const uint64_t n = min_u64(len, b->len - (gpa - b->gpa));

		memcpy(b->hva + (gpa - b->gpa), from, n);
		gpa += n;
		from += n;
		len -= n;
	}
	return 0;
}

int mem_iov(const struct mem *m, gpa_t gpa, uint64_t len, struct iovec *iov, unsigned iov_max)
{
	unsigned count = 0;

	if (len == 0)
		return -EINVAL;
	while (len > 0) {
		const struct mem_block *b = find_block(m, gpa);
		uint64_t n;

		if (!b)
			return -EFAULT;
		if (count == iov_max)
			return -ENOBUFS;
		n = min_u64(len, b->len - (gpa - b->gpa));
		iov[count].iov_base = b->hva + (gpa - b->gpa);
		iov[count++].iov_len = n;
		gpa += n; /* cannot wrap: no block ends past 2^64 - 1 */
		len -= n;
	}
	return (int)count;
}

/* The block that holds the host byte p, or NULL. */
static const struct mem_block *find_block_at(const struct mem *m, const uint8_t *p)
{
	for (unsigned i = 0; i < m->block_count; i++) {
		const struct mem_block *b = &m->blocks[i];

		if ((uintptr_t)p - (uintptr_t)b->hva < b->len)
			return b;
	}
	return NULL;
}

/* Whole pages of one block.  A hole in the file takes the pages from every mapping
 * of it; advice on a mapping of ours would leave them in the file. */
static int discard_pages(const struct mem_block *b, uint64_t offset, uint64_t len)
{
	int rc;

	if (b->fd >= 0)
		rc = fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       (off_t)(b->fd_offset + offset), (off_t)len);
	else
		rc = madvise(b->hva + offset, len, MADV_DONTNEED);
	return rc < 0 ? -errno : 0;
}

int mem_discard(const struct mem *m, uint8_t *bytes, uint64_t len)
{
	int rc = 0;

	while (rc == 0 && len > 0) {
		const struct mem_block *b = find_block_at(m, bytes);
		uint64_t start, end, n;

		if (!b)
			return -EFAULT;
		start = (uint64_t)(bytes - b->hva);
		n = min_u64(len, b->len - start);
		end = align_down_u64(start + n, PAGE_BYTES);
		bytes += n;
		len -= n;
		if (align_up_u64(start, PAGE_BYTES, &start) && start < end)
			rc = discard_pages(b, start, end - start);
	}
	return rc;
}

uint64_t mem_total(const struct mem *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->block_count; i++)
		sum += m->blocks[i].len;
	return sum;
}
