/* What is behind the guest's disks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "machine/internal.h"

static int open_one(struct machine *m, unsigned index, struct err *err)
{
	const struct disk_config *config = &m->config->disks[index];
	struct disk *d = &m->disks[index];
	struct err why;
	int rc;

	snprintf(d->label, sizeof(d->label), "vd%c", (char)('a' + index));
	d->makes_overlay = disk_has_overlay_file(config) && access(config->overlay, F_OK) < 0;
	rc = disk_open(config, &d->block, &why);
	if (rc < 0)
		d->makes_overlay = false; /* what is there now is not ours */
	return rc < 0 ? err_set(err, rc, "--disk %s", why.text) : 0;
}

int disks_open(struct machine *m, struct err *err)
{
	_Static_assert(MACHINE_DISKS_MAX <= 26, "a letter a disk");

	for (unsigned i = 0; i < m->config->disk_count; i++) {
		const int rc = open_one(m, i, err);

		if (rc < 0) {
			disks_close(m);
			return rc;
		}
	}
	return 0;
}

void disks_close(struct machine *m)
{
	for (unsigned i = 0; i < MACHINE_DISKS_MAX; i++) {
		block_close(m->disks[i].block);
		m->disks[i].block = NULL;
	}
}

void disks_keep(struct machine *m, bool ran, bool ok)
{
	for (unsigned i = 0; i < m->config->disk_count; i++) {
		const struct disk_config *config = &m->config->disks[i];
		const bool keep = ran && (config->keep == DISK_KEEP_ALWAYS ||
					  (config->keep == DISK_KEEP_OK && ok));

		if (m->disks[i].makes_overlay && !keep && unlink(config->overlay) < 0)
			log_warn("the overlay of %s is not gone: %s", m->disks[i].label,
				 strerror(errno));
	}
}
