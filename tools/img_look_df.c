/* `bantam img df` and `bantam img filesystems`. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fsread/identify.h"
#include "tools/command.h"
#include "tools/img_look.h"
#include "tools/img_print.h"

/* A verb that shows volumes one by one. */
struct verb {
	const struct look *look;
	struct partition_table *table;
	struct json_lines lines;
	struct err why; /* why the volume at hand has no file system */
	/* Returns 0 or 1 for the exit status. */
	int (*show)(struct verb *verb, struct volume *v);
};

static int each_volume(struct verb *verb)
{
	const struct look *look = verb->look;
	struct volume v;
	int rc, status = 0;

	for (unsigned i = 0; (rc = look_each(look, verb->table, i, &v, &verb->why)) > 0; i++) {
		status |= verb->show(verb, &v);
		look_close(look, &v);
	}
	if (rc < 0)
		return look_failed(look, NULL, NULL, verb->why.text);
	look_table_faults(look, verb->table);
	return status;
}

static int run(const struct look *look, const char *heading,
	       int (*show)(struct verb *verb, struct volume *v))
{
	struct verb verb = { .look = look, .table = malloc(sizeof(*verb.table)), .show = show };
	int status;

	if (!verb.table || (look->json && json_lines_begin(&verb.lines) < 0)) {
		free(verb.table);
		return look_failed(look, NULL, NULL, "no memory");
	}
	if (!look->json)
		printf("%s\n", heading);
	status = each_volume(&verb);
	if (look->json)
		json_lines_end(&verb.lines);
	free(verb.table);
	return status | command_flush();
}

/* ---- df ---- */

/* Of what users may have, rounded up. */
static unsigned percent(uint64_t used, uint64_t available)
{
	const uint64_t sum = used + available;

	if (sum == 0)
		return 0;
	/* Both are below 2^63, but a hundred times that is not. */
	return (unsigned)(sum > UINT64_MAX / 200 ? (used + sum / 100 - 1) / (sum / 100)
						 : (used * 100 + sum - 1) / sum);
}

static void df_json(struct verb *verb, const struct volume *v, const struct fs_space *s)
{
	struct json j;

	json_line(&verb->lines, &j);
	json_string(&j, "name", v->name);
	json_string(&j, "type", v->fs->type);
	json_uint(&j, "size", s->total_bytes);
	json_uint(&j, "used", s->total_bytes - s->free_bytes);
	json_uint(&j, "free", s->free_bytes);
	json_uint(&j, "available", s->available_bytes);
	json_uint(&j, "files", s->file_total);
	json_uint(&j, "files_free", s->file_free);
	json_line_end(&verb->lines, &j);
}

static const char *df_size(char text[SIZE_TEXT_BYTES], uint64_t bytes, bool human)
{
	if (human)
		return human_size(text, bytes);
	snprintf(text, SIZE_TEXT_BYTES, "%" PRIu64, bytes / 1024);
	return text;
}

static int df_show(struct verb *verb, struct volume *v)
{
	const struct look *look = verb->look;
	char total[SIZE_TEXT_BYTES], used[SIZE_TEXT_BYTES], available[SIZE_TEXT_BYTES];
	struct fs_space s;
	uint64_t used_bytes;

	/* Swap, boot loaders' own partitions: only one that was named is missed. */
	if (!v->fs)
		return verb->table->count && !look->part
			       ? 0
			       : look_failed(look, v, NULL, verb->why.text);
	if (fs_space(v->fs, &s) < 0)
		return look_failed(look, v, NULL, v->fs->err.text);
	if (look->json) {
		df_json(verb, v, &s);
		return 0;
	}
	used_bytes = s.total_bytes - s.free_bytes;
	printf("%-10s %-6s %12s %12s %12s %3u%%\n", v->name, v->fs->type,
	       df_size(total, s.total_bytes, look->human), df_size(used, used_bytes, look->human),
	       df_size(available, s.available_bytes, look->human),
	       percent(used_bytes, s.available_bytes));
	return 0;
}

int look_df(const struct look *look)
{
	return run(look,
		   look->human ? "Filesystem Type           Size         Used        Avail Use%"
			       : "Filesystem Type      1K-blocks         Used    Available Use%",
		   df_show);
}

/* ---- filesystems ---- */

static void filesystems_json(struct verb *verb, const struct volume *v, const struct identity *id)
{
	const struct partition *p = v->number ? partition_find(verb->table, v->number) : NULL;
	unsigned warnings = v->fs ? v->fs->warnings : 0;
	const char *text;
	struct json j;

	json_line(&verb->lines, &j);
	json_string(&j, "name", v->name);
	json_string(&j, "type", id->type);
	json_uint(&j, "start", p ? p->start_bytes : 0);
	json_uint(&j, "size", v->reader.size_bytes);
	json_string(&j, "label", id->label);
	json_string(&j, "uuid", id->uuid);
	json_string(&j, "partition_name", p ? p->name : "");
	json_bool(&j, "readable", v->fs);
	json_array(&j, "warnings");
	while ((text = fs_warning_text(&warnings)))
		json_string(&j, NULL, text);
	json_close_array(&j);
	json_line_end(&verb->lines, &j);
}

static int filesystems_show(struct verb *verb, struct volume *v)
{
	char size[SIZE_TEXT_BYTES];
	struct identity id;
	struct err err;

	if (identify(&v->reader, &id, &err) < 0)
		return look_failed(verb->look, v, NULL, err.text);
	if (verb->look->json) {
		filesystems_json(verb, v, &id);
		return 0;
	}
	printf("%-5s %-11s %6s  ", v->name, id.type ? id.type : "unknown",
	       human_size(size, v->reader.size_bytes));
	printf("%-36s  ", id.uuid[0] ? id.uuid : "-");
	print_name(stdout, id.label, strlen(id.label));
	printf("\n");
	return 0;
}

int look_filesystems(const struct look *look)
{
	return run(look, "NAME  TYPE          SIZE  UUID                                  LABEL",
		   filesystems_show);
}
