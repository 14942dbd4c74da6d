/* init/init.h: what process 1's files share. */
#ifndef BANTAM_INIT_H
#define BANTAM_INIT_H

#define BUSYBOX "/bin/busybox"

/* Print one line on the console, "bantam-init: " before it.  Lost if there is no
 * console. */
__attribute__((format(printf, 1, 2)))
void say(const char *format, ...);

#endif
