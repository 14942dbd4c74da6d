#include "chipset/keyboard.h"

#include <string.h>

#define REPLY_ACK    0xfau
#define REPLY_RESEND 0xfeu /* also: a command that does not exist */
#define REPLY_ECHO   0xeeu
#define REPLY_BAT_OK 0xaau /* basic assurance test passed */
#define SCAN_SET_PC  2u

/* What a command answers: the bytes, and whether an argument follows. */
struct command {
	uint8_t byte;
	bool has_argument;
	uint8_t length;
	uint8_t reply[3];
};

static const struct command commands[] = {
	{ 0xed, true, 1, { REPLY_ACK } },		 /* set the LEDs */
	{ 0xee, false, 1, { REPLY_ECHO } },		 /* echo */
	{ 0xf0, true, 1, { REPLY_ACK } },		 /* choose or ask the scan code set */
	{ 0xf2, false, 3, { REPLY_ACK, 0xab, 0x83 } },	 /* identify: an MF2 keyboard */
	{ 0xf3, true, 1, { REPLY_ACK } },		 /* typematic rate and delay */
	{ 0xf4, false, 1, { REPLY_ACK } },		 /* enable */
	{ 0xf5, false, 1, { REPLY_ACK } },		 /* default, disable */
	{ 0xf6, false, 1, { REPLY_ACK } },		 /* default */
	{ 0xf7, false, 1, { REPLY_ACK } },		 /* scan set 3: all keys typematic */
	{ 0xf8, false, 1, { REPLY_ACK } },		 /* ... make and break */
	{ 0xf9, false, 1, { REPLY_ACK } },		 /* ... make only */
	{ 0xfa, false, 1, { REPLY_ACK } },		 /* ... all of it */
	{ 0xff, false, 2, { REPLY_ACK, REPLY_BAT_OK } }, /* reset */
};

void keyboard_init(struct keyboard *k)
{
	*k = (struct keyboard){ .scan_set = SCAN_SET_PC };
}

static void queue(struct keyboard *k, uint8_t byte)
{
	if (k->count < KEYBOARD_QUEUE_BYTES)
		k->queue[k->count++] = byte;
}

static void put_argument(struct keyboard *k, uint8_t command, uint8_t byte)
{
	queue(k, REPLY_ACK);
	if (command != 0xf0)
		return;
	if (byte == 0)
		queue(k, k->scan_set);
	else if (byte <= 3)
		k->scan_set = byte;
}

static void put_command(struct keyboard *k, uint8_t byte)
{
	if (byte == 0xfe) { /* resend */
		queue(k, k->last);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const struct command *c = &commands[i];

		if (c->byte != byte)
			continue;
		if (byte == 0xf5 || byte == 0xf6 || byte == 0xff)
			k->scan_set = SCAN_SET_PC;
		if (c->has_argument)
			k->awaits = byte;
		for (unsigned n = 0; n < c->length; n++)
			queue(k, c->reply[n]);
		return;
	}
	queue(k, REPLY_RESEND);
}

void keyboard_put(struct keyboard *k, uint8_t byte)
{
	const uint8_t command = k->awaits;

	k->count = 0;
	k->awaits = 0;
	/* A command in the place of an argument ends the command before. */
	if (command != 0 && byte < 0xed)
		put_argument(k, command, byte);
	else
		put_command(k, byte);
}

int keyboard_get(struct keyboard *k)
{
	if (k->count == 0)
		return -1;
	k->last = k->queue[0];
	k->count--;
	memmove(k->queue, k->queue + 1, k->count);
	return k->last;
}
