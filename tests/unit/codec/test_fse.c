#include "codec/fse_encode.h"

#include "codec_fixture.h"

#include <errno.h>

#include "codec/zstd_format.h"

#define SYMBOLS_MANY 3000

static void counts_are_read_as_they_were_written(void **state)
{
	uint64_t random = 7;

	(void)state;
	for (unsigned n = 0; n < 2000; n++) {
		const unsigned symbols = 2 + (unsigned)(sample_random(&random) % 52);
		const unsigned log = 6 + n % 4;
		uint32_t uses[FSE_SYMBOLS_MAX];
		struct fse_counts counts, back;
		struct bits_out out;
		uint8_t bytes[80];
		uint64_t sum = 0;
		size_t len;

		for (unsigned s = 0; s < symbols; s++) {
			const uint64_t r = sample_random(&random);

			uses[s] = r % 3 ? (uint32_t)(r >> (40 + n % 20)) : 0;
		}
		uses[0] |= 1;
		uses[symbols - 1] |= 1;
		fse_counts_make(&counts, uses, symbols, log);
		for (unsigned s = 0; s < symbols; s++) {
			assert_int_equal(counts.count[s] > 0, uses[s] > 0);
			sum += (uint64_t)counts.count[s];
		}
		assert_int_equal(sum, 1u << log);
		bits_out_init(&out, bytes, sizeof(bytes));
		fse_counts_write(&out, &counts);
		assert_false(out.full);
		len = (size_t)(out.at - bytes);
		assert_int_equal(fse_counts_read(&back, bytes, len, symbols, log), len);
		assert_int_equal(back.log, log);
		assert_int_equal(back.symbols, symbols);
		assert_memory_equal(back.count, counts.count, symbols * sizeof(*counts.count));
		/* Nor with a byte less, a symbol less or a smaller log. */
		assert_int_equal(fse_counts_read(&back, bytes, len - 1, symbols, log), -EBADMSG);
		assert_int_equal(fse_counts_read(&back, bytes, len, symbols - 1, log), -EBADMSG);
		assert_int_equal(fse_counts_read(&back, bytes, len, symbols, log - 1), -EBADMSG);
	}
}

static void a_run_of_zeros_beyond_the_symbols_is_refused(void **state)
{
	/* Log 5, a first count of 0, and threes for ever. */
	uint8_t bytes[40];
	struct fse_counts counts;

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	bytes[0] = 0x10;
	bytes[1] = 0xfe;
	assert_int_equal(fse_counts_read(&counts, bytes, sizeof(bytes), 53, 9), -EBADMSG);
}

static void code_and_decode(const struct fse_counts *counts, unsigned symbols)
{
	static uint8_t sequence[SYMBOLS_MANY], bytes[4 * SYMBOLS_MANY];
	struct fse_encoder encoder;
	struct fse_table table;
	struct bits_out out;
	struct bits_back in;
	uint64_t random = 5;
	uint32_t at;

	for (unsigned i = 0; i < SYMBOLS_MANY; i++)
		sequence[i] = (uint8_t)(sample_random(&random) % symbols);
	fse_encoder_build(&encoder, counts);
	bits_out_init(&out, bytes, sizeof(bytes));
	at = fse_first(&encoder, sequence[SYMBOLS_MANY - 1]);
	for (unsigned i = SYMBOLS_MANY - 1; i-- > 0;) {
		at = fse_put(&encoder, &out, at, sequence[i]);
		bits_out_flush(&out);
	}
	fse_finish(&encoder, &out, at);
	bits_out_mark(&out);
	assert_false(out.full);

	fse_table_build(&table, counts, NULL);
	assert_true(bits_back_init(&in, bytes, (size_t)(out.at - bytes)));
	at = bits_back_take(&in, table.log);
	for (unsigned i = 0; i < SYMBOLS_MANY; i++) {
		const struct fse_state *s = &table.state[at];

		assert_int_equal(s->value, sequence[i]);
		if (i == SYMBOLS_MANY - 1)
			break;
		bits_back_refill(&in);
		at = s->next + bits_back_take(&in, s->next_bits);
	}
	assert_int_equal(bits_back_left(&in), 0);
}

static void symbols_come_back_in_every_predefined_code(void **state)
{
	(void)state;
	for (unsigned c = 0; c < ZSTD_CODES; c++)
		code_and_decode(&zstd_codes[c].predefined, zstd_codes[c].predefined.symbols);
}

static void symbols_come_back_in_a_lopsided_code(void **state)
{
	const struct fse_counts counts = { .log = 9, .symbols = 4, .count = { 509, 1, 1, -1 } };

	(void)state;
	code_and_decode(&counts, 4);
}

/* RFC 8878 §3.1.1.3.2.2: the states of each predefined code are all given out. */
static void predefined_counts_fill_their_states(void **state)
{
	(void)state;
	for (unsigned c = 0; c < ZSTD_CODES; c++) {
		const struct fse_counts *p = &zstd_codes[c].predefined;
		int sum = 0;

		for (unsigned s = 0; s < p->symbols; s++)
			sum += p->count[s] < 0 ? 1 : p->count[s];
		assert_int_equal(sum, 1 << p->log);
	}
}

/* Each code begins where the one before ends. */
static void meanings_leave_no_gap(void **state)
{
	(void)state;
	for (unsigned c = 0; c < ZSTD_CODES; c++) {
		const struct fse_meaning *m = zstd_codes[c].meaning;

		for (unsigned s = 1; s < zstd_codes[c].symbols; s++)
			assert_int_equal(m[s].value, m[s - 1].value + (1u << m[s - 1].extra_bits));
	}
}

static void cost_follows_the_share_of_states(void **state)
{
	const struct fse_counts counts = { .log = 5, .symbols = 3, .count = { 16, 8, 8 } };
	const uint32_t uses[] = { 10, 3, 0, 0 }, beyond[] = { 1, 1, 1, 1 };

	(void)state;
	assert_int_equal(fse_cost(&counts, uses, 4), 256 * (10 * 1 + 3 * 2));
	assert_true(fse_cost(&counts, beyond, 4) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_read_as_they_were_written),
		cmocka_unit_test(a_run_of_zeros_beyond_the_symbols_is_refused),
		cmocka_unit_test(symbols_come_back_in_every_predefined_code),
		cmocka_unit_test(symbols_come_back_in_a_lopsided_code),
		cmocka_unit_test(predefined_counts_fill_their_states),
		cmocka_unit_test(meanings_leave_no_gap),
		cmocka_unit_test(cost_follows_the_share_of_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
