/* Frames that wait: in order of time, then of arrival, and never too many. */
#include "net_fixture.h"

#include "net/late.h"

static const struct net_offload plain;

static bool put(struct late *q, uint32_t len, uint64_t due_ns, uint8_t tag)
{
	uint8_t *bytes = calloc(1, len);
	const struct iovec iov = { bytes, len };
	struct late_frame *f;

	assert_non_null(bytes);
	bytes[0] = tag;
	f = late_copy(&iov, 1, len, &plain);
	free(bytes);
	assert_non_null(f);
	return late_put(q, f, due_ns);
}

static void the_earliest_is_first_and_equals_keep_their_order(void **state)
{
	static struct late q;
	uint64_t last_ns = 0;
	unsigned last_tag = 0;

	(void)state;
	for (unsigned i = 0; i < 250; i++)
		assert_true(put(&q, 60, i * 7919 % 5, (uint8_t)i));
	for (unsigned i = 0; i < 250; i++) {
		const struct late_frame *f = late_first(&q);

		assert_int_equal(late_next_ns(&q), f->due_ns);
		assert_true(f->due_ns >= last_ns);
		if (f->due_ns == last_ns && i > 0)
			assert_true(f->bytes[0] > last_tag);
		last_ns = f->due_ns;
		last_tag = f->bytes[0];
		late_drop_first(&q);
	}
	assert_null(late_first(&q));
	assert_int_equal(late_next_ns(&q), UINT64_MAX);
}

static void bytes_are_bounded_and_given_back(void **state)
{
	static struct late q;
	unsigned count = 0;

	(void)state;
	while (put(&q, 65536, 1, 0))
		count++;
	assert_int_equal(count, LATE_BYTES_MAX / 65536);
	late_drop_first(&q);
	assert_true(put(&q, 65536, 1, 0));
	late_drop_all(&q);
	assert_int_equal(q.bytes + q.count, 0);
	assert_true(put(&q, 65536, 1, 0));
	late_drop_all(&q);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_earliest_is_first_and_equals_keep_their_order),
		cmocka_unit_test(bytes_are_bounded_and_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
