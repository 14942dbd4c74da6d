#include "codec/zstd_format.h"

/* §3.1.1.3.2.1.1: literals. */
static const struct fse_meaning literals_meaning[] = {
	{ 0, 0 },     { 1, 0 },	    { 2, 0 },	   { 3, 0 },	 { 4, 0 },     { 5, 0 },
	{ 6, 0 },     { 7, 0 },	    { 8, 0 },	   { 9, 0 },	 { 10, 0 },    { 11, 0 },
	{ 12, 0 },    { 13, 0 },    { 14, 0 },	   { 15, 0 },	 { 16, 1 },    { 18, 1 },
	{ 20, 1 },    { 22, 1 },    { 24, 2 },	   { 28, 2 },	 { 32, 3 },    { 40, 3 },
	{ 48, 4 },    { 64, 6 },    { 128, 7 },	   { 256, 8 },	 { 512, 9 },   { 1024, 10 },
	{ 2048, 11 }, { 4096, 12 }, { 8192, 13 },  { 16384, 14 }, { 32768, 15 }, { 65536, 16 },
};

/* Matches. */
static const struct fse_meaning match_meaning[] = {
	{ 3, 0 },     { 4, 0 },	    { 5, 0 },	   { 6, 0 },	 { 7, 0 },     { 8, 0 },
	{ 9, 0 },     { 10, 0 },    { 11, 0 },	   { 12, 0 },	 { 13, 0 },    { 14, 0 },
	{ 15, 0 },    { 16, 0 },    { 17, 0 },	   { 18, 0 },	 { 19, 0 },    { 20, 0 },
	{ 21, 0 },    { 22, 0 },    { 23, 0 },	   { 24, 0 },	 { 25, 0 },    { 26, 0 },
	{ 27, 0 },    { 28, 0 },    { 29, 0 },	   { 30, 0 },	 { 31, 0 },    { 32, 0 },
	{ 33, 0 },    { 34, 0 },    { 35, 1 },	   { 37, 1 },	 { 39, 1 },    { 41, 1 },
	{ 43, 2 },    { 47, 2 },    { 51, 3 },	   { 59, 3 },	 { 67, 4 },    { 83, 4 },
	{ 99, 5 },    { 131, 7 },   { 259, 8 },	   { 515, 9 },	 { 1027, 10 }, { 2051, 11 },
	{ 4099, 12 }, { 8195, 13 }, { 16387, 14 }, { 32771, 15 }, { 65539, 16 },
};

/* Offset code n: n bits behind a 1. */
#define BITS(n) { UINT32_C(1) << (n), n }
static const struct fse_meaning offset_meaning[] = {
	BITS(0),  BITS(1),  BITS(2),  BITS(3),	BITS(4),  BITS(5),  BITS(6),  BITS(7),
	BITS(8),  BITS(9),  BITS(10), BITS(11), BITS(12), BITS(13), BITS(14), BITS(15),
	BITS(16), BITS(17), BITS(18), BITS(19), BITS(20), BITS(21), BITS(22), BITS(23),
	BITS(24), BITS(25), BITS(26), BITS(27), BITS(28), BITS(29), BITS(30), BITS(31),
};

const struct zstd_code_info zstd_codes[ZSTD_CODES] = {
	[ZSTD_LITERALS] = {
		.symbols = ARRAY_LEN(literals_meaning), .log_max = 9, .meaning = literals_meaning,
		.predefined = { .log = 6, .symbols = 36, .count = {
			4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2,
			2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1 } },
	},
	[ZSTD_OFFSET] = {
		.symbols = ARRAY_LEN(offset_meaning), .log_max = 8, .meaning = offset_meaning,
		.predefined = { .log = 5, .symbols = 29, .count = {
			1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1,
			1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1 } },
	},
	[ZSTD_MATCH] = {
		.symbols = ARRAY_LEN(match_meaning), .log_max = 9, .meaning = match_meaning,
		.predefined = { .log = 6, .symbols = 53, .count = {
			1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1,
			1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
			1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1 } },
	},
};
