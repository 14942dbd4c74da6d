/* host/io_patience.h: whose turn it is when a kick wakes an I/O thread on the processor of
 * the vCPU that kicked.
 *
 * Where every processor is busy the two share one, and Linux lets the one that wakes
 * take it from the one that runs.  That is right for a guest that waits for its request.
 * For one that is about to add thirty more it is as wrong as can be: each costs an exit,
 * a wake-up, two switches and an interrupt of its own.  A thread of SCHED_BATCH does not
 * take the processor; it comes when the vCPU halts, or its slice is over, and finds all
 * of them.
 *
 * Which of the two it is shows only by trying, so that is done now and then, for a few
 * wake-ups: patience stays where a chain then takes less time than without.  Pure: the
 * caller has the clock, and tells the scheduler. */
#ifndef BANTAM_HOST_IO_PATIENCE_H
#define BANTAM_HOST_IO_PATIENCE_H

#include "base/types.h"

/* How many sleeps make a measurement. */
#define IO_PATIENCE_PROMPT_SLEEPS  16u
#define IO_PATIENCE_PATIENT_SLEEPS 4u
/* A measurement that took longer is of a guest that has little to do: prompt, then. */
#define IO_PATIENCE_IDLE_NS (200 * NS_PER_MS)
/* Prompt measurements from one attempt to the next: twice as many after each that was
 * in vain. */
#define IO_PATIENCE_REST_MIN 1u
#define IO_PATIENCE_REST_MAX 256u
/* Patient measurements until a prompt one is due, in case that the world has changed. */
#define IO_PATIENCE_KEEP 256u

/* All zero at first. */
struct io_patience {
	bool patient;
	/* the measurement */
	unsigned sleeps;
	uint64_t chains, begun_ns;
	/* before it */
	uint64_t prompt_ns;  /* of a chain, when last measured */
	unsigned left, rest; /* measurements to come; at least 1 once it has begun */
};

/* The thread wakes at now_ns; since it last did, it was through with so many chains.
 * Whether it shall be patient from now on. */
bool io_patience_woken(struct io_patience *p, uint64_t now_ns, uint64_t chains);

#endif
