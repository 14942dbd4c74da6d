#include "qcow2_fixture.h"

#include "codec/deflate.h"
#include "codec/zstd_encode.h"

static uint8_t text(uint64_t at)
{
	return (uint8_t)(at / 100 + at % 7);
}

/* A cluster of text in another form at `offset` of the file; its length. */
static size_t pack(struct qcow2_bench *b, uint64_t offset)
{
	uint8_t *plain = malloc(CLUSTER);
	size_t len = 0;

	for (size_t i = 0; i < CLUSTER; i++)
		plain[i] = text(i);
	if (b->options.compression == QCOW2_ZSTD) {
		struct zstd_encoder *z = malloc(sizeof(*z));

		assert_int_equal(
			zstd_encode(z, plain, CLUSTER, b->file->bytes + offset, CLUSTER, &len), 0);
		free(z);
	} else {
		struct deflate *z = malloc(sizeof(*z));

		assert_int_equal(
			deflate_raw(z, plain, CLUSTER, b->file->bytes + offset, CLUSTER, &len), 0);
		free(z);
	}
	free(plain);
	return len;
}

static uint8_t *l2(const struct qcow2_bench *b)
{
	const uint8_t *l1 = b->file->bytes + be64_load(b->file->bytes + 40);

	return b->file->bytes + (be64_load(l1) & QCOW2_OFFSET_MASK);
}

/* Cluster 1 of the disk becomes a compressed one, over two clusters of the file. */
static void with_compressed(struct qcow2_bench *b)
{
	uint64_t place, sectors;
	size_t len;

	made(b);
	fill(b, 0, 1, 1);
	assert_ok(b, qcow2_refs_take(&b->m.refs, 2, &place, &b->err));
	assert_ok(b, qcow2_meta_commit(&b->m, &b->err));
	place = (place + 1) * CLUSTER - 100;
	len = pack(b, place);
	sectors = (place + len - 1) / 512 - place / 512;
	b->file->size_bytes = max_u64(b->file->size_bytes, (place / 512 + 1 + sectors) * 512);
	be64_store(l2(b) + 8, QCOW2_COMPRESSED | sectors << (62 - 6) | place);
	assert_ok(b, open_for(b, QCOW2_WRITE));
}

static int read_cluster(struct qcow2_bench *b, struct block *backing, uint64_t cluster, uint8_t *to)
{
	struct qcow2_data d;
	int rc = qcow2_data_open(&d, &b->m, backing, &b->err);

	if (rc == 0)
		rc = qcow2_data_read(&d, cluster, to, &b->err);
	qcow2_data_close(&d);
	return rc;
}

static void compressed_clusters_are_read(struct qcow2_bench *b)
{
	uint8_t *bytes = malloc(CLUSTER);

	with_compressed(b);
	assert_ok(b, read_cluster(b, NULL, 1, bytes));
	for (size_t i = 0; i < CLUSTER; i++)
		assert_int_equal(bytes[i], text(i));
	shut(b);
	assert_sound(b);
	/* A damaged one is an error, not something else. */
	assert_ok(b, open_for(b, QCOW2_WRITE));
	memset(b->file->bytes + (be64_load(l2(b) + 8) & 0xffffff), 0xff, 100);
	assert_int_equal(read_cluster(b, NULL, 1, bytes), -EBADMSG);
	assert_says(b, "compressed");
	free(bytes);
}

static void deflated_clusters_are_read(void **state)
{
	compressed_clusters_are_read(*state);
}

static void zstd_clusters_are_read(void **state)
{
	struct qcow2_bench *b = *state;

	b->options.compression = QCOW2_ZSTD;
	compressed_clusters_are_read(b);
}

static void a_compressed_cluster_that_is_replaced_is_freed(void **state)
{
	struct qcow2_bench *b = *state;

	with_compressed(b);
	fill(b, 1, 1, 9);
	shut(b);
	assert_sound(b);
	assert_int_equal(byte_at(b, CLUSTER), 9);
}

static void what_is_not_in_the_image_is_the_backing_disk_and_then_zeros(void **state)
{
	struct fake_block *backing = fake_block_open(CLUSTER * 2 + 512);
	struct qcow2_bench *b = *state;
	uint8_t *bytes = malloc(CLUSTER);

	memset(backing->bytes, 0xbb, CLUSTER * 2 + 512);
	made(b);
	fill(b, 0, 1, 1);
	assert_ok(b, read_cluster(b, &backing->block, 0, bytes));
	assert_int_equal(bytes[0], 1);
	assert_ok(b, read_cluster(b, &backing->block, 1, bytes));
	assert_int_equal(bytes[CLUSTER - 1], 0xbb);
	assert_ok(b, read_cluster(b, &backing->block, 2, bytes));
	assert_int_equal(bytes[511], 0xbb);
	assert_int_equal(bytes[512], 0);
	assert_int_equal(bytes[CLUSTER - 1], 0);
	assert_ok(b, read_cluster(b, NULL, 1, bytes));
	assert_int_equal(bytes[0], 0);
	free(bytes);
	fake_block_close(backing);
}

static void entries_that_cannot_be_are_errors(void **state)
{
	struct qcow2_bench *b = *state;
	uint8_t *bytes = malloc(CLUSTER);

	for (unsigned i = 0; i < 4; i++) {
		b->options.version = i == 2 ? 2 : 3;
		b->options.extended_l2 = i == 3;
		made(b);
		fill(b, 0, 1, 1);
		shut(b);
		if (i == 0)
			be64_store(l2(b), be64_load(l2(b)) + 512);
		else if (i == 1)
			be64_store(l2(b), GIB(1));
		else if (i == 2)
			be64_store(l2(b), be64_load(l2(b)) | QCOW2_ZERO);
		else
			be64_store(l2(b), 0); /* and subclusters nowhere */
		assert_ok(b, open_for(b, QCOW2_WRITE));
		assert_int_equal(read_cluster(b, NULL, 0, bytes), -EUCLEAN);
	}
	free(bytes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		QCOW2_TEST(deflated_clusters_are_read),
		QCOW2_TEST(zstd_clusters_are_read),
		QCOW2_TEST(a_compressed_cluster_that_is_replaced_is_freed),
		QCOW2_TEST(what_is_not_in_the_image_is_the_backing_disk_and_then_zeros),
		QCOW2_TEST(entries_that_cannot_be_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
