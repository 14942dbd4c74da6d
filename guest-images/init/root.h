/* init/root.h: from the initramfs to a root on a disk.
 *
 * The words of the kernel command line are those that distributions' own
 * initramfs know: root=/dev/vda, ro (default) or rw, rootfstype= (default ext4),
 * init= (default /sbin/init). */
#ifndef BANTAM_INIT_ROOT_H
#define BANTAM_INIT_ROOT_H

#include <stdbool.h>

struct root {
	const char *device; /* NULL: none; strings are borrowed from the command line */
	const char *type;
	const char *init;
	bool writable;
};

#define ROOT_DEFAULTS { .type = "ext4", .init = "/sbin/init" }

/* Whether word, of the kernel command line, was one of ours. */
bool root_parse(struct root *r, const char *word);

/* Wait for the device, mount it and become its init, with /dev, /proc, /sys and
 * /run as they are.  The initramfs is emptied.  If that cannot be, it says so and
 * process 1 ends, which the kernel takes for a panic. */
_Noreturn void root_enter(const struct root *r);

#endif
