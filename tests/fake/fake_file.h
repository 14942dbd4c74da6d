/* fake/fake_file.h: an image file in memory that can remember all that was done to it,
 * takes its time, and fails when the test says.  A block that "holds a file" (block.h).
 *
 *      struct fake_file *file = fake_file_open(bytes, len);
 *      fake_file_record(file);            // from here on file->tape has it all
 *      file->shuffle = true;              // requests end in any order
 *      file->fail_at = 3;                 // the third request from here on ends with
 *      file->fail_status = -EIO;          // this, without effect
 *      file->room_bytes = MIB(1);         // growing beyond: -ENOSPC
 *
 * Any thread may submit. */
#ifndef BANTAM_FAKE_FAKE_FILE_H
#define BANTAM_FAKE_FAKE_FILE_H

#include <pthread.h>

#include "block/block.h"

#define FAKE_FILE_BYTES_MAX GIB(4) /* of address space, not of memory */

enum tape_kind { TAPE_WRITE, TAPE_ZERO, TAPE_TRUNCATE, TAPE_FLUSH };

#define TAPE_NEVER UINT64_MAX

/* Something done to the file, with the times when it began to be seen and when whoever
 * asked was told that it is done. */
struct tape_entry {
	enum tape_kind kind;
	uint64_t offset; /* TRUNCATE: the new size */
	uint64_t len;
	uint8_t *bytes; /* WRITE */
	bool durable;	/* by itself, when it has ended */
	unsigned file;	/* whose it is, where several have one tape */
	uint64_t began, ended;
};

struct tape {
	uint64_t now; /* counts events */
	size_t count, room;
	struct tape_entry *entries;
};

struct fake_file {
	struct block block; /* the limits may be changed before the first request */
	uint8_t *bytes;	    /* what a read gives, and zeros behind size_bytes */
	uint64_t size_bytes;
	/* Trouble. */
	uint64_t fail_at; /* counted from 1, of all requests and truncates; 0: none */
	bool fail_from;	  /* and all that come after */
	int fail_status;
	uint64_t room_bytes;
	bool shuffle;
	uint64_t random; /* of the shuffling; not 0 */
	/* What came. */
	uint64_t submitted;
	unsigned in_flight;
	bool recording;
	struct tape tape;
	/* NULL, or who has its tape instead; then what this file's entries say. */
	struct fake_file *recorder;
	unsigned number;
	/* Not to be touched by tests. */
	pthread_mutex_t lock;
	unsigned tape_number;
};

/* With len bytes in it.  Aborts without memory. */
struct fake_file *fake_file_open(const uint8_t *bytes, uint64_t len);
/* For a test that did not hand it to block_close(). */
void fake_file_close(struct fake_file *file);

/* Forget the tape, and begin a new one. */
void fake_file_record(struct fake_file *file);

/* An event of the test's own: its time. */
uint64_t fake_file_mark(struct fake_file *file);

/* FAKE_FILE_BYTES_MAX bytes of zeros, that take memory when they are touched. */
uint8_t *fake_file_space(void);

/* Do to bytes (of FAKE_FILE_BYTES_MAX, zeros behind *size) what e says. */
void tape_play(const struct tape_entry *e, uint8_t *bytes, uint64_t *size);

#endif
