/* The core: rings, gathering, backlog, flow control.  The kinds of host side are
 * behind struct char_backend.
 *
 * Waking the main thread.  c->wake says whether a look at the rings is already
 * due, so that a burst costs one system call and not one a byte.  The device
 * side stores its byte and then reads wake; the main thread clears wake and then
 * reads the ring.  Both touch wake by a read-modify-write, so one of them comes
 * second and sees what the other did: a byte is either taken by the look that is
 * going on, or its writer finds wake clear and arms the timer.  The same pairing
 * (write the ring, then read-modify-write the flag) guards room_wanted and
 * in_stalled. */
#include "char/backend.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "host/now.h"

static void set_timer(struct chardev *c, uint64_t in_ns)
{
	const struct itimerspec when = { .it_value = { .tv_sec = (time_t)(in_ns / NS_PER_S),
						       .tv_nsec = (long)(in_ns % NS_PER_S) } };

	timerfd_settime(c->timer.source.fd, 0, &when, NULL);
}

/* ---- device side ---- */

bool chardev_can_put(struct chardev *c)
{
	if (c->swallow || ring_room(&c->out) > 0)
		return true;
	atomic_exchange(&c->room_wanted, true);
	return ring_room(&c->out) > 0;
}

/* A line after a quiet time is shown at once; so is a ring that fills up. */
static bool urgent(struct chardev *c, const uint8_t *bytes, size_t len)
{
	if (ring_used(&c->out) >= OUT_RING_BYTES / 2)
		return true;
	return memchr(bytes, '\n', len) &&
	       host_now_ns() - atomic_load_explicit(&c->drained_ns, memory_order_relaxed) >
		       QUIET_NS;
}

/* These bytes were put: have the main thread look. */
static void wake_for(struct chardev *c, const uint8_t *bytes, size_t len)
{
	int wake, want;

	if (!c->loop)
		return;
	wake = atomic_fetch_add(&c->wake, 0); /* not a load: see above */
	if (wake >= WAKE_NOW)
		return;
	want = urgent(c, bytes, len) ? WAKE_NOW : WAKE_GATHER;
	if (want == wake)
		return;
	/* When this fails, the main thread has just looked and seen the bytes. */
	if (atomic_compare_exchange_strong(&c->wake, &wake, want))
		set_timer(c, want == WAKE_NOW ? 1 : GATHER_NS);
}

void chardev_put(struct chardev *c, uint8_t byte)
{
	if (c->swallow)
		return;
	if (ring_put(&c->out, byte))
		wake_for(c, &byte, 1);
	else
		atomic_fetch_add(&c->dropped, 1);
}

size_t chardev_write(struct chardev *c, const uint8_t *bytes, size_t len)
{
	size_t n;

	if (c->swallow)
		return len;
	n = ring_write(&c->out, bytes, len);
	if (n < len) { /* as in chardev_can_put(): ask for ready(), then look again */
		atomic_exchange(&c->room_wanted, true);
		n += ring_write(&c->out, bytes + n, len - n);
	}
	if (n > 0)
		wake_for(c, bytes, n);
	return n;
}

static void wake_now(struct chardev *c)
{
	if (c->loop && atomic_exchange(&c->wake, WAKE_NOW) != WAKE_NOW)
		set_timer(c, 1);
}

/* Input was taken: the host side may go on reading. */
static void input_taken(struct chardev *c)
{
	if (ring_used(&c->in) <= IN_RING_BYTES / 2 && atomic_exchange(&c->in_stalled, false))
		wake_now(c);
}

int chardev_get(struct chardev *c)
{
	const int byte = ring_get(&c->in);

	if (byte >= 0)
		input_taken(c);
	return byte;
}

size_t chardev_read(struct chardev *c, uint8_t *bytes, size_t room)
{
	const size_t n = ring_read(&c->in, bytes, room);

	if (n > 0)
		input_taken(c);
	return n;
}

bool chardev_has_input(const struct chardev *c)
{
	return ring_used(&c->in) > 0;
}

bool chardev_connected(const struct chardev *c)
{
	return atomic_load_explicit(&c->connected, memory_order_relaxed);
}

/* ---- host side: output ---- */

static void tell_device(struct chardev *c)
{
	if (c->config.ready)
		c->config.ready(c->config.ctx);
}

void char_drop(struct chardev *c, size_t n)
{
	atomic_fetch_add(&c->dropped, n);
}

/* For a peer to come: the last KEEP_BYTES, older ones make room. */
static void keep_last(struct chardev *c, const uint8_t *bytes, size_t len)
{
	size_t over;

	if (len > KEEP_BYTES) {
		char_drop(c, len - KEEP_BYTES);
		bytes += len - KEEP_BYTES;
		len = KEEP_BYTES;
	}
	over = backlog_used(&c->backlog) + len;
	if (over > KEEP_BYTES) {
		char_drop(c, over - KEEP_BYTES);
		backlog_skip(&c->backlog, over - KEEP_BYTES);
	}
	char_drop(c, len - backlog_append(&c->backlog, bytes, len, KEEP_BYTES));
}

bool char_push_backlog(struct chardev *c)
{
	const size_t used = backlog_used(&c->backlog);
	size_t done;

	if (used == 0 || !chardev_connected(c))
		return false;
	done = c->backend->write(c, backlog_run(&c->backlog), used);
	/* The write may have dropped the peer and trimmed the backlog with it. */
	done = (size_t)min_u64(done, backlog_used(&c->backlog));
	backlog_skip(&c->backlog, done);
	if (done > 0)
		c->progress_ns = host_now_ns();
	return done > 0;
}

/* Bring a run of the ring to the reader or into the backlog.  Returns how much
 * of it is done with; less than len means that the device has to wait.
 * limit  how much the backlog may hold after it */
static size_t hand_on(struct chardev *c, const uint8_t *bytes, size_t len, size_t limit)
{
	const uint64_t now_ns = host_now_ns();
	size_t done = 0;

	char_push_backlog(c);
	if (chardev_connected(c) && backlog_used(&c->backlog) == 0) {
		c->progress_ns = now_ns;
		done = c->backend->write(c, bytes, len);
		if (done == len)
			return len;
		c->backend->watch_output(c, true);
	}
	/* Asked again: the write may have found out that the peer left. */
	if (!chardev_connected(c)) {
		keep_last(c, bytes + done, len - done);
		return len;
	}
	done += backlog_append(&c->backlog, bytes + done, len - done, limit);
	if (done < len && now_ns - c->progress_ns >= STALL_NS) {
		char_drop(c, len - done);
		return len;
	}
	return done;
}

/* The ring waits for a reader: look again when it counts as gone. */
static void await_stall(struct chardev *c)
{
	const uint64_t waited_ns = host_now_ns() - c->progress_ns;
	int wake = WAKE_NONE;

	if (atomic_compare_exchange_strong(&c->wake, &wake, WAKE_STALL))
		set_timer(c, waited_ns < STALL_NS ? STALL_NS - waited_ns : 1);
}

static void offer_room(struct chardev *c)
{
	if (ring_room(&c->out) >= OUT_RING_BYTES / 2 && atomic_exchange(&c->room_wanted, false))
		tell_device(c);
}

/* Hand on what the ring holds.
 * all  the last look: there is room kept for a ring's worth, and what exceeds even
 *      that is dropped, so that the tap sees everything now */
static void gather(struct chardev *c, bool all)
{
	const size_t limit = all ? BACKLOG_BYTES : BACKLOG_BYTES - OUT_RING_BYTES;
	const uint8_t *run;
	uint32_t len, done = 0;

	if (!c->backend || c->swallow || ring_used(&c->out) == 0)
		return;
	/* Two runs hold a whole ring; bytes put meanwhile have their own timer,
	 * or go along in two more. */
	for (unsigned i = 0; i < 4 && (len = ring_peek(&c->out, &run)) > 0; i++) {
		done = (uint32_t)hand_on(c, run, len, limit);
		if (done < len && all) {
			char_drop(c, len - done);
			done = len;
		}
		if (c->config.tap && done > 0)
			c->config.tap(c->config.ctx, run, done);
		ring_skip(&c->out, done);
		if (done < len) {
			await_stall(c);
			break;
		}
	}
	atomic_store_explicit(&c->drained_ns, host_now_ns(), memory_order_relaxed);
	offer_room(c);
}

void chardev_flush(struct chardev *c)
{
	gather(c, true);
}

void char_writable(struct chardev *c)
{
	char_push_backlog(c);
	c->backend->watch_output(c, backlog_used(&c->backlog) > 0 && chardev_connected(c));
	gather(c, false);
}

void char_set_connected(struct chardev *c, bool connected)
{
	const size_t used = backlog_used(&c->backlog);

	if (atomic_exchange(&c->connected, connected) == connected)
		return;
	c->progress_ns = host_now_ns();
	if (!connected && used > KEEP_BYTES) {
		char_drop(c, used - KEEP_BYTES);
		backlog_skip(&c->backlog, used - KEEP_BYTES);
	}
	if (connected)
		char_writable(c);
	tell_device(c);
}

/* ---- host side: input ---- */

/* Put typed bytes where they belong; with the ring full they are lost. */
static void take_input(struct chardev *c, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = bytes[i];
		enum escape_result what = ESCAPE_BYTE;

		if (c->escape_on)
			what = escape_feed(&c->escape, bytes[i], &byte);
		if (what == ESCAPE_BYTE)
			ring_put(&c->in, byte);
		else if (what == ESCAPE_COMMAND && c->config.escape)
			c->config.escape(c->config.ctx, byte);
	}
}

static void pause_if_full(struct chardev *c)
{
	if (ring_room(&c->in) > 0 || c->in_paused)
		return;
	atomic_exchange(&c->in_stalled, true);
	/* The device may have emptied it just before it could see the flag. */
	if (ring_used(&c->in) <= IN_RING_BYTES / 2 && atomic_exchange(&c->in_stalled, false))
		return;
	c->in_paused = true;
	c->backend->watch_input(c, false);
}

ssize_t char_pull(struct chardev *c, int fd, bool force)
{
	uint8_t bytes[1024];
	const size_t room = force ? sizeof(bytes) : min_u64(sizeof(bytes), ring_room(&c->in));
	ssize_t n;

	if (room == 0)
		return -EAGAIN;
	n = read(fd, bytes, room);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n == 0)
		return 0;
	take_input(c, bytes, (size_t)n);
	pause_if_full(c);
	tell_device(c);
	return n;
}

void char_pull_later(struct chardev *c)
{
	c->in_paused = true;
	wake_now(c);
}

void char_on_timer(void *arg, uint32_t events)
{
	struct chardev *c = arg;
	uint64_t expirations;

	(void)events;
	/* -EAGAIN when it was set anew since: then it will come again. */
	if (read(c->timer.source.fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		return;
	atomic_exchange(&c->wake, WAKE_NONE);
	gather(c, false);
	if (c->in_paused && !atomic_load(&c->in_stalled)) {
		c->in_paused = false;
		c->backend->watch_input(c, true);
	}
}

const char *chardev_where(const struct chardev *c)
{
	return c->backend && c->backend->where ? c->backend->where(c) : NULL;
}

uint64_t chardev_dropped(const struct chardev *c)
{
	return atomic_load(&c->dropped);
}

size_t chardev_feed(struct chardev *c, const uint8_t *bytes, size_t len)
{
	const size_t n = ring_write(&c->in, bytes, len);

	if (n > 0)
		tell_device(c);
	return n;
}

size_t chardev_drain(struct chardev *c, uint8_t *bytes, size_t room)
{
	const size_t n = ring_read(&c->out, bytes, room);

	if (c->config.tap && n > 0)
		c->config.tap(c->config.ctx, bytes, n);
	if (n > 0)
		offer_room(c);
	return n;
}
