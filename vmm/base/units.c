#include "base/units.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first, for format(). */
static const struct unit size_units[] = {
	{ "T", UINT64_C(1) << 40 }, { "G", GIB(1) }, { "M", MIB(1) }, { "K", KIB(1) }, { "", 1 },
};

static const struct unit duration_units[] = {
	{ "h", 3600 * NS_PER_S }, { "m", 60 * NS_PER_S }, { "s", NS_PER_S },
	{ "ms", NS_PER_MS },	  { "us", NS_PER_US },	  { "ns", 1 },
};

/* A decimal number, its digits behind the point (FRACTION_DIGITS_MAX at most),
 * and the text that follows. */
struct decimal {
	uint64_t whole;
	uint64_t fraction;
	uint64_t fraction_scale; /* 10 to the number of fraction digits */
	const char *rest;
};

#define FRACTION_DIGITS_MAX 6

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int parse_decimal(const char *text, struct decimal *d)
{
	unsigned digits = 0;
	const char *p = text;

	*d = (struct decimal){ .fraction_scale = 1 };
	if (!is_digit(*p))
		return -EINVAL;
	for (; is_digit(*p); p++) {
		if (!mul_u64(d->whole, 10, &d->whole) ||
		    !add_u64(d->whole, (uint64_t)(*p - '0'), &d->whole))
			return -ERANGE;
	}
	if (*p == '.') {
		for (p++; is_digit(*p); p++) {
			if (++digits > FRACTION_DIGITS_MAX)
				return -EINVAL;
			d->fraction = d->fraction * 10 + (uint64_t)(*p - '0');
			d->fraction_scale *= 10;
		}
		if (digits == 0)
			return -EINVAL;
	}
	d->rest = p;
	return 0;
}

/* *out = d * factor, if that is a whole number. */
static int scale(const struct decimal *d, uint64_t factor, uint64_t *out)
{
	uint64_t whole, part;

	if (!mul_u64(d->whole, factor, &whole) || !mul_u64(d->fraction, factor, &part))
		return -ERANGE;
	if (part % d->fraction_scale)
		return -EINVAL;
	if (!add_u64(whole, part / d->fraction_scale, &whole))
		return -ERANGE;
	*out = whole;
	return 0;
}

/* "M", "MB" or "MiB" in either case, as "M" is the unit's name. */
static bool size_unit_is(const struct unit *u, const char *text)
{
	const size_t len = strlen(u->name);

	if (strncasecmp(text, u->name, len) != 0)
		return false;
	text += len;
	return *text == '\0' || strcasecmp(text, "b") == 0 ||
	       (len > 0 && strcasecmp(text, "ib") == 0);
}

int parse_size(const char *text, uint64_t *bytes)
{
	struct decimal d;
	const int rc = parse_decimal(text, &d);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(size_units); i++) {
		if (size_unit_is(&size_units[i], d.rest))
			return scale(&d, size_units[i].factor, bytes);
	}
	return -EINVAL;
}

int parse_duration(const char *text, uint64_t *ns)
{
	struct decimal d;
	const int rc = parse_decimal(text, &d);

	if (rc < 0)
		return rc;
	if (*d.rest == '\0')
		return scale(&d, NS_PER_S, ns);
	for (size_t i = 0; i < ARRAY_LEN(duration_units); i++) {
		if (strcmp(d.rest, duration_units[i].name) == 0)
			return scale(&d, duration_units[i].factor, ns);
	}
	return -EINVAL;
}

int parse_uint(const char *text, uint64_t max, uint64_t *value)
{
	struct decimal d;
	const int rc = parse_decimal(text, &d);

	if (rc < 0)
		return rc;
	if (*d.rest != '\0' || d.fraction_scale != 1)
		return -EINVAL;
	if (d.whole > max)
		return -ERANGE;
	*value = d.whole;
	return 0;
}

/* The last unit's factor is 1, so one always divides. */
static const char *format(char text[UNITS_TEXT_BYTES], uint64_t v, const struct unit *u)
{
	while (v % u->factor != 0 || (v == 0 && u->factor != 1))
		u++;
	snprintf(text, UNITS_TEXT_BYTES, "%llu%s", (unsigned long long)(v / u->factor), u->name);
	return text;
}

const char *format_size(char text[UNITS_TEXT_BYTES], uint64_t bytes)
{
	return format(text, bytes, size_units);
}

const char *format_duration(char text[UNITS_TEXT_BYTES], uint64_t ns)
{
	return format(text, ns, duration_units);
}
