#include "qcow2_fixture.h"

#include <fcntl.h>
#include <unistd.h>

#include "block/chain_read.h"

/* What the image in memory holds, read from a file by the way of img's verbs. */
static int read_first(struct qcow2_bench *b, uint8_t sector[512])
{
	const struct chain_options options = { .use = QCOW2_READ };
	char path[] = "/tmp/bantam-chain-XXXXXX";
	const int fd = mkstemp(path);
	struct chain c;
	int rc;

	shut(b);
	assert_int_equal(write(fd, b->file->bytes, b->file->size_bytes), b->file->size_bytes);
	close(fd);
	rc = chain_open(&c, b->loop, path, &options, &b->err);
	if (rc == 0) {
		rc = chain_read_sync(&c, 0, 0, 512, sector, &b->err);
		chain_close(&c);
	}
	unlink(path);
	return rc;
}

/* Entry 0 of the first L2 table. */
static uint8_t *entry_of(struct qcow2_bench *b)
{
	const struct qcow2_judge j = judged(b);

	return b->file->bytes + (be64_load(b->file->bytes + j.l1_offset) & QCOW2_OFFSET_MASK);
}

static void refused(struct qcow2_bench *b, const char *words)
{
	uint8_t sector[512];

	assert_int_equal(read_first(b, sector), -EUCLEAN);
	assert_says(b, words);
}

static void a_zero_flag_where_there_is_none_is_no_zeros(void **state)
{
	struct qcow2_bench *b = *state;
	uint8_t sector[512];

	made(b);
	fill(b, 0, 1, 'x');
	be64_store(entry_of(b), QCOW2_ZERO);
	assert_ok(b, read_first(b, sector));
	assert_int_equal(sector[0], 0);
	be32_store(b->file->bytes + 4, 2);
	refused(b, "has a zero flag, which it cannot have");
}

static void subclusters_that_cannot_be_are_refused(void **state)
{
	struct qcow2_bench *b = *state;
	uint8_t sector[512], *entry;

	b->options.extended_l2 = true;
	made(b);
	fill(b, 0, 1, 'x');
	entry = entry_of(b);
	assert_ok(b, read_first(b, sector));
	assert_int_equal(sector[511], 'x');
	be64_store(entry + 8, be64_load(entry + 8) | UINT64_C(1) << 32);
	refused(b, "both data and zeros");
	be64_store(entry + 8, 1);
	be64_store(entry, be64_load(entry) | QCOW2_ZERO);
	refused(b, "has a zero flag, which it cannot have");
	be64_store(entry, 0);
	refused(b, "has data without a place");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		QCOW2_TEST(a_zero_flag_where_there_is_none_is_no_zeros),
		QCOW2_TEST(subclusters_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
