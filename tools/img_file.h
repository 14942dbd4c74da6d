/* tools/img_file.h: what the verbs of `bantam img` share: images opened and made,
 * sizes for people, progress. */
#ifndef BANTAM_TOOLS_IMG_FILE_H
#define BANTAM_TOOLS_IMG_FILE_H

#include "tools/img_options.h"

/* 0, or -errno after one line on stderr. */
int img_loop(const struct img_options *o, struct ioloop **out);

/* chain_open() of the verb's image with its flags: format, -U, cache modes.
 * 0, or -errno after one line on stderr. */
int img_open(const struct img_options *o, struct ioloop *loop, const char *path,
	     enum image_format format, enum qcow2_use use, bool alone, struct chain *c);

/* The same with a warning, as qemu-img's, when raw was only guessed and it will be
 * written: its guest may have put anything there. */
int img_open_write(const struct img_options *o, struct ioloop *loop, const char *path, bool alone,
		   struct chain *c);

/* What a cache mode means for who opens. */
bool img_is_direct(enum img_cache cache);

/* Make an empty image of o->made's size: an existing file is replaced, a block device
 * is used as it is (*is_new is false then: it may hold anything).
 * 0, or -errno with err filled; what was made before it failed is removed. */
int img_make(const struct img_options *o, struct ioloop *loop, const char *path,
	     enum image_format format, bool *is_new, struct err *err);

/* "10 GiB", "1.26 MiB", "512 B". */
#define IMG_SIZE_TEXT 24
const char *img_size_text(char out[IMG_SIZE_TEXT], uint64_t bytes);

/* A string as JSON, with its quotes. */
void img_print_json_string(FILE *out, const char *s);

/* ---- progress ------------------------------------------------------------------------- */

struct img_progress {
	bool shown;
	unsigned last; /* hundredths of a percent */
};

void img_progress(struct img_progress *p, uint64_t done, uint64_t total);
/* The line's end. */
void img_progress_end(struct img_progress *p);

/* The same for qcow2_ops.h; arg is a struct img_progress. */
bool img_progress_step(void *arg, uint64_t done, uint64_t total);

#endif
