/* virtio/console_ctrl.h: the control messages of a console with several ports
 * (virtio 1.2, 5.3.6.2), as bytes and as values.  Pure.
 *
 *      offset 0  le32  id      the port
 *             4  le16  event   below
 *             6  le16  value
 *             8  what the event adds: a size or a name
 */
#ifndef BANTAM_VIRTIO_CONSOLE_CTRL_H
#define BANTAM_VIRTIO_CONSOLE_CTRL_H

#include "base/types.h"

enum console_event {
	CONSOLE_DEVICE_READY = 0, /* driver: 1, it takes part */
	CONSOLE_PORT_ADD = 1,	  /* device */
	CONSOLE_PORT_REMOVE = 2,  /* device; never sent: ports stay */
	CONSOLE_PORT_READY = 3,	  /* driver: 1, it has added the port */
	CONSOLE_CONSOLE_PORT = 4, /* device: the port is for a terminal, hvcN */
	CONSOLE_RESIZE = 5,	  /* device; with a size */
	CONSOLE_PORT_OPEN = 6,	  /* both: 1, somebody is at the sender's end */
	CONSOLE_PORT_NAME = 7,	  /* device; with a name, no NUL */
};

#define CONSOLE_CTRL_BYTES  8u
#define CONSOLE_NAME_MAX    63u /* bytes */
#define CONSOLE_MESSAGE_MAX (CONSOLE_CTRL_BYTES + CONSOLE_NAME_MAX)

struct console_ctrl {
	uint32_t id;
	uint16_t event; /* enum console_event, or any value from a driver */
	uint16_t value;
};

/* The header of a message. */
struct console_ctrl console_ctrl_decode(const uint8_t bytes[CONSOLE_CTRL_BYTES]);

/* A message as bytes; each returns its length. */
unsigned console_ctrl_encode(uint8_t *to, uint32_t id, enum console_event event, uint16_t value);
/* Columns first, as the standard has it and Linux since 6.15 (it was the other way
 * round before); a console of one port says its size in configuration space, which
 * all have always read alike. */
unsigned console_ctrl_encode_resize(uint8_t *to, uint32_t id, uint16_t cols, uint16_t rows);
/* name  1..CONSOLE_NAME_MAX bytes */
unsigned console_ctrl_encode_name(uint8_t *to, uint32_t id, const char *name);

/* Whether a port may be called so: a guest makes a file of it.  1 to
 * CONSOLE_NAME_MAX printable characters of ASCII, no slash, no space, not "." or
 * "..". */
bool console_name_ok(const char *name);

#endif
