/* tools/img_print.h: how files of an image are shown: hostile names included. */
#ifndef BANTAM_TOOLS_IMG_PRINT_H
#define BANTAM_TOOLS_IMG_PRINT_H

#include <stdio.h>

#include "base/json.h"
#include "fsread/fs.h"

/* Any bytes, such that no name can speak to a terminal or end a line: control
 * characters as \ooo, a backslash doubled. */
void print_name(FILE *out, const char *name, size_t len);
/* The same of a whole string. */
void print_text(FILE *out, const char *text);
/* And in a column: with spaces behind it, up to width. */
void print_text_column(FILE *out, const char *text, unsigned width);

/* "drwxr-xr-x". */
const char *mode_text(char text[11], uint32_t mode);

/* "file", "directory", ... */
const char *type_text(uint32_t mode);

/* "2026-11-23 08:25", UTC. */
#define TIME_TEXT_BYTES 32
const char *time_text(char text[TIME_TEXT_BYTES], int64_t seconds);

/* "1.5G", rounded up as df does. */
#define SIZE_TEXT_BYTES 24
const char *human_size(char text[SIZE_TEXT_BYTES], uint64_t bytes);

/* A JSON array on stdout, an object a line, however long. */
struct json_lines {
	char *room; /* JSON_LINE_BYTES for json_begin(); NULL: no memory */
	bool any;
};

#define JSON_LINE_BYTES KIB(128)

/* 0 or -ENOMEM. */
int json_lines_begin(struct json_lines *l);

/* Begin an object: j is ready for members. */
void json_line(struct json_lines *l, struct json *j);

/* Close the object and print it. */
void json_line_end(struct json_lines *l, struct json *j);
void json_lines_end(struct json_lines *l);

#endif
