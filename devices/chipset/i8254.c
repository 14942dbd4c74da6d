#include "chipset/i8254.h"

#include <errno.h>
#include <stdlib.h>

#include "chipset/i8254_counter.h"
#include "chipset/ports.h"
#include "core/platform.h"

#define CHANNELS 3u

/* Offsets from PORT_PIT: 0..2 the channels, 3 the control word. */
#define REG_CONTROL 3u

/* Control word: SC1 SC0 choose a channel or the read-back command; RW of 0 is
 * the counter latch command. */
#define SC_READ_BACK	     3u
#define CONTROL_RW	     0x30u
#define READ_BACK_NO_COUNT   0x20u
#define READ_BACK_NO_STATUS  0x10u
#define READ_BACK_CHANNEL(n) (0x02u << (n))

/* Port 0x61 (ICH9 data sheet, NMI_SC).  The guest writes the low four bits. */
#define PORT_B_GATE2	0x01u
#define PORT_B_WRITABLE 0x0fu
#define PORT_B_REFRESH	0x10u
#define PORT_B_OUT2	0x20u
/* The refresh bit toggles each 15 us, as channel 1 of a PC/AT made it do; some
 * software delays by it. */
#define REFRESH_TICKS 18u

struct i8254_state {
	struct i8254_counter counters[CHANNELS];
	uint8_t port_b;
	/* Rises of channel 0 up to this tick are in the backlog or delivered. */
	uint64_t counted_tick;
	uint32_t backlog;     /* rises that wait for their interrupt */
	uint64_t earliest_ns; /* guest time before which no interrupt comes */
};

struct i8254 {
	struct device dev;
	struct i8254_state s;
	struct bus *pio;
	struct clock *clock;
	struct irq irq;
	struct timer timer;
};

static uint64_t tick_now(const struct i8254 *p)
{
	return ns_to_ticks(clock_now(p->clock), I8254_HZ);
}

/* ---- channel 0's interrupt ------------------------------------------------- */

/* Half a period is time enough for a guest to take an interrupt before the next
 * one, and lets it catch up at twice the pace. */
static void pulse(struct i8254 *p, uint64_t now_ns)
{
	const uint64_t half_ns = ticks_to_ns(counter_period(&p->s.counters[0]), I8254_HZ) / 2;

	p->s.earliest_ns = now_ns + max_u64(half_ns, I8254_GAP_MIN_NS);
	/* One that merged with its predecessor is still owed. */
	if (irq_pulse(&p->irq))
		p->s.backlog--;
}

/* Bring the interrupt up to now.  Comes before every access to channel 0, with
 * the same now: no access may change the counter under rises not yet counted. */
static void deliver(struct i8254 *p, uint64_t now_ns)
{
	struct i8254_counter *c = &p->s.counters[0];
	const uint64_t tick = ns_to_ticks(now_ns, I8254_HZ);

	for (unsigned n = 0; n < I8254_BACKLOG_MAX; n++) {
		const uint64_t rise = counter_next_rise(c, p->s.counted_tick);

		if (rise > tick)
			break;
		p->s.counted_tick = rise;
		counter_settle(c, rise);
		if (p->s.backlog < I8254_BACKLOG_MAX)
			p->s.backlog++;
	}
	p->s.counted_tick = tick;
	counter_settle(c, tick);
	if (p->s.backlog > 0 && now_ns >= p->s.earliest_ns)
		pulse(p, now_ns);
}

static void arm(struct i8254 *p)
{
	const uint64_t rise = counter_next_rise(&p->s.counters[0], p->s.counted_tick);
	uint64_t deadline_ns = CLOCK_NEVER;

	if (rise != TICK_NEVER)
		deadline_ns = ticks_to_ns(rise, I8254_HZ);
	if (p->s.backlog > 0)
		deadline_ns = 0;
	if (deadline_ns == CLOCK_NEVER)
		timer_disarm(p->clock, &p->timer);
	else
		timer_arm(p->clock, &p->timer, max_u64(deadline_ns, p->s.earliest_ns));
}

static void pit_fire(void *arg, uint64_t now_ns)
{
	struct i8254 *p = arg;

	deliver(p, now_ns);
	arm(p);
}

/* ---- 0x40..0x43 ------------------------------------------------------------ */

static void read_back(struct i8254 *p, uint8_t command, uint64_t tick)
{
	for (unsigned n = 0; n < CHANNELS; n++) {
		if (!(command & READ_BACK_CHANNEL(n)))
			continue;
		if (!(command & READ_BACK_NO_COUNT))
			counter_latch_count(&p->s.counters[n], tick);
		if (!(command & READ_BACK_NO_STATUS))
			counter_latch_status(&p->s.counters[n], tick);
	}
}

/* A new mode owes nothing to the old one, nor waits for its pace. */
static void forget_backlog(struct i8254 *p, uint64_t now_ns)
{
	p->s.backlog = 0;
	p->s.earliest_ns = min_u64(p->s.earliest_ns, now_ns + I8254_GAP_MIN_NS);
}

static void write_control(struct i8254 *p, uint8_t word, uint64_t now_ns)
{
	const uint64_t tick = ns_to_ticks(now_ns, I8254_HZ);
	const unsigned select = word >> 6;

	if (select == SC_READ_BACK) {
		read_back(p, word, tick);
	} else if (!(word & CONTROL_RW)) {
		counter_latch_count(&p->s.counters[select], tick);
	} else {
		counter_control(&p->s.counters[select], word, tick);
		if (select == 0)
			forget_backlog(p, now_ns);
	}
}

static uint64_t pit_read(void *ctx, uint64_t offset, unsigned size)
{
	struct i8254 *p = ctx;
	const uint64_t now_ns = clock_now(p->clock);
	uint64_t value;

	(void)size;
	if (offset == REG_CONTROL)
		return 0xff; /* write only: the chip leaves the bus alone */
	deliver(p, now_ns);
	value = counter_read(&p->s.counters[offset], ns_to_ticks(now_ns, I8254_HZ));
	arm(p);
	return value;
}

static void pit_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct i8254 *p = ctx;
	const uint64_t now_ns = clock_now(p->clock);

	(void)size;
	deliver(p, now_ns);
	if (offset == REG_CONTROL)
		write_control(p, (uint8_t)value, now_ns);
	else
		counter_write(&p->s.counters[offset], (uint8_t)value,
			      ns_to_ticks(now_ns, I8254_HZ));
	arm(p);
}

/* ---- 0x61 ------------------------------------------------------------------ */

static uint64_t port_b_read(void *ctx, uint64_t offset, unsigned size)
{
	struct i8254 *p = ctx;
	const uint64_t tick = tick_now(p);

	(void)offset, (void)size;
	return p->s.port_b | (tick / REFRESH_TICKS % 2 ? PORT_B_REFRESH : 0) |
	       (counter_out(&p->s.counters[2], tick) ? PORT_B_OUT2 : 0);
}

static void port_b_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct i8254 *p = ctx;

	(void)offset, (void)size;
	p->s.port_b = value & PORT_B_WRITABLE;
	counter_set_gate(&p->s.counters[2], value & PORT_B_GATE2, tick_now(p));
}

/* ---- the device ------------------------------------------------------------- */

static const struct bus_ops pit_ops = { pit_read, pit_write };
static const struct bus_ops port_b_ops = { port_b_read, port_b_write };

static const struct port_row pit_ports[] = {
	{ "PIT", PORT_PIT, 4, 1, &pit_ops },
	{ "system control B", PORT_SYSTEM_B, 1, 1, &port_b_ops },
};

static int i8254_create(const struct board *board, const void *config, struct device **out,
			struct err *err)
{
	struct i8254 *p = calloc(1, sizeof(*p));
	int rc;

	(void)config;
	if (!p)
		return err_set(err, -ENOMEM, "no memory for the PIT");
	p->dev.type = &i8254_type;
	p->pio = board->pio;
	p->clock = board->clock;
	p->irq = board_irq(board, GSI_PIT);
	timer_init(&p->timer, pit_fire, p);
	rc = ports_claim(p->pio, pit_ports, ARRAY_LEN(pit_ports), p, err);
	if (rc < 0) {
		free(p);
		return rc;
	}
	i8254_type.reset(&p->dev);
	*out = &p->dev;
	return 0;
}

/* Channels 0 and 1 have their gates tied high; channel 2's is bit 0 of 0x61. */
static void i8254_reset(struct device *dev)
{
	struct i8254 *p = container_of(dev, struct i8254, dev);

	p->s = (struct i8254_state){
		.counted_tick = tick_now(p),
		.earliest_ns = clock_now(p->clock),
	};
	for (unsigned n = 0; n < CHANNELS; n++)
		counter_init(&p->s.counters[n], n != 2);
	irq_set(&p->irq, 0);
	arm(p);
}

static void i8254_destroy(struct device *dev)
{
	struct i8254 *p = container_of(dev, struct i8254, dev);

	timer_disarm(p->clock, &p->timer);
	ports_release(p->pio, pit_ports, ARRAY_LEN(pit_ports));
	free(p);
}

const struct device_type i8254_type = { "i8254", i8254_create, i8254_reset, i8254_destroy };
