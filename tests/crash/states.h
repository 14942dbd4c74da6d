/* crash/states.h: all that a power failure may leave of a file.
 *
 * A write that was done before a flush began is on the disk when the flush is done.
 * Of all others that had begun by the time of the crash any subset may be there, and
 * of the last one any of its 512-byte sectors. */
#ifndef BANTAM_TESTS_CRASH_STATES_H
#define BANTAM_TESTS_CRASH_STATES_H

#include "fake/fake_file.h"

#define STATES_FILES 2u

struct states {
	const struct tape *tape;
	/* The files of the tape, by number: fake_file_space(), as when the tape began;
	 * changed all the time, and when all is done.  Empty ones have no bytes. */
	struct state {
		uint8_t *bytes;
		uint64_t size_bytes;
	} file[STATES_FILES];
	const uint64_t *marks; /* times besides each write's at which to crash, ascending */
	size_t mark_count;
	unsigned all_up_to;    /* writes not durable of which all subsets are tried */
	unsigned random_count; /* subsets tried of more */
	uint64_t visits_max;   /* if there are more states, only some, evenly; 0: no limit */
	uint64_t random;       /* seed, not 0 */
	/* One state, at a time of the tape.  False: no more. */
	bool (*visit)(void *arg, const struct state *file, uint64_t time);
	void *arg;
	uint64_t count, visited;
	uint64_t stride;
};

void states_visit(struct states *s);

#endif
