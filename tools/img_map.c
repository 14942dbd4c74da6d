/* bantam img map. */
#include <errno.h>
#include <string.h>

#include "tools/img.h"
#include "tools/img_file.h"

static const struct option_row rows[] = {
	{ "format", 'f', "FMT", "Flags", "raw or qcow2; without it the file is looked at",
	  img_set_format },
	{ "start-offset", 's', "OFFSET", NULL, "begin there", img_set_offset },
	{ "max-length", 'l', "SIZE", NULL, "look at so much of the disk", img_set_length },
	IMG_OUTPUT,
	IMG_UNLOCKED,
	IMG_REFUSED,
	IMG_HELP,
};

static const struct option_table table = { rows, ARRAY_LEN(rows), "bantam help img map" };

/* What is printed as one. */
struct run {
	uint64_t start, len, host;
	unsigned depth;
	bool present, zero, data, compressed;
};

static struct run run_of(uint64_t at, const struct chain_extent *x)
{
	struct run r = { .start = at, .len = x->len, .host = x->host, .depth = x->depth };

	r.present = x->kind != EXTENT_ABSENT;
	r.data = x->kind == EXTENT_DATA || x->kind == EXTENT_COMPRESSED;
	r.zero = !r.data || x->is_hole;
	r.compressed = x->kind == EXTENT_COMPRESSED;
	if (r.compressed)
		r.host = EXTENT_NOWHERE;
	return r;
}

/* A raw file's hole is no data. */
static void settle_raw(struct run *r, const struct chain *c)
{
	if (c->links[r->depth]->format == IMAGE_RAW && r->zero && r->present)
		r->data = false;
}

static bool merges(const struct run *a, const struct run *b)
{
	return a->depth == b->depth && a->present == b->present && a->zero == b->zero &&
	       a->data == b->data && a->compressed == b->compressed &&
	       (a->host == EXTENT_NOWHERE ? b->host == EXTENT_NOWHERE : b->host == a->host + a->len);
}

static void print_json(const struct run *r, bool first)
{
	printf("%s{ \"start\": %llu, \"length\": %llu, \"depth\": %u, \"present\": %s, \"zero\": %s, "
	       "\"data\": %s",
	       first ? "[" : ",\n", (unsigned long long)r->start, (unsigned long long)r->len,
	       r->depth, r->present ? "true" : "false", r->zero ? "true" : "false",
	       r->data ? "true" : "false");
	if (r->host != EXTENT_NOWHERE)
		printf(", \"offset\": %llu", (unsigned long long)r->host);
	printf("}");
}

/* Only what has bytes somewhere. */
static int print_human(const struct img_options *o, const struct chain *c, const struct run *r)
{
	char host[24] = "0";

	if (!r->data || r->zero)
		return 0;
	if (r->compressed) {
		img_error(o, "%s: compressed clusters have no place that one could map; --output=json "
			     "tells them",
			  c->links[r->depth]->name);
		return -EOPNOTSUPP;
	}
	if (r->host != 0)
		snprintf(host, sizeof(host), "%#llx", (unsigned long long)r->host);
	printf("%#-16llx%#-16llx%-16s%s\n", (unsigned long long)r->start,
	       (unsigned long long)r->len, host, c->links[r->depth]->path);
	return 0;
}

static int print_run(const struct img_options *o, const struct chain *c, const struct run *r,
		     bool first)
{
	if (!o->json)
		return print_human(o, c, r);
	print_json(r, first);
	return 0;
}

static int print_all(const struct img_options *o, struct chain *c)
{
	const uint64_t size = chain_size(c);
	const uint64_t end =
		o->length_given ? min_u64(size, o->offset + o->length) : size;
	struct run current = { .len = 0 };
	struct err err = { "" };
	bool first = true;
	int rc = 0;

	if (!o->json)
		printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
	for (uint64_t at = o->offset; rc == 0 && at < end;) {
		struct chain_extent x;
		struct run next;

		rc = chain_extent(c, 0, at, end - at, &x, &err);
		if (rc < 0) {
			img_error(o, "%s", err.text);
			break;
		}
		next = run_of(at, &x);
		settle_raw(&next, c);
		at += x.len;
		if (current.len > 0 && merges(&current, &next)) {
			current.len += next.len;
			continue;
		}
		if (current.len > 0) {
			rc = print_run(o, c, &current, first);
			first = false;
		}
		current = next;
	}
	if (rc == 0 && current.len > 0)
		rc = print_run(o, c, &current, first);
	if (o->json)
		printf("%s]\n", first && current.len == 0 ? "[" : "");
	return rc;
}

static int map(const struct img_options *o)
{
	struct ioloop *loop;
	struct chain c;
	int status = 1;

	if (img_loop(o, &loop) < 0)
		return 1;
	if (img_open(o, loop, o->words[0], o->format, QCOW2_READ, false, &c) == 0) {
		status = print_all(o, &c) < 0;
		chain_close(&c);
		if (command_flush() != 0)
			status = 1;
	}
	ioloop_destroy(loop);
	return status;
}

static int run(int argc, char *argv[])
{
	struct img_options o;
	int status;

	if (img_options_parse(&o, &img_map_command, argc, argv, 1, 1, &status))
		status = map(&o);
	img_options_release(&o);
	return status;
}

const struct command img_map_command = {
	.name = "map",
	.within = "img",
	.synopsis = "[FLAGS] FILE",
	.summary = "Tell where in which file a disk's content is.",
	.options = &table,
	.run = run,
};
