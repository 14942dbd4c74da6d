#include "chipset/i8254_counter.h"

#define CONTROL_BCD  0x01u
#define CONTROL_BITS 0x3fu

enum access { ACCESS_LSB = 1, ACCESS_MSB = 2, ACCESS_BOTH = 3 };

/* Status byte (data sheet figure 12): OUT, null count, then the control word. */
#define STATUS_OUT	  0x80u
#define STATUS_NULL_COUNT 0x40u

static enum access access_of(const struct i8254_counter *c)
{
	return (enum access)(c->control >> 4 & 3);
}

/* M2 is a don't-care in modes 2 and 3: 6 and 7 are the same modes. */
static unsigned mode_of(const struct i8254_counter *c)
{
	const unsigned m = c->control >> 1 & 7;

	return m > 5 ? m - 4 : m;
}

static bool is_periodic(const struct i8254_counter *c)
{
	return mode_of(c) == 2 || mode_of(c) == 3;
}

/* Modes in which the rising edge of GATE starts the count, not CR's writing. */
static bool waits_for_trigger(const struct i8254_counter *c)
{
	return mode_of(c) == 1 || mode_of(c) == 5;
}

/* ---- numbers ------------------------------------------------------------ */

static uint32_t bcd_to_binary(uint16_t bcd)
{
	return (bcd >> 12) * 1000u + (bcd >> 8 & 15) * 100u + (bcd >> 4 & 15) * 10u + (bcd & 15);
}

static uint16_t binary_to_bcd(uint32_t v)
{
	return (uint16_t)(v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

static uint32_t modulus(const struct i8254_counter *c)
{
	return c->control & CONTROL_BCD ? 10000 : 65536;
}

/* ---- the counting element ------------------------------------------------ */

static uint64_t elapsed(const struct i8254_counter *c, uint64_t tick)
{
	return c->counting ? tick - c->origin_tick : c->held_ticks;
}

static void hold(struct i8254_counter *c, uint64_t tick)
{
	c->held_ticks = elapsed(c, tick);
	c->counting = false;
}

static void resume(struct i8254_counter *c, uint64_t tick)
{
	c->origin_tick = tick - elapsed(c, tick);
	c->counting = true;
}

/* Mode 3: OUT is high for the first half, which is longer by one if odd. */
static uint32_t high_half(uint32_t period)
{
	return (period + 1) / 2;
}

/* CR to CE at tick.  In mode 3 a count written in the first half takes over at
 * the end of that half: OUT goes low, and the new low half begins. */
static void load(struct i8254_counter *c, uint64_t tick, bool into_low_half)
{
	c->period = c->reload;
	c->held_ticks = into_low_half ? high_half(c->period) : 0;
	c->origin_tick = tick - c->held_ticks;
	c->counting = c->gate || waits_for_trigger(c);
	c->loaded = true;
	c->null_count = false;
	c->load_tick = TICK_NEVER;
}

void counter_settle(struct i8254_counter *c, uint64_t tick)
{
	bool into_low_half;

	if (c->load_tick == TICK_NEVER || tick < c->load_tick)
		return;
	into_low_half = mode_of(c) == 3 && c->loaded && c->counting &&
			(c->load_tick - c->origin_tick) % c->period != 0;
	load(c, c->load_tick, into_low_half);
}

/* When a count that is written while a periodic mode counts takes over: at the
 * end of the period (mode 2) or of the half period (mode 3). */
static uint64_t next_boundary(const struct i8254_counter *c, uint64_t tick)
{
	const uint64_t at = (tick - c->origin_tick) % c->period;
	const uint32_t high = high_half(c->period);

	if (mode_of(c) == 3 && at < high && high < c->period)
		return tick + (high - at);
	return tick + (c->period - at);
}

static uint16_t count_at(const struct i8254_counter *c, uint64_t tick)
{
	const uint32_t mod = modulus(c);
	uint64_t at, count;

	if (c->period == 0)
		return 0;
	at = elapsed(c, tick);
	if (is_periodic(c))
		at %= c->period;
	if (mode_of(c) == 3) {
		/* By twos, from the even part of the count, in each half. */
		if (at >= high_half(c->period))
			at -= high_half(c->period);
		count = (c->period & ~1u) - 2 * at;
	} else {
		/* Modes 0, 1, 4, 5 wrap to the highest count and go on. */
		count = c->period + mod - at % mod;
	}
	count %= mod;
	return c->control & CONTROL_BCD ? binary_to_bcd((uint32_t)count) : (uint16_t)count;
}

static bool out_at(const struct i8254_counter *c, uint64_t tick)
{
	uint64_t at;

	if (!c->loaded)
		return mode_of(c) != 0;
	at = elapsed(c, tick);
	switch (mode_of(c)) {
	case 0:
	case 1:
		return at >= c->period;
	case 2:
		return !c->counting || at % c->period != c->period - 1;
	case 3:
		return !c->counting || at % c->period < high_half(c->period);
	default:
		return at != c->period;
	}
}

bool counter_out(struct i8254_counter *c, uint64_t tick)
{
	counter_settle(c, tick);
	return out_at(c, tick);
}

uint64_t counter_next_rise(const struct i8254_counter *c, uint64_t tick)
{
	struct i8254_counter ahead = *c;
	uint64_t at, strobe_end;

	/* A load that is still to come may itself be the rise: the end of a
	 * period or of a strobe.  No other rise comes before it. */
	counter_settle(&ahead, tick);
	if (ahead.load_tick != TICK_NEVER) {
		const uint64_t load_tick = ahead.load_tick;
		const bool was_low = !out_at(&ahead, load_tick - 1);

		counter_settle(&ahead, load_tick);
		if (was_low && out_at(&ahead, load_tick))
			return load_tick;
		tick = load_tick;
	}
	if (!ahead.loaded || !ahead.counting)
		return TICK_NEVER;
	at = elapsed(&ahead, tick);
	if (is_periodic(c))
		return ahead.period < 2 ? TICK_NEVER : tick + (ahead.period - at % ahead.period);
	/* Modes 0 and 1 rise at the end, 4 and 5 a CLK after their strobe. */
	strobe_end = ahead.period + (mode_of(c) >= 4 ? 1u : 0u);
	return at < strobe_end ? tick + (strobe_end - at) : TICK_NEVER;
}

uint32_t counter_period(const struct i8254_counter *c)
{
	return c->loaded && c->counting && is_periodic(c) ? c->period : 0;
}

/* ---- what the guest does -------------------------------------------------- */

void counter_init(struct i8254_counter *c, bool gate)
{
	*c = (struct i8254_counter){
		.control = ACCESS_BOTH << 4,
		.gate = gate,
		.null_count = true,
		.load_tick = TICK_NEVER,
	};
}

void counter_control(struct i8254_counter *c, uint8_t control, uint64_t tick)
{
	counter_settle(c, tick);
	hold(c, tick);
	c->control = control & CONTROL_BITS;
	c->write_msb_next = false;
	c->read_msb_next = false;
	c->reload = 0;
	c->null_count = true;
	c->load_tick = TICK_NEVER;
	c->loaded = false;
	c->count_latched = false;
	c->status_latched = false;
}

/* "Mode definitions": when a new count goes to CE. */
static void new_count(struct i8254_counter *c, uint16_t raw, uint64_t tick)
{
	c->reload = c->control & CONTROL_BCD ? bcd_to_binary(raw) : raw;
	if (c->reload == 0)
		c->reload = modulus(c);
	c->null_count = true;
	switch (mode_of(c)) {
	case 0: /* OUT goes low at once */
		c->loaded = false;
		c->load_tick = tick + 1;
		break;
	case 4:
		c->load_tick = tick + 1;
		break;
	case 2:
	case 3:
		if (!c->loaded)
			c->load_tick = tick + 1;
		else if (c->counting)
			c->load_tick = next_boundary(c, tick);
		/* else the trigger brings it */
		break;
	default: /* 1 and 5 wait for the trigger */
		break;
	}
}

void counter_write(struct i8254_counter *c, uint8_t byte, uint64_t tick)
{
	counter_settle(c, tick);
	switch (access_of(c)) {
	case ACCESS_LSB:
		new_count(c, byte, tick);
		break;
	case ACCESS_MSB:
		new_count(c, (uint16_t)(byte << 8), tick);
		break;
	case ACCESS_BOTH:
		c->write_msb_next = !c->write_msb_next;
		if (!c->write_msb_next) {
			new_count(c, (uint16_t)(byte << 8 | c->write_lsb), tick);
			break;
		}
		c->write_lsb = byte;
		/* Mode 0: the first byte stops the count and lowers OUT. */
		if (mode_of(c) == 0) {
			hold(c, tick);
			c->loaded = false;
			c->load_tick = TICK_NEVER;
		}
		break;
	}
}

uint8_t counter_read(struct i8254_counter *c, uint64_t tick)
{
	uint16_t count;
	bool msb;

	counter_settle(c, tick);
	/* "Read-back command": status goes first, whichever was latched first. */
	if (c->status_latched) {
		c->status_latched = false;
		return c->latched_status;
	}
	count = c->count_latched ? c->latched_count : count_at(c, tick);
	msb = access_of(c) == ACCESS_MSB;
	if (access_of(c) == ACCESS_BOTH) {
		msb = c->read_msb_next;
		c->read_msb_next = !c->read_msb_next;
	}
	/* The latch holds until the last byte of the count is read. */
	if (!c->read_msb_next)
		c->count_latched = false;
	return (uint8_t)(msb ? count >> 8 : count);
}

/* A latch that was not read yet keeps what it has. */
void counter_latch_count(struct i8254_counter *c, uint64_t tick)
{
	counter_settle(c, tick);
	if (c->count_latched)
		return;
	c->latched_count = count_at(c, tick);
	c->count_latched = true;
}

void counter_latch_status(struct i8254_counter *c, uint64_t tick)
{
	counter_settle(c, tick);
	if (c->status_latched)
		return;
	c->latched_status = (uint8_t)((out_at(c, tick) ? STATUS_OUT : 0) |
				      (c->null_count ? STATUS_NULL_COUNT : 0) | c->control);
	c->status_latched = true;
}

/* "GATE pin operations summary" (figure 21). */
void counter_set_gate(struct i8254_counter *c, bool gate, uint64_t tick)
{
	const bool rises = gate && !c->gate;
	const bool level = !waits_for_trigger(c); /* low stops the count */

	counter_settle(c, tick);
	c->gate = gate;
	if (level && !gate) {
		/* The period whose end a new count waits for never ends. */
		if (is_periodic(c) && c->counting)
			c->load_tick = TICK_NEVER;
		hold(c, tick);
	}
	if (!rises)
		return;
	if (is_periodic(c) || waits_for_trigger(c)) {
		if (c->reload)
			c->load_tick = tick + 1;
	} else if (c->loaded) {
		resume(c, tick);
	}
}
