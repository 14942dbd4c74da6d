#include "host/io_patience.h"

static void measure_from(struct io_patience *p, uint64_t now_ns)
{
	p->sleeps = 0;
	p->chains = 0;
	p->begun_ns = now_ns;
}

static void give_up(struct io_patience *p)
{
	p->patient = false;
	p->rest = (unsigned)min_u64(2 * p->rest, IO_PATIENCE_REST_MAX);
	p->left = p->rest;
}

static void after_prompt(struct io_patience *p, uint64_t took_ns)
{
	p->prompt_ns = took_ns / max_u64(p->chains, 1);
	if (--p->left > 0)
		return;
	p->patient = true;
	p->left = IO_PATIENCE_KEEP;
}

/* Several chains at a time, and an eighth faster at least: less may be chance. */
static void after_patient(struct io_patience *p, uint64_t took_ns)
{
	if (p->chains < 2 * (uint64_t)p->sleeps ||
	    took_ns / p->chains > p->prompt_ns - p->prompt_ns / 8) {
		give_up(p);
		return;
	}
	p->rest = IO_PATIENCE_REST_MIN;
	if (--p->left > 0)
		return;
	p->patient = false;
	p->left = p->rest;
}

bool io_patience_woken(struct io_patience *p, uint64_t now_ns, uint64_t chains)
{
	const unsigned enough = p->patient ? IO_PATIENCE_PATIENT_SLEEPS : IO_PATIENCE_PROMPT_SLEEPS;
	const uint64_t took_ns = now_ns - p->begun_ns;

	p->chains += chains;
	p->sleeps++;
	if (p->rest == 0 || took_ns > IO_PATIENCE_IDLE_NS) {
		p->patient = false;
		p->left = p->rest = IO_PATIENCE_REST_MIN;
	} else if (p->sleeps < enough) {
		return p->patient;
	} else if (p->patient) {
		after_patient(p, took_ns);
	} else {
		after_prompt(p, took_ns);
	}
	measure_from(p, now_ns);
	return p->patient;
}
