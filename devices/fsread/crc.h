/* fsread/crc.h: the check sums of disk formats.  All reflected, raw: the caller
 * gives the start value (the sum so far) and inverts the result where the format
 * does. */
#ifndef BANTAM_FSREAD_CRC_H
#define BANTAM_FSREAD_CRC_H

#include "base/types.h"

/* IEEE 802.3, polynomial 0x04c11db7: GPT. */
uint32_t crc32_run(uint32_t crc, const void *bytes, size_t len);

/* Castagnoli, polynomial 0x1edc6f41: ext4's metadata_csum. */
uint32_t crc32c_run(uint32_t crc, const void *bytes, size_t len);

/* Polynomial 0x8005: ext4's uninit_bg. */
uint16_t crc16_run(uint16_t crc, const void *bytes, size_t len);

#endif
