/* Any bytes through both encoders and back: what comes out is what went in, a result
 * is shorter than the room, and nothing is written behind the room however small.
 *
 * Input: room in 2 bytes, how often the rest is repeated in 1 and whether to try
 * little room, the rest. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/deflate.h"
#include "codec/inflate.h"
#include "codec/zstd_decode.h"
#include "codec/zstd_encode.h"

#define IN_TIMES 0x07
#define IN_TIGHT 0x80

/* More than any encoder needs for bytes that do not get smaller. */
#define SPARE_BYTES(len) ((len) + (len) / 256 + 64)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct deflate deflater;
static struct zstd_encoder encoder;
static struct zstd_decoder decoder;

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* A buffer of the exact size, so that the sanitizer sees a byte too many. */
static uint8_t *exactly(size_t len)
{
	uint8_t *p = malloc(len ? len : 1);

	must(p != NULL);
	return p;
}

static int encode_deflate(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len,
			  size_t *used)
{
	return deflate_raw(&deflater, in, in_len, out, out_len, used);
}

static int encode_zstd(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len,
		       size_t *used)
{
	return zstd_encode(&encoder, in, in_len, out, out_len, used);
}

static int decode_zstd(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len,
		       size_t *used)
{
	return zstd_decode(&decoder, in, in_len, out, out_len, used);
}

typedef int encode(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len, size_t *used);

/* Returns the length of the result, 0 if there was no room for it. */
static size_t round_trip(encode *to, encode *from, const uint8_t *in, size_t in_len, size_t room)
{
	uint8_t *out = exactly(room), *back = exactly(in_len), *cut;
	size_t used = 0, taken = 0;
	const int rc = to(in, in_len, out, room, &used);

	if (rc < 0) {
		must(rc == -ENOSPC && used == 0);
	} else {
		must(used > 0 && used < room);
		cut = exactly(used);
		memcpy(cut, out, used);
		must(from(cut, used, back, in_len, &taken) == 0 && taken == used);
		must(memcmp(back, in, in_len) == 0);
		free(cut);
	}
	free(out);
	free(back);
	return used;
}

static void round_trips(encode *to, encode *from, const uint8_t *in, size_t in_len, size_t room,
			bool tight)
{
	const size_t used = round_trip(to, from, in, in_len, SPARE_BYTES(in_len));

	must(used > 0);
	if (!tight)
		return;
	/* Room for one byte more than the result is enough, and for less is not. */
	must(round_trip(to, from, in, in_len, used + 1) == used);
	must(round_trip(to, from, in, in_len, used) == 0);
	must((round_trip(to, from, in, in_len, room) != 0) == (used < room));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room, times;
	bool tight;
	uint8_t *in;

	if (size < 3)
		return 0;
	room = le16_load(data);
	times = 1 + (data[2] & IN_TIMES);
	tight = data[2] & IN_TIGHT;
	data += 3;
	size -= 3;
	in = exactly(size * times);
	for (size_t i = 0; i < times; i++)
		memcpy(in + i * size, data, size);
	round_trips(encode_deflate, inflate_raw, in, size * times, room, tight);
	round_trips(encode_zstd, decode_zstd, in, size * times, room, tight);
	free(in);
	return 0;
}
