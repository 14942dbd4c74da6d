#include "base/json.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

void json_begin(struct json *j, char *buf, size_t room)
{
	*j = (struct json){ .buf = buf, .room = room };
}

/* Append all or nothing, so that a cut never leaves half an escape. */
static void put(struct json *j, const void *bytes, size_t len)
{
	/* One byte stays for the NUL. */
	if (j->full || j->room == 0 || len > j->room - 1 - j->used) {
		j->full = true;
		return;
	}
	memcpy(j->buf + j->used, bytes, len);
	j->used += len;
}

static void put_char(struct json *j, char c)
{
	put(j, &c, 1);
}

/* Length of the well-formed UTF-8 character at p, 0 if there is none.
 * Unicode 15, table 3-7. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
	const uint8_t lead = p[0];
	uint8_t low = 0x80, high = 0xbf; /* bounds of the second byte */
	size_t len;

	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (lead == 0xe0)
		low = 0xa0; /* else overlong */
	if (lead == 0xed)
		high = 0x9f; /* else a surrogate */
	if (lead == 0xf0)
		low = 0x90; /* else overlong */
	if (lead == 0xf4)
		high = 0x8f; /* else above U+10FFFF */
	if (left < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

static void put_control(struct json *j, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	const char escape[] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	switch (c) {
	case '\n':
		put(j, "\\n", 2);
		break;
	case '\r':
		put(j, "\\r", 2);
		break;
	case '\t':
		put(j, "\\t", 2);
		break;
	default:
		put(j, escape, sizeof(escape));
		break;
	}
}

static void put_string(struct json *j, const uint8_t *p, size_t left)
{
	put_char(j, '"');
	while (left > 0) {
		size_t len = utf8_len(p, left);

		if (len == 0) {
			put(j, "\\ufffd", 6);
			len = 1;
		} else if (*p < 0x20 || *p == 0x7f) {
			put_control(j, *p);
		} else {
			if (*p == '"' || *p == '\\')
				put_char(j, '\\');
			put(j, p, len);
		}
		p += len;
		left -= len;
	}
	put_char(j, '"');
}

/* The comma and the name before a value.  What was written last tells whether
 * a value stands before this one: nothing, '{' or '[' say no. */
static void put_key(struct json *j, const char *key)
{
	const char last = j->used > 0 ? j->buf[j->used - 1] : '{';

	if (last != '{' && last != '[')
		put_char(j, ',');
	if (key) {
		put_string(j, (const uint8_t *)key, strlen(key));
		put_char(j, ':');
	}
}

void json_object(struct json *j, const char *key)
{
	put_key(j, key);
	put_char(j, '{');
}

void json_close_object(struct json *j)
{
	put_char(j, '}');
}

void json_array(struct json *j, const char *key)
{
	put_key(j, key);
	put_char(j, '[');
}

void json_close_array(struct json *j)
{
	put_char(j, ']');
}

void json_string_len(struct json *j, const char *key, const void *bytes, size_t len)
{
	put_key(j, key);
	put_string(j, bytes, len);
}

void json_string(struct json *j, const char *key, const char *s)
{
	if (s) {
		json_string_len(j, key, s, strlen(s));
		return;
	}
	put_key(j, key);
	put(j, "null", 4);
}

static void put_digits(struct json *j, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	put(j, digits + at, sizeof(digits) - at);
}

void json_uint(struct json *j, const char *key, uint64_t v)
{
	put_key(j, key);
	put_digits(j, v);
}

void json_int(struct json *j, const char *key, int64_t v)
{
	put_key(j, key);
	if (v < 0)
		put_char(j, '-');
	put_digits(j, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void json_bool(struct json *j, const char *key, bool v)
{
	put_key(j, key);
	put(j, v ? "true" : "false", v ? 4 : 5);
}

int json_end(struct json *j)
{
	if (j->room > 0)
		j->buf[j->used] = '\0';
	return j->full || j->room == 0 || j->used > INT_MAX ? -ENOSPC : (int)j->used;
}
