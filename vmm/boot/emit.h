/* boot/emit.h: a bounded writer of little-endian bytes into a caller's buffer.
 *
 * Whoever builds a table writes on without checks; the first byte that does not
 * fit sets a sticky flag, nothing is written from then on, and emit_status() tells
 * at the end.  Never allocates, never writes past the capacity. */
#ifndef BANTAM_BOOT_EMIT_H
#define BANTAM_BOOT_EMIT_H

#include "base/types.h"

struct emit {
	uint8_t *bytes;	 /* borrowed */
	size_t capacity; /* bytes */
	size_t len;	 /* bytes written so far: the offset of the next one */
	bool overflow;	 /* sticky */
};

/* Start an empty buffer of capacity bytes, borrowed for the life of e. */
void emit_init(struct emit *e, void *bytes, size_t capacity);

/* 0, or -ENOSPC if anything so far did not fit. */
int emit_status(const struct emit *e);

/* Append a little-endian value. */
void emit_u8(struct emit *e, uint8_t v);
void emit_u16(struct emit *e, uint16_t v);
void emit_u32(struct emit *e, uint32_t v);
void emit_u64(struct emit *e, uint64_t v);

/* Append len bytes, len zero bytes, or zeros up to a multiple of align (a power
 * of two) from the start of the buffer. */
void emit_bytes(struct emit *e, const void *src, size_t len);
void emit_zeros(struct emit *e, size_t len);
void emit_align(struct emit *e, size_t align);

/* Append text without its NUL, padded with spaces to width bytes, which it must
 * not exceed (asserted). */
void emit_text(struct emit *e, const char *text, size_t width);

/* Insert len bytes at offset at (at most e->len), moving what follows up. */
void emit_insert(struct emit *e, size_t at, const void *src, size_t len);

/* Overwrite what was written before at offset at. */
void emit_patch_u16(struct emit *e, size_t at, uint16_t v);
void emit_patch_u32(struct emit *e, size_t at, uint32_t v);

/* Set the byte at offset at, inside [from, from + len), so that the whole range
 * sums to zero modulo 256. */
void emit_patch_checksum(struct emit *e, size_t at, size_t from, size_t len);

#endif
