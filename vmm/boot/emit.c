#include "boot/emit.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

void emit_init(struct emit *e, void *bytes, size_t capacity)
{
	*e = (struct emit){ .bytes = bytes, .capacity = capacity };
}

int emit_status(const struct emit *e)
{
	return e->overflow ? -ENOSPC : 0;
}

/* Whether len more bytes fit; if not, the buffer is spoilt for good. */
static bool has_room(struct emit *e, size_t len)
{
	if (!e->overflow && !range_inside(e->len, len, e->capacity))
		e->overflow = true;
	return !e->overflow;
}

void emit_bytes(struct emit *e, const void *src, size_t len)
{
	if (len == 0 || !has_room(e, len))
		return;
	memcpy(e->bytes + e->len, src, len);
	e->len += len;
}

void emit_zeros(struct emit *e, size_t len)
{
	if (len == 0 || !has_room(e, len))
		return;
	memset(e->bytes + e->len, 0, len);
	e->len += len;
}

void emit_align(struct emit *e, size_t align)
{
	assert(align && (align & (align - 1)) == 0);
	emit_zeros(e, -e->len & (align - 1));
}

static void emit_value(struct emit *e, unsigned size, uint64_t v)
{
	uint8_t raw[8];

	le_store(raw, size, v);
	emit_bytes(e, raw, size);
}

void emit_u8(struct emit *e, uint8_t v)
{
	emit_value(e, 1, v);
}

void emit_u16(struct emit *e, uint16_t v)
{
	emit_value(e, 2, v);
}

void emit_u32(struct emit *e, uint32_t v)
{
	emit_value(e, 4, v);
}

void emit_u64(struct emit *e, uint64_t v)
{
	emit_value(e, 8, v);
}

void emit_text(struct emit *e, const char *text, size_t width)
{
	const size_t len = strlen(text);

	assert(len <= width);
	emit_bytes(e, text, len);
	for (size_t i = len; i < width; i++)
		emit_u8(e, ' ');
}

void emit_insert(struct emit *e, size_t at, const void *src, size_t len)
{
	if (len == 0 || !has_room(e, len))
		return;
	assert(at <= e->len);
	memmove(e->bytes + at + len, e->bytes + at, e->len - at);
	memcpy(e->bytes + at, src, len);
	e->len += len;
}

static void patch_value(struct emit *e, size_t at, unsigned size, uint64_t v)
{
	if (e->overflow)
		return;
	assert(range_inside(at, size, e->len));
	le_store(e->bytes + at, size, v);
}

void emit_patch_u16(struct emit *e, size_t at, uint16_t v)
{
	patch_value(e, at, 2, v);
}

void emit_patch_u32(struct emit *e, size_t at, uint32_t v)
{
	patch_value(e, at, 4, v);
}

void emit_patch_checksum(struct emit *e, size_t at, size_t from, size_t len)
{
	uint8_t sum = 0;

	if (e->overflow)
		return;
	assert(range_inside(from, len, e->len) && at >= from && at - from < len);
	e->bytes[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + e->bytes[from + i]);
	e->bytes[at] = (uint8_t)-sum;
}
