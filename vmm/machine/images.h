/* machine/images.h: the kernel and initrd files, read straight into guest RAM. */
#ifndef BANTAM_MACHINE_IMAGES_H
#define BANTAM_MACHINE_IMAGES_H

#include "base/err.h"
#include "boot/boot.h"
#include "machine/config.h"
#include "machine/ram.h"

/* One open file; ctx of its boot_file. */
struct image {
	int fd;
	struct boot_file file;
};

struct images {
	struct image kernel;
	struct image initrds[BOOT_INITRDS_MAX];
	struct boot_file initrd_files[BOOT_INITRDS_MAX];
	unsigned initrd_count;
};

/* Open all files that config names.  0, or -errno with err naming flag, file
 * and reason. */
int images_open(struct images *im, const struct machine_config *config, struct err *err);
void images_close(struct images *im);

/* Load everything into ram by boot_load().  0, or -errno with err naming flag
 * and file. */
int images_load(const struct images *im, const struct machine_config *config,
		const struct ram *ram, struct boot_result *out, struct err *err);

#endif
