#include "tools/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cut the blanks at both ends. */
static char *trim(char *text)
{
	size_t len;

	while (is_blank(*text))
		text++;
	len = strlen(text);
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

static void cut_comment(char *line)
{
	for (char *p = line; (p = strchr(p, '#')); p++) {
		if (p == line || is_blank(p[-1])) {
			*p = '\0';
			return;
		}
	}
}

static int unknown_name(const struct option_table *table, const char *where, const char *name,
			struct err *err)
{
	const struct option_row *near = option_nearest(table, name);
	char text[QUOTED_BYTES];

	quoted(text, name);
	if (near)
		return err_set(err, -EINVAL, "%s%s: unknown setting: did you mean %s?", where, text,
			       near->name);
	return err_set(err, -EINVAL, "%s%s: unknown setting: '%s' lists them as flags", where, text,
		       table->help_command);
}

static int apply_switch(const struct option_row *row, const char *value, void *target,
			const char *where, struct err *err)
{
	char text[QUOTED_BYTES];

	if (strcmp(value, "on") == 0)
		return option_apply(row, NULL, target, where, err);
	if (strcmp(value, "off") == 0)
		return 0;
	return err_set(err, -EINVAL, "%s%s: '%s' is not known: use on or off", where, row->name,
		       quoted(text, value));
}

static int parse_line(char *line, const char *where, const struct option_table *table, void *target,
		      struct err *err)
{
	const struct option_row *row;
	char text[QUOTED_BYTES];
	char *equals, *name, *value;

	cut_comment(line);
	line = trim(line);
	if (*line == '\0')
		return 0;
	equals = strchr(line, '=');
	if (!equals)
		return err_set(err, -EINVAL, "%s'%s' is not a setting: write name = value", where,
			       quoted(text, line));
	*equals = '\0';
	name = trim(line);
	value = trim(equals + 1);
	row = option_find(table, name);
	if (!row)
		return unknown_name(table, where, name, err);
	if (strcmp(name, "config") == 0 || strcmp(name, "help") == 0)
		return err_set(err, -EINVAL, "%s%s: works as a flag only: remove the line", where,
			       name);
	if (!row->arg)
		return apply_switch(row, value, target, where, err);
	return option_apply(row, value, target, where, err);
}

/* Read at most room bytes, the count into *used.  0 or -errno. */
static int read_all(int fd, char *buf, size_t room, size_t *used)
{
	*used = 0;
	while (*used < room) {
		const ssize_t n = read(fd, buf + *used, room - *used);

		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			*used += (size_t)n;
	}
	return 0;
}

/* The whole file as a string of the caller's. */
static int read_text(const char *path, char **text, struct err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	char name[QUOTED_BYTES];
	size_t used = 0;
	int rc;

	quoted(name, path);
	if (fd < 0)
		return err_errno(err, -errno, "--config: %s", name);
	*text = malloc(CONFIG_FILE_BYTES_MAX + 1);
	rc = *text ? read_all(fd, *text, CONFIG_FILE_BYTES_MAX + 1, &used) : -ENOMEM;
	close(fd);
	if (rc < 0)
		return err_errno(err, rc, "--config: %s", name);
	if (used > CONFIG_FILE_BYTES_MAX)
		return err_set(err, -EFBIG,
			       "--config: %s: longer than %u bytes: is it the right file?", name,
			       CONFIG_FILE_BYTES_MAX);
	(*text)[used] = '\0';
	if (strlen(*text) != used)
		return err_set(err, -EINVAL, "--config: %s: not a text file: is it the right one?",
			       name);
	return 0;
}

int config_file_parse(const char *path, const struct option_table *table, void *target, char **text,
		      struct err *err)
{
	char name[QUOTED_BYTES], where[QUOTED_BYTES + 16];
	unsigned number = 0;
	char *line, *next;
	int rc = read_text(path, text, err);

	for (line = rc == 0 ? *text : NULL; line && rc == 0; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		snprintf(where, sizeof(where), "%s:%u: ", quoted(name, path), ++number);
		rc = parse_line(line, where, table, target, err);
	}
	return rc;
}
