/* host/program.h: the memory that this program's own code and constants take. */
#ifndef BANTAM_HOST_PROGRAM_H
#define BANTAM_HOST_PROGRAM_H

/* Give back what the start alone needed of them: where one page is used the kernel maps
 * its neighbours, too, and reading options, making devices and loading a guest uses a
 * little of everything.  What is used again is mapped again from the page cache, some
 * microseconds for 64 KiB; so call this when the long run begins, off its hot paths.
 * Any thread; others may be running.  It cannot fail, only gain nothing. */
void program_trim(void);

#endif
