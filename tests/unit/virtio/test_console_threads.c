/* The console's queues on a real I/O thread; this thread is the vCPU and the host. */
#include "console_fixture.h"

#include <unistd.h>

#include "host/iothread.h"
#include "host/now.h"

#define STREAM_BYTES 1000000u
#define CHAINS	     8u
#define CHAIN_BYTES  0x1000u

struct threaded {
	struct bench *b;
	struct iothread *thread;
	size_t sent, shown; /* transmitted, seen by the host's reader */
	size_t typed, received;
};

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i % 251);
}

static struct threaded begin(void **state)
{
	struct threaded t = { .b = *state };

	assert_int_equal(iothread_start(IO_ENGINE_AUTO, 0, &t.thread, NULL), 0);
	t.b->loop = iothread_loop(t.thread);
	t.b->config.place.loops = &t.b->loop;
	t.b->config.port_count = 1;
	rig_plug(&t.b->rig, &virtio_console_type, &t.b->config);
	rig_drive(&t.b->rig, VIRTIO_F_EVENT_IDX);
	return t;
}

static void end(struct threaded *t)
{
	rig_unplug(&t->b->rig);
	iothread_stop(t->thread);
}

/* Keep CHAINS buffers on their way, of many lengths. */
static void guest_transmits(struct threaded *t)
{
	struct virtio_rig *rig = &t->b->rig;
	struct fake_driver *d = &rig->f.queues[OUT(0)];

	while (rig_used(rig, OUT(0), NULL) >= 0)
		;
	while (t->sent < STREAM_BYTES && d->free_count > d->setup.size - CHAINS) {
		const unsigned id = d->free[d->free_count - 1];
		const struct fake_buf buf = {
			.gpa = room(OUT(0), id),
			.len = (uint32_t)min_u64(1 + t->sent * 7 % CHAIN_BYTES,
						 STREAM_BYTES - t->sent),
		};

		for (unsigned i = 0; i < buf.len; i++)
			*rig_at(rig, buf.gpa + i) = pattern(t->sent + i);
		t->sent += buf.len;
		rig_offer(rig, OUT(0), &buf, 1);
	}
}

static void guest_receives(struct threaded *t)
{
	struct virtio_rig *rig = &t->b->rig;
	struct fake_driver *d = &rig->f.queues[IN(0)];
	uint32_t len;
	int id;

	while ((id = rig_used(rig, IN(0), &len)) >= 0) {
		assert_true(len > 0);
		for (unsigned i = 0; i < len; i++)
			if (*rig_at(rig, room(IN(0), (unsigned)id) + i) != pattern(t->received++))
				fail_msg("byte %zu of the input is wrong", t->received - 1);
	}
	while (d->free_count > d->setup.size - CHAINS)
		post_room(t->b, IN(0), d->free[d->free_count - 1], 100);
}

static void host_reads_and_types(struct threaded *t)
{
	struct chardev *c = t->b->ends[0].chardev;
	uint8_t bytes[3000];
	size_t n = chardev_drain(c, bytes, sizeof(bytes));

	for (size_t i = 0; i < n; i++)
		if (bytes[i] != pattern(t->shown++))
			fail_msg("byte %zu of the output is wrong", t->shown - 1);
	n = min_u64(sizeof(bytes), STREAM_BYTES - t->typed);
	for (size_t i = 0; i < n; i++)
		bytes[i] = pattern(t->typed + i);
	t->typed += chardev_feed(c, bytes, n);
}

static void streams_go_both_ways_at_once_and_in_order(void **state)
{
	const uint64_t end_ns = host_now_ns() + 60 * NS_PER_S;
	struct threaded t = begin(state);

	while (t.shown < STREAM_BYTES || t.received < STREAM_BYTES) {
		const size_t before = t.shown + t.received;

		guest_transmits(&t);
		guest_receives(&t);
		host_reads_and_types(&t);
		if (host_now_ns() > end_ns)
			fail_msg("stuck: %zu sent, %zu shown, %zu typed, %zu received", t.sent,
				 t.shown, t.typed, t.received);
		if (before == t.shown + t.received)
			usleep(50);
	}
	assert_int_equal(chardev_dropped(t.b->ends[0].chardev), 0);
	end(&t);
}

static void a_device_may_go_while_it_is_busy(void **state)
{
	struct threaded t = begin(state);

	for (unsigned i = 0; i < 100; i++) {
		t.sent = 0;
		guest_transmits(&t);
		virtio_console_resize(t.b->rig.f.dev, (uint16_t)i, 25);
		end_ready(&t.b->ends[0]);
		rig_unplug(&t.b->rig);
		rig_plug(&t.b->rig, &virtio_console_type, &t.b->config);
		rig_drive(&t.b->rig, VIRTIO_F_EVENT_IDX);
	}
	end(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CONSOLE_TEST(streams_go_both_ways_at_once_and_in_order),
		CONSOLE_TEST(a_device_may_go_while_it_is_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
