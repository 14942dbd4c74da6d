#include "host/program.h"

#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/types.h"

/* /proc/PID/pagemap, proc(5): a number a page. */
#define PAGEMAP_FILE	(UINT64_C(1) << 61)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)

/* Whether a page is no longer the file's, as under a debugger's or tracer's breakpoint:
 * which would be lost. */
static bool is_private(uint64_t page)
{
	return page & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED) && !(page & PAGEMAP_FILE);
}

static bool any_private(int pagemap, uint64_t first, uint64_t count)
{
	uint64_t pages[256];

	while (count > 0) {
		const size_t want = min_u64(count, ARRAY_LEN(pages));

		if (pread(pagemap, pages, want * sizeof(pages[0]),
			  (off_t)(first * sizeof(pages[0]))) != (ssize_t)(want * sizeof(pages[0])))
			return true;
		for (size_t i = 0; i < want; i++)
			if (is_private(pages[i]))
				return true;
		first += want;
		count -= want;
	}
	return false;
}

static int trim_segments(struct dl_phdr_info *info, size_t len, void *arg)
{
	const uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	const int *pagemap = arg;

	(void)len;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const uintptr_t start = info->dlpi_addr + p->p_vaddr;
		const uintptr_t first = start / page_bytes;
		const uintptr_t count = (start + p->p_memsz + page_bytes - 1) / page_bytes - first;

		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W) &&
		    !any_private(*pagemap, first, count))
			madvise((void *)(first * page_bytes), count * page_bytes, MADV_DONTNEED);
	}
	return 1; /* the first one is the program, and there are no libraries */
}

void program_trim(void)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (pagemap < 0)
		return;
	dl_iterate_phdr(trim_segments, &pagemap);
	close(pagemap);
}
