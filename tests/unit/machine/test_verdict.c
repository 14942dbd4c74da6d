#include "said.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "host/now.h"
#include "machine/events.h"
#include "machine/timeline.h"
#include "machine/verdict.h"

struct fixture {
	struct verdict v;
	struct timeline timeline;
	struct events events;
	struct memory_file file;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->timeline.zero_ns = host_now_ns();
	memory_file_open(&f->file);
	assert_int_equal(events_open(&f->events, NULL, f->file.fd, &f->timeline, NULL), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	log_set_level(LOG_WARN);
	events_close(&f->events);
	close(f->file.fd);
	free(f);
	return 0;
}

/* Report, and return what was said on stderr. */
static const char *report(struct fixture *f)
{
	said_begin();
	verdict_report(&f->v, &f->events);
	return said_end();
}

/* The last event behind its time stamp. */
static const char *ended(const struct fixture *f)
{
	const char *text = memory_file_text(&f->file);
	static const char stamp[] = "{\"t_ns\":";
	size_t digits;

	assert_int_equal(count_of(text, "\n"), 1);
	assert_int_equal(strncmp(text, stamp, sizeof(stamp) - 1), 0);
	text += sizeof(stamp) - 1;
	digits = strspn(text, "0123456789");
	assert_true(digits > 0);
	return text + digits;
}

/* The contract of the manual page's EXIT STATUS. */
static void each_reason_has_its_name_and_status(void **state)
{
	static const struct {
		enum end_reason reason;
		const char *name;
		int status;
	} rows[] = {
		{ END_POWEROFF, "poweroff", 0 },
		{ END_REBOOT, "reset", 0 },
		{ END_PANIC, "panic", 255 },
		{ END_TRIPLE_FAULT, "triple-fault", 255 },
		{ END_KVM_ERROR, "error", 255 },
		{ END_TIMEOUT, "timeout", 124 },
		{ END_IDLE_TIMEOUT, "timeout", 124 },
		{ END_SIGHUP, "signal", 128 + 1 },
		{ END_SIGINT, "signal", 128 + 2 },
		{ END_SIGTERM, "signal", 128 + 15 },
		{ END_ESCAPE, "signal", 128 + 2 },
		{ END_HOST_ERROR, "error", 125 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct verdict v = { 0 };

		verdict_set(&v, rows[i].reason, NULL);
		assert_int_equal(v.reason, rows[i].reason);
		assert_int_equal(v.status, rows[i].status);
		assert_string_equal(verdict_name(&v), rows[i].name);
		assert_string_equal(v.detail, "");
	}
	/* All reasons but END_NONE and END_DEBUG_EXIT, whose status is the guest's. */
	assert_int_equal(ARRAY_LEN(rows), END_REASONS - 2);
}

static void the_first_verdict_stands(void **state)
{
	struct verdict v = { 0 };

	(void)state;
	verdict_set(&v, END_PANIC, "%s %d", "reason", 1);
	verdict_set(&v, END_POWEROFF, "later");
	verdict_set_status(&v, END_DEBUG_EXIT, 33);
	assert_int_equal(v.reason, END_PANIC);
	assert_int_equal(v.status, 255);
	assert_string_equal(v.detail, "reason 1");
}

static void a_guests_own_status_is_kept(void **state)
{
	struct verdict v = { 0 };

	(void)state;
	verdict_set_status(&v, END_DEBUG_EXIT, 33);
	verdict_set(&v, END_TIMEOUT, NULL);
	assert_int_equal(v.status, 33);
	assert_string_equal(verdict_name(&v), "debug-exit");
}

static void a_long_detail_is_cut(void **state)
{
	struct verdict v = { 0 };
	char text[2 * sizeof(v.detail)];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	verdict_set(&v, END_HOST_ERROR, "%s", text);
	assert_int_equal(strlen(v.detail), sizeof(v.detail) - 1);
}

static void a_bad_end_is_one_line_with_its_detail(void **state)
{
	struct fixture *f = *state;

	verdict_set(&f->v, END_PANIC, "Kernel panic - not syncing: sysrq");
	assert_string_equal(report(f), "bantam: the guest's kernel panicked: Kernel panic - not "
				       "syncing: sysrq\n");
}

static void without_a_detail_there_is_no_colon(void **state)
{
	struct fixture *f = *state;

	verdict_set(&f->v, END_TIMEOUT, NULL);
	assert_string_equal(report(f), "bantam: --timeout expired\n");
}

static void an_end_as_the_guest_wished_is_told_only_when_asked(void **state)
{
	static const enum end_reason quiet[] = { END_POWEROFF, END_REBOOT, END_DEBUG_EXIT };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(quiet); i++) {
		struct events none = { .fd = -1 };
		struct timeline timeline = { 0 };
		struct verdict v = { 0 };

		none.timeline = &timeline;
		verdict_set(&v, quiet[i], "by ACPI");
		log_set_level(LOG_WARN);
		said_begin();
		verdict_report(&v, &none);
		assert_string_equal(said_end(), "");
		log_set_level(LOG_INFO);
		said_begin();
		verdict_report(&v, &none);
		assert_non_null(strstr(said_end(), ": by ACPI\n"));
	}
}

static void every_other_end_is_told(void **state)
{
	(void)state;
	for (enum end_reason r = END_NONE; r < END_REASONS; r++) {
		struct events none = { .fd = -1 };
		struct timeline timeline = { 0 };
		struct verdict v = { 0 };

		if (r == END_POWEROFF || r == END_REBOOT || r == END_DEBUG_EXIT)
			continue;
		none.timeline = &timeline;
		verdict_set(&v, r, NULL);
		said_begin();
		verdict_report(&v, &none);
		assert_int_equal(count_of(said_end(), "\n"), 1);
	}
}

static void the_last_event_carries_reason_status_and_detail(void **state)
{
	struct fixture *f = *state;

	verdict_set(&f->v, END_KVM_ERROR, "internal error 0x%x", 3);
	report(f);
	assert_string_equal(ended(f), ",\"event\":\"ended\",\"reason\":\"error\",\"status\":255,"
				      "\"detail\":\"internal error 0x3\"}\n");
}

static void the_last_event_has_no_detail_where_there_is_none(void **state)
{
	struct fixture *f = *state;

	verdict_set(&f->v, END_SIGTERM, NULL);
	report(f);
	assert_string_equal(ended(f),
			    ",\"event\":\"ended\",\"reason\":\"signal\",\"status\":143}\n");
}

/* Each byte of a file name that is no UTF-8 takes six in JSON. */
static void the_last_event_has_room_for_any_detail(void **state)
{
	struct fixture *f = *state;
	char name[sizeof(f->v.detail)];

	memset(name, 0xff, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	verdict_set(&f->v, END_HOST_ERROR, "%s", name);
	report(f);
	assert_int_equal(count_of(ended(f), "\\ufffd"), sizeof(name) - 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reason_has_its_name_and_status),
		cmocka_unit_test(the_first_verdict_stands),
		cmocka_unit_test(a_guests_own_status_is_kept),
		cmocka_unit_test(a_long_detail_is_cut),
		TEST(a_bad_end_is_one_line_with_its_detail),
		TEST(without_a_detail_there_is_no_colon),
		TEST(an_end_as_the_guest_wished_is_told_only_when_asked),
		TEST(every_other_end_is_told),
		TEST(the_last_event_carries_reason_status_and_detail),
		TEST(the_last_event_has_no_detail_where_there_is_none),
		TEST(the_last_event_has_room_for_any_detail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
