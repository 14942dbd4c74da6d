#include "unit/tools/run_fixture.h"

#include <fcntl.h>

static void a_config_file_sets_what_flags_would(void **state)
{
	struct run_options o;

	(void)state;
	write_file("guest.conf", "# a guest\n"
				 "kernel = kernel\n"
				 "memory=1G   # by size\r\n"
				 "\n"
				 "  append =  a=b#c d  \n"
				 "timeline = on\n"
				 "stats = off\n"
				 "debug-exit=on");
	parse(&o, "--config", "guest.conf");
	assert_string_equal(o.config.kernel_path, "kernel");
	assert_int_equal(o.config.memory_bytes, GIB(1));
	assert_default_and(o.config.cmdline, " a=b#c d");
	assert_true(o.config.timeline);
	assert_false(o.config.stats);
	assert_true(o.config.debug_exit);
	run_options_release(&o);
}

static void flags_win_over_the_file_and_repeated_ones_come_after_it(void **state)
{
	struct run_options o;

	(void)state;
	write_file("guest.conf", "kernel = kernel\nmemory = 1G\ninitrd = initrd\nappend = one\n"
				 "serial = null\ntimeout = 5m\n");
	parse(&o, "-m", "2G", "-i", "kernel", "-a", "two", "--serial", "stdio", "--timeout", "0",
	      "--config", "guest.conf");
	assert_int_equal(o.config.memory_bytes, GIB(2));
	assert_int_equal(o.config.initrd_count, 2);
	assert_string_equal(o.config.initrd_paths[0], "initrd");
	assert_string_equal(o.config.initrd_paths[1], "kernel");
	assert_default_and(o.config.cmdline, " one two");
	assert_int_equal(o.config.serial[0].kind, CHARDEV_NULL);
	assert_int_equal(o.config.serial[1].kind, CHARDEV_STDIO);
	assert_int_equal(o.config.timeout_ns, 0);
	run_options_release(&o);
}

static void a_config_file_error_names_file_and_line(void **state)
{
	static const struct {
		const char *text, *error;
	} samples[] = {
		{ "kernel = kernel\n\nmemory = 12Q\n",
		  "f.conf:3: memory: '12Q' is not a size: use for example 512M or 2G" },
		{ "memroy = 1G", "f.conf:1: memroy: unknown setting: did you mean memory?" },
		{ "share = x", "f.conf:1: share: unknown setting: 'bantam help run' lists them as "
			      "flags" },
		{ "timeline\n", "f.conf:1: 'timeline' is not a setting: write name = value" },
		{ "timeline = yes", "f.conf:1: timeline: 'yes' is not known: use on or off" },
		{ "config = other", "f.conf:1: config: works as a flag only: remove the line" },
		{ "help = on", "f.conf:1: help: works as a flag only: remove the line" },
		{ "= 5", "f.conf:1: : unknown setting: 'bantam help run' lists them as flags" },
		{ "cpus =\n", "f.conf:1: cpus: '' is not a number of CPUs: use 1 to 64" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		write_file("f.conf", samples[i].text);
		assert_wrong(samples[i].error, "--config", "f.conf");
	}
}

static void a_config_file_that_is_none_is_refused(void **state)
{
	int fd;

	(void)state;
	assert_refused("--config: gone: No such file or directory", "--config", "gone");
	assert_refused("--config: /: Is a directory", "--config", "/");
	fd = open("binary", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_int_equal(write(fd, "a\0b", 3), 3);
	assert_refused("--config: binary: not a text file: is it the right one?", "--config",
		       "binary");
	assert_int_equal(ftruncate(fd, (64 << 10) + 1), 0);
	assert_refused("--config: binary: longer than 65536 bytes: is it the right file?",
		       "--config", "binary");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_FOLDER(a_config_file_sets_what_flags_would),
		TEST_IN_FOLDER(flags_win_over_the_file_and_repeated_ones_come_after_it),
		TEST_IN_FOLDER(a_config_file_error_names_file_and_line),
		TEST_IN_FOLDER(a_config_file_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
