/* fake/fake_echo.h: a small virtio device that gives back what it reads.
 *
 * Two queues of 16.  It answers each chain at once, or keeps chains until it is told
 * to go on, as a disk does with requests in flight, or takes none at all, as one that
 * is throttled, or one each time it is asked. */
#ifndef BANTAM_FAKE_ECHO_H
#define BANTAM_FAKE_ECHO_H

#include "virtio/pci.h"

#define FAKE_ECHO_ID	 42u
#define FAKE_ECHO_QUEUES 2u
#define FAKE_ECHO_SIZE	 16u
#define FAKE_ECHO_CONFIG 12u
#define FAKE_ECHO_F_LOUD (UINT64_C(1) << 3) /* a feature of its own */

enum fake_echo_mode { ECHO_AT_ONCE, ECHO_HOLD, ECHO_TAKE_NONE, ECHO_ONE_A_KICK, ECHO_MODES };

struct fake_echo_queue {
	struct chain held[FAKE_ECHO_SIZE];
	struct iovec iov[FAKE_ECHO_SIZE][FAKE_ECHO_SIZE];
	unsigned held_count;
	bool stopping;
	unsigned starts, kicks, stops;
};

struct fake_echo {
	struct virtio_pci vp;
	enum fake_echo_mode mode;
	bool refuse_features;
	struct fake_echo_queue queues[FAKE_ECHO_QUEUES];
	uint8_t config[FAKE_ECHO_CONFIG];
	unsigned resets, driver_oks;
};

/* On board, at place; loops and label are place's. */
int fake_echo_init(struct fake_echo *e, const struct board *board,
		   const struct virtio_pci_place *place, struct err *err);

/* On the queue's loop: answer the nth chain that is held, or say that all are done. */
void fake_echo_answer(struct fake_echo *e, unsigned index, unsigned n);
void fake_echo_answer_all(struct fake_echo *e, unsigned index);

#endif
