#include "tools/img_print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* How many columns it took. */
static size_t print_byte(FILE *out, unsigned char c)
{
	if (c < 0x20 || c == 0x7f)
		return (size_t)fprintf(out, "\\%03o", c);
	fputs(c == '\\' ? "\\" : "", out);
	fputc(c, out);
	return c == '\\' ? 2 : 1;
}

void print_name(FILE *out, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		print_byte(out, (unsigned char)name[i]);
}

void print_text(FILE *out, const char *text)
{
	print_name(out, text, strlen(text));
}

void print_text_column(FILE *out, const char *text, unsigned width)
{
	size_t columns = 0;

	while (*text)
		columns += print_byte(out, (unsigned char)*text++);
	for (; columns < width; columns++)
		fputc(' ', out);
}

/* What a file can be, as ls and as words. */
static const struct {
	uint32_t type;
	char letter;
	const char *word;
} types[] = {
	{ S_IFREG, '-', "file" },    { S_IFDIR, 'd', "directory" }, { S_IFLNK, 'l', "symlink" },
	{ S_IFCHR, 'c', "char" },    { S_IFBLK, 'b', "block" },	    { S_IFIFO, 'p', "fifo" },
	{ S_IFSOCK, 's', "socket" },
};

static size_t type_index(uint32_t mode)
{
	size_t i = 0;

	while (i < ARRAY_LEN(types) && types[i].type != (mode & S_IFMT))
		i++;
	return i;
}

const char *type_text(uint32_t mode)
{
	const size_t i = type_index(mode);

	return i < ARRAY_LEN(types) ? types[i].word : "unknown";
}

const char *mode_text(char text[11], uint32_t mode)
{
	static const char bits[] = "rwxrwxrwx";
	const size_t type = type_index(mode);

	text[0] = type < ARRAY_LEN(types) ? types[type].letter : '?';
	for (unsigned i = 0; i < 9; i++)
		text[1 + i] = mode & 0400u >> i ? bits[i] : '-';
	if (mode & S_ISUID)
		text[3] = mode & 0100 ? 's' : 'S';
	if (mode & S_ISGID)
		text[6] = mode & 0010 ? 's' : 'S';
	if (mode & S_ISVTX)
		text[9] = mode & 0001 ? 't' : 'T';
	text[10] = '\0';
	return text;
}

const char *time_text(char text[TIME_TEXT_BYTES], int64_t seconds)
{
	const time_t t = seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(text, TIME_TEXT_BYTES, "%Y-%m-%d %H:%M", &tm) == 0)
		snprintf(text, TIME_TEXT_BYTES, "?");
	return text;
}

const char *human_size(char text[SIZE_TEXT_BYTES], uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	unsigned unit = 0;
	uint64_t one, tenths, whole;

	while (unit < 6 && bytes >> (10 * unit) >= 1024)
		unit++;
	one = UINT64_C(1) << (10 * unit);
	tenths = bytes / one * 10 + (bytes % one * 10 + one - 1) / one;
	whole = bytes / one + (bytes % one > 0);
	if (whole == 1024 && unit < 6)
		snprintf(text, SIZE_TEXT_BYTES, "1.0%c", units[unit + 1]);
	else if (unit > 0 && tenths < 100)
		snprintf(text, SIZE_TEXT_BYTES, "%u.%u%c", (unsigned)tenths / 10,
			 (unsigned)tenths % 10, units[unit]);
	else
		snprintf(text, SIZE_TEXT_BYTES, "%u%c", (unsigned)whole, units[unit]);
	return text;
}

int json_lines_begin(struct json_lines *l)
{
	*l = (struct json_lines){ .room = malloc(JSON_LINE_BYTES) };
	if (!l->room)
		return -ENOMEM;
	printf("[");
	return 0;
}

void json_line(struct json_lines *l, struct json *j)
{
	json_begin(j, l->room, JSON_LINE_BYTES);
	json_object(j, NULL);
}

void json_line_end(struct json_lines *l, struct json *j)
{
	json_close_object(j);
	if (json_end(j) < 0)
		return; /* cannot be: each text is shorter than a sixth of the room */
	printf("%s\n%s", l->any ? "," : "", l->room);
	l->any = true;
}

void json_lines_end(struct json_lines *l)
{
	printf("%s]\n", l->any ? "\n" : "");
	free(l->room);
}
