#include "virtio/console_ctrl.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

struct console_ctrl console_ctrl_decode(const uint8_t bytes[CONSOLE_CTRL_BYTES])
{
	return (struct console_ctrl){ .id = le32_load(bytes),
				      .event = le16_load(bytes + 4),
				      .value = le16_load(bytes + 6) };
}

unsigned console_ctrl_encode(uint8_t *to, uint32_t id, enum console_event event, uint16_t value)
{
	le32_store(to, id);
	le16_store(to + 4, (uint16_t)event);
	le16_store(to + 6, value);
	return CONSOLE_CTRL_BYTES;
}

unsigned console_ctrl_encode_resize(uint8_t *to, uint32_t id, uint16_t cols, uint16_t rows)
{
	console_ctrl_encode(to, id, CONSOLE_RESIZE, 0);
	le16_store(to + CONSOLE_CTRL_BYTES, cols);
	le16_store(to + CONSOLE_CTRL_BYTES + 2, rows);
	return CONSOLE_CTRL_BYTES + 4;
}

unsigned console_ctrl_encode_name(uint8_t *to, uint32_t id, const char *name)
{
	const size_t len = strlen(name);

	assert(len > 0 && len <= CONSOLE_NAME_MAX);
	console_ctrl_encode(to, id, CONSOLE_PORT_NAME, 1);
	memcpy(to + CONSOLE_CTRL_BYTES, name, len);
	return CONSOLE_CTRL_BYTES + (unsigned)len;
}

bool console_name_ok(const char *name)
{
	const size_t len = strnlen(name, CONSOLE_NAME_MAX + 1);

	if (len == 0 || len > CONSOLE_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/')
			return false;
	return true;
}
