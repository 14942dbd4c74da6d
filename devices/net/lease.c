#include "net/lease.h"

#include <string.h>

static bool is_allowed(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.';
}

void net_hostname_take(const uint8_t *bytes, size_t len, char name[NET_HOSTNAME_BYTES])
{
	name[0] = '\0';
	if (len >= NET_HOSTNAME_BYTES)
		return;
	for (size_t i = 0; i < len; i++) {
		if (!is_allowed(bytes[i]))
			return;
	}
	if (len > 0)
		memcpy(name, bytes, len);
	name[len] = '\0';
}
