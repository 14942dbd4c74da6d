#include "char/escape.h"

enum escape_result escape_feed(struct escape *e, uint8_t byte, uint8_t *out)
{
	if (!e->pending && byte == ESCAPE_KEY) {
		e->pending = true;
		return ESCAPE_NOTHING;
	}
	*out = byte;
	if (!e->pending)
		return ESCAPE_BYTE;
	e->pending = false;
	if (byte != 'a' && byte != ESCAPE_KEY)
		return ESCAPE_COMMAND;
	*out = ESCAPE_KEY;
	return ESCAPE_BYTE;
}
