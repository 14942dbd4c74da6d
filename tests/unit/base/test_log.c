#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* stderr of a test goes into a pipe that the test reads. */
static int saved_stderr, pipe_out;

static int setup(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(saved_stderr >= 0);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	close(fds[1]);
	pipe_out = fds[0];
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(pipe_out);
	log_set_level(LOG_WARN);
	log_set_crlf(false);
	return 0;
}

/* What was logged since the last call. */
static const char *logged(void)
{
	static char text[4096];
	const ssize_t n = read(pipe_out, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void a_line_has_the_programs_name_and_one_newline(void **state)
{
	(void)state;
	log_error("no %s in %d places", "kernel", 3);
	assert_string_equal(logged(), "bantam: no kernel in 3 places\n");
}

static void raw_terminal_mode_adds_a_carriage_return(void **state)
{
	(void)state;
	log_set_crlf(true);
	log_warn("x");
	assert_string_equal(logged(), "bantam: x\r\n");
}

static void warnings_are_shown_and_information_is_not_at_first(void **state)
{
	(void)state;
	log_info("i");
	log_debug("d");
	assert_string_equal(logged(), "");
	log_warn("w");
	assert_string_equal(logged(), "bantam: w\n");
	assert_true(log_enabled(LOG_WARN));
	assert_false(log_enabled(LOG_INFO));
}

static void the_level_shows_itself_and_all_that_matters_more(void **state)
{
	(void)state;
	log_set_level(LOG_INFO);
	log_debug("d");
	log_info("i");
	log_error("e");
	assert_string_equal(logged(), "bantam: i\nbantam: e\n");
}

static void a_long_line_is_cut_and_still_ends_in_a_newline(void **state)
{
	char text[3000];
	const char *line;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_set_crlf(true);
	log_error("%s", text);
	line = logged();
	assert_in_range(strlen(line), 1000, 1024);
	assert_string_equal(line + strlen(line) - 3, "x\r\n");
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void the_limit_passes_a_burst_in_each_second(void **state)
{
	struct log_limit limit = { 0 };

	(void)state;
	for (unsigned second = 0; second < 3; second++) {
		const uint64_t t = second * NS_PER_S + 5;

		assert_true(log_limit_ok(&limit, t, 2));
		assert_true(log_limit_ok(&limit, t + 1, 2));
		assert_false(log_limit_ok(&limit, t + 2, 2));
		assert_false(log_limit_ok(&limit, t + NS_PER_S / 2, 2));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_has_the_programs_name_and_one_newline),
		TEST(raw_terminal_mode_adds_a_carriage_return),
		TEST(warnings_are_shown_and_information_is_not_at_first),
		TEST(the_level_shows_itself_and_all_that_matters_more),
		TEST(a_long_line_is_cut_and_still_ends_in_a_newline),
		TEST(the_limit_passes_a_burst_in_each_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
