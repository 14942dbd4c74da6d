#include "chipset/i8042.h"

#include <errno.h>
#include <stdlib.h>

#include "chipset/keyboard.h"
#include "chipset/ports.h"
#include "core/platform.h"

/* Status, port 0x64.  Bit 1, input buffer full, is never set: a byte is taken
 * in the moment it is written.  Bits 6 and 7, timeout and parity, likewise. */
#define STATUS_OBF	0x01u
#define STATUS_SYS	0x04u /* command byte bit 2: self-test passed */
#define STATUS_COMMAND	0x08u /* the last write went to 0x64 */
#define STATUS_UNLOCKED 0x10u /* the keyboard is not locked with a key */

/* Command byte: byte 0 of the controller's RAM. */
#define CB_KBD_INT 0x01u
#define CB_SYS	   0x04u
#define CB_KBD_DIS 0x10u
#define CB_AUX_DIS 0x20u
#define CB_XLATE   0x40u /* translate scan codes of set 2 to set 1 */
/* What a BIOS leaves behind: a kernel that is loaded directly finds the same. */
#define CB_AFTER_BIOS (CB_KBD_INT | CB_SYS | CB_AUX_DIS | CB_XLATE)

/* Output port. */
#define OUT_NOT_RESET  0x01u
#define OUT_A20	       0x02u
#define OUT_KBD_IRQ    0x10u
#define OUT_AFTER_BIOS (OUT_NOT_RESET | OUT_A20)

#define RAM_BYTES      32u
#define SELF_TEST_OK   0x55u
#define TEST_OK	       0x00u
#define TEST_CLOCK_LOW 0x01u
#define INPUT_PORT     0x80u /* bit 7: not locked */

struct i8042_state {
	uint8_t ram[RAM_BYTES]; /* [0] is the command byte */
	uint8_t output_port;
	uint8_t command; /* awaits its data byte at 0x60; 0: none */
	bool last_was_command;
	bool obf;
	bool obf_is_reply;
	uint8_t output_buffer;
	/* The controller's own answer goes before the keyboard's bytes.  A new
	 * command drops an answer that nobody fetched, wherever it is: Linux
	 * leaves that of 0xd3 lying, and must not take it for the next one. */
	bool has_reply;
	uint8_t reply;
	struct keyboard keyboard;
};

struct i8042 {
	struct device dev;
	struct i8042_state s;
	struct bus *pio;
	const struct power_sink *power;
	struct irq irq; /* the keyboard's; the mouse's, GSI 12, has no source */
	bool irq_level; /* of the line now: driving it costs a system call */
};

/* ---- the way to the guest ----------------------------------------------------- */

/* Translation (CB_XLATE) would matter for scan codes only, and there are none,
 * but it meets one byte that this keyboard sends: its identity 0xab 0x83 comes
 * out as 0xab 0x41 on a translating PC, and drivers know it by both. */
static uint8_t translate(const struct i8042_state *s, uint8_t byte)
{
	return (s->ram[0] & CB_XLATE) && byte == 0x83 ? 0x41 : byte;
}

static void drive_irq(struct i8042 *k, bool level)
{
	if (level != k->irq_level)
		irq_set(&k->irq, level);
	k->irq_level = level;
}

/* Fill an empty output buffer, then drive IRQ1 to match. */
static void update(struct i8042 *k)
{
	struct i8042_state *s = &k->s;
	int byte;

	if (!s->obf && s->has_reply) {
		s->output_buffer = s->reply;
		s->has_reply = false;
		s->obf = true;
		s->obf_is_reply = true;
	} else if (!s->obf && !(s->ram[0] & CB_KBD_DIS)) {
		byte = keyboard_get(&s->keyboard);
		if (byte >= 0) {
			s->output_buffer = translate(s, (uint8_t)byte);
			s->obf = true;
			s->obf_is_reply = false;
		}
	}
	drive_irq(k, s->obf && (s->ram[0] & CB_KBD_INT));
}

static void reply(struct i8042_state *s, uint8_t byte)
{
	s->reply = byte;
	s->has_reply = true;
}

/* ---- commands ------------------------------------------------------------------- */

static void request_reset(const struct i8042 *k)
{
	power_request(k->power, POWER_RESET, 0, "i8042");
}

static uint8_t output_port(const struct i8042_state *s)
{
	return s->output_port | (s->obf && (s->ram[0] & CB_KBD_INT) ? OUT_KBD_IRQ : 0);
}

static void write_command(struct i8042 *k, uint8_t command)
{
	struct i8042_state *s = &k->s;

	s->has_reply = false;
	if (s->obf_is_reply)
		s->obf = false;
	s->command = 0;
	switch (command) {
	case 0x20 ... 0x3f:
		reply(s, s->ram[command & (RAM_BYTES - 1)]);
		break;
	case 0x60 ... 0x7f: /* write RAM */
	case 0xd1:	    /* write output port */
	case 0xd2:	    /* echo as if from the keyboard */
	case 0xd3:	    /* echo as if from the mouse */
	case 0xd4:	    /* send to the mouse */
		s->command = command;
		break;
	case 0xa7:
		s->ram[0] |= CB_AUX_DIS;
		break;
	case 0xa8:
		s->ram[0] &= (uint8_t)~CB_AUX_DIS;
		break;
	case 0xa9: /* test the mouse's lines: see i8042.h */
		reply(s, TEST_CLOCK_LOW);
		break;
	case 0xaa:
		s->ram[0] |= CB_SYS;
		reply(s, SELF_TEST_OK);
		break;
	case 0xab:
		reply(s, TEST_OK);
		break;
	case 0xad:
		s->ram[0] |= CB_KBD_DIS;
		break;
	case 0xae:
		s->ram[0] &= (uint8_t)~CB_KBD_DIS;
		break;
	case 0xc0:
		reply(s, INPUT_PORT);
		break;
	case 0xd0:
		reply(s, output_port(s));
		break;
	case 0xf0 ... 0xff: /* pulse the lines whose bit is 0; 0xfe is reset */
		if (!(command & OUT_NOT_RESET))
			request_reset(k);
		break;
	default:
		break;
	}
}

/* A byte to the keyboard also switches its line on. */
static void write_keyboard(struct i8042_state *s, uint8_t byte)
{
	s->ram[0] &= (uint8_t)~CB_KBD_DIS;
	keyboard_put(&s->keyboard, byte);
}

static void write_data(struct i8042 *k, uint8_t byte)
{
	struct i8042_state *s = &k->s;
	const uint8_t command = s->command;

	s->command = 0;
	switch (command) {
	case 0:
		write_keyboard(s, byte);
		break;
	case 0x60 ... 0x7f:
		s->ram[command & (RAM_BYTES - 1)] = byte;
		break;
	case 0xd1:
		s->output_port = byte & (OUT_NOT_RESET | OUT_A20);
		if (!(byte & OUT_NOT_RESET))
			request_reset(k);
		break;
	case 0xd2:
		s->output_buffer = byte;
		s->obf = true;
		s->obf_is_reply = false;
		break;
	case 0xd3: /* without AUXDATA: see i8042.h */
		reply(s, byte);
		break;
	default: /* 0xd4: to a mouse that is not there */
		break;
	}
}

/* ---- ports ------------------------------------------------------------------------ */

static uint64_t data_read(void *ctx, uint64_t offset, unsigned size)
{
	struct i8042 *k = ctx;
	const uint8_t byte = k->s.output_buffer; /* the last one, if it is empty */

	(void)offset, (void)size;
	/* Down first, so that the next byte makes a new edge. */
	k->s.obf = false;
	drive_irq(k, false);
	update(k);
	return byte;
}

static void data_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct i8042 *k = ctx;

	(void)offset, (void)size;
	k->s.last_was_command = false;
	write_data(k, (uint8_t)value);
	update(k);
}

static uint64_t status_read(void *ctx, uint64_t offset, unsigned size)
{
	const struct i8042 *k = ctx;

	(void)offset, (void)size;
	return STATUS_UNLOCKED | (k->s.obf ? STATUS_OBF : 0) |
	       (k->s.ram[0] & CB_SYS ? STATUS_SYS : 0) |
	       (k->s.last_was_command ? STATUS_COMMAND : 0);
}

static void command_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct i8042 *k = ctx;

	(void)offset, (void)size;
	k->s.last_was_command = true;
	write_command(k, (uint8_t)value);
	update(k);
}

static const struct bus_ops data_ops = { data_read, data_write };
static const struct bus_ops command_ops = { status_read, command_write };

static const struct port_row i8042_ports[] = {
	{ "keyboard data", PORT_KBD_DATA, 1, 1, &data_ops },
	{ "keyboard command", PORT_KBD_STATUS, 1, 1, &command_ops },
};

static void i8042_reset(struct device *dev)
{
	struct i8042 *k = container_of(dev, struct i8042, dev);

	k->s = (struct i8042_state){
		.ram = { CB_AFTER_BIOS },
		.output_port = OUT_AFTER_BIOS,
	};
	keyboard_init(&k->s.keyboard);
	update(k);
}

static int i8042_create(const struct board *board, const void *config, struct device **out,
			struct err *err)
{
	struct i8042 *k = calloc(1, sizeof(*k));
	int rc;

	(void)config;
	if (!k)
		return err_set(err, -ENOMEM, "no memory for the keyboard controller");
	k->dev.type = &i8042_type;
	k->pio = board->pio;
	k->power = board->power;
	k->irq = board_irq(board, GSI_KBD);
	rc = ports_claim(k->pio, i8042_ports, ARRAY_LEN(i8042_ports), k, err);
	if (rc < 0) {
		free(k);
		return rc;
	}
	i8042_reset(&k->dev);
	*out = &k->dev;
	return 0;
}

static void i8042_destroy(struct device *dev)
{
	struct i8042 *k = container_of(dev, struct i8042, dev);

	ports_release(k->pio, i8042_ports, ARRAY_LEN(i8042_ports));
	free(k);
}

const struct device_type i8042_type = { "i8042", i8042_create, i8042_reset, i8042_destroy };
