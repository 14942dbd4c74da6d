#include "nat/tcp_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The published vector of SipHash-2-4 for 16 bytes: key 00..0f, message 00..0f, which
 * gives db 9b c2 57 7f cc 2a 3f. */
static void the_published_vector_comes_out(void **state)
{
	const struct tcp_key key = { { UINT64_C(0x0706050403020100),
				       UINT64_C(0x0f0e0d0c0b0a0908) } };

	(void)state;
	assert_true(tcp_hash(&key, key.k[0], key.k[1]) == UINT64_C(0x3f2acc7f57c29bdb));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vector_comes_out),
	};

	return cmocka_run_group_tests_name("tcp_hash", tests, NULL, NULL);
}
