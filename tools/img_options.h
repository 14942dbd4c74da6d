/* tools/img_options.h: the flags of `bantam img`.
 *
 * A flag that several verbs know is one row here, under a name of its own; each verb's
 * table is a choice of rows, and all of them fill one struct.  Flags may stand before,
 * between and behind the files, as with qemu-img. */
#ifndef BANTAM_TOOLS_IMG_OPTIONS_H
#define BANTAM_TOOLS_IMG_OPTIONS_H

#include "block/chain.h"
#include "tools/command.h"
#include "tools/img_format.h"

enum img_cache {
	IMG_CACHE_DEFAULT,
	IMG_CACHE_NONE,
	IMG_CACHE_WRITEBACK,
	IMG_CACHE_WRITETHROUGH,
	IMG_CACHE_DIRECTSYNC,
	IMG_CACHE_UNSAFE,
};

enum img_action { IMG_NONE, IMG_LIST, IMG_CREATE, IMG_APPLY, IMG_DELETE };

struct img_options {
	const struct command *verb;
	bool help, quiet, json, progress, unlocked;
	enum image_format format;	 /* -f */
	enum image_format other_format; /* -O, or compare's -F */
	const char *backing;		 /* -b, -B; "" is none */
	const char *backing_format;	 /* -F; NULL: not given */
	bool unsafe;			 /* -u */
	enum img_cache cache;		 /* -t */
	enum img_cache source_cache;	 /* -T */
	struct img_format_options made;	 /* -o */
	bool format_help;		 /* -o help */
	/* check */
	bool repair_leaks, repair_all;
	/* convert */
	bool compress, no_create, out_of_order, target_is_zero, salvage;
	const char *snapshot; /* -l SNAPSHOT; create, apply, delete: which */
	bool sparse_given;
	uint64_t sparse_bytes;	/* -S */
	unsigned parallel;	/* -m; 0: not given */
	uint64_t rate_bytes_s;	/* -r; 0: no limit */
	/* compare */
	bool strict;
	/* info */
	bool backing_chain;
	/* resize */
	bool shrink;
	bool preallocation_given;
	/* snapshot */
	enum img_action action;
	/* map, read, write, bench */
	uint64_t offset, length;
	bool length_given;
	/* bench, read, write */
	uint64_t count, depth, buffer_bytes, step_bytes, flush_interval;
	bool write, no_drain, step_given, pattern_given;
	uint8_t pattern;
	bool zero, discard, flush;
	/* ls, df */
	bool recursive, human;
	/* The words that are no flags; in argv. */
	char **words;
	int word_count;
	/* Values that -o was cut into. */
	char *kept[16];
	unsigned kept_count;
};

/* Fill o from argv[1..], whose words are put to its front.
 * verb  whose table it is
 * least, most  how many words there have to be; `words` says which, for the message
 * Returns true to go on.  Else *status is the exit status: --help was answered, or one
 * line on stderr says what was wrong. */
bool img_options_parse(struct img_options *o, const struct command *verb, int argc, char *argv[],
		       int least, int most, int *status);
void img_options_release(struct img_options *o);

/* One line on stderr: "bantam img convert: ...". */
void img_error(const struct img_options *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
void img_warn(const struct img_options *o, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "4k", "1G", "512", "512b", "0x1000", "1.5G"; 'b' is bytes, units up to E.
 * 0, or -EINVAL, err filled. */
int img_parse_size(const char *text, uint64_t *bytes, struct err *err);

/* ---- rows ------------------------------------------------------------------------------ */

typedef int img_setter(void *target, const char *value, struct err *err);
img_setter img_set_help, img_set_quiet, img_set_output, img_set_progress, img_set_unlocked,
	img_set_format, img_set_other_format, img_set_backing, img_set_backing_format,
	img_set_unsafe, img_set_cache, img_set_source_cache, img_set_made, img_set_repair,
	img_set_compress, img_set_no_create, img_set_out_of_order, img_set_target_is_zero,
	img_set_salvage, img_set_snapshot, img_set_sparse, img_set_parallel, img_set_rate,
	img_set_strict, img_set_backing_chain, img_set_shrink, img_set_preallocation, img_set_list,
	img_set_create, img_set_apply, img_set_delete, img_set_offset, img_set_length,
	img_set_count, img_set_depth, img_set_buffer, img_set_step, img_set_write,
	img_set_flush_interval, img_set_no_drain, img_set_pattern, img_set_zero,
	img_set_discard, img_set_flush, img_set_json, img_set_recursive, img_set_human, img_set_aio, img_set_keep, img_refuse_opts,
	img_refuse_object;

/* clang-format off */
#define IMG_FORMAT \
	{ "format", 'f', "FMT", NULL, "raw or qcow2; without it the file is looked at", img_set_format }
#define IMG_QUIET    { "quiet", 'q', NULL, NULL, "print errors only", img_set_quiet }
#define IMG_OUTPUT   { "output", 0, "human|json", NULL, "how to print", img_set_output }
#define IMG_PROGRESS { "progress", 'p', NULL, NULL, "show how far it is", img_set_progress }
#define IMG_UNLOCKED \
	{ "force-share", 'U', NULL, NULL, "even if somebody writes to it meanwhile", img_set_unlocked }
#define IMG_CACHE \
	{ "cache", 't', "MODE", NULL, \
	  "none, writeback, writethrough, directsync or unsafe", img_set_cache }
#define IMG_SOURCE_CACHE \
	{ "source-cache", 'T', "MODE", NULL, "the same for reading; none is direct I/O", \
	  img_set_source_cache }
#define IMG_BACKING_FORMAT \
	{ "backing-format", 'F', "FMT", NULL, "raw or qcow2: the backing file's", \
	  img_set_backing_format }
#define IMG_REFUSED \
	{ "image-opts", 0, NULL, NULL, "not supported: images are files", img_refuse_opts }, \
	{ "object", 0, "OBJECT", NULL, "not supported: no secrets, no servers", img_refuse_object }
#define IMG_HELP { "help", 'h', NULL, NULL, "this text", img_set_help }
/* clang-format on */

#endif
