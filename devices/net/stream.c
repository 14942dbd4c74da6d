#include "net/stream.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "net/pieces.h"

_Static_assert(STREAM_BUFFER_BYTES >= 2 * (STREAM_LENGTH_BYTES + STREAM_DIRECT_BYTES) &&
		       STREAM_BUFFER_BYTES > STREAM_LENGTH_BYTES + NET_FRAME_BYTES_MAX,
	       "any frame fits");

size_t stream_in_space(struct stream_in *s, uint8_t **to)
{
	/* A part of a frame at most is moved. */
	if (s->start > 0) {
		memmove(s->bytes, s->bytes + s->start, s->end - s->start);
		s->end -= s->start;
		s->start = 0;
	}
	*to = s->bytes + s->end;
	return sizeof(s->bytes) - s->end;
}

void stream_in_came(struct stream_in *s, size_t n)
{
	assert(n <= sizeof(s->bytes) - s->end);
	s->end += (uint32_t)n;
}

int stream_in_next(const struct stream_in *s, const uint8_t **frame)
{
	const uint32_t there = s->end - s->start;
	uint32_t raw_len;

	if (there < STREAM_LENGTH_BYTES)
		return 0;
	raw_len = be32_load(s->bytes + s->start);
	if (raw_len < NET_HEADER_BYTES || raw_len > NET_FRAME_BYTES_MAX)
		return -EPROTO;
	if (there - STREAM_LENGTH_BYTES < raw_len)
		return 0;
	*frame = s->bytes + s->start + STREAM_LENGTH_BYTES;
	return (int)raw_len;
}

void stream_in_take(struct stream_in *s, uint32_t len)
{
	assert(STREAM_LENGTH_BYTES + len <= s->end - s->start);
	s->start += STREAM_LENGTH_BYTES + len;
}

/* Of two parts that follow each other, the bytes that are not skipped. */
static void append(struct stream_out *s, const uint8_t *from, size_t len, size_t *skip)
{
	const size_t skipped = len < *skip ? len : *skip;

	memcpy(s->bytes + s->end, from + skipped, len - skipped);
	s->end += (uint32_t)(len - skipped);
	*skip -= skipped;
}

bool stream_out_add(struct stream_out *s, const struct net_frame *f, size_t skip)
{
	uint8_t length[STREAM_LENGTH_BYTES];

	if (s->start == s->end)
		s->start = s->end = 0;
	if (sizeof(s->bytes) - s->end < STREAM_LENGTH_BYTES + f->len - skip)
		return false;
	be32_store(length, f->len);
	append(s, length, sizeof(length), &skip);
	for (unsigned i = 0; i < f->iov_count; i++)
		append(s, f->iov[i].iov_base, f->iov[i].iov_len, &skip);
	return true;
}
