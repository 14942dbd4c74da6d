#include "virtio/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "fake/fake_board.h"
#include "fake/fake_driver.h"
#include "host/now.h"

#define RAM_BYTES  MIB(1)
#define RING_BASE  0x1000u
#define RING_SIZE  64u
#define DATA	   0x10000u /* all zero until the device wrote there */
#define DATA_BYTES (RAM_BYTES - DATA)

struct rig {
	struct fake_board fb;
	struct pci_bus bus;
	struct ioloop *loop, *loops[1];
	uint8_t *ram;
	struct device *dev;
	struct virtio *v;
	struct fake_driver driver;
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	fake_board_init(&r->fb);
	r->ram = calloc(1, RAM_BYTES);
	assert_int_equal(mem_add(&r->fb.mem, 0, RAM_BYTES, r->ram), 0);
	pci_bus_init(&r->bus, &r->fb.board);
	assert_int_equal(ioloop_create(IO_ENGINE_THREADS, &r->loop, NULL), 0);
	r->loops[0] = r->loop;
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	if (r->dev)
		r->dev->type->destroy(r->dev);
	ioloop_destroy(r->loop);
	free(r->ram);
	free(r);
	return 0;
}

static void rounds(struct rig *r)
{
	for (unsigned idle = 0, n = 0; idle < 2 && n < 1000; n++)
		idle = ioloop_round(r->loop, 0) > 0 ? 0 : idle + 1;
}

static void drive(struct rig *r, uint64_t features)
{
	struct virtio *v = r->v;
	struct virtio_queue *q = &v->queues[0];

	virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	v->driver_features = (features | VIRTIO_F_VERSION_1) & v->offered;
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	fake_driver_init(&r->driver, &r->fb.mem, RING_BASE, RING_SIZE, v->features);
	q->size = RING_SIZE;
	q->desc = r->driver.setup.desc;
	q->driver = r->driver.setup.driver;
	q->device = r->driver.setup.device;
	virtio_enable_queue(q);
	virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK |
				     VIRTIO_DRIVER_OK);
	rounds(r);
}

/* A device that gives so many bytes a second (0: all), and its driver. */
static struct rig *ready(void **state, uint64_t rate, uint64_t features)
{
	struct rig *r = *state;
	const struct virtio_rng_config config = {
		.place = { .bus = &r->bus, .devfn = -1, .loops = r->loops, .loop_count = 1,
			   .label = "rng" },
		.rate_bytes_per_s = rate,
	};

	assert_int_equal(virtio_rng_type.create(&r->fb.board, &config, &r->dev, NULL), 0);
	virtio_rng_type.reset(r->dev);
	r->v = &container_of(r->dev, struct virtio_pci, dev)->v;
	drive(r, features);
	return r;
}

static int ask(struct rig *r, gpa_t gpa, uint32_t len)
{
	const struct fake_buf buf = { gpa, len, true };

	return fake_driver_add(&r->driver, &buf, 1);
}

static unsigned zeros_in(const uint8_t *bytes, size_t len)
{
	unsigned count = 0;

	for (size_t i = 0; i < len; i++)
		count += bytes[i] == 0;
	return count;
}

/* Whether [at, at+len) of guest memory looks random: in 4096 bytes 16 zeros are to
 * be expected, and 64 come less often than once in the age of the world. */
static bool looks_random(const struct rig *r, gpa_t at, size_t len)
{
	return zeros_in(r->ram + at, len) < len / 64 + 8;
}

static void fill_one(void **state, uint64_t features)
{
	struct rig *r;
	uint16_t id;
	uint32_t len;
	int asked;

	teardown(state);
	setup(state);
	r = ready(state, 0, features);
	asked = ask(r, DATA, 4096);
	virtio_kick(&r->v->queues[0]);
	rounds(r);
	assert_true(fake_driver_used(&r->driver, &id, &len));
	assert_int_equal(id, asked);
	assert_int_equal(len, 4096);
	assert_true(looks_random(r, DATA, 4096));
	assert_int_equal(zeros_in(r->ram + DATA + 4096, 4096), 4096);
	assert_int_equal(r->v->queues[0].interrupts, 1);
}

static void a_buffer_is_filled_to_its_end_and_no_further(void **state)
{
	fill_one(state, 0);
	fill_one(state, VIRTIO_F_EVENT_IDX);
	fill_one(state, VIRTIO_F_RING_PACKED);
	fill_one(state, VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER);
}

static void all_buffers_of_a_chain_are_filled(void **state)
{
	struct rig *r = ready(state, 0, 0);
	const struct fake_buf bufs[] = {
		{ DATA, 100, true },
		{ DATA + 4096, 1000, true },
		{ DATA + 8192, 1, true },
	};
	uint16_t id;
	uint32_t len;

	fake_driver_add(&r->driver, bufs, 3);
	virtio_kick(&r->v->queues[0]);
	rounds(r);
	assert_true(fake_driver_used(&r->driver, &id, &len));
	assert_int_equal(len, 1101);
	assert_true(looks_random(r, DATA, 100));
	assert_int_equal(zeros_in(r->ram + DATA + 100, 4096 - 100), 4096 - 100);
	assert_true(looks_random(r, DATA + 4096, 1000));
}

static void a_buffer_to_read_goes_back_untouched(void **state)
{
	struct rig *r = ready(state, 0, 0);
	const struct fake_buf bufs[] = { { DATA, 64, false }, { DATA + 64, 64, true } };
	uint16_t id;
	uint32_t len;

	fake_driver_add(&r->driver, bufs, 1);
	fake_driver_add(&r->driver, bufs, 2);
	virtio_kick(&r->v->queues[0]);
	rounds(r);
	assert_true(fake_driver_used(&r->driver, &id, &len));
	assert_int_equal(len, 0);
	assert_true(fake_driver_used(&r->driver, &id, &len));
	assert_int_equal(len, 64);
	assert_int_equal(zeros_in(r->ram + DATA, 64), 64);
}

static void a_round_gives_a_bounded_amount(void **state)
{
	struct rig *r = ready(state, 0, 0);
	uint64_t total = 0;
	uint16_t id;
	uint32_t len;

	/* One that is larger than a round's worth gets less than it has room for. */
	ask(r, DATA, 200000);
	for (unsigned i = 0; i < 5; i++)
		ask(r, DATA + 200000 + i * 40000, 40000);
	virtio_kick(&r->v->queues[0]);
	ioloop_round(r->loop, 0);
	while (fake_driver_used(&r->driver, &id, &len))
		total += len;
	assert_in_range(total, KIB(64), KIB(128)); /* by the kick, by the look after it */
	rounds(r);
	while (fake_driver_used(&r->driver, &id, &len)) {
		assert_true(len >= 1);
		total += len;
	}
	assert_in_range(total, KIB(128), KIB(64) + 200000);
	assert_int_equal(r->driver.free_count, RING_SIZE); /* all are back */
}

static void a_rate_holds_over_time(void **state)
{
	struct rig *r = ready(state, 10000, 0);
	const uint64_t begun_ns = host_now_ns();
	uint64_t total = 0;
	unsigned count = 0;
	uint16_t id;
	uint32_t len;

	/* A second's worth comes at once, what is beyond it as time goes. */
	for (unsigned i = 0; i < 12; i++)
		ask(r, DATA + i * 1000, 1000);
	virtio_kick(&r->v->queues[0]);
	for (unsigned n = 0; n < 1000 && total < 12000; n++) {
		ioloop_round(r->loop, 1000);
		count++;
		while (fake_driver_used(&r->driver, &id, &len))
			total += len;
	}
	assert_int_equal(total, 12000);
	assert_in_range(host_now_ns() - begun_ns, 95 * NS_PER_MS, 900 * NS_PER_MS);
	assert_in_range(count, 1, 100); /* it slept in between */
}

static void a_reset_does_not_wait_for_the_rate(void **state)
{
	struct rig *r = ready(state, 1, 0);
	uint16_t id;
	uint32_t len;

	ask(r, DATA, 1);
	ask(r, DATA, 1);
	virtio_kick(&r->v->queues[0]);
	rounds(r);
	assert_true(fake_driver_used(&r->driver, &id, &len));
	assert_false(fake_driver_used(&r->driver, &id, &len));
	virtio_set_status(r->v, 0);
	rounds(r);
	assert_int_equal(virtio_status(r->v), 0);
	drive(r, 0);
}

static void a_driver_that_breaks_the_ring_is_told(void **state)
{
	struct rig *r = ready(state, 0, 0);
	uint16_t id;
	uint32_t len;

	fake_driver_desc(&r->driver, r->driver.desc, 5, DATA, 4096, FAKE_NEXT | FAKE_WRITE, 5);
	fake_driver_offer(&r->driver, 5);
	virtio_kick(&r->v->queues[0]);
	rounds(r);
	assert_true(virtio_status(r->v) & VIRTIO_NEEDS_RESET);
	virtio_set_status(r->v, 0);
	rounds(r);
	drive(r, 0);
	ask(r, DATA, 16);
	virtio_kick(&r->v->queues[0]);
	rounds(r);
	assert_true(fake_driver_used(&r->driver, &id, &len));
	assert_int_equal(len, 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_buffer_is_filled_to_its_end_and_no_further),
		TEST(all_buffers_of_a_chain_are_filled),
		TEST(a_buffer_to_read_goes_back_untouched),
		TEST(a_round_gives_a_bounded_amount),
		TEST(a_rate_holds_over_time),
		TEST(a_reset_does_not_wait_for_the_rate),
		TEST(a_driver_that_breaks_the_ring_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
