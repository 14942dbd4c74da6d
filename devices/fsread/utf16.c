#include "fsread/utf16.h"

size_t utf8_put(char *to, uint32_t code)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		to[0] = (char)(0xc0 | code >> 6);
		to[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xe0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 0x3f));
		to[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 0x3f));
	to[2] = (char)(0x80 | (code >> 6 & 0x3f));
	to[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

size_t utf16_text(char *to, const uint16_t *units, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count && units[i]; i++) {
		uint32_t code = units[i];

		if (code >= 0xd800 && code < 0xe000) {
			const bool pair = code < 0xdc00 && i + 1 < count &&
					  units[i + 1] >= 0xdc00 && units[i + 1] < 0xe000;

			code = pair ? 0x10000 + ((code - 0xd800) << 10) + (units[++i] - 0xdc00u)
				    : 0xfffd;
		}
		len += utf8_put(to + len, code);
	}
	to[len] = '\0';
	return len;
}
