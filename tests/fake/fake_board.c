#include "fake/fake_board.h"

#include <assert.h>
#include <errno.h>
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

static int open_msi(void *ctx, unsigned *line)
{
	struct fake_board *fb = ctx;

	if (fb->msi_open_rc < 0)
		return fb->msi_open_rc;
	if (fb->msi_count == FAKE_MSIS)
		return -ENOSPC;
	*line = fb->msi_count++;
	fb->msis[*line].open = true;
	fb->msi_open_count++;
	return 0;
}

static void close_msi(void *ctx, unsigned line)
{
	struct fake_board *fb = ctx;

	assert(line < fb->msi_count && fb->msis[line].open);
	fb->msis[line].open = false;
	fb->msi_open_count--;
}

static int route_msi(void *ctx, unsigned line, uint64_t address, uint32_t data)
{
	struct fake_board *fb = ctx;
	struct fake_msi *m = &fb->msis[line];

	assert(line < fb->msi_count && m->open);
	m->routes++;
	if (fb->msi_route_rc < 0)
		return fb->msi_route_rc;
	m->address = address;
	m->data = data;
	return 0;
}

static void send_msi(void *ctx, unsigned line)
{
	struct fake_board *fb = ctx;

	assert(line < fb->msi_count && fb->msis[line].open && fb->msis[line].routes > 0);
	atomic_fetch_add(&fb->msis[line].sends, 1);
}

const struct fake_doorbell *fake_doorbell_at(const struct fake_board *fb, gpa_t gpa)
{
	for (unsigned i = 0; i < FAKE_DOORBELLS; i++)
		if (fb->doorbells[i].attached && fb->doorbells[i].gpa == gpa)
			return &fb->doorbells[i];
	return NULL;
}

static int attach_doorbell(void *ctx, gpa_t gpa, int fd)
{
	struct fake_board *fb = ctx;

	if (fb->doorbell_rc < 0)
		return fb->doorbell_rc;
	if (fake_doorbell_at(fb, gpa))
		return -EEXIST;
	for (unsigned i = 0; i < FAKE_DOORBELLS; i++) {
		if (fb->doorbells[i].attached)
			continue;
		fb->doorbells[i] = (struct fake_doorbell){ true, gpa, fd };
		fb->doorbell_count++;
		return 0;
	}
	return -ENOSPC;
}

static void detach_doorbell(void *ctx, gpa_t gpa, int fd)
{
	struct fake_board *fb = ctx;

	for (unsigned i = 0; i < FAKE_DOORBELLS; i++) {
		struct fake_doorbell *d = &fb->doorbells[i];

		if (d->attached && d->gpa == gpa && d->fd == fd) {
			d->attached = false;
			fb->doorbell_count--;
		}
	}
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
	fb->msi_sink = (struct msi_sink){ open_msi, close_msi, route_msi, send_msi, fb };
	fb->doorbell_sink = (struct doorbell_sink){ attach_doorbell, detach_doorbell, fb };
	fb->sink.request = record_power;
	fb->sink.ctx = fb;
	fb->board.pio = &fb->pio;
	fb->board.mmio = &fb->mmio;
	fb->board.clock = &fb->clock;
	fb->board.mem = &fb->mem;
	fb->board.power = &fb->sink;
	fb->board.msi = &fb->msi_sink;
	fb->board.doorbells = &fb->doorbell_sink;
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

uint64_t fake_mmio_read(struct fake_board *fb, gpa_t gpa, unsigned size)
{
	uint8_t bytes[8] = { 0 };

	assert(size <= sizeof(bytes));
	bus_read(&fb->mmio, gpa, bytes, size);
	return le64_load(bytes);
}

void fake_mmio_write(struct fake_board *fb, gpa_t gpa, unsigned size, uint64_t value)
{
	uint8_t bytes[8];

	assert(size <= sizeof(bytes));
	le64_store(bytes, value);
	bus_write(&fb->mmio, gpa, bytes, size);
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
