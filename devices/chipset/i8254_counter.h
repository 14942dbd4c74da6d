/* chipset/i8254_counter.h: one of the three counters of an 8254, as a function
 * of time.
 *
 * Nothing here ticks.  A counter remembers when its counting element was last
 * loaded; its count and its OUT line at any later tick follow from that.  A tick
 * is one CLK pulse, 1/1193182 s; ticks given to one counter never go back.
 *
 * Words of the Intel 8254 data sheet: CR is the count register that the guest
 * writes, CE the counting element that counts down, OL the output latch. */
#ifndef BANTAM_CHIPSET_I8254_COUNTER_H
#define BANTAM_CHIPSET_I8254_COUNTER_H

#include "base/types.h"

#define TICK_NEVER UINT64_MAX

struct i8254_counter {
	uint8_t control; /* RW1 RW0 M2 M1 M0 BCD as the guest wrote them */
	bool gate;

	/* Bytes of a 16-bit access: which comes next, and the first one. */
	bool write_msb_next;
	bool read_msb_next;
	uint8_t write_lsb;

	/* CR in CLK pulses (1..65536, or ..16665 from nonsense BCD); 0: no
	 * count was written since the control word. */
	uint32_t reload;
	bool null_count;    /* CR has not reached CE yet */
	uint64_t load_tick; /* when CR goes to CE; TICK_NEVER: not by itself */

	/* CE: what it was loaded with, and how far it has counted since. */
	bool loaded;	      /* since the control word; OUT depends on it */
	bool counting;	      /* false: stands still at held_ticks */
	uint32_t period;      /* 0: never loaded at all */
	uint64_t origin_tick; /* when it was at period; may lie before tick 0 by
			       * wrapping, differences are right */
	uint64_t held_ticks;

	/* OL */
	bool count_latched;
	bool status_latched;
	uint16_t latched_count;
	uint8_t latched_status;
};

/* As power-on leaves it: mode 0, no count, OUT low.  The data sheet leaves it
 * undefined; this choice is the quiet one. */
void counter_init(struct i8254_counter *c, bool gate);

/* Control word for this counter: RW, M and BCD in bits 5..0 (RW not 0). */
void counter_control(struct i8254_counter *c, uint8_t control, uint64_t tick);

/* A byte written to the counter's port. */
void counter_write(struct i8254_counter *c, uint8_t byte, uint64_t tick);

/* A byte read from the counter's port: status, latched count or live count. */
uint8_t counter_read(struct i8254_counter *c, uint64_t tick);

/* Counter latch command, and the status half of the read-back command. */
void counter_latch_count(struct i8254_counter *c, uint64_t tick);
void counter_latch_status(struct i8254_counter *c, uint64_t tick);

/* Let happen what was due by tick; every call here but counter_next_rise() and
 * counter_period() does this first. */
void counter_settle(struct i8254_counter *c, uint64_t tick);

void counter_set_gate(struct i8254_counter *c, bool gate, uint64_t tick);

/* The OUT line at tick. */
bool counter_out(struct i8254_counter *c, uint64_t tick);

/* The first tick after tick at which OUT goes from low to high by itself, or
 * TICK_NEVER.  Modes 2 and 3 with a count of 1, which the data sheet forbids,
 * never do. */
uint64_t counter_next_rise(const struct i8254_counter *c, uint64_t tick);

/* CLK pulses between two rises if OUT goes on by itself (modes 2 and 3), else
 * 0. */
uint32_t counter_period(const struct i8254_counter *c);

#endif
