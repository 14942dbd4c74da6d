/* tools/hostfacts.h: who we are and where we run, read from /proc and /etc. */
#ifndef BANTAM_TOOLS_HOSTFACTS_H
#define BANTAM_TOOLS_HOSTFACTS_H

#include <sys/types.h>

#include "base/types.h"

struct host_facts {
	bool vmx, svm;	   /* hardware virtualization as /proc/cpuinfo has it */
	bool nested_pages; /* EPT or NPT */
	bool hypervisor;   /* this host is itself a virtual machine */
	bool container;
	char user[33]; /* login name, or the number */
};

void host_facts_read(struct host_facts *f);

/* Read the file at path as a string of at most room-1 bytes, without the last
 * newline.  0 or -errno. */
int read_line_file(const char *path, char *buf, size_t room);

/* Whether word stands in text, between blanks. */
bool has_word(const char *text, const char *word);

/* The value behind "key" at the start of a line of text ("MemTotal:"), in KiB
 * as /proc/meminfo has it; 0 if it is not there. */
uint64_t meminfo_kib(const char *text, const char *key);

/* What /etc/group says of a group: its name into name (its number if there is
 * none).  Returns whether user is listed as a member. */
bool group_lookup(const char *group_text, gid_t gid, const char *user, char name[33]);

#endif
