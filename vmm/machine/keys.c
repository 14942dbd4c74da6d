/* What the user can do from the guest's terminal: Ctrl-A and a key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "chipset/uart16550.h"
#include "machine/internal.h"

static void send_break(struct serial_line *s)
{
	if (!s->uart)
		return;
	device_lock(&s->m->lock);
	uart16550_break(s->uart);
	device_unlock(&s->m->lock);
}

static void plug(struct serial_line *s)
{
	verdict_set(&s->m->verdict, END_ESCAPE, NULL);
}

static void power_button(struct serial_line *s)
{
	if (!life_press_power_button(s->m))
		log_warn("the guest does not listen to its power button");
}

static void reset(struct serial_line *s)
{
	device_lock(&s->m->lock);
	life_ask(s->m, POWER_RESET, 0, "Ctrl-A r");
	device_unlock(&s->m->lock);
}

static void pause_or_resume(struct serial_line *s)
{
	struct machine *m = s->m;

	if (m->held) {
		m->held = false;
		hold_end(m);
		log_warn("resumed");
	} else {
		hold_still(m);
		m->held = true;
		log_warn("paused; Ctrl-A p resumes");
	}
}

static void nmi(struct serial_line *s)
{
	struct machine *m = s->m;

	hold_still(m);
	vcpus_nmi(&m->vcpus);
	if (!m->held)
		hold_end(m);
}

/* Line by line through the log, which knows how a raw terminal ends lines. */
static void print_lines(char *text)
{
	for (char *line = text; *line;) {
		char *end = line + strcspn(line, "\n");
		const bool last = *end == '\0';

		*end = '\0';
		log_warn("%s", line);
		line = last ? end : end + 1;
	}
}

static void registers(struct serial_line *s)
{
	struct machine *m = s->m;
	struct autopsy look = { .taken = false };
	const struct watch nothing = { .log_fd = -1 };
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	hold_still(m);
	autopsy_take(&look, &m->vcpus, &m->ram.mem);
	if (!m->held)
		hold_end(m);
	autopsy_print(&look, &nothing, out);
	autopsy_free(&look);
	if (fclose(out) == 0 && text)
		print_lines(text);
	free(text);
}

static void help(struct serial_line *s);

static const struct {
	uint8_t key;
	void (*serve)(struct serial_line *s);
	const char *help;
} keys[] = {
	{ 'x', plug, "end the machine" },
	{ 'o', power_button, "press the power button" },
	{ 'r', reset, "reset" },
	{ 'p', pause_or_resume, "pause, resume" },
	{ 'n', nmi, "send an NMI" },
	{ 'i', registers, "show the registers" },
	{ 'b', send_break, "send a break" },
	{ 'h', help, "this help" },
};

static void help(struct serial_line *s)
{
	(void)s;
	for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
		log_warn("Ctrl-A %c  %s", keys[i].key, keys[i].help);
	log_warn("Ctrl-A a  send one Ctrl-A");
}

void keys_command(struct serial_line *s, uint8_t key)
{
	for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
		if (keys[i].key == key)
			keys[i].serve(s);
}
