/* The codecs on files, for judging them by the real tools:
 *
 *   codec OPERATION LEN <IN >OUT
 *
 * OPERATION is inflate, deflate, zstd-decode or zstd-encode; LEN is how long the
 * output has to be (decoding), or how short (encoding).  The status is 0; 1 if the
 * codec refuses, with its error on stderr; 2 for a wrong call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"
#include "codec/deflate.h"
#include "codec/inflate.h"
#include "codec/zstd_decode.h"
#include "codec/zstd_encode.h"

#define IN_MAX MIB(64)

static struct deflate deflater;
static struct zstd_decoder decoder;
static struct zstd_encoder encoder;

static int run_inflate(const uint8_t *in, size_t in_len, uint8_t *out, size_t *out_len)
{
	return inflate_raw(in, in_len, out, *out_len, NULL);
}

static int run_deflate(const uint8_t *in, size_t in_len, uint8_t *out, size_t *out_len)
{
	return deflate_raw(&deflater, in, in_len, out, *out_len, out_len);
}

static int run_zstd_decode(const uint8_t *in, size_t in_len, uint8_t *out, size_t *out_len)
{
	return zstd_decode(&decoder, in, in_len, out, *out_len, NULL);
}

static int run_zstd_encode(const uint8_t *in, size_t in_len, uint8_t *out, size_t *out_len)
{
	return zstd_encode(&encoder, in, in_len, out, *out_len, out_len);
}

static const struct {
	const char *name;
	/* *out_len: the room; afterwards, what is in it */
	int (*run)(const uint8_t *in, size_t in_len, uint8_t *out, size_t *out_len);
} operations[] = {
	{ "inflate", run_inflate },
	{ "deflate", run_deflate },
	{ "zstd-decode", run_zstd_decode },
	{ "zstd-encode", run_zstd_encode },
};

int main(int argc, char **argv)
{
	uint8_t *in = malloc(IN_MAX), *out;
	size_t in_len, out_len;
	int rc;

	out_len = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	out = malloc(out_len ? out_len : 1);
	if (argc != 3 || !in || !out) {
		fprintf(stderr, "usage: codec OPERATION LEN <IN >OUT\n");
		return 2;
	}
	in_len = fread(in, 1, IN_MAX, stdin);
	for (unsigned i = 0; i < ARRAY_LEN(operations); i++) {
		if (strcmp(argv[1], operations[i].name) != 0)
			continue;
		rc = operations[i].run(in, in_len, out, &out_len);
		if (rc < 0) {
			fprintf(stderr, "codec: %s: %s\n", argv[1], strerror(-rc));
			return 1;
		}
		return fwrite(out, 1, out_len, stdout) == out_len ? 0 : 2;
	}
	fprintf(stderr, "codec: no operation %s\n", argv[1]);
	return 2;
}
