#include "fsread/identify.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "fsread/ext4.h"
#include "fsread/fat.h"

enum uuid_form {
	UUID_NONE,
	UUID_BINARY,   /* 16 bytes in the order of the text */
	UUID_TEXT,     /* 36 characters and a NUL */
	UUID_LVM,      /* 32 characters, written in groups */
	UUID_SERIAL32, /* little-endian: XXXX-XXXX */
	UUID_SERIAL64, /* little-endian: sixteen digits */
};

/* A kind of content: bytes that are always there, and where its names stand. */
struct kind {
	const char *type;
	uint32_t magic_at;
	uint32_t magic_len;
	const char *magic;
	enum uuid_form uuid_form;
	uint32_t uuid_at;
	uint32_t label_at, label_len; /* len 0: none */
};

#define MAGIC(at, bytes) at, sizeof(bytes) - 1, bytes

/* clang-format off */
static const struct kind kinds[] = {
	{ "crypto_LUKS", MAGIC(0, "LUKS\xba\xbe\0\1"), UUID_TEXT, 168, 0, 0 },
	{ "crypto_LUKS", MAGIC(0, "LUKS\xba\xbe\0\2"), UUID_TEXT, 168, 24, 48 },
	{ "LVM2_member", MAGIC(536, "LVM2 001"), UUID_LVM, 544, 0, 0 },
	{ "xfs", MAGIC(0, "XFSB"), UUID_BINARY, 32, 108, 12 },
	{ "btrfs", MAGIC(0x10040, "_BHRfS_M"), UUID_BINARY, 0x10020, 0x1012b, 256 },
	{ "f2fs", MAGIC(1024, "\x10\x20\xf5\xf2"), UUID_BINARY, 1132, 0, 0 },
	{ "erofs", MAGIC(1024, "\xe2\xe1\xf5\xe0"), UUID_BINARY, 1072, 1088, 16 },
	{ "squashfs", MAGIC(0, "hsqs"), UUID_NONE, 0, 0, 0 },
	{ "ntfs", MAGIC(3, "NTFS    "), UUID_SERIAL64, 72, 0, 0 },
	{ "exfat", MAGIC(3, "EXFAT   "), UUID_SERIAL32, 100, 0, 0 },
	{ "iso9660", MAGIC(32769, "CD001"), UUID_NONE, 0, 32808, 32 },
	{ "swap", MAGIC(4086, "SWAPSPACE2"), UUID_BINARY, 0x40c, 0x41c, 16 },
	{ "ext4", MAGIC(0x438, "\x53\xef"), UUID_BINARY, 0x468, 0x478, 16 },
};
/* clang-format on */

static void uuid_text(enum uuid_form form, const uint8_t *raw, char to[IDENTITY_UUID_BYTES])
{
	static const uint8_t lvm_groups[] = { 6, 4, 4, 4, 4, 4, 6 };
	static const uint8_t none[16];
	size_t len = 0;

	switch (form) {
	case UUID_BINARY:
		if (memcmp(raw, none, sizeof(none)) == 0)
			break;
		for (unsigned i = 0; i < 16; i++)
			len += (size_t)snprintf(to + len, IDENTITY_UUID_BYTES - len, "%s%02x",
						i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
						raw[i]);
		break;
	case UUID_TEXT:
		snprintf(to, IDENTITY_UUID_BYTES, "%.36s", (const char *)raw);
		break;
	case UUID_LVM:
		for (size_t i = 0; i < ARRAY_LEN(lvm_groups); raw += lvm_groups[i++])
			len += (size_t)snprintf(to + len, IDENTITY_UUID_BYTES - len, "%s%.*s",
						i ? "-" : "", (int)lvm_groups[i],
						(const char *)raw);
		break;
	case UUID_SERIAL32:
		snprintf(to, IDENTITY_UUID_BYTES, "%04X-%04X", le16_load(raw + 2), le16_load(raw));
		break;
	case UUID_SERIAL64:
		snprintf(to, IDENTITY_UUID_BYTES, "%016llX", (unsigned long long)le64_load(raw));
		break;
	case UUID_NONE:
		break;
	}
	/* Text on the disk may be anything. */
	for (len = strlen(to); len > 0; len--) {
		if (!isalnum((unsigned char)to[len - 1]) && to[len - 1] != '-')
			to[len - 1] = '?';
	}
}

/* Bytes up to a NUL, without the blanks behind them. */
static void label_text(const uint8_t *raw, size_t len, char to[IDENTITY_LABEL_BYTES])
{
	memcpy(to, raw, len);
	to[len] = '\0';
	for (len = strlen(to); len > 0 && to[len - 1] == ' '; len--)
		to[len - 1] = '\0';
}

/* 0 and zeros instead of what lies behind the end. */
static int read_some(const struct reader *disk, uint64_t at, uint8_t *to, size_t len)
{
	memset(to, 0, len);
	return range_inside(at, len, disk->size_bytes) ? reader_read(disk, at, to, len) : 0;
}

/* 1 when the disk is of that kind. */
static int kind_try(const struct reader *disk, const struct kind *k, struct identity *id)
{
	uint8_t raw[256];
	int rc = read_some(disk, k->magic_at, raw, k->magic_len);

	if (rc < 0 || memcmp(raw, k->magic, k->magic_len) != 0)
		return rc;
	id->type = k->type;
	if (k->uuid_form != UUID_NONE) {
		rc = read_some(disk, k->uuid_at, raw, 40);
		if (rc < 0)
			return rc;
		uuid_text(k->uuid_form, raw, id->uuid);
	}
	if (k->label_len > 0) {
		rc = read_some(disk, k->label_at, raw, k->label_len);
		if (rc < 0)
			return rc;
		label_text(raw, k->label_len, id->label);
	}
	return 1;
}

/* FAT has no magic number, and its label is a file. */
static int fat_try(const struct reader *disk, struct identity *id)
{
	struct fs *fs;
	struct fat *f;
	int rc = fat_open(&fs, disk, NULL);

	if (rc < 0)
		return rc == -ENOENT || rc == -EUCLEAN ? 0 : rc;
	f = fat_of(fs);
	id->type = fs->type;
	if (f->serial)
		snprintf(id->uuid, sizeof(id->uuid), "%04X-%04X", f->serial >> 16,
			 f->serial & 0xffff);
	if (fat_root_label(f, id->label) < 0 || !id->label[0])
		snprintf(id->label, sizeof(id->label), "%s", f->boot_label);
	fs_close(fs);
	return 1;
}

/* The superblock knows which of its three names it is. */
static void ext_type(const struct reader *disk, struct identity *id)
{
	struct fs *fs;

	if (ext4_open(&fs, disk, NULL) < 0)
		return;
	id->type = fs->type;
	fs_close(fs);
}

int identify(const struct reader *disk, struct identity *id, struct err *err)
{
	int rc = 0;

	memset(id, 0, sizeof(*id));
	for (size_t i = 0; i < ARRAY_LEN(kinds) && rc == 0; i++)
		rc = kind_try(disk, &kinds[i], id);
	if (rc > 0 && strcmp(id->type, "ext4") == 0)
		ext_type(disk, id);
	if (rc == 0)
		rc = fat_try(disk, id);
	return rc < 0 ? err_errno(err, rc, "cannot read the disk") : 0;
}
