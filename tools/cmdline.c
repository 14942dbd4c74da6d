#include "tools/cmdline.h"

#include <errno.h>
#include <string.h>

const char cmdline_default[] =
	"console=ttyS0 " /* the kernel's log and terminal on COM1 */
	"reboot=k "	 /* reset by the i8042: the fast way, and never by triple fault */
	"pci=noearly "	 /* no search of 256 buses for what old AMD chipsets had */
	"panic=-1";	 /* after a panic reset at once, so that the run ends */

int cmdline_append(char line[CMDLINE_BYTES_MAX], const char *words)
{
	const size_t used = strlen(line), len = strlen(words);
	const size_t blank = used > 0 && len > 0;

	if (used + blank + len >= CMDLINE_BYTES_MAX)
		return -E2BIG;
	if (blank)
		line[used] = ' ';
	memcpy(line + used + blank, words, len + 1);
	return 0;
}
