#include "codec/xxh64.h"

#include "codec_fixture.h"

/* Values of the reference implementation. */
static void hashes_are_those_of_the_reference(void **state)
{
	static const struct {
		const char *text;
		uint64_t hash;
	} rows[] = {
		{ "", 0xef46db3751d8e999 },
		{ "a", 0xd24ec4f1a98c6e5b },
		{ "abc", 0x44bc2cf5ad770999 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(xxh64((const uint8_t *)rows[i].text, strlen(rows[i].text)),
				 rows[i].hash);
}

/* The checksum that zstd put behind these bytes; see zstd_vector.h. */
static void long_inputs_go_by_stripes(void **state)
{
	uint8_t *in = vector_new();

	(void)state;
	assert_int_equal((uint32_t)xxh64(in, VECTOR_BYTES), 0xaa8562bb);
	free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_those_of_the_reference),
		cmocka_unit_test(long_inputs_go_by_stripes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
