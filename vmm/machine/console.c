/* The terminals' host ends: what the guest says on COM1 passes the watch, what the
 * host types reaches the UART or the virtio console. */
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "char/chardev.h"
#include "chipset/uart16550.h"
#include "host/now.h"
#include "machine/internal.h"
#include "virtio/console.h"

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

static void virtio_line_ready(void *ctx)
{
	struct virtio_line *l = ctx;

	if (l->m->virtio_console)
		virtio_console_host_ready(l->m->virtio_console, l->index);
}

/* Ctrl-A and a key do the same as on COM1. */
static void virtio_line_escape(void *ctx, uint8_t key)
{
	struct virtio_line *l = ctx;
	struct serial_line *com1 = &l->m->serial[0];

	com1->key(com1, key);
}

static void virtio_line_output(void *ctx, const uint8_t *bytes, size_t len)
{
	struct virtio_line *l = ctx;

	(void)bytes;
	(void)len;
	l->m->watch.last_output_ns = host_now_ns();
}

static int virtio_line_open(struct machine *m, unsigned index, struct err *err)
{
	const struct console_config *wanted = &m->config->consoles[index];
	struct virtio_line *l = &m->consoles[index];
	const struct chardev_config config = {
		.kind = wanted->at.kind,
		.path = wanted->at.path,
		.ready = virtio_line_ready,
		.tap = virtio_line_output,
		.escape = virtio_line_escape,
		.ctx = l,
	};
	struct err why;
	int rc;

	l->m = m;
	l->index = index;
	rc = chardev_open(&m->loop, &config, &l->chardev, &why);
	if (rc < 0)
		return err_set(err, rc, "--console %s", why.text);
	if (wanted->at.kind == CHARDEV_PTY)
		fprintf(stderr, "bantam: console %s is on %s\n",
			wanted->name ? wanted->name : "without a name", chardev_where(l->chardev));
	return 0;
}

bool console_size(const struct machine *m, uint16_t *cols, uint16_t *rows)
{
	struct winsize size;

	for (unsigned i = 0; i < m->config->console_count; i++) {
		if (m->config->consoles[i].at.kind != CHARDEV_STDIO ||
		    ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
			continue;
		*cols = size.ws_col;
		*rows = size.ws_row;
		return true;
	}
	return false;
}

void console_resized(struct machine *m)
{
	uint16_t cols, rows;

	if (m->virtio_console && console_size(m, &cols, &rows))
		virtio_console_resize(m->virtio_console, cols, rows);
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
	for (unsigned i = 0; rc == 0 && i < m->config->console_count; i++)
		rc = virtio_line_open(m, i, err);
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

static void nothing(void *arg)
{
	(void)arg;
}

void console_flush(struct machine *m)
{
	/* What the guest has put into a virtio console's ring by now, its I/O thread
	 * takes out within one round. */
	if (m->virtio_console)
		iothread_call(m->io, nothing, NULL);
	for (unsigned i = 0; i < SERIAL_PORTS; i++)
		if (m->serial[i].chardev)
			chardev_flush(m->serial[i].chardev);
	for (unsigned i = 0; i < MACHINE_CONSOLES_MAX; i++)
		if (m->consoles[i].chardev)
			chardev_flush(m->consoles[i].chardev);
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
	for (unsigned i = 0; i < MACHINE_CONSOLES_MAX; i++)
		close_one(&m->consoles[i].chardev, "--console");
	close_one(&m->debugcon, "--debugcon");
}
