#include "block/qcow2_places.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/checked.h"

/* 1 GiB of addresses at the most: 512 TiB of 64 KiB clusters. */
#define CLUSTERS_MAX (UINT64_C(1) << 33)

static uint64_t bytes_of(const struct qcow2_places *p)
{
	return (p->cluster_count + 63) / 64 * 8;
}

int qcow2_places_init(struct qcow2_places *p, unsigned cluster_bits, uint64_t file_bytes,
		      uint64_t room_bytes)
{
	const uint64_t clusters = (file_bytes >> cluster_bits) + (room_bytes >> cluster_bits) + 2;
	void *words;

	*p = (struct qcow2_places){ .cluster_bits = cluster_bits,
				    .cluster_count = min_u64(clusters, CLUSTERS_MAX) };
	words = mmap(NULL, bytes_of(p), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (words == MAP_FAILED) {
		p->cluster_count = 0;
		return -ENOMEM;
	}
	p->words = words;
	return 0;
}

void qcow2_places_free(struct qcow2_places *p)
{
	if (p->words)
		munmap(p->words, bytes_of(p));
	*p = (struct qcow2_places){ .cluster_count = 0 };
}

int qcow2_places_add(struct qcow2_places *p, uint64_t offset, uint64_t bytes, const char *name,
		     struct err *err)
{
	const uint64_t first = offset >> p->cluster_bits;
	const uint64_t end = bytes == 0 ? first : ((offset + bytes - 1) >> p->cluster_bits) + 1;

	if (end > p->cluster_count)
		return err_set(err, -EUCLEAN,
			       "%s is damaged: a table far behind the file's end (%#llx); "
			       "'bantam img check' says more, it can still be read",
			       name, (unsigned long long)offset);
	for (uint64_t c = first; c < end; c++) {
		if (qcow2_places_has(p, c))
			return err_set(err, -EUCLEAN,
				       "%s is damaged: two of its tables are in one place (%#llx); "
				       "'bantam img check' says more, it can still be read",
				       name, (unsigned long long)c << p->cluster_bits);
		qcow2_places_set(p, c);
	}
	return 0;
}

void qcow2_places_set(struct qcow2_places *p, uint64_t cluster)
{
	if (cluster < p->cluster_count)
		atomic_fetch_or_explicit(&p->words[cluster / 64], UINT64_C(1) << (cluster % 64),
					 memory_order_relaxed);
}

void qcow2_places_clear(struct qcow2_places *p, uint64_t cluster)
{
	if (cluster < p->cluster_count)
		atomic_fetch_and_explicit(&p->words[cluster / 64], ~(UINT64_C(1) << (cluster % 64)),
					  memory_order_relaxed);
}
