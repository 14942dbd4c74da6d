#include "base/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The words still to be read. */
struct walk {
	const struct option_table *table;
	int argc;
	char *const *argv;
	int next;
	option_visit *visit;
	void *ctx;
	struct err *err;
};

const char *quoted(char out[QUOTED_BYTES], const char *text)
{
	const size_t len = strlen(text);
	const size_t room = QUOTED_BYTES - 1;
	const size_t head = (room - 3) / 2;
	const size_t tail = room - 3 - head;

	if (len <= room) {
		memcpy(out, text, len + 1);
	} else {
		/* Both ends tell: a path's beginning and its file name. */
		memcpy(out, text, head);
		memcpy(out + head, "...", 3);
		memcpy(out + head + 3, text + len - tail, tail + 1);
	}
	for (char *p = out; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	return out;
}

/* Levenshtein's distance, by one row of its matrix. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[OPTION_NAME_BYTES];
	const size_t len = strlen(b);

	for (size_t j = 0; j <= len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < len; j++) {
			const unsigned above = row[j + 1];
			unsigned best = diagonal + (a[i] != b[j]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			diagonal = above;
			row[j + 1] = best;
		}
	}
	return row[len];
}

int word_distance(const char *typed, const char *name)
{
	const size_t typed_len = strlen(typed), len = strlen(name);
	unsigned distance, limit;

	if (typed_len >= OPTION_NAME_BYTES || len >= OPTION_NAME_BYTES)
		return -1;
	/* The beginning of a word is as good as one slip. */
	if (typed_len >= 3 && typed_len < len && strncmp(typed, name, typed_len) == 0)
		return 1;
	distance = edit_distance(typed, name);
	/* Two slips (a swap of letters is two), but not half of a short word. */
	limit = len >= 6 ? 2 : len >= 3;
	return distance <= limit ? (int)distance : -1;
}

const struct option_row *option_nearest(const struct option_table *table, const char *name)
{
	const struct option_row *best = NULL;
	int best_distance = OPTION_NAME_BYTES;

	for (size_t i = 0; i < table->count; i++) {
		const int distance = word_distance(name, table->rows[i].name);

		if (distance >= 0 && distance < best_distance) {
			best = &table->rows[i];
			best_distance = distance;
		}
	}
	return best;
}

const struct option_row *option_find(const struct option_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->rows[i].name, name) == 0)
			return &table->rows[i];
	}
	return NULL;
}

static const struct option_row *find_letter(const struct option_table *table, char letter)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->rows[i].letter == letter)
			return &table->rows[i];
	}
	return NULL;
}

int option_apply(const struct option_row *row, const char *value, void *target, const char *where,
		 struct err *err)
{
	struct err reason = { "" };
	const int rc = row->set(target, value, &reason);

	if (rc < 0)
		err_set(err, rc, "%s%s: %s", where, row->name, reason.text);
	return rc;
}

/* The next word as the value of row. */
static int take_value(struct walk *w, const struct option_row *row, const char **value)
{
	if (w->next >= w->argc)
		return err_set(w->err, -EINVAL, "--%s: needs a value: --%s %s", row->name,
			       row->name, row->arg);
	*value = w->argv[w->next++];
	return 0;
}

static int unknown_long(struct walk *w, const char *name)
{
	const struct option_row *near = option_nearest(w->table, name);
	char text[QUOTED_BYTES];

	if (near)
		return err_set(w->err, -EINVAL, "--%s: unknown flag: did you mean --%s?",
			       quoted(text, name), near->name);
	return err_set(w->err, -EINVAL, "--%s: unknown flag: '%s' lists them", quoted(text, name),
		       w->table->help_command);
}

/* "name" or "name=value". */
static int walk_long(struct walk *w, const char *word)
{
	const char *equals = strchr(word, '=');
	const size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const char *value = equals ? equals + 1 : NULL;
	const struct option_row *row = NULL;
	char name[128];
	int rc = 0;

	snprintf(name, sizeof(name), "%.*s", (int)min_u64(len, sizeof(name) - 1), word);
	row = option_find(w->table, name);
	if (!row)
		return unknown_long(w, name);
	if (!row->arg && value)
		return err_set(w->err, -EINVAL, "--%s: takes no value: give it alone", name);
	if (row->arg && !value)
		rc = take_value(w, row, &value);
	return rc < 0 ? rc : w->visit(w->ctx, row, value, w->err);
}

/* One or more letters; the first that takes a value takes the rest of the word. */
static int walk_short(struct walk *w, const char *letters)
{
	for (const char *p = letters; *p; p++) {
		const struct option_row *row = find_letter(w->table, *p);
		const char *value = NULL;
		char text[QUOTED_BYTES];
		int rc = 0;

		if (!row)
			return err_set(w->err, -EINVAL, "-%s: unknown flag: '%s' lists them",
				       quoted(text, p), w->table->help_command);
		if (row->arg && p[1])
			value = p + 1;
		else if (row->arg)
			rc = take_value(w, row, &value);
		if (rc == 0)
			rc = w->visit(w->ctx, row, value, w->err);
		if (rc < 0 || row->arg)
			return rc;
	}
	return 0;
}

int options_walk(const struct option_table *table, int argc, char *const argv[],
		 option_visit *visit, void *ctx, int *rest, struct err *err)
{
	struct walk w = { table, argc, argv, 1, visit, ctx, err };

	while (w.next < argc) {
		const char *word = argv[w.next];
		int rc;

		if (word[0] != '-' || word[1] == '\0')
			break;
		w.next++;
		if (strcmp(word, "--") == 0)
			break;
		rc = word[1] == '-' ? walk_long(&w, word + 2) : walk_short(&w, word + 1);
		if (rc < 0)
			return rc;
	}
	*rest = w.next;
	return 0;
}

static int apply_flag(void *target, const struct option_row *row, const char *value,
		      struct err *err)
{
	return option_apply(row, value, target, "--", err);
}

int options_parse(const struct option_table *table, int argc, char *const argv[], void *target,
		  int *rest, struct err *err)
{
	return options_walk(table, argc, argv, apply_flag, target, rest, err);
}

int value_wrong(struct err *err, const char *value, const char *what, const char *right)
{
	char text[QUOTED_BYTES];

	return err_set(err, -EINVAL, "'%s' %s: %s", quoted(text, value), what, right);
}
