/* Hostile zstd frames: whatever the bytes, zstd_decode() writes nothing behind the
 * output, and what it accepts it accepts for the bytes that it says it used, and for
 * no fewer, whatever its memory held before.
 *
 * Input: length of the output in 2 bytes, then the frames. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/zstd_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct zstd_decoder decoder;
	uint8_t *out, *again, *cut;
	size_t out_len, used, used_again = 0;

	if (size < 2)
		return 0;
	out_len = le16_load(data);
	data += 2;
	size -= 2;
	out = exactly(out_len);
	if (zstd_decode(&decoder, data, size, out, out_len, &used) == 0) {
		must(used > 0 && used <= size);
		again = exactly(out_len);
		cut = exactly(used);
		memcpy(cut, data, used);
		must(zstd_decode(&decoder, cut, used, again, out_len, &used_again) == 0);
		must(used_again == used && memcmp(out, again, out_len) == 0);
		must(zstd_decode(&decoder, cut, used - 1, again, out_len, NULL) < 0);
		free(cut);
		free(again);
	}
	free(out);
	return 0;
}
