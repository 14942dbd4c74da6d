/* The serial ports' host ends: what the guest says passes the watch, what the
 * host types reaches the UART. */
#include <stdio.h>

#include "base/log.h"
#include "char/chardev.h"
#include "chipset/uart16550.h"
#include "host/now.h"
#include "machine/internal.h"

/* Input came, or room for output: the UART looks. */
static void line_ready(void *ctx)
{
	struct serial_line *s = ctx;

	if (!s->uart)
		return; /* input before the board is complete waits in its ring */
	device_lock(&s->m->lock);
	uart16550_host_ready(s->uart);
	device_unlock(&s->m->lock);
}

static void line_output(void *ctx, const uint8_t *bytes, size_t len)
{
	struct serial_line *s = ctx;
	struct machine *m = s->m;
	const uint64_t now_ns = host_now_ns();

	if (!m->output_seen)
		timeline_mark(&m->timeline, "first serial output");
	m->output_seen = true;
	if (s->index == 0)
		watch_bytes(&m->watch, bytes, len, now_ns);
	else
		m->watch.last_output_ns = now_ns;
}

/* The guest is not idle while its firmware talks. */
static void debug_output(void *ctx, const uint8_t *bytes, size_t len)
{
	struct machine *m = ctx;

	(void)bytes;
	(void)len;
	m->watch.last_output_ns = host_now_ns();
}

static void line_escape(void *ctx, uint8_t key)
{
	struct serial_line *s = ctx;

	s->key(s, key);
}

static int line_open(struct machine *m, unsigned index,
		     void (*key)(struct serial_line *s, uint8_t key), struct err *err)
{
	const struct serial_config *wanted = &m->config->serial[index];
	struct serial_line *s = &m->serial[index];
	const struct chardev_config config = {
		.kind = wanted->kind,
		.path = wanted->path,
		.ready = line_ready,
		.tap = line_output,
		.escape = line_escape,
		.ctx = s,
	};
	struct err why;
	int rc;

	s->m = m;
	s->index = index;
	s->key = key;
	if (!wanted->present)
		return 0;
	rc = chardev_open(&m->loop, &config, &s->chardev, &why);
	if (rc < 0)
		return err_set(err, rc, "--serial %s", why.text);
	if (wanted->kind == CHARDEV_PTY)
		fprintf(stderr, "bantam: COM%u is on %s\n", index + 1, chardev_where(s->chardev));
	return 0;
}

int console_open(struct machine *m, void (*key)(struct serial_line *s, uint8_t key),
		 struct err *err)
{
	const struct serial_config *debug = &m->config->debugcon;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < SERIAL_PORTS; i++)
		rc = line_open(m, i, key, err);
	if (rc == 0 && debug->present) {
		const struct chardev_config config = {
			.kind = debug->kind,
			.path = debug->path,
			.tap = debug_output,
			.ctx = m,
		};
		struct err why;

		rc = chardev_open(&m->loop, &config, &m->debugcon, &why);
		if (rc < 0)
			err_set(err, rc, "--debugcon %s", why.text);
	}
	if (rc < 0)
		console_close(m);
	return rc;
}

void console_flush(struct machine *m)
{
	for (unsigned i = 0; i < SERIAL_PORTS; i++)
		if (m->serial[i].chardev)
			chardev_flush(m->serial[i].chardev);
	if (m->debugcon)
		chardev_flush(m->debugcon);
}

static void close_one(struct chardev **c, const char *flag)
{
	uint64_t dropped;

	if (!*c)
		return;
	dropped = chardev_dropped(*c);
	chardev_close(*c);
	*c = NULL;
	if (dropped > 0)
		log_warn("%s: %llu bytes of output were dropped: nobody read them", flag,
			 (unsigned long long)dropped);
}

void console_close(struct machine *m)
{
	for (unsigned i = 0; i < SERIAL_PORTS; i++)
		close_one(&m->serial[i].chardev, "--serial");
	close_one(&m->debugcon, "--debugcon");
}
