#include "net/mac.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define GROUP_BIT 1u
#define LOCAL_BIT 2u

void net_mac_from_name(const char *name, unsigned index, uint8_t mac[NET_MAC_BYTES])
{
	uint64_t hash = hash_bytes(HASH_BASIS, name, strlen(name));

	hash = hash_byte(hash, 0); /* "vm1" and 2 are not "vm" and 12 */
	for (unsigned i = 0; i < 4; i++)
		hash = hash_byte(hash, (uint8_t)(index >> 8 * i));
	hash = hash_mix(hash);
	for (unsigned i = 0; i < NET_MAC_BYTES; i++)
		mac[i] = (uint8_t)(hash >> 8 * i);
	mac[0] = (uint8_t)((mac[0] & ~GROUP_BIT) | LOCAL_BIT);
}

/* The value of a hexadecimal digit; -1: it is none. */
static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char lower = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
	const char *at = lower ? strchr(digits, lower) : NULL;

	return at ? (int)(at - digits) : -1;
}

int net_mac_parse(const char *text, uint8_t mac[NET_MAC_BYTES])
{
	static const uint8_t zeros[NET_MAC_BYTES];
	uint8_t parsed[NET_MAC_BYTES];

	for (unsigned i = 0; i < NET_MAC_BYTES; i++) {
		const bool last = i + 1 == NET_MAC_BYTES;
		const int high = digit(text[0]);
		const int low = high < 0 ? -1 : digit(text[1]);

		if (low < 0 || (last ? text[2] != '\0' : text[2] != ':' && text[2] != '-'))
			return -EINVAL;
		parsed[i] = (uint8_t)(high << 4 | low);
		text += 3;
	}
	if (net_mac_is_group(parsed) || memcmp(parsed, zeros, sizeof(zeros)) == 0)
		return -EADDRNOTAVAIL;
	memcpy(mac, parsed, NET_MAC_BYTES);
	return 0;
}

void net_mac_format(const uint8_t mac[NET_MAC_BYTES], char text[NET_MAC_TEXT_BYTES])
{
	snprintf(text, NET_MAC_TEXT_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
}
