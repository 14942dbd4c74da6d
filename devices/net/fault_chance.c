/* Chances as people write them. */
#include <errno.h>
#include <string.h>

#include "net/fault.h"

/* Digits with perhaps a point among them, as a number of 10^-decimals; *end is what
 * follows.  -EINVAL for no digits or too fine a number, -ERANGE above 10^9. */
static int parse_decimal(const char *text, unsigned decimals, uint64_t *value, const char **end)
{
	unsigned digits = 0, behind = 0;
	bool point = false;

	*value = 0;
	for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
		if (*text == '.') {
			point = true;
			continue;
		}
		digits++;
		if (point && behind == decimals) {
			if (*text != '0')
				return -EINVAL;
			continue;
		}
		behind += point;
		*value = *value * 10 + (uint64_t)(*text - '0');
		if (*value > 1000 * NS_PER_S)
			return -ERANGE;
	}
	for (; behind < decimals; behind++)
		*value *= 10;
	*end = text;
	return digits > 0 ? 0 : -EINVAL;
}

int net_fault_parse_chance(const char *text, uint32_t *ppm)
{
	const size_t len = strlen(text);
	const bool percent = len > 0 && text[len - 1] == '%';
	const char *end;
	uint64_t value;
	const int rc = parse_decimal(text, percent ? 4 : 6, &value, &end);

	if (rc < 0)
		return rc;
	if (*end != '\0' && !(percent && end == text + len - 1))
		return -EINVAL;
	if (value > NET_FAULT_CERTAIN)
		return -ERANGE;
	*ppm = (uint32_t)value;
	return 0;
}
