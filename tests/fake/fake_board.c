#include "fake/fake_board.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

static uint64_t fake_now(void *ctx)
{
	const struct fake_board *fb = ctx;

	return fb->now_ns;
}

static void fake_rearm(void *ctx, uint64_t deadline_ns)
{
	struct fake_board *fb = ctx;

	fb->rearm_ns = deadline_ns;
	fb->rearm_count++;
}

static bool record_irq(void *ctx, unsigned gsi, int level)
{
	struct fake_board *fb = ctx;

	assert(gsi < FAKE_GSIS);
	assert(level == 0 || level == 1);
	fb->irq_calls[gsi]++;
	if (level && !fb->irq_level[gsi])
		fb->irq_edges[gsi]++;
	fb->irq_level[gsi] = level;
	return !(level && fb->irq_merges);
}

static void record_power(void *ctx, enum power_event event, uint32_t value, const char *source)
{
	struct fake_board *fb = ctx;

	if (fb->power_count++)
		return;
	fb->power_event = event;
	fb->power_value = value;
	fb->power_source = source;
}

void fake_board_init(struct fake_board *fb)
{
	memset(fb, 0, sizeof(*fb));
	bus_init(&fb->pio, "port", UINT64_C(0x10000));
	bus_init(&fb->mmio, "mmio", UINT64_C(1) << 52);
	fb->clock.now_ns = fake_now;
	fb->clock.rearm = fake_rearm;
	fb->clock.ctx = fb;
	fb->rearm_ns = CLOCK_NEVER;
	fb->sink.request = record_power;
	fb->sink.ctx = fb;
	fb->board.pio = &fb->pio;
	fb->board.mmio = &fb->mmio;
	fb->board.clock = &fb->clock;
	fb->board.mem = &fb->mem;
	fb->board.power = &fb->sink;
	fb->board.irq.set = record_irq;
	fb->board.irq.ctx = fb;
}

void fake_board_advance(struct fake_board *fb, uint64_t ns)
{
	const uint64_t end_ns = fb->now_ns + ns;

	assert(end_ns >= ns); /* the test's own time does not wrap */
	while (fb->clock.first && fb->clock.first->deadline_ns <= end_ns) {
		/* A deadline in the past fires now; time never goes back. */
		if (fb->clock.first->deadline_ns > fb->now_ns)
			fb->now_ns = fb->clock.first->deadline_ns;
		clock_run(&fb->clock);
	}
	fb->now_ns = end_ns;
}

uint8_t fake_in8(struct fake_board *fb, uint16_t port)
{
	uint8_t byte;

	bus_read(&fb->pio, port, &byte, sizeof(byte));
	return byte;
}

uint16_t fake_in16(struct fake_board *fb, uint16_t port)
{
	uint8_t bytes[2];

	bus_read(&fb->pio, port, bytes, sizeof(bytes));
	return le16_load(bytes);
}

uint32_t fake_in32(struct fake_board *fb, uint16_t port)
{
	uint8_t bytes[4];

	bus_read(&fb->pio, port, bytes, sizeof(bytes));
	return le32_load(bytes);
}

void fake_out8(struct fake_board *fb, uint16_t port, uint8_t value)
{
	bus_write(&fb->pio, port, &value, sizeof(value));
}

void fake_out16(struct fake_board *fb, uint16_t port, uint16_t value)
{
	uint8_t bytes[2];

	le16_store(bytes, value);
	bus_write(&fb->pio, port, bytes, sizeof(bytes));
}

void fake_out32(struct fake_board *fb, uint16_t port, uint32_t value)
{
	uint8_t bytes[4];

	le32_store(bytes, value);
	bus_write(&fb->pio, port, bytes, sizeof(bytes));
}
