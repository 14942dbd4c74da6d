/* The balloon's wish and its statistics, which become events. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "machine/internal.h"
#include "virtio/balloon.h"

void balloon_stats_came(void *machine, const struct balloon_stats *stats)
{
	struct balloon_report *r = &((struct machine *)machine)->balloon_report;
	const uint64_t one = 1;

	pthread_mutex_lock(&r->lock);
	r->stats = *stats;
	pthread_mutex_unlock(&r->lock);
	if (write(r->source.fd, &one, sizeof(one)) < 0)
		log_debug("eventfd: %s", strerror(errno)); /* full: it is awake already */
}

static void stats_ready(void *arg, uint32_t events)
{
	struct machine *m = arg;
	struct balloon_report *r = &m->balloon_report;
	struct balloon_stats stats;
	struct json *j;
	uint64_t count;

	(void)events;
	if (read(r->source.fd, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&r->lock);
	stats = r->stats;
	pthread_mutex_unlock(&r->lock);
	j = events_begin(&m->events, "balloon");
	json_uint(j, "actual", virtio_balloon_actual(m->balloon));
	for (unsigned i = 0; i < BALLOON_STATS; i++)
		if (stats.present & 1u << i)
			json_uint(j, balloon_stat_names[i], stats.value[i]);
	events_end(&m->events);
}

int balloon_open(struct machine *m, struct err *err)
{
	struct balloon_report *r = &m->balloon_report;
	int rc;

	r->source = (struct loop_source){ .fd = -1, .ready = stats_ready, .arg = m };
	pthread_mutex_init(&r->lock, NULL);
	if (!m->balloon)
		return 0;
	virtio_balloon_set_target(m->balloon, m->config->balloon.size_bytes);
	r->source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = r->source.fd < 0 ? -errno : loop_add(&m->loop, &r->source, EPOLLIN);
	if (rc == 0)
		return 0;
	balloon_close(m);
	return err_errno(err, rc, "event loop");
}

void balloon_close(struct machine *m)
{
	struct balloon_report *r = &m->balloon_report;

	if (r->source.fd >= 0)
		close(r->source.fd);
	r->source.fd = -1;
	pthread_mutex_destroy(&r->lock);
}
