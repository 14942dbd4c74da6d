#include "block/probe.h"

#include <string.h>

/* A magic number at a fixed place. */
struct magic {
	const char *format;
	unsigned offset;
	unsigned len;
	const char *bytes;
};

/* clang-format off */
#define MAGIC(format, offset, bytes) { format, offset, sizeof(bytes) - 1, bytes }
/* clang-format on */

/* First match wins.  Not LUKS: a guest may well encrypt its whole disk, and no
 * LUKS header names another file. */
static const struct magic magics[] = {
	MAGIC("qcow", 0, "QFI\xfb\0\0\0\x01"),
	MAGIC("qcow2", 0, "QFI\xfb"), /* which versions, its header's reader knows */
	MAGIC("QED", 0, "QED\0"),
	MAGIC("VMDK", 0, "KDMV"),
	MAGIC("VMDK", 0, "COWD"),
	MAGIC("VMDK", 0, "# Disk DescriptorFile"),
	MAGIC("VDI", 64, "\x7f\x10\xda\xbe"),
	MAGIC("VHDX", 0, "vhdxfile"),
	MAGIC("VHD", 0, "conectix"),
	MAGIC("Parallels", 0, "WithoutFreeSpace"),
	MAGIC("Parallels", 0, "WithouFreSpacExt"),
	MAGIC("Bochs", 0, "Bochs Virtual HD Image"),
	MAGIC("cloop", 0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop"),
};

/* A VMDK descriptor is text, which names other files: comments and blank lines,
 * then "version=N". */
static bool is_vmdk_text(const uint8_t first[PROBE_BYTES])
{
	static const char version[] = "version=";
	unsigned at = 0;

	while (at < PROBE_BYTES) {
		const bool comment = first[at] == '#';

		while (!comment && at < PROBE_BYTES && (first[at] == ' ' || first[at] == '\r'))
			at++;
		while (comment && at < PROBE_BYTES && first[at] != '\n')
			at++;
		if (at == PROBE_BYTES || first[at] != '\n')
			break;
		at++;
	}
	return at + sizeof(version) - 1 <= PROBE_BYTES &&
	       memcmp(first + at, version, sizeof(version) - 1) == 0;
}

const char *probe_format(const uint8_t first[PROBE_BYTES])
{
	for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
		if (memcmp(first + magics[i].offset, magics[i].bytes, magics[i].len) == 0)
			return magics[i].format;
	}
	return is_vmdk_text(first) ? "VMDK" : NULL;
}
