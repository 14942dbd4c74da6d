/* What the guest leaves KVM for, and who answers. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "machine/internal.h"

static void serve_pio(struct machine *m, const struct exit *x)
{
	device_lock(&m->lock);
	if (stats_on(&m->stats))
		stats_pio(&m->stats, x->pio.port, x->pio.is_write, x->pio.count);
	for (uint32_t i = 0; i < x->pio.count; i++) {
		uint8_t *data = x->pio.data + (size_t)i * x->pio.size;

		if (x->pio.is_write)
			bus_write(&m->pio, x->pio.port, data, x->pio.size);
		else
			bus_read(&m->pio, x->pio.port, data, x->pio.size);
	}
	device_unlock(&m->lock);
}

static void serve_mmio(struct machine *m, const struct exit *x)
{
	device_lock(&m->lock);
	if (stats_on(&m->stats))
		stats_mmio_access(&m->stats, x->mmio.gpa, x->mmio.is_write);
	if (x->mmio.is_write)
		bus_write(&m->mmio, x->mmio.gpa, x->mmio.data, x->mmio.size);
	else
		bus_read(&m->mmio, x->mmio.gpa, x->mmio.data, x->mmio.size);
	device_unlock(&m->lock);
}

static void serve_nothing(struct machine *m, const struct exit *x)
{
	(void)m;
	(void)x;
}

/* End the machine over a fault, naming its numbers. */
static void end_by(struct machine *m, enum power_event event, const char *what,
		   const struct exit *x, bool has_numbers)
{
	char detail[sizeof(m->ask.detail)];
	int used;

	used = snprintf(detail, sizeof(detail), "%s", what);
	if (has_numbers) {
		used += snprintf(detail + used, sizeof(detail) - (size_t)used, " %#" PRIx64,
				 x->fault.code);
		for (unsigned i = 0; i < x->fault.data_count && used < (int)sizeof(detail) - 24; i++)
			used += snprintf(detail + used, sizeof(detail) - (size_t)used,
					 "%s%#" PRIx64, i ? " " : ", data ", x->fault.data[i]);
	}
	device_lock(&m->lock);
	if (m->ask.event == POWER_NONE)
		memcpy(m->ask.detail, detail, sizeof(detail));
	life_ask(m, event, 0, "KVM");
	device_unlock(&m->lock);
}

static void serve_shutdown(struct machine *m, const struct exit *x)
{
	end_by(m, POWER_TRIPLE_FAULT, "", x, false);
}

/* KVM_SYSTEM_EVENT_*: shutdown 1, reset 2, crash 3. */
static void serve_system_event(struct machine *m, const struct exit *x)
{
	static const enum power_event meaning[] = { POWER_ERROR, POWER_OFF, POWER_RESET,
						    POWER_PANIC };

	end_by(m, x->fault.code < ARRAY_LEN(meaning) ? meaning[x->fault.code] : POWER_ERROR,
	       "system event", x, true);
}

static void serve_internal_error(struct machine *m, const struct exit *x)
{
	if (x->fault.code == UINT64_MAX)
		end_by(m, POWER_ERROR, strerror((int)x->fault.data[0]), x, false);
	else if (x->fault.code == 1)
		end_by(m, POWER_ERROR, "emulation failure: internal error", x, true);
	else
		end_by(m, POWER_ERROR, "internal error", x, true);
}

static void serve_fail_entry(struct machine *m, const struct exit *x)
{
	end_by(m, POWER_ERROR, "entry into the guest failed: hardware reason", x, true);
}

static void serve_unknown(struct machine *m, const struct exit *x)
{
	char what[40];

	snprintf(what, sizeof(what), "unexpected exit '%s'", exit_kind_names[x->kind]);
	end_by(m, POWER_ERROR, what, x, x->kind == EXIT_UNKNOWN);
}

static void (*const handlers[EXIT_KINDS])(struct machine *m, const struct exit *x) = {
	[EXIT_INTERRUPTED]    = serve_nothing,
	[EXIT_PIO]            = serve_pio,
	[EXIT_MMIO]           = serve_mmio,
	[EXIT_HLT]            = serve_unknown, /* the in-kernel LAPIC halts by itself */
	[EXIT_IRQ_WINDOW]     = serve_nothing,
	[EXIT_SHUTDOWN]       = serve_shutdown,
	[EXIT_SYSTEM_EVENT]   = serve_system_event,
	[EXIT_INTERNAL_ERROR] = serve_internal_error,
	[EXIT_FAIL_ENTRY]     = serve_fail_entry,
	[EXIT_DEBUG]          = serve_unknown,
	[EXIT_UNKNOWN]        = serve_unknown,
};

void run_serve_exit(void *machine, struct vcpu_thread *t, const struct exit *x)
{
	(void)t;
	handlers[x->kind](machine, x);
}
