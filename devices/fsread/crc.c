#include "fsread/crc.h"

/* What four zero bits behind each value of the low nibble make of the remainder. */
static const uint32_t crc32_nibbles[16] = {
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
	0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
	0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

static const uint32_t crc32c_nibbles[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
	0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static const uint32_t crc16_nibbles[16] = {
	0x00000000, 0x0000cc01, 0x0000d801, 0x00001400,
	0x0000f001, 0x00003c00, 0x00002800, 0x0000e401,
	0x0000a001, 0x00006c00, 0x00007800, 0x0000b401,
	0x00005000, 0x00009c01, 0x00008801, 0x00004400,
};

static uint32_t run(const uint32_t nibbles[16], uint32_t crc, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++) {
		crc ^= b[i];
		crc = crc >> 4 ^ nibbles[crc & 15];
		crc = crc >> 4 ^ nibbles[crc & 15];
	}
	return crc;
}

uint32_t crc32_run(uint32_t crc, const void *bytes, size_t len)
{
	return run(crc32_nibbles, crc, bytes, len);
}

uint32_t crc32c_run(uint32_t crc, const void *bytes, size_t len)
{
	return run(crc32c_nibbles, crc, bytes, len);
}

uint16_t crc16_run(uint16_t crc, const void *bytes, size_t len)
{
	return (uint16_t)run(crc16_nibbles, crc, bytes, len);
}
