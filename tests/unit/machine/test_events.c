#include "said.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "host/now.h"
#include "machine/events.h"
#include "machine/timeline.h"

struct fixture {
	struct timeline timeline;
	struct events events;
	int reader, writer; /* each write(2) stays one message */
	char line[4096];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int ends[2];

	signal(SIGPIPE, SIG_IGN); /* as the machine does */
	alarm(60);                /* what blocks shall fail */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	f->reader = ends[0];
	f->writer = ends[1];
	f->timeline.zero_ns = host_now_ns();
	assert_int_equal(events_open(&f->events, NULL, f->writer, &f->timeline, NULL), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	alarm(0);
	events_close(&f->events);
	close(f->reader);
	close(f->writer);
	free(f);
	return 0;
}

/* The next message, whole, or NULL. */
static const char *next_line(struct fixture *f)
{
	const ssize_t n = recv(f->reader, f->line, sizeof(f->line) - 1, MSG_DONTWAIT);

	if (n <= 0)
		return NULL;
	f->line[n] = '\0';
	return f->line;
}

/* The rest of a line behind {"t_ns":NUMBER; the number into *t_ns. */
static const char *after_stamp(const char *line, uint64_t *t_ns)
{
	int used = 0;

	assert_non_null(line);
	assert_int_equal(sscanf(line, "{\"t_ns\":%" SCNu64 "%n", t_ns, &used), 1);
	return line + used;
}

static void an_event_is_one_json_line_in_one_write(void **state)
{
	struct fixture *f = *state;
	uint64_t t_ns;

	events_emit(&f->events, "booted", NULL, NULL);
	assert_string_equal(after_stamp(next_line(f), &t_ns), ",\"event\":\"booted\"}\n");
	events_emit(&f->events, "reset", "source", "i8042");
	assert_string_equal(after_stamp(next_line(f), &t_ns),
			    ",\"event\":\"reset\",\"source\":\"i8042\"}\n");
	assert_null(next_line(f));
}

static void members_of_all_kinds_can_be_added(void **state)
{
	struct fixture *f = *state;
	struct json *j = events_begin(&f->events, "port");
	uint64_t t_ns;

	json_uint(j, "guest", 22);
	json_bool(j, "udp", false);
	events_end(&f->events);
	assert_string_equal(after_stamp(next_line(f), &t_ns),
			    ",\"event\":\"port\",\"guest\":22,\"udp\":false}\n");
}

static void stamps_count_from_the_programs_start_and_never_go_back(void **state)
{
	struct fixture *f = *state;
	const uint64_t before_ns = timeline_now(&f->timeline);
	uint64_t first_ns, second_ns;

	events_emit(&f->events, "started", NULL, NULL);
	events_emit(&f->events, "ended", NULL, NULL);
	after_stamp(next_line(f), &first_ns);
	after_stamp(next_line(f), &second_ns);
	assert_true(before_ns <= first_ns && first_ns <= second_ns);
	assert_true(second_ns <= timeline_now(&f->timeline));
}

static void guest_text_cannot_break_the_line(void **state)
{
	struct fixture *f = *state;
	uint64_t t_ns;

	events_emit(&f->events, "panic", "text", "a\"b\\c\nd\033\377");
	assert_string_equal(after_stamp(next_line(f), &t_ns),
			    ",\"event\":\"panic\",\"text\":\"a\\\"b\\\\c\\nd\\u001b\\ufffd\"}\n");
}

/* A whole line of the watch, each byte of which takes six in JSON. */
static void the_worst_console_line_fits(void **state)
{
	struct fixture *f = *state;
	char text[257];

	memset(text, 0x01, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	events_emit(&f->events, "panic", "text", text);
	assert_int_equal(count_of(next_line(f), "\\u0001"), sizeof(text) - 1);
}

static void a_text_without_end_loses_its_line_and_no_other(void **state)
{
	struct fixture *f = *state;
	char *text = malloc(10000);
	uint64_t t_ns;

	memset(text, 'x', 9999);
	text[9999] = '\0';
	events_emit(&f->events, "panic", "text", text);
	assert_null(next_line(f));
	events_emit(&f->events, "ended", NULL, NULL);
	assert_string_equal(after_stamp(next_line(f), &t_ns), ",\"event\":\"ended\"}\n");
	free(text);
}

static void nobody_listens_and_nothing_happens(void **state)
{
	struct fixture *f = *state;
	struct events none;

	assert_int_equal(events_open(&none, NULL, -1, &f->timeline, NULL), 0);
	events_emit(&none, "started", "text", "x");
	json_uint(events_begin(&none, "ended"), "status", 0);
	events_end(&none);
	events_close(&none);
	assert_int_equal(none.fd, -1);
}

static void a_reader_that_stops_loses_lines_and_stops_nobody(void **state)
{
	struct fixture *f = *state;
	char sink[4096], last[64];
	struct events e;
	int ends[2];

	assert_int_equal(pipe(ends), 0); /* blocking, as a shell makes it */
	assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 4096);
	assert_int_equal(events_open(&e, NULL, ends[1], &f->timeline, NULL), 0);
	for (unsigned i = 0; i < 2000; i++)
		events_emit(&e, "reset", "source", "i8042");
	assert_int_equal(e.fd, ends[1]); /* still there for a reader who comes back */
	while (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 && read(ends[0], sink, sizeof(sink)) > 0)
		continue;
	events_emit(&e, "ended", NULL, NULL);
	last[read(ends[0], last, sizeof(last) - 1)] = '\0';
	assert_non_null(strstr(last, ",\"event\":\"ended\"}\n"));
	assert_int_equal(last[0], '{');
	events_close(&e);
	close(ends[0]);
	close(ends[1]);
}

static void lines_come_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	const size_t room = 65536;
	char *text = malloc(room);
	struct events e;
	size_t used = 0;
	int ends[2];

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	assert_true(fcntl(ends[1], F_SETPIPE_SZ, 16384) >= 16384);
	assert_int_equal(events_open(&e, NULL, ends[1], &f->timeline, NULL), 0);
	for (unsigned i = 0; i < 500; i++)
		events_emit(&e, "reset", "source", "a source with quite a long name");
	for (ssize_t n; used < room - 1 &&
			(n = read(ends[0], text + used, room - 1 - used)) > 0;)
		used += (size_t)n;
	text[used] = '\0';
	assert_true(used > 2000);
	assert_int_equal(count_of(text, "{\"t_ns\":"), count_of(text, "name\"}\n"));
	assert_int_equal(text[used - 1], '\n');
	free(text);
	events_close(&e);
	close(ends[0]);
	close(ends[1]);
}

static void a_reader_that_left_is_told_once(void **state)
{
	struct fixture *f = *state;
	const char *said;
	int ends[2];
	struct events e;

	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(events_open(&e, NULL, ends[1], &f->timeline, NULL), 0);
	said_begin();
	for (unsigned i = 0; i < 10; i++)
		events_emit(&e, "reset", NULL, NULL);
	said = said_end();
	assert_string_equal(said, "bantam: --events: Broken pipe: events end here\n");
	assert_int_equal(e.fd, -1);
	close(ends[1]);
}

static void an_inherited_descriptor_stays_open(void **state)
{
	struct fixture *f = *state;

	events_close(&f->events);
	assert_int_equal(f->events.fd, -1);
	assert_true(fcntl(f->writer, F_GETFD) >= 0);
}

static void a_descriptor_that_is_not_open_is_refused_by_name(void **state)
{
	struct fixture *f = *state;
	const int gone = dup(f->writer);
	char want[64];
	struct events e;
	struct err err;

	close(gone);
	assert_int_equal(events_open(&e, NULL, gone, &f->timeline, &err), -EBADF);
	snprintf(want, sizeof(want), "--events %d: Bad file descriptor", gone);
	assert_string_equal(err.text, want);
	assert_int_equal(e.fd, -1);
}

static void a_file_is_made_anew_and_closed(void **state)
{
	struct fixture *f = *state;
	struct memory_file file;
	struct events e;
	uint64_t t_ns;
	int fd;

	memory_file_open(&file);
	assert_int_equal(pwrite(file.fd, "something old", 13, 0), 13);
	assert_int_equal(events_open(&e, file.path, -1, &f->timeline, NULL), 0);
	fd = e.fd;
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	events_emit(&e, "ended", NULL, NULL);
	events_close(&e);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_string_equal(after_stamp(memory_file_text(&file), &t_ns),
			    ",\"event\":\"ended\"}\n");
	close(file.fd);
}

static void a_file_that_cannot_be_made_is_named(void **state)
{
	struct fixture *f = *state;
	struct events e;
	struct err err;

	assert_int_equal(events_open(&e, "/proc/none/ev.json", -1, &f->timeline, &err), -ENOENT);
	assert_string_equal(err.text, "--events /proc/none/ev.json: No such file or directory");
	events_close(&e);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(an_event_is_one_json_line_in_one_write),
		TEST(members_of_all_kinds_can_be_added),
		TEST(stamps_count_from_the_programs_start_and_never_go_back),
		TEST(guest_text_cannot_break_the_line),
		TEST(the_worst_console_line_fits),
		TEST(a_text_without_end_loses_its_line_and_no_other),
		TEST(nobody_listens_and_nothing_happens),
		TEST(a_reader_that_stops_loses_lines_and_stops_nobody),
		TEST(lines_come_whole_or_not_at_all),
		TEST(a_reader_that_left_is_told_once),
		TEST(an_inherited_descriptor_stays_open),
		TEST(a_descriptor_that_is_not_open_is_refused_by_name),
		TEST(a_file_is_made_anew_and_closed),
		TEST(a_file_that_cannot_be_made_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
