/* Where a named network is found, and who may be there. */
#include "network_fixture.h"

static void a_folder_that_others_may_enter_is_refused(void **state)
{
	struct town *t = *state;
	struct net *net;
	struct err err;

	chmod(t->dir, 0770);
	assert_int_equal(open_network(t, "lan", NULL, &net, &err), -EPERM);
	assert_non_null(strstr(err.text, "is not this user's alone"));
}

static void a_folder_of_another_user_is_refused(void **state)
{
	struct town *t = *state;
	struct net *net;
	struct err err;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(t->dir, 12345, 12345), 0);
	assert_int_equal(open_network(t, "lan", NULL, &net, &err), -EPERM);
	assert_non_null(strstr(err.text, "is not this user's alone"));
}

static void a_link_to_a_folder_is_refused(void **state)
{
	struct town *t = *state;
	struct net_network_config config = { .name = "lan" };
	char link[80];
	struct net *net;
	struct err err;

	snprintf(link, sizeof(link), "%s-link", t->dir);
	assert_int_equal(symlink(t->dir, link), 0);
	config.dir = link;
	assert_int_equal(net_network_open(&config, &net, &err), -EPERM);
	unlink(link);
}

static void without_a_folder_given_it_is_below_the_runtime_folder(void **state)
{
	struct town *t = *state;
	struct network_place place;
	char expected[128];

	setenv("XDG_RUNTIME_DIR", t->dir, 1);
	assert_int_equal(network_place_find("a.b", NULL, &place, NULL), 0);
	snprintf(expected, sizeof(expected), "%s/bantam/net/a.b.sock", t->dir);
	assert_string_equal(place.address.sun_path, expected);
	snprintf(expected, sizeof(expected), "%s/bantam/net/a.b.lock", t->dir);
	assert_string_equal(place.lock_path, expected);
	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(network_place_find("lan", NULL, &place, NULL), 0);
	snprintf(expected, sizeof(expected), "/tmp/bantam-%u/net/lan.sock", (unsigned)geteuid());
	assert_string_equal(place.address.sun_path, expected);
}

static void names_that_are_no_file_names_are_refused(void **state)
{
	static const char *const wrong[] = {
		"", ".", "..", ".lan", "a/b", "a b", "a,b", "123456789012345678901234567890123"
	};
	struct err err;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(net_network_check_name(wrong[i], &err), -EINVAL);
		assert_non_null(strstr(err.text, "letters"));
	}
	assert_int_equal(net_network_check_name("Lan-1_a.b", &err), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TOWN(a_folder_that_others_may_enter_is_refused),
		TOWN(a_folder_of_another_user_is_refused),
		TOWN(a_link_to_a_folder_is_refused),
		TOWN(without_a_folder_given_it_is_below_the_runtime_folder),
		cmocka_unit_test(names_that_are_no_file_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
