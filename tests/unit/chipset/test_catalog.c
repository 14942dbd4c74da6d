#include "catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define DEVICE(name) #name,
static const char *const names[] = {
#include "catalog.def"
};
#undef DEVICE

static void each_line_of_the_catalog_is_found_by_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct device_type *type = catalog_find(names[i]);

		assert_non_null(type);
		assert_string_equal(type->name, names[i]);
		assert_non_null(type->create);
		assert_non_null(type->reset);
		assert_non_null(type->destroy);
	}
}

static void an_unknown_name_is_not_found(void **state)
{
	(void)state;
	assert_null(catalog_find("i8255"));
	assert_null(catalog_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_of_the_catalog_is_found_by_its_name),
		cmocka_unit_test(an_unknown_name_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
