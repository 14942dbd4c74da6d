/* fsread/utf16.h: names as Windows and UEFI store them. */
#ifndef BANTAM_FSREAD_UTF16_H
#define BANTAM_FSREAD_UTF16_H

#include "base/types.h"

/* Bytes that hold any n UTF-16 units as UTF-8, with a NUL. */
#define UTF8_BYTES(n) (3 * (n) + 1)

/* Append the character as UTF-8.  Returns the bytes written, 1..4.
 * code  up to 0x10ffff */
size_t utf8_put(char *to, uint32_t code);

/* Units up to the first 0, or count of them, as UTF-8; a lone surrogate becomes
 * U+FFFD.
 * to  UTF8_BYTES(count) bytes
 * Returns the length without the NUL. */
size_t utf16_text(char *to, const uint16_t *units, size_t count);

#endif
