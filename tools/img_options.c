#include "tools/img_options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"

/* ---- messages ---------------------------------------------------------------------------- */

static void say(const struct img_options *o, const char *kind, const char *fmt, va_list ap)
{
	char line[1024];
	int used = snprintf(line, sizeof(line) - 1, "bantam img %s: %s", o->verb->name, kind);
	const int n = vsnprintf(line + used, sizeof(line) - 1 - (size_t)used, fmt, ap);

	if (n < 0)
		return;
	used = (int)strlen(line);
	line[used++] = '\n';
	/* What was printed before comes before. */
	fflush(stdout);
	if (write(STDERR_FILENO, line, (size_t)used) < 0)
		return;
}

void img_error(const struct img_options *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(o, "", fmt, ap);
	va_end(ap);
}

void img_warn(const struct img_options *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(o, "warning: ", fmt, ap);
	va_end(ap);
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* "0x1000"; bytes. */
static int parse_hex(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text + 2, &end, 16);
	return errno == 0 && end != text + 2 && *end == '\0' && text[2] != '-' && text[2] != '+' &&
			       text[2] != ' ' ?
		       0 :
		       -EINVAL;
}

int img_parse_size(const char *text, uint64_t *bytes, struct err *err)
{
	const size_t len = strlen(text);
	char head[32];
	unsigned shift = 0;
	int rc = -EINVAL;

	if (strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0) {
		rc = parse_hex(text, bytes);
	} else if (len > 0 && len < sizeof(head) && strchr("PpEe", text[len - 1])) {
		/* Beyond what base/units.h knows: as many T. */
		memcpy(head, text, len + 1);
		head[len - 1] = 'T';
		shift = text[len - 1] == 'P' || text[len - 1] == 'p' ? 10 : 20;
		rc = parse_size(head, bytes);
		if (rc == 0 && *bytes > UINT64_MAX >> shift)
			rc = -ERANGE;
		*bytes <<= rc == 0 ? shift : 0;
	} else {
		rc = parse_size(text, bytes);
	}
	if (rc == 0 && *bytes > INT64_MAX)
		rc = -ERANGE;
	if (rc < 0)
		return value_wrong(err, text, rc == -ERANGE ? "is too much" : "is not a size",
				   "use for example 512, 64k, 512M, 10G or 1.5T");
	return 0;
}

static int set_size(uint64_t *out, const char *value, struct err *err)
{
	return img_parse_size(value, out, err);
}

static int set_number(uint64_t *out, const char *value, uint64_t least, uint64_t most,
		      struct err *err)
{
	char right[64];

	if (parse_uint(value, most, out) == 0 && *out >= least)
		return 0;
	snprintf(right, sizeof(right), "use a number from %llu to %llu", (unsigned long long)least,
		 (unsigned long long)most);
	return value_wrong(err, value, "is not that", right);
}

/* ---- setters ---------------------------------------------------------------------------------- */

#define SWITCH(function, statement) \
	int function(void *target, const char *value, struct err *err) \
	{ \
		struct img_options *o = target; \
\
		(void)value, (void)err; \
		statement; \
		return 0; \
	}

SWITCH(img_set_help, o->help = true)
SWITCH(img_set_quiet, o->quiet = true)
SWITCH(img_set_progress, o->progress = true)
SWITCH(img_set_unlocked, o->unlocked = true)
SWITCH(img_set_unsafe, o->unsafe = true)
SWITCH(img_set_compress, o->compress = true)
SWITCH(img_set_no_create, o->no_create = true)
SWITCH(img_set_out_of_order, o->out_of_order = true)
SWITCH(img_set_target_is_zero, o->target_is_zero = true)
SWITCH(img_set_salvage, o->salvage = true)
SWITCH(img_set_strict, o->strict = true)
SWITCH(img_set_backing_chain, o->backing_chain = true)
SWITCH(img_set_shrink, o->shrink = true)
SWITCH(img_set_write, o->write = true)
SWITCH(img_set_no_drain, o->no_drain = true)
SWITCH(img_set_zero, o->zero = true)
SWITCH(img_set_discard, o->discard = true)
SWITCH(img_set_flush, o->flush = true)
SWITCH(img_set_json, o->json = true)
SWITCH(img_set_recursive, o->recursive = true)
SWITCH(img_set_human, o->human = true)
SWITCH(img_set_keep, o->unsafe = true)
SWITCH(img_set_backing, o->backing = value)

int img_set_backing_format(void *target, const char *value, struct err *err)
{
	struct img_options *o = target;
	enum image_format format;

	o->backing_format = value;
	return image_format_parse(value, &format, err);
}

int img_set_output(void *target, const char *value, struct err *err)
{
	struct img_options *o = target;

	o->json = strcmp(value, "json") == 0;
	if (o->json || strcmp(value, "human") == 0)
		return 0;
	return value_wrong(err, value, "is not a way to print", "use human or json");
}

int img_set_format(void *target, const char *value, struct err *err)
{
	return image_format_parse(value, &((struct img_options *)target)->format, err);
}

int img_set_other_format(void *target, const char *value, struct err *err)
{
	return image_format_parse(value, &((struct img_options *)target)->other_format, err);
}

static int set_cache(enum img_cache *out, const char *value, struct err *err)
{
	static const char *const names[] = {
		[IMG_CACHE_NONE] = "none",
		[IMG_CACHE_WRITEBACK] = "writeback",
		[IMG_CACHE_WRITETHROUGH] = "writethrough",
		[IMG_CACHE_DIRECTSYNC] = "directsync",
		[IMG_CACHE_UNSAFE] = "unsafe",
	};

	for (unsigned i = IMG_CACHE_NONE; i < ARRAY_LEN(names); i++) {
		if (strcmp(value, names[i]) == 0) {
			*out = (enum img_cache)i;
			return 0;
		}
	}
	return value_wrong(err, value, "is not a cache mode",
			   "use none, writeback, writethrough, directsync or unsafe");
}

int img_set_cache(void *target, const char *value, struct err *err)
{
	return set_cache(&((struct img_options *)target)->cache, value, err);
}

int img_set_source_cache(void *target, const char *value, struct err *err)
{
	return set_cache(&((struct img_options *)target)->source_cache, value, err);
}

int img_set_made(void *target, const char *value, struct err *err)
{
	struct img_options *o = target;
	char *text;

	if (strcmp(value, "help") == 0 || strcmp(value, "?") == 0) {
		o->format_help = true;
		return 0;
	}
	text = o->kept_count < ARRAY_LEN(o->kept) ? strdup(value) : NULL;
	if (!text)
		return err_set(err, -ENOMEM, "too many");
	o->kept[o->kept_count++] = text;
	return img_format_parse(&o->made, text, err);
}

int img_set_repair(void *target, const char *value, struct err *err)
{
	struct img_options *o = target;

	o->repair_all = strcmp(value, "all") == 0;
	o->repair_leaks = strcmp(value, "leaks") == 0;
	if (o->repair_all || o->repair_leaks)
		return 0;
	return value_wrong(err, value, "is not a repair", "use leaks or all");
}

/* "NAME", "snapshot.id=ID", "snapshot.name=NAME", or both. */
int img_set_snapshot(void *target, const char *value, struct err *err)
{
	static const char *const keys[] = { "snapshot.id=", "snapshot.name=" };
	struct img_options *o = target;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strncmp(value, keys[i], strlen(keys[i])) == 0) {
			value += strlen(keys[i]);
			if (strchr(value, ','))
				return value_wrong(err, value, "is more than one",
						   "give snapshot.id=ID, snapshot.name=NAME or NAME");
			break;
		}
	}
	o->snapshot = value;
	return 0;
}

int img_set_sparse(void *target, const char *value, struct err *err)
{
	struct img_options *o = target;
	const int rc = set_size(&o->sparse_bytes, value, err);

	o->sparse_given = true;
	if (rc == 0 && (o->sparse_bytes % 512 != 0 || o->sparse_bytes > MIB(256)))
		return value_wrong(err, value, "is not a run of zeros to look for",
				   "use 0, or a multiple of 512 up to 256M");
	return rc;
}

int img_set_parallel(void *target, const char *value, struct err *err)
{
	uint64_t n;
	const int rc = set_number(&n, value, 1, 16, err);

	if (rc == 0)
		((struct img_options *)target)->parallel = (unsigned)n;
	return rc;
}

int img_set_rate(void *target, const char *value, struct err *err)
{
	return set_size(&((struct img_options *)target)->rate_bytes_s, value, err);
}

int img_set_preallocation(void *target, const char *value, struct err *err)
{
	struct img_options *o = target;

	o->preallocation_given = true;
	return img_preallocation_parse(value, &o->made.create.preallocation, err);
}

static int set_action(void *target, enum img_action action, const char *snapshot, struct err *err)
{
	struct img_options *o = target;

	if (o->action != IMG_NONE)
		return err_set(err, -EINVAL, "is one of -l, -a, -c and -d; give one");
	o->action = action;
	o->snapshot = snapshot;
	return 0;
}

int img_set_list(void *target, const char *value, struct err *err)
{
	return set_action(target, IMG_LIST, value, err);
}

int img_set_create(void *target, const char *value, struct err *err)
{
	return set_action(target, IMG_CREATE, value, err);
}

int img_set_apply(void *target, const char *value, struct err *err)
{
	return set_action(target, IMG_APPLY, value, err);
}

int img_set_delete(void *target, const char *value, struct err *err)
{
	return set_action(target, IMG_DELETE, value, err);
}

int img_set_offset(void *target, const char *value, struct err *err)
{
	return set_size(&((struct img_options *)target)->offset, value, err);
}

int img_set_length(void *target, const char *value, struct err *err)
{
	struct img_options *o = target;

	o->length_given = true;
	return set_size(&o->length, value, err);
}

int img_set_count(void *target, const char *value, struct err *err)
{
	return set_number(&((struct img_options *)target)->count, value, 1, UINT32_MAX, err);
}

int img_set_depth(void *target, const char *value, struct err *err)
{
	return set_number(&((struct img_options *)target)->depth, value, 1, 1024, err);
}

int img_set_buffer(void *target, const char *value, struct err *err)
{
	struct img_options *o = target;
	const int rc = set_size(&o->buffer_bytes, value, err);

	if (rc == 0 && (o->buffer_bytes == 0 || o->buffer_bytes > MIB(64)))
		return value_wrong(err, value, "is not a buffer", "use a size from 1 to 64M");
	return rc;
}

int img_set_step(void *target, const char *value, struct err *err)
{
	((struct img_options *)target)->step_given = true;
	return set_size(&((struct img_options *)target)->step_bytes, value, err);
}

int img_set_flush_interval(void *target, const char *value, struct err *err)
{
	return set_number(&((struct img_options *)target)->flush_interval, value, 0, UINT32_MAX,
			  err);
}

int img_set_pattern(void *target, const char *value, struct err *err)
{
	struct img_options *o = target;
	uint64_t v;
	int rc;

	rc = strncmp(value, "0x", 2) == 0 ? parse_hex(value, &v) : parse_uint(value, 255, &v);
	if (rc < 0 || v > 255)
		return value_wrong(err, value, "is not a byte", "use a number from 0 to 255");
	o->pattern = (uint8_t)v;
	o->pattern_given = true;
	return 0;
}

/* What qemu-img asks the kernel by; here the loop knows best. */
int img_set_aio(void *target, const char *value, struct err *err)
{
	(void)target;
	if (!value || strcmp(value, "threads") == 0 || strcmp(value, "native") == 0 ||
	    strcmp(value, "io_uring") == 0)
		return 0;
	return value_wrong(err, value, "is not a way to do I/O",
			   "use threads, native or io_uring; all are the same here");
}

int img_refuse_opts(void *target, const char *value, struct err *err)
{
	(void)target, (void)value;
	return err_set(err, -EOPNOTSUPP,
		       "not supported: give the image as a file name, and its format with -f");
}

int img_refuse_object(void *target, const char *value, struct err *err)
{
	(void)target, (void)value;
	return err_set(err, -EOPNOTSUPP,
		       "not supported: there is nothing here that an object could be for");
}

/* ---- all of a command line ----------------------------------------------------------------- */

/* Flags and words as they come; what is behind "--" is words. */
static int walk(struct img_options *o, int argc, char *argv[], struct err *err)
{
	int at = 0, rest, rc;

	o->words = argv;
	while (at < argc) {
		rc = options_parse(o->verb->options, argc - at, argv + at, o, &rest, err);
		if (rc < 0)
			return rc;
		at += rest;
		if (rest > 1 && strcmp(argv[at - 1], "--") == 0) {
			while (at < argc)
				o->words[o->word_count++] = argv[at++];
		} else if (at < argc) {
			/* Words come to the front; the next walk begins at this one, as if
			 * it were the command's name. */
			o->words[o->word_count++] = argv[at];
		}
		if (at + 1 >= argc)
			break;
	}
	return 0;
}

static const char *plural(int n)
{
	return n == 1 ? "" : "s";
}

static int check_words(const struct img_options *o, int least, int most, struct err *err)
{
	char text[QUOTED_BYTES];

	if (o->word_count < least)
		return err_set(err, -EINVAL, "%d file name%s missing: bantam img %s %s",
			       least - o->word_count,
			       least - o->word_count == 1 ? " is" : "s are", o->verb->name,
			       o->verb->synopsis);
	if (o->word_count > most)
		return err_set(err, -EINVAL, "'%s' is too much: it takes %d word%s",
			       quoted(text, o->words[most]), most, plural(most));
	return 0;
}

bool img_options_parse(struct img_options *o, const struct command *verb, int argc, char *argv[],
		       int least, int most, int *status)
{
	struct err err = { "" };
	int rc;

	*o = (struct img_options){ .verb = verb, .depth = 64, .count = 75000, .buffer_bytes = 4096 };
	rc = walk(o, argc, argv, &err);
	if (rc == 0 && o->help) {
		*status = command_help(verb);
		return false;
	}
	if (rc == 0 && !o->format_help)
		rc = check_words(o, least, most, &err);
	*status = 1;
	if (rc < 0)
		img_error(o, "%s", err.text);
	return rc == 0;
}

void img_options_release(struct img_options *o)
{
	while (o->kept_count > 0)
		free(o->kept[--o->kept_count]);
}
