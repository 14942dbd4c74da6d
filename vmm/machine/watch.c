#include "machine/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "host/output.h"

int watch_open(struct watch *w, const char *log_path, uint64_t zero_ns, struct err *err)
{
	int rc;

	w->log_fd = -1;
	w->log_lost = 0;
	w->zero_ns = zero_ns;
	w->last_output_ns = zero_ns;
	w->line_len = 0;
	w->is_rest = false;
	w->kept_next = w->kept_count = 0;
	if (!log_path)
		return 0;
	rc = output_open(log_path);
	if (rc < 0)
		return output_refused(err, rc, "--log", log_path);
	w->log_fd = rc;
	return 0;
}

/* "[   12.345678] text", and with CONFIG_PRINTK_CALLER "[   12.345678][    T1] text":
 * what a kernel line says behind its stamps. */
static const char *skip_stamps(const char *line)
{
	const char *p = line;

	while (*p == '[') {
		p += strcspn(p, "]");
		if (*p++ != ']')
			return line;
	}
	return p > line && *p == ' ' ? p + 1 : p;
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *text, const char *suffix)
{
	const size_t n = strlen(text), m = strlen(suffix);

	return n >= m && strcmp(text + n - m, suffix) == 0;
}

/* Linux: kernel/panic.c panic(), init/main.c run_init_process(). */
static enum watch_sign classify(const char *text)
{
	if (starts_with(text, "Kernel panic - not syncing"))
		return WATCH_PANIC;
	if (starts_with(text, "---[ end Kernel panic") || starts_with(text, "Rebooting in "))
		return WATCH_PANIC_END;
	if (starts_with(text, "Run ") && ends_with(text, " as init process"))
		return WATCH_BOOTED;
	return WATCH_NONE;
}

static void log_line_out(struct watch *w)
{
	char out[4 * WATCH_LINE_BYTES + 40];
	int rc;
	const uint64_t t_ns = w->line_start_ns - w->zero_ns;
	size_t used;

	used = (size_t)snprintf(out, sizeof(out), "[%5" PRIu64 ".%06u] ", t_ns / NS_PER_S,
				(unsigned)(t_ns % NS_PER_S / NS_PER_US));
	for (unsigned i = 0; i < w->line_len; i++) {
		const uint8_t c = (uint8_t)w->line[i];

		/* Bytes above 0x7f pass: they are somebody's UTF-8. */
		if (c >= 0x20 && c != 0x7f)
			out[used++] = (char)c;
		else
			used += (size_t)snprintf(out + used, sizeof(out) - used, "\\x%02x", c);
	}
	out[used++] = '\n';
	rc = output_line(w->log_fd, out, used, 0);
	if (rc == -EAGAIN) {
		w->log_lost++;
	} else if (rc < 0) {
		log_warn("--log: %s: the log ends here", strerror(-rc));
		close(w->log_fd);
		w->log_fd = -1;
	}
}

/* What is kept may be shown on the user's terminal by an autopsy or a verdict:
 * no control sequence of the guest's shall act there. */
static void make_harmless(char *text, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
}

/* cut: not by a newline, so the next line is the rest of this one, which means
 * nothing by itself. */
static void end_line(struct watch *w, bool cut)
{
	const char *text;
	enum watch_sign sign;

	w->line[w->line_len] = '\0';
	if (w->log_fd >= 0)
		log_line_out(w);
	make_harmless(w->line, w->line_len);
	memcpy(w->kept[w->kept_next], w->line, w->line_len + 1u);
	w->kept_next = (w->kept_next + 1) % WATCH_LINES_KEPT;
	if (w->kept_count < WATCH_LINES_KEPT)
		w->kept_count++;
	text = skip_stamps(w->line);
	sign = w->is_rest ? WATCH_NONE : classify(text);
	w->is_rest = cut;
	if (sign != WATCH_NONE && w->sign)
		w->sign(w->ctx, sign, text);
	w->line_len = 0;
}

void watch_bytes(struct watch *w, const uint8_t *bytes, size_t len, uint64_t now_ns)
{
	w->last_output_ns = now_ns;
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n') {
			if (w->line_len == 0)
				w->line_start_ns = now_ns;
			end_line(w, false);
			continue;
		}
		if (bytes[i] == '\r')
			continue; /* a terminal's line end, not content */
		if (w->line_len == WATCH_LINE_BYTES)
			end_line(w, true);
		if (w->line_len == 0)
			w->line_start_ns = now_ns;
		w->line[w->line_len++] = (char)bytes[i];
	}
}

void watch_end_line(struct watch *w)
{
	if (w->line_len > 0)
		end_line(w, false);
}

void watch_close(struct watch *w)
{
	watch_end_line(w);
	if (w->log_lost > 0)
		log_warn("--log: %u lines are lost: nobody read them", w->log_lost);
	if (w->log_fd >= 0)
		close(w->log_fd);
	w->log_fd = -1;
	w->log_lost = 0;
}

void watch_print_last(const struct watch *w, FILE *out, const char *prefix)
{
	const unsigned first = (w->kept_next + WATCH_LINES_KEPT - w->kept_count) % WATCH_LINES_KEPT;

	for (unsigned i = 0; i < w->kept_count; i++)
		fprintf(out, "%s%s\n", prefix, w->kept[(first + i) % WATCH_LINES_KEPT]);
	if (w->line_len > 0)
		fprintf(out, "%s%.*s\n", prefix, (int)w->line_len, w->line);
}
