/* fsread/identify.h: what a disk or partition holds, by name, label and UUID,
 * also when it cannot be read here.  As blkid prints them. */
#ifndef BANTAM_FSREAD_IDENTIFY_H
#define BANTAM_FSREAD_IDENTIFY_H

#include "base/err.h"
#include "fsread/reader.h"

#define IDENTITY_UUID_BYTES  48
#define IDENTITY_LABEL_BYTES 260

struct identity {
	const char *type; /* "ext4", "vfat", "swap", "crypto_LUKS", ...; NULL: unknown */
	char uuid[IDENTITY_UUID_BYTES];	  /* letters, digits, '-', '?'; "" when it has none */
	char label[IDENTITY_LABEL_BYTES]; /* any bytes but NUL; "" when it has none */
};

/* Returns 0, also for what is unknown or damaged; or what the reader said, err
 * filled then. */
int identify(const struct reader *disk, struct identity *id, struct err *err);

#endif
