/* model/image.h: images of all shapes, and what qemu-img says of them. */
#ifndef BANTAM_TESTS_MODEL_IMAGE_H
#define BANTAM_TESTS_MODEL_IMAGE_H

#include "block/qcow2_ops.h"
#include "fake/fake_file.h"

struct shape {
	const char *name;
	unsigned version;
	uint32_t cluster_bytes;
	unsigned refcount_bits;
	bool extended_l2, lazy_refcounts;
	enum qcow2_compression compression;
	bool backed;	 /* stands on a backing disk */
	bool compressed; /* its first content is compressed, by qemu-img */
};

extern const struct shape shapes[];
extern const unsigned shape_count;

/* Make file an empty image.  Aborts if that fails, with why on stderr. */
void image_create(struct fake_file *file, struct ioloop *loop, const struct shape *shape,
		  uint64_t size_bytes);

/* A file of our own for qemu-img, where it is fast. */
const char *image_path(void);
void image_store(const uint8_t *bytes, uint64_t len);
void image_load(struct fake_file *file);
void image_forget(void);

/* Keep what images with a backing disk stand on: image_create() names it. */
void image_store_backing(const uint8_t *bytes, uint64_t len);

/* Let qemu-io do what commands say to what file has: 0, or what it ended with. */
int image_qemu_io(struct fake_file *file, const char *commands);

/* What `qemu-img check` ends with: 0 clean, 2 corrupt, 3 leaks; 1 or 255: it could not. */
int image_qemu_check(const uint8_t *bytes, uint64_t len);

/* Let file hold the image that qemu-img makes of these bytes, compressed. */
void image_create_compressed(struct fake_file *file, const struct shape *shape,
			     const uint8_t *bytes, uint64_t len);

#endif
