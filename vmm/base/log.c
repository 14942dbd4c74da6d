#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static atomic_int log_level = LOG_WARN;
static atomic_bool log_crlf;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

void log_set_crlf(bool on)
{
	atomic_store_explicit(&log_crlf, on, memory_order_relaxed);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char prefix[] = "bantam: ";
	char line[1024];
	size_t used = sizeof(prefix) - 1;
	const size_t room = sizeof(line) - 2; /* for CR LF */
	va_list ap;
	int n;

	if (!log_enabled(level))
		return;
	for (size_t i = 0; i < used; i++)
		line[i] = prefix[i];
	va_start(ap, fmt);
	n = vsnprintf(line + used, room - used, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	used += (size_t)n < room - used ? (size_t)n : room - used - 1;
	if (atomic_load_explicit(&log_crlf, memory_order_relaxed))
		line[used++] = '\r';
	line[used++] = '\n';
	/* A line that stderr does not take is lost; there is nowhere to say so. */
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}

bool log_limit_ok(struct log_limit *limit, uint64_t now_ns, unsigned burst)
{
	if (now_ns - limit->window_ns >= NS_PER_S) {
		limit->window_ns = now_ns;
		limit->used = 0;
	}
	if (limit->used >= burst)
		return false;
	limit->used++;
	return true;
}
