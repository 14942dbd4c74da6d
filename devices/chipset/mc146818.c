#include "chipset/mc146818.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "chipset/ports.h"
#include "chipset/rtc_calendar.h"
#include "core/platform.h"

#define CMOS_BYTES 128u
#define INDEX_BITS 0x7fu /* bit 7 of port 0x70 masks NMI, which nothing raises */
#define DIVIDER_HZ 32768u
#define UIP_NS	   (244 * NS_PER_US) /* UIP comes this long before an update */

enum {
	REG_A = 0x0a, /* UIP, DV2..0, RS3..0 */
	REG_B = 0x0b, /* SET PIE AIE UIE SQWE DM 24/12 DSE */
	REG_C = 0x0c, /* IRQF PF AF UF */
	REG_D = 0x0d, /* VRT */
	REG_EQUIPMENT = 0x14,
	REG_BASE_KIB = 0x15,	 /* 2 bytes: memory below 1 MiB */
	REG_EXTENDED_KIB = 0x17, /* 2 bytes: memory above 1 MiB */
	REG_EXTENDED_KIB2 = 0x30,
	REG_CENTURY = 0x32,
	REG_ABOVE_16M = 0x34, /* 2 bytes: 64 KiB blocks above 16 MiB, below 4 GiB */
	REG_ABOVE_4G = 0x5b,  /* 3 bytes: 64 KiB blocks above 4 GiB */
};

#define A_UIP		0x80u
#define A_RS		0x0fu
#define A_DIVIDER_RESET 0x60u /* DV of 11x */
#define A_POWER_ON	0x26u /* 32768 Hz, 1024 Hz periodic rate */

#define B_SET	   0x80u
#define B_PIE	   0x40u
#define B_AIE	   0x20u
#define B_UIE	   0x10u
#define B_DM	   0x04u
#define B_24H	   0x02u
#define B_POWER_ON B_24H

/* The flags of register C lie where their enables lie in register B. */
#define C_IRQF	0x80u
#define C_PF	B_PIE
#define C_AF	B_AIE
#define C_UF	B_UIE
#define C_FLAGS (C_PF | C_AF | C_UF)
#define D_VRT	0x80u

struct mc146818_state {
	uint8_t index;
	/* Registers and memory.  The time bytes are good only while the clock
	 * stands; while it runs, the three members below are the time. */
	uint8_t cmos[CMOS_BYTES];
	int64_t second0;	/* seconds since 1970 at divider 0 */
	uint64_t phase_ns;	/* the divider is guest time + this, 0..1e9-1 */
	unsigned weekday_shift; /* see rtc_encode() */
	uint64_t settled_ns;	/* register C is up to date up to here */
};

struct mc146818 {
	struct device dev;
	struct mc146818_state s;
	struct mc146818_config config;
	struct bus *pio;
	struct clock *clock;
	struct irq irq;
	bool irq_level; /* of the line now: driving it costs a system call */
	struct timer timer;
};

/* ---- the clock ------------------------------------------------------------- */

static bool divider_held(const struct mc146818_state *s)
{
	return (s->cmos[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

static bool is_running(const struct mc146818_state *s)
{
	return !(s->cmos[REG_B] & B_SET) && !divider_held(s);
}

static struct rtc_format format_of(const struct mc146818_state *s)
{
	return (struct rtc_format){
		.binary = s->cmos[REG_B] & B_DM,
		.hours24 = s->cmos[REG_B] & B_24H,
	};
}

/* Updates (whole seconds) that the divider has made up to now_ns. */
static uint64_t updates_at(const struct mc146818_state *s, uint64_t now_ns)
{
	return (now_ns + s->phase_ns) / NS_PER_S;
}

static int64_t unix_at(const struct mc146818_state *s, uint64_t now_ns)
{
	return s->second0 + (int64_t)updates_at(s, now_ns);
}

/* The running clock's time into its bytes. */
static void time_to_regs(struct mc146818_state *s, uint64_t now_ns)
{
	rtc_encode(unix_at(s, now_ns), s->weekday_shift, format_of(s), s->cmos,
		   &s->cmos[REG_CENTURY]);
}

/* Let the clock run on from its bytes; the divider keeps its phase. */
static void time_from_regs(struct mc146818_state *s, uint64_t now_ns)
{
	const int64_t unix_s = rtc_decode(s->cmos, s->cmos[REG_CENTURY], format_of(s));

	s->second0 = unix_s - (int64_t)updates_at(s, now_ns);
	s->weekday_shift = rtc_weekday_shift(s->cmos, unix_s, format_of(s));
}

/* Ticks of the 32768 Hz divider between periodic interrupts, 0 for none
 * (data sheet table 5): RS 1 and 2 are the same as 8 and 9. */
static uint32_t periodic_ticks(const struct mc146818_state *s)
{
	const unsigned rs = s->cmos[REG_A] & A_RS;

	if (rs == 0 || divider_held(s))
		return 0;
	return UINT32_C(1) << (rs <= 2 ? rs + 6 : rs - 1);
}

static uint64_t divider_tick(const struct mc146818_state *s, uint64_t now_ns)
{
	return ns_to_ticks(now_ns + s->phase_ns, DIVIDER_HZ);
}

/* ---- flags and interrupt ----------------------------------------------------- */

/* Set the flags of what happened since the last look. */
static void settle(struct mc146818_state *s, uint64_t now_ns)
{
	const uint64_t updates = updates_at(s, now_ns) - updates_at(s, s->settled_ns);
	const uint32_t period = periodic_ticks(s);

	if (is_running(s) && updates > 0) {
		const int64_t from_s = unix_at(s, s->settled_ns);

		s->cmos[REG_C] |= C_UF;
		if (rtc_alarm_delay_s(s->cmos, from_s, format_of(s)) <= updates)
			s->cmos[REG_C] |= C_AF;
	}
	if (period && divider_tick(s, now_ns) / period != divider_tick(s, s->settled_ns) / period)
		s->cmos[REG_C] |= C_PF;
	s->settled_ns = now_ns;
}

static bool is_raised(const struct mc146818_state *s)
{
	return s->cmos[REG_C] & s->cmos[REG_B] & C_FLAGS;
}

/* Guest time of the next interrupt that is enabled, CLOCK_NEVER for none. */
static uint64_t next_interrupt_ns(const struct mc146818_state *s)
{
	const uint64_t updates = updates_at(s, s->settled_ns);
	const uint32_t period = periodic_ticks(s);
	const uint8_t b = s->cmos[REG_B];
	uint64_t next_ns = CLOCK_NEVER;

	if (is_running(s) && (b & B_UIE))
		next_ns = (updates + 1) * NS_PER_S - s->phase_ns;
	if (is_running(s) && (b & B_AIE)) {
		const uint32_t delay_s =
			rtc_alarm_delay_s(s->cmos, unix_at(s, s->settled_ns), format_of(s));

		if (delay_s != RTC_NO_ALARM)
			next_ns = min_u64(next_ns, (updates + delay_s) * NS_PER_S - s->phase_ns);
	}
	if (period && (b & B_PIE)) {
		const uint64_t tick = (divider_tick(s, s->settled_ns) / period + 1) * period;

		next_ns = min_u64(next_ns, ticks_to_ns(tick, DIVIDER_HZ) - s->phase_ns);
	}
	return next_ns;
}

/* Drive IRQ8 and the timer to match the registers.  While the line is up,
 * nothing more can happen until the guest reads register C. */
static void update(struct mc146818 *m)
{
	const bool raised = is_raised(&m->s);
	const uint64_t next_ns = raised ? CLOCK_NEVER : next_interrupt_ns(&m->s);

	if (raised != m->irq_level)
		irq_set(&m->irq, raised);
	m->irq_level = raised;
	if (next_ns == CLOCK_NEVER)
		timer_disarm(m->clock, &m->timer);
	else
		timer_arm(m->clock, &m->timer, next_ns);
}

static void rtc_fire(void *arg, uint64_t now_ns)
{
	struct mc146818 *m = arg;

	settle(&m->s, now_ns);
	update(m);
}

/* ---- registers ----------------------------------------------------------------- */

static const bool is_time[CMOS_BYTES] = {
	[RTC_SECONDS] = true,	  [RTC_MINUTES] = true,	     [RTC_HOURS] = true,
	[RTC_DAY_OF_WEEK] = true, [RTC_DAY_OF_MONTH] = true, [RTC_MONTH] = true,
	[RTC_YEAR] = true,	  [REG_CENTURY] = true,
};

/* Registers A and B can stop the clock and let it go. */
static void write_control(struct mc146818_state *s, uint8_t index, uint8_t value, uint64_t now_ns)
{
	const bool was_running = is_running(s), was_held = divider_held(s);

	if (was_running)
		time_to_regs(s, now_ns);
	s->cmos[index] = value;
	/* Out of divider reset, the first update comes half a second later. */
	if (was_held && !divider_held(s))
		s->phase_ns = (NS_PER_S + NS_PER_S / 2 - now_ns % NS_PER_S) % NS_PER_S;
	if (!was_running && is_running(s))
		time_from_regs(s, now_ns);
}

static void cmos_write(struct mc146818_state *s, uint8_t value, uint64_t now_ns)
{
	const uint8_t index = s->index;

	switch (index) {
	case REG_A:
		write_control(s, REG_A, value & (uint8_t)~A_UIP, now_ns);
		break;
	case REG_B: /* SET clears UIE */
		if (value & B_SET)
			value &= (uint8_t)~B_UIE;
		write_control(s, REG_B, value, now_ns);
		break;
	case REG_C:
	case REG_D: /* read only */
		break;
	default:
		if (is_time[index] && is_running(s)) {
			time_to_regs(s, now_ns);
			s->cmos[index] = value;
			time_from_regs(s, now_ns);
		} else {
			s->cmos[index] = value;
		}
		break;
	}
}

static uint8_t cmos_read(struct mc146818_state *s, uint64_t now_ns)
{
	const uint64_t into_second_ns = (now_ns + s->phase_ns) % NS_PER_S;
	uint8_t value;

	if (is_time[s->index] && is_running(s))
		time_to_regs(s, now_ns);
	value = s->cmos[s->index];
	switch (s->index) {
	case REG_A:
		return value | (is_running(s) && into_second_ns >= NS_PER_S - UIP_NS ? A_UIP : 0);
	case REG_C: /* reading clears all flags */
		value |= is_raised(s) ? C_IRQF : 0;
		s->cmos[REG_C] = 0;
		return value;
	default:
		return value;
	}
}

static uint64_t rtc_read(void *ctx, uint64_t offset, unsigned size)
{
	struct mc146818 *m = ctx;
	const uint64_t now_ns = clock_now(m->clock);
	uint8_t value;

	(void)size;
	if (offset == 0)
		return m->s.index;
	settle(&m->s, now_ns);
	value = cmos_read(&m->s, now_ns);
	update(m);
	return value;
}

static void rtc_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct mc146818 *m = ctx;
	const uint64_t now_ns = clock_now(m->clock);

	(void)size;
	if (offset == 0) {
		m->s.index = value & INDEX_BITS;
		return;
	}
	settle(&m->s, now_ns);
	cmos_write(&m->s, (uint8_t)value, now_ns);
	update(m);
}

/* ---- the device ------------------------------------------------------------------ */

static void fill_memory_sizes(uint8_t *cmos, const struct mc146818_config *c)
{
	const uint64_t above_1m = max_u64(c->ram_below_4g_bytes, MIB(1)) - MIB(1);
	const uint64_t above_16m = max_u64(c->ram_below_4g_bytes, MIB(16)) - MIB(16);
	const uint16_t extended_kib = (uint16_t)min_u64(above_1m / KIB(1), UINT16_MAX);
	const uint32_t above_4g = (uint32_t)min_u64(c->ram_above_4g_bytes / KIB(64), 0xffffff);

	cmos[REG_EQUIPMENT] = 0x02; /* an FPU */
	le16_store(cmos + REG_BASE_KIB, 640);
	le16_store(cmos + REG_EXTENDED_KIB, extended_kib);
	le16_store(cmos + REG_EXTENDED_KIB2, extended_kib);
	le16_store(cmos + REG_ABOVE_16M, (uint16_t)min_u64(above_16m / KIB(64), UINT16_MAX));
	le16_store(cmos + REG_ABOVE_4G, (uint16_t)above_4g);
	cmos[REG_ABOVE_4G + 2] = (uint8_t)(above_4g >> 16);
}

/* A battery keeps the clock and the memory through a reset.  What firmware's
 * self-test would put right is put right here, since a kernel that is loaded
 * directly has no firmware: a stopped clock, the format, the memory sizes. */
static void mc146818_reset(struct device *dev)
{
	struct mc146818 *m = container_of(dev, struct mc146818, dev);
	struct mc146818_state *s = &m->s;
	const uint64_t now_ns = clock_now(m->clock);

	write_control(s, REG_B, s->cmos[REG_B] & (uint8_t)~B_SET, now_ns);
	write_control(s, REG_A, A_POWER_ON, now_ns);
	write_control(s, REG_B, B_POWER_ON, now_ns);
	s->cmos[REG_C] = 0;
	s->index = 0;
	s->settled_ns = now_ns;
	fill_memory_sizes(s->cmos, &m->config);
	update(m);
}

static const struct bus_ops rtc_ops = { rtc_read, rtc_write };

static const struct port_row rtc_ports[] = {
	{ "RTC", PORT_RTC, 2, 1, &rtc_ops },
};

static int mc146818_create(const struct board *board, const void *config, struct device **out,
			   struct err *err)
{
	struct mc146818 *m = calloc(1, sizeof(*m));
	int64_t into_second_ns;
	int rc;

	if (!m)
		return err_set(err, -ENOMEM, "no memory for the RTC");
	m->dev.type = &mc146818_type;
	m->config = *(const struct mc146818_config *)config;
	m->pio = board->pio;
	m->clock = board->clock;
	m->irq = board_irq(board, GSI_RTC);
	timer_init(&m->timer, rtc_fire, m);
	rc = ports_claim(m->pio, rtc_ports, ARRAY_LEN(rtc_ports), m, err);
	if (rc < 0) {
		free(m);
		return rc;
	}
	m->s.second0 = m->config.unix_time_ns / (int64_t)NS_PER_S;
	into_second_ns = m->config.unix_time_ns % (int64_t)NS_PER_S;
	if (into_second_ns < 0) { /* before 1970: round down all the same */
		into_second_ns += (int64_t)NS_PER_S;
		m->s.second0--;
	}
	m->s.phase_ns = (uint64_t)into_second_ns;
	m->s.weekday_shift = 4; /* 1970-01-01 was a Thursday */
	m->s.cmos[REG_A] = A_POWER_ON;
	m->s.cmos[REG_B] = B_POWER_ON;
	m->s.cmos[REG_D] = D_VRT; /* the battery is good */
	mc146818_reset(&m->dev);
	*out = &m->dev;
	return 0;
}

static void mc146818_destroy(struct device *dev)
{
	struct mc146818 *m = container_of(dev, struct mc146818, dev);

	timer_disarm(m->clock, &m->timer);
	ports_release(m->pio, rtc_ports, ARRAY_LEN(rtc_ports));
	free(m);
}

const struct device_type mc146818_type = { "mc146818", mc146818_create, mc146818_reset,
					   mc146818_destroy };
