#include "base/keyvals.h"

#include <errno.h>
#include <string.h>

#include "base/options.h"

/* A set of rows that were given is a bit map. */
#define ROWS_MAX 64u

/* Cut the next part off *rest, NUL-terminated, doubled commas made single; NULL when
 * there is no more. */
static char *next_part(char **rest)
{
	char *const part = *rest, *to = part, *from = part;

	if (!part)
		return NULL;
	for (; *from; from++) {
		if (*from == ',' && from[1] != ',')
			break;
		if (*from == ',')
			from++;
		*to++ = *from;
	}
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return part;
}

static const struct keyval_row *find(const struct keyval_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->rows[i].name, name) == 0)
			return &table->rows[i];
	return NULL;
}

static int unknown(const struct keyval_table *table, const char *name, struct err *err)
{
	const struct keyval_row *nearest = NULL;
	int nearest_distance = -1;
	char text[QUOTED_BYTES];

	for (size_t i = 0; i < table->count; i++) {
		const int distance = word_distance(name, table->rows[i].name);

		if (distance < 0 || (nearest && distance >= nearest_distance))
			continue;
		nearest = &table->rows[i];
		nearest_distance = distance;
	}
	quoted(text, name);
	if (nearest)
		return err_set(err, -EINVAL, "'%s' is not known: did you mean %s?", text,
			       nearest->name);
	return err_set(err, -EINVAL, "'%s' is not known (a comma in a name is written twice)",
		       text);
}

/* "on" for a bare switch; NULL if the value is missing, needless or no switch's. */
static const char *value_of(const struct keyval_row *row, const char *equals)
{
	if (row->arg)
		return equals && equals[1] ? equals + 1 : NULL;
	if (!equals)
		return "on";
	return strcmp(equals + 1, "on") == 0 || strcmp(equals + 1, "off") == 0 ? equals + 1 : NULL;
}

static int apply(const struct keyval_table *table, char *part, uint64_t *given, void *target,
		 struct err *err)
{
	char *equals = strchr(part, '=');
	const struct keyval_row *row;
	const char *value;
	struct err why;
	int rc;

	if (equals)
		*equals = '\0';
	row = find(table, part);
	if (!row)
		return unknown(table, part, err);
	value = value_of(row, equals);
	if (!value)
		return row->arg ? err_set(err, -EINVAL, "%s needs a value: %s=%s", row->name,
					  row->name, row->arg)
				: err_set(err, -EINVAL, "%s is a switch: use %s, %s=on or %s=off",
					  row->name, row->name, row->name, row->name);
	if (*given & UINT64_C(1) << (row - table->rows))
		return err_set(err, -EINVAL, "%s is given twice", row->name);
	*given |= UINT64_C(1) << (row - table->rows);
	rc = row->set(target, value, &why);
	return rc < 0 ? err_set(err, rc, "%s: %s", row->name, why.text) : 0;
}

int keyvals_parse(const struct keyval_table *table, char *text, void *target, struct err *err)
{
	uint64_t given = 0;
	char *rest = text, *part;
	int rc = 0;

	if (table->count > ROWS_MAX)
		return err_set(err, -EINVAL, "too many keys");
	if (table->first)
		rc = table->first(target, next_part(&rest), err);
	while (rc == 0 && (part = next_part(&rest)))
		rc = apply(table, part, &given, target, err);
	return rc;
}
