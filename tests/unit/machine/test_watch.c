#include "said.h"

#include <errno.h>
#include <stdlib.h>

#include "machine/watch.h"

struct fixture {
	struct watch w;
	struct memory_file log;
	uint64_t now_ns;
	unsigned signs;
	enum watch_sign sign;             /* the last one */
	char text[WATCH_LINE_BYTES + 1];  /* its text */
};

#define ZERO_NS (5 * NS_PER_S)

static void note_sign(void *ctx, enum watch_sign sign, const char *text)
{
	struct fixture *f = ctx;

	f->signs++;
	f->sign = sign;
	snprintf(f->text, sizeof(f->text), "%s", text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->w.sign = note_sign;
	f->w.ctx = f;
	f->now_ns = ZERO_NS;
	memory_file_open(&f->log);
	assert_int_equal(watch_open(&f->w, f->log.path, ZERO_NS, NULL), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	watch_close(&f->w);
	close(f->log.fd);
	free(f);
	return 0;
}

static void feed_bytes(struct fixture *f, const void *bytes, size_t len)
{
	watch_bytes(&f->w, bytes, len, f->now_ns);
}

static void feed(struct fixture *f, const char *text)
{
	feed_bytes(f, text, strlen(text));
}

static void feed_many(struct fixture *f, char c, size_t count)
{
	while (count-- > 0)
		feed_bytes(f, &c, 1);
}

static const char *last_lines(const struct fixture *f)
{
	static char text[16384];
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	watch_print_last(&f->w, out, "> ");
	fputc('\0', out);
	fclose(out);
	return text;
}

static void lines_end_at_a_newline_and_carriage_returns_vanish(void **state)
{
	struct fixture *f = *state;

	feed(f, "one\r\ntw\ro\n\nfour\n");
	assert_string_equal(last_lines(f), "> one\n> two\n> \n> four\n");
}

static void a_line_may_come_byte_by_byte(void **state)
{
	struct fixture *f = *state;
	const char text[] = "[    1.5] Run /init as init process\r\nnext\n";

	for (size_t i = 0; i + 1 < sizeof(text); i++)
		feed_bytes(f, text + i, 1);
	assert_int_equal(f->signs, 1);
	assert_string_equal(last_lines(f), "> [    1.5] Run /init as init process\n> next\n");
}

static void an_unfinished_line_is_shown_behind_the_last(void **state)
{
	struct fixture *f = *state;

	feed(f, "login\nPassword: ");
	assert_string_equal(last_lines(f), "> login\n> Password: \n");
}

static void the_last_lines_come_oldest_first(void **state)
{
	struct fixture *f = *state;
	const char *text;
	char line[16];

	for (unsigned i = 0; i < 3 * WATCH_LINES_KEPT + 1; i++) {
		snprintf(line, sizeof(line), "line %u\n", i);
		feed(f, line);
	}
	text = last_lines(f);
	assert_int_equal(count_of(text, "\n"), WATCH_LINES_KEPT);
	for (unsigned i = 2 * WATCH_LINES_KEPT + 1; i < 3 * WATCH_LINES_KEPT + 1; i++) {
		snprintf(line, sizeof(line), "> line %u\n", i);
		assert_int_equal(strncmp(text, line, strlen(line)), 0);
		text += strlen(line);
	}
}

static void a_long_line_is_cut_and_nothing_of_it_is_lost(void **state)
{
	struct fixture *f = *state;
	const char *text;

	feed_many(f, 'a', WATCH_LINE_BYTES);
	feed_many(f, 'b', WATCH_LINE_BYTES);
	feed(f, "end\n");
	text = last_lines(f);
	assert_int_equal(strspn(text + 2, "a"), WATCH_LINE_BYTES);
	text = strchr(text, '\n') + 1;
	assert_int_equal(strspn(text + 2, "b"), WATCH_LINE_BYTES);
	assert_string_equal(strchr(text, '\n'), "\n> end\n");
}

static void a_line_of_just_the_limit_is_one_line(void **state)
{
	struct fixture *f = *state;

	feed_many(f, 'a', WATCH_LINE_BYTES);
	feed(f, "\nb\n");
	assert_int_equal(count_of(last_lines(f), "\n"), 2);
	assert_int_equal(count_of(memory_file_text(&f->log), "\n"), 2);
}

static void the_hand_over_to_init_is_a_sign(void **state)
{
	struct fixture *f = *state;

	feed(f, "[    0.412345] Run /sbin/init as init process\n");
	assert_int_equal(f->signs, 1);
	assert_int_equal(f->sign, WATCH_BOOTED);
	assert_string_equal(f->text, "Run /sbin/init as init process");
	feed(f, "Run /init as init process\r\n");
	assert_int_equal(f->signs, 2);
	feed(f, "[    0.4][    T1] Run /init as init process\n"); /* CONFIG_PRINTK_CALLER */
	assert_int_equal(f->signs, 3);
	assert_string_equal(f->text, "Run /init as init process");
}

static void a_panic_is_a_sign_with_its_reason(void **state)
{
	struct fixture *f = *state;

	feed(f, "[    1.234567] Kernel panic - not syncing: VFS: no root\n");
	assert_int_equal(f->signs, 1);
	assert_int_equal(f->sign, WATCH_PANIC);
	assert_string_equal(f->text, "Kernel panic - not syncing: VFS: no root");
	feed(f, "Kernel panic - not syncing: sysrq\n");
	assert_int_equal(f->signs, 2);
	assert_int_equal(f->sign, WATCH_PANIC);
}

static void a_panics_last_line_is_a_sign(void **state)
{
	struct fixture *f = *state;

	feed(f, "[    1.3] ---[ end Kernel panic - not syncing: sysrq ]---\n");
	assert_int_equal(f->sign, WATCH_PANIC_END);
	f->sign = WATCH_NONE;
	feed(f, "---[ end Kernel panic - not syncing: sysrq ]---\r\n");
	assert_int_equal(f->sign, WATCH_PANIC_END);
	f->sign = WATCH_NONE;
	feed(f, "[    1.4] Rebooting in 10 seconds..\n");
	assert_int_equal(f->sign, WATCH_PANIC_END);
	assert_int_equal(f->signs, 3);
}

static void a_sign_waits_for_the_end_of_its_line(void **state)
{
	struct fixture *f = *state;

	feed(f, "Kernel panic - not syncing: a");
	assert_int_equal(f->signs, 0);
	feed(f, "b\n");
	assert_string_equal(f->text, "Kernel panic - not syncing: ab");
}

static void signs_in_the_middle_of_a_line_mean_nothing(void **state)
{
	struct fixture *f = *state;

	feed(f, "echo Kernel panic - not syncing\n");
	feed(f, " Kernel panic - not syncing\n");
	feed(f, "[    1.0] app: Run /init as init process\n");
	feed(f, "[    1.0 Kernel panic - not syncing\n");
	feed(f, "dmesg: ---[ end Kernel panic\n");
	feed(f, "Run /init as init process?\n");
	feed(f, "Running /init as init process\n");
	feed(f, "kernel panic - not syncing\n");
	assert_int_equal(f->signs, 0);
}

static void the_rest_of_a_cut_line_is_no_sign(void **state)
{
	struct fixture *f = *state;

	feed_many(f, 'a', WATCH_LINE_BYTES);
	feed(f, "Kernel panic - not syncing: no\n");
	assert_int_equal(f->signs, 0);
	feed(f, "Kernel panic - not syncing: yes\n");
	assert_int_equal(f->signs, 1);
}

static void without_a_listener_signs_are_harmless(void **state)
{
	struct fixture *f = *state;

	f->w.sign = NULL;
	feed(f, "Kernel panic - not syncing: sysrq\n");
	assert_int_equal(f->signs, 0);
}

static void the_log_stamps_a_line_by_its_first_byte(void **state)
{
	struct fixture *f = *state;

	f->now_ns = ZERO_NS + 12 * NS_PER_S + 345678 * NS_PER_US + 999;
	feed(f, "on");
	f->now_ns += NS_PER_S;
	feed(f, "e\ntwo\n\n");
	assert_string_equal(memory_file_text(&f->log),
			    "[   12.345678] one\n[   13.345678] two\n[   13.345678] \n");
}

static void the_log_shows_control_characters_and_leaves_utf8(void **state)
{
	struct fixture *f = *state;

	feed_bytes(f, "\033[31mred\t\0\177 \303\251\377\n", 16);
	assert_string_equal(memory_file_text(&f->log),
			    "[    0.000000] \\x1b[31mred\\x09\\x00\\x7f \303\251\377\n");
}

static void a_line_of_control_characters_only_fits_the_log(void **state)
{
	struct fixture *f = *state;
	const char *text;

	feed_many(f, '\001', WATCH_LINE_BYTES);
	feed(f, "\n");
	text = memory_file_text(&f->log);
	assert_int_equal(count_of(text, "\\x01"), WATCH_LINE_BYTES);
	assert_int_equal(text[strlen(text) - 1], '\n');
}

static void closing_logs_the_unfinished_line_and_closes_the_log(void **state)
{
	struct fixture *f = *state;
	const int fd = f->w.log_fd;

	feed(f, "no newline");
	assert_string_equal(memory_file_text(&f->log), "");
	watch_close(&f->w);
	assert_string_equal(memory_file_text(&f->log), "[    0.000000] no newline\n");
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	watch_close(&f->w); /* again */
	assert_string_equal(memory_file_text(&f->log), "[    0.000000] no newline\n");
}

static void an_older_log_is_overwritten(void **state)
{
	struct fixture *f = *state;

	watch_close(&f->w);
	assert_int_equal(pwrite(f->log.fd, "old old old", 11, 0), 11);
	assert_int_equal(watch_open(&f->w, f->log.path, ZERO_NS, NULL), 0);
	feed(f, "new\n");
	assert_string_equal(memory_file_text(&f->log), "[    0.000000] new\n");
}

static void a_full_disk_is_told_once_and_the_watch_goes_on(void **state)
{
	struct fixture *f = *state;
	const char *said;

	watch_close(&f->w);
	assert_int_equal(watch_open(&f->w, "/dev/full", ZERO_NS, NULL), 0);
	said_begin();
	feed(f, "one\ntwo\nKernel panic - not syncing: x\n");
	said = said_end();
	assert_string_equal(said, "bantam: --log: No space left on device: the log ends here\n");
	assert_int_equal(f->w.log_fd, -1);
	assert_int_equal(f->sign, WATCH_PANIC);
	assert_int_equal(count_of(last_lines(f), "\n"), 3);
}

static void a_log_that_cannot_be_made_is_named(void **state)
{
	struct fixture *f = *state;
	struct err err;

	watch_close(&f->w);
	assert_int_equal(watch_open(&f->w, "/proc/none/k.log", ZERO_NS, &err), -ENOENT);
	assert_string_equal(err.text, "--log /proc/none/k.log: No such file or directory");
	assert_int_equal(f->w.log_fd, -1);
}

static void without_a_log_the_watch_still_watches(void **state)
{
	struct fixture *f = *state;

	watch_close(&f->w);
	assert_int_equal(watch_open(&f->w, NULL, ZERO_NS, NULL), 0);
	feed(f, "Run /init as init process\n");
	assert_int_equal(f->sign, WATCH_BOOTED);
	assert_string_equal(memory_file_text(&f->log), "");
}

static void the_time_of_the_last_output_follows_every_byte(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->w.last_output_ns, ZERO_NS);
	f->now_ns += 7;
	feed(f, "\r");
	assert_int_equal(f->w.last_output_ns, ZERO_NS + 7);
	f->now_ns += 7;
	feed(f, "ab\n");
	assert_int_equal(f->w.last_output_ns, ZERO_NS + 14);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(lines_end_at_a_newline_and_carriage_returns_vanish),
		TEST(a_line_may_come_byte_by_byte),
		TEST(an_unfinished_line_is_shown_behind_the_last),
		TEST(the_last_lines_come_oldest_first),
		TEST(a_long_line_is_cut_and_nothing_of_it_is_lost),
		TEST(a_line_of_just_the_limit_is_one_line),
		TEST(the_hand_over_to_init_is_a_sign),
		TEST(a_panic_is_a_sign_with_its_reason),
		TEST(a_panics_last_line_is_a_sign),
		TEST(a_sign_waits_for_the_end_of_its_line),
		TEST(signs_in_the_middle_of_a_line_mean_nothing),
		TEST(the_rest_of_a_cut_line_is_no_sign),
		TEST(without_a_listener_signs_are_harmless),
		TEST(the_log_stamps_a_line_by_its_first_byte),
		TEST(the_log_shows_control_characters_and_leaves_utf8),
		TEST(a_line_of_control_characters_only_fits_the_log),
		TEST(closing_logs_the_unfinished_line_and_closes_the_log),
		TEST(an_older_log_is_overwritten),
		TEST(a_full_disk_is_told_once_and_the_watch_goes_on),
		TEST(a_log_that_cannot_be_made_is_named),
		TEST(without_a_log_the_watch_still_watches),
		TEST(the_time_of_the_last_output_follows_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
