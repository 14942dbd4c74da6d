/* fake/fake_board.h: a board for device tests: real buses and a real clock on a
 * time that only the test moves, and recorders for interrupts, messages, doorbells
 * and power.
 *
 *      struct fake_board fb;
 *
 *      fake_board_init(&fb);
 *      type.create(&fb.board, &config, &dev, NULL);
 *      fake_out8(&fb, port, value);
 *      fake_board_advance(&fb, NS_PER_MS);
 *      assert_int_equal(fb.irq_level[4], 1);
 */
#ifndef BANTAM_FAKE_BOARD_H
#define BANTAM_FAKE_BOARD_H

#include <stdatomic.h>

#include "core/device.h"
#include "core/doorbell.h"
#include "core/mem.h"
#include "core/msi.h"

#define FAKE_GSIS      24u
#define FAKE_MSIS      256u
#define FAKE_DOORBELLS 64u

/* A line of the MSI sink; those never opened are all zero. */
struct fake_msi {
	bool open;
	uint64_t address; /* of the last route that was taken */
	uint32_t data;
	unsigned routes; /* since it was opened */
	atomic_uint sends;
};

struct fake_doorbell {
	bool attached;
	gpa_t gpa;
	int fd;
};

/* Not to be copied or moved after fake_board_init(): it points into itself. */
struct fake_board {
	struct board board; /* what create() gets */
	struct bus pio;
	struct bus mmio;
	struct clock clock;
	struct mem mem; /* empty; a test that wants RAM adds blocks */
	uint64_t now_ns;
	uint64_t rearm_ns;    /* the deadline the clock last told us */
	unsigned rearm_count; /* how often it did */

	int irq_level[FAKE_GSIS];
	unsigned irq_edges[FAKE_GSIS]; /* 0 -> 1 */
	unsigned irq_calls[FAKE_GSIS]; /* every set(), with or without a change */
	bool irq_merges;		/* say of each edge that it merged with one before */

	/* Lines are given out from 0 on, each once: sends[] of a closed one stay. */
	struct msi_sink msi_sink;
	struct fake_msi msis[FAKE_MSIS];
	unsigned msi_count;	 /* lines ever opened */
	unsigned msi_open_count; /* lines open now */
	int msi_open_rc, msi_route_rc; /* what the next calls return; 0: they work */

	struct doorbell_sink doorbell_sink;
	struct fake_doorbell doorbells[FAKE_DOORBELLS];
	unsigned doorbell_count; /* attached now */
	int doorbell_rc;	 /* what the next attach returns; 0: it works */

	struct power_sink sink;
	enum power_event power_event; /* of the first request: the first wins */
	uint32_t power_value;
	const char *power_source;
	unsigned power_count; /* requests in all */
};

/* All zero: no time has passed, all lines low, nothing requested. */
void fake_board_init(struct fake_board *fb);

/* Let ns nanoseconds pass; stops at each timer's deadline and runs the clock
 * there, so that handlers see the time at which they were due. */
void fake_board_advance(struct fake_board *fb, uint64_t ns);

/* The doorbell attached at gpa, or NULL. */
const struct fake_doorbell *fake_doorbell_at(const struct fake_board *fb, gpa_t gpa);

/* A memory access as a guest makes it; size 1..8. */
uint64_t fake_mmio_read(struct fake_board *fb, gpa_t gpa, unsigned size);
void fake_mmio_write(struct fake_board *fb, gpa_t gpa, unsigned size, uint64_t value);

/* A port access as a guest makes it. */
uint8_t fake_in8(struct fake_board *fb, uint16_t port);
uint16_t fake_in16(struct fake_board *fb, uint16_t port);
uint32_t fake_in32(struct fake_board *fb, uint16_t port);
void fake_out8(struct fake_board *fb, uint16_t port, uint8_t value);
void fake_out16(struct fake_board *fb, uint16_t port, uint16_t value);
void fake_out32(struct fake_board *fb, uint16_t port, uint32_t value);

#endif
