#include "unit/tools/run_fixture.h"

static void a_kernel_alone_gets_the_documented_defaults(void **state)
{
	struct run_options o;
	char name[32];

	(void)state;
	parse(&o, "--kernel", "kernel");
	snprintf(name, sizeof(name), "bantam-%d", getpid());
	assert_string_equal(o.config.name, name);
	assert_string_equal(o.config.kernel_path, "kernel");
	assert_false(o.config.kernel_flat);
	assert_int_equal(o.config.initrd_count, 0);
	assert_default_and(o.config.cmdline, "");
	assert_int_equal(o.config.memory_bytes, MIB(512));
	assert_int_equal(o.config.cpu_count, 1);
	assert_true(o.config.serial[0].present);
	assert_int_equal(o.config.serial[0].kind, CHARDEV_STDIO);
	for (unsigned i = 1; i < SERIAL_PORTS; i++)
		assert_false(o.config.serial[i].present);
	assert_false(o.config.debugcon.present);
	assert_false(o.config.debug_exit);
	assert_int_equal(o.config.timeout_ns, 0);
	assert_int_equal(o.config.idle_timeout_ns, 0);
	assert_null(o.config.log_path);
	assert_null(o.config.events_path);
	assert_int_equal(o.config.events_fd, -1);
	assert_int_equal(o.config.on_reboot, ON_REBOOT_EXIT);
	assert_int_equal(o.config.on_panic, ON_PANIC_EXIT);
	assert_false(o.config.timeline || o.config.stats || o.dry_run || o.help);
}

static void every_flag_reaches_the_configuration(void **state)
{
	struct run_options o;

	(void)state;
	parse(&o, "-k", "flat:kernel", "-i", "initrd", "--initrd=kernel", "-m", "1G", "-c", "64",
	      "--serial", "null", "--serial", "file=com2", "--serial", "unix=com3", "--serial",
	      "pty", "--debugcon", "stdio", "--debug-exit", "--timeout", "90", "--idle-timeout",
	      "5s", "--log", "log", "--events", "events", "--on-reboot", "restart", "--on-panic",
	      "dump=core", "--name", "box-1", "--timeline", "--stats", "--dry-run", "-vv");
	assert_true(o.config.kernel_flat);
	assert_string_equal(o.config.kernel_path, "kernel");
	assert_int_equal(o.config.initrd_count, 2);
	assert_string_equal(o.config.initrd_paths[0], "initrd");
	assert_string_equal(o.config.initrd_paths[1], "kernel");
	assert_int_equal(o.config.memory_bytes, GIB(1));
	assert_int_equal(o.config.cpu_count, 64);
	assert_int_equal(o.config.serial[0].kind, CHARDEV_NULL);
	assert_int_equal(o.config.serial[1].kind, CHARDEV_FILE);
	assert_string_equal(o.config.serial[1].path, "com2");
	assert_int_equal(o.config.serial[2].kind, CHARDEV_UNIX);
	assert_string_equal(o.config.serial[2].path, "com3");
	assert_int_equal(o.config.serial[3].kind, CHARDEV_PTY);
	assert_int_equal(o.config.debugcon.kind, CHARDEV_STDIO);
	assert_true(o.config.debug_exit);
	assert_int_equal(o.config.timeout_ns, 90 * NS_PER_S);
	assert_int_equal(o.config.idle_timeout_ns, 5 * NS_PER_S);
	assert_string_equal(o.config.log_path, "log");
	assert_string_equal(o.config.events_path, "events");
	assert_int_equal(o.config.on_reboot, ON_REBOOT_RESTART);
	assert_int_equal(o.config.on_panic, ON_PANIC_DUMP);
	assert_string_equal(o.config.dump_path, "core");
	assert_string_equal(o.config.name, "box-1");
	assert_true(o.config.timeline && o.config.stats && o.dry_run);
	assert_int_equal(o.verbosity, 2);
	/* Checking has made no file. */
	assert_int_equal(access("log", F_OK), -1);
	assert_int_equal(access("com2", F_OK), -1);
}

static void of_a_flag_given_twice_the_last_counts(void **state)
{
	struct run_options o;

	(void)state;
	parse(&o, "-k", "gone", "-k", "kernel", "-m", "1G", "-m64M", "--on-panic", "dump=core",
	      "--on-panic", "exit", "--on-reboot", "restart", "--on-reboot", "exit");
	assert_string_equal(o.config.kernel_path, "kernel");
	assert_int_equal(o.config.memory_bytes, MIB(64));
	assert_int_equal(o.config.on_panic, ON_PANIC_EXIT);
	assert_null(o.config.dump_path);
	assert_int_equal(o.config.on_reboot, ON_REBOOT_EXIT);
}

static void append_adds_to_the_command_line_and_cmdline_replaces_it(void **state)
{
	struct run_options o;

	(void)state;
	parse(&o, "-k", "kernel", "-a", "quiet", "--append", "debug x=1");
	assert_default_and(o.config.cmdline, " quiet debug x=1");
	parse(&o, "-k", "kernel", "-a", "quiet", "--cmdline", "root=/dev/vda");
	assert_string_equal(o.config.cmdline, "root=/dev/vda quiet");
	parse(&o, "-k", "kernel", "--cmdline", "", "-a", "quiet");
	assert_string_equal(o.config.cmdline, "quiet");
	parse(&o, "-k", "kernel", "--cmdline=");
	assert_string_equal(o.config.cmdline, "");
}

static void a_command_line_that_linux_would_cut_is_refused(void **state)
{
	char words[CMDLINE_BYTES_MAX + 1];
	struct run_options o;

	(void)state;
	memset(words, 'x', sizeof(words));
	words[CMDLINE_BYTES_MAX - 1] = '\0';
	parse(&o, "-k", "kernel", "--cmdline", words);
	assert_int_equal(strlen(o.config.cmdline), 2047);
	assert_wrong("--append: too long behind the built-in words: a kernel takes at most 2047 "
		     "bytes in all",
		     "-a", words);
	words[CMDLINE_BYTES_MAX - 1] = 'x';
	words[CMDLINE_BYTES_MAX] = '\0';
	assert_wrong("--cmdline: too long: a kernel takes at most 2047 bytes", "--cmdline", words);
	assert_wrong("--append: too long: a kernel takes at most 2047 bytes", "-a", words);
}

static void memory_that_no_guest_can_have_is_refused_with_what_it_can(void **state)
{
	struct run_options o;

	(void)state;
	parse(&o, "-k", "kernel", "-m", "32M");
	parse(&o, "-k", "kernel", "-m", "1T");
	assert_wrong("--memory: '12Q' is not a size: use for example 512M or 2G", "-m", "12Q");
	assert_wrong("--memory: '' is not a size: use for example 512M or 2G", "-m", "");
	assert_wrong("--memory: '30M' is too little: 32M is the least", "-m", "30M");
	assert_wrong("--memory: '512' is too little: 32M is the least", "-m", "512");
	assert_wrong("--memory: '2T' is too much: 1T is the most", "-m", "2T");
	assert_wrong("--memory: '99999999999T' is too much: 1T is the most", "-m", "99999999999T");
	assert_wrong("--memory: '33M' is not a multiple of 2M: the nearest is 34M", "-m", "33M");
	assert_wrong("--memory: '536870913' is not a multiple of 2M: the nearest is 512M", "-m",
		     "536870913");
	assert_wrong("--memory: '1048575M' is not a multiple of 2M: the nearest is 1T", "-m",
		     "1048575M");
}

static void wrong_numbers_and_words_are_refused_with_the_right_ones(void **state)
{
	(void)state;
	assert_wrong("--cpus: '0' is not a number of CPUs: use 1 to 64", "-c", "0");
	assert_wrong("--cpus: '65' is not a number of CPUs: use 1 to 64", "-c", "65");
	assert_wrong("--cpus: 'two' is not a number of CPUs: use 1 to 64", "-c", "two");
	assert_wrong("--timeout: 'soon' is not a duration: use for example 90s, 10m, 1h, or 0 for "
		     "no limit",
		     "--timeout", "soon");
	assert_wrong("--idle-timeout: '9999999h' is too long: use 0 for no limit", "--idle-timeout",
		     "9999999h");
	assert_wrong("--on-reboot: 'stop' is not known: use exit or restart", "--on-reboot",
		     "stop");
	assert_wrong("--on-panic: 'dump' is not known: use exit, pause or dump=FILE", "--on-panic",
		     "dump");
	assert_wrong("--on-panic: 'dump=' is not known: use exit, pause or dump=FILE", "--on-panic",
		     "dump=");
	assert_wrong(
		"--name: 'a/b' is not a name: use 1 to 64 letters, digits, '.', '_' and '-', a "
		"letter first",
		"--name", "a/b");
	assert_wrong("--name: '' is not a name: use 1 to 64 letters, digits, '.', '_' and '-', a "
		     "letter first",
		     "--name=");
	assert_wrong("--log: needs the name of a file", "--log=");
	assert_wrong("--debug-exit: takes no value: give it alone", "--debug-exit=on");
	assert_wrong("--memroy: unknown flag: did you mean --memory?", "--memroy", "1G");
}

static void flags_of_capabilities_that_are_not_there_are_unknown(void **state)
{
	static const char *const later[] = { "--share",	  "--root",  "--gdb",	  "--control",
					     "--sandbox", "--cdrom", "--firmware" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(later); i++) {
		char expected[128];

		snprintf(expected, sizeof(expected),
			 "%s: unknown flag: 'bantam help run' lists them", later[i]);
		assert_wrong(expected, later[i], "x");
	}
}

static void a_command_or_a_stray_word_is_refused(void **state)
{
	struct run_options o;

	(void)state;
	assert_wrong(
		"-- make: this version runs no COMMAND in the guest: let the initrd's /init run "
		"it",
		"--", "make", "check");
	assert_wrong("'bzImage' is not a flag: a kernel is given with --kernel FILE", "bzImage");
	parse(&o, "-k", "kernel", "--");
}

static void serial_places_are_checked_by_kind(void **state)
{
	(void)state;
	assert_wrong("--serial: 'tty' is not a place for a terminal: use stdio, pty, file=PATH, "
		     "unix=PATH or null",
		     "--serial", "tty");
	assert_wrong("--serial: 'file=' is not a place for a terminal: use stdio, pty, file=PATH, "
		     "unix=PATH or null",
		     "--serial", "file=");
	assert_wrong(
		"--debugcon: 'stdio2' is not a place for a terminal: use stdio, pty, file=PATH, "
		"unix=PATH or null",
		"--debugcon", "stdio2");
	assert_wrong("--serial: given too often: there are COM1 to COM4", "--serial", "null",
		     "--serial", "null", "--serial", "null", "--serial", "null", "--serial",
		     "null");
}

static void more_initrds_than_the_loader_takes_are_refused(void **state)
{
	char *argv[2 + 2 * (BOOT_INITRDS_MAX + 1)] = { "run", "-kkernel" };
	struct run_options o;
	struct err err = { "" };
	int argc = 2;

	(void)state;
	for (unsigned i = 0; i < BOOT_INITRDS_MAX; i++)
		argv[argc++] = "-iinitrd";
	assert_int_equal(run_options_parse(&o, argc, argv, &err), 0);
	assert_int_equal(o.config.initrd_count, BOOT_INITRDS_MAX);
	argv[argc++] = "-iinitrd";
	assert_int_equal(run_options_parse(&o, argc, argv, &err), -EINVAL);
	assert_string_equal(err.text,
			    "--initrd: given too often: join some files: 32 are the most");
}

static void help_wins_over_anything_that_is_wrong_with_values(void **state)
{
	struct run_options o;

	(void)state;
	parse(&o, "-m", "12Q", "--help");
	assert_true(o.help);
	parse(&o, "-h");
	assert_true(o.help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_FOLDER(a_kernel_alone_gets_the_documented_defaults),
		TEST_IN_FOLDER(every_flag_reaches_the_configuration),
		TEST_IN_FOLDER(of_a_flag_given_twice_the_last_counts),
		TEST_IN_FOLDER(append_adds_to_the_command_line_and_cmdline_replaces_it),
		TEST_IN_FOLDER(a_command_line_that_linux_would_cut_is_refused),
		TEST_IN_FOLDER(memory_that_no_guest_can_have_is_refused_with_what_it_can),
		TEST_IN_FOLDER(wrong_numbers_and_words_are_refused_with_the_right_ones),
		TEST_IN_FOLDER(flags_of_capabilities_that_are_not_there_are_unknown),
		TEST_IN_FOLDER(a_command_or_a_stray_word_is_refused),
		TEST_IN_FOLDER(serial_places_are_checked_by_kind),
		TEST_IN_FOLDER(more_initrds_than_the_loader_takes_are_refused),
		TEST_IN_FOLDER(help_wins_over_anything_that_is_wrong_with_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
