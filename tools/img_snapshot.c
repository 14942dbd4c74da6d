/* bantam img snapshot. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "block/qcow2_ops.h"
#include "tools/img.h"
#include "tools/img_file.h"
#include "tools/img_snapshots.h"

static const struct option_row rows[] = {
	{ "list", 'l', NULL, "What to do", "print the snapshots in the image (default)",
	  img_set_list },
	{ "create", 'c', "NAME", NULL, "keep the disk as it is now under that name",
	  img_set_create },
	{ "apply", 'a', "SNAPSHOT", NULL, "make the disk what it was", img_set_apply },
	{ "delete", 'd', "SNAPSHOT", NULL, "forget it", img_set_delete },
	{ "format", 'f', "FMT", "Flags", "raw or qcow2; without it the file is looked at",
	  img_set_format },
	IMG_QUIET,
	IMG_UNLOCKED,
	IMG_REFUSED,
	IMG_HELP,
};

static const struct option_table table = { rows, ARRAY_LEN(rows), "bantam help img snapshot" };

static uint64_t date_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int act(const struct img_options *o, struct qcow2_meta *m, struct err *err)
{
	char text[QUOTED_BYTES];
	uint32_t index;

	if (o->action == IMG_CREATE)
		return qcow2_snapshot_create(m, o->snapshot, date_ns(), NULL, err);
	index = qcow2_snapshot_find(m, o->snapshot);
	if (index == m->h.snapshot_count)
		return err_set(err, -ENOENT,
			       "%s has no snapshot '%s': 'bantam img snapshot -l' lists them", m->name,
			       quoted(text, o->snapshot));
	if (o->action == IMG_APPLY)
		return qcow2_snapshot_apply(m, index, NULL, err);
	return qcow2_snapshot_delete(m, index, NULL, err);
}

static int snapshot(struct img_options *o)
{
	const bool lists = o->action == IMG_NONE || o->action == IMG_LIST;
	struct err err = { "" };
	struct ioloop *loop;
	struct chain c;
	int rc;

	if (img_loop(o, &loop) < 0)
		return 1;
	rc = img_open(o, loop, o->words[0], o->format, lists ? QCOW2_READ : QCOW2_WRITE, true, &c);
	if (rc == 0) {
		if (c.links[0]->format == IMAGE_QCOW2 && !lists)
			rc = act(o, &c.links[0]->meta, &err);
		else if (c.links[0]->format == IMAGE_QCOW2 && c.links[0]->meta.h.snapshot_count > 0)
			img_snapshots_print(&c.links[0]->meta);
		else if (!lists)
			rc = err_set(&err, -EOPNOTSUPP, "%s is raw, which has no snapshots",
				     c.links[0]->name);
		if (rc < 0)
			img_error(o, "%s", err.text);
		chain_close(&c);
	}
	ioloop_destroy(loop);
	return rc < 0 ? 1 : command_flush();
}

static int run(int argc, char *argv[])
{
	struct img_options o;
	int status;

	if (img_options_parse(&o, &img_snapshot_command, argc, argv, 1, 1, &status))
		status = snapshot(&o);
	img_options_release(&o);
	return status;
}

const struct command img_snapshot_command = {
	.name = "snapshot",
	.within = "img",
	.synopsis = "[-l | -c NAME | -a SNAPSHOT | -d SNAPSHOT] FILE",
	.summary = "List, make, apply or delete snapshots inside a qcow2 image.",
	.options = &table,
	.run = run,
};
