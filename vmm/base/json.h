/* base/json.h: a JSON writer into the caller's buffer (RFC 8259).
 *
 * No allocation and no nesting state: each call appends, commas come by
 * themselves.  Text that does not fit is dropped, and json_end() says so; what
 * was written before is never overrun.
 *
 *   struct json j;
 *   json_begin(&j, line, sizeof line);
 *   json_object(&j, NULL);
 *   json_string(&j, "event", "exit");
 *   json_uint(&j, "status", 0);
 *   json_close_object(&j);
 *   len = json_end(&j);
 *
 * key is the member's name inside an object, and NULL inside an array and for
 * the outermost value. */
#ifndef BANTAM_BASE_JSON_H
#define BANTAM_BASE_JSON_H

#include "base/types.h"

struct json {
	char *buf; /* borrowed */
	size_t room;
	size_t used;
	bool full; /* something did not fit */
};

void json_begin(struct json *j, char *buf, size_t room);

void json_object(struct json *j, const char *key);
void json_close_object(struct json *j);
void json_array(struct json *j, const char *key);
void json_close_array(struct json *j);

/* Any bytes are good: control characters are escaped, and a byte that is not
 * part of well-formed UTF-8 becomes \ufffd.  s NULL gives null. */
void json_string(struct json *j, const char *key, const char *s);
void json_string_len(struct json *j, const char *key, const void *bytes, size_t len);
void json_uint(struct json *j, const char *key, uint64_t v);
void json_int(struct json *j, const char *key, int64_t v);
void json_bool(struct json *j, const char *key, bool v);

/* Terminate the text by a NUL.  Returns its length without that, or -ENOSPC if
 * the buffer was too small: the text is then no JSON. */
int json_end(struct json *j);

#endif
