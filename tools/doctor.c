#include "tools/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "tools/doctor_host.h"
#include "tools/doctor_kvm.h"

struct doctor_options {
	bool json;
	bool quiet;
	bool help;
};

static int set_json(void *target, const char *value, struct err *err)
{
	(void)value, (void)err;
	((struct doctor_options *)target)->json = true;
	return 0;
}

static int set_quiet(void *target, const char *value, struct err *err)
{
	(void)value, (void)err;
	((struct doctor_options *)target)->quiet = true;
	return 0;
}

static int set_help(void *target, const char *value, struct err *err)
{
	(void)value, (void)err;
	((struct doctor_options *)target)->help = true;
	return 0;
}

static const struct option_row rows[] = {
	{ "json", 0, NULL, "Flags", "print one JSON object", set_json },
	{ "quiet", 'q', NULL, NULL, "print nothing: the exit status is the answer", set_quiet },
	{ "help", 'h', NULL, NULL, "this text", set_help },
};

const struct option_table doctor_option_table = { rows, ARRAY_LEN(rows), "bantam help doctor" };

static void examine(struct report *r)
{
	struct host_facts facts;

	host_facts_read(&facts);
	doctor_kvm(r, &facts);
	doctor_processor(r, &facts);
	doctor_memory(r);
	doctor_io_uring(r);
	doctor_userfaultfd(r, &facts);
	doctor_tun(r, &facts);
	doctor_ping(r, &facts);
}

/* https://no-color.org: any value but an empty one means no colours. */
static bool want_colour(void)
{
	const char *no_color = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color);
}

static int show_json(const struct report *r)
{
	/* Each byte of a row may become six: \u00xx. */
	const size_t room = 6 * sizeof(*r);
	char *text = malloc(room);

	if (!text || report_json(r, text, room) < 0)
		log_error("no memory for the report");
	else
		puts(text);
	free(text);
	return command_flush();
}

static int show_table(const struct report *r)
{
	report_print(r, want_colour());
	return command_flush();
}

static int doctor(int argc, char *argv[])
{
	struct doctor_options o = { 0 };
	struct report r = { 0 };
	struct err err = { "" };
	int rest, status;
	int rc = options_parse(&doctor_option_table, argc, argv, &o, &rest, &err);

	if (rc == 0 && rest < argc && !o.help) {
		char text[QUOTED_BYTES];

		rc = err_set(&err, -1, "'%s': doctor takes flags only", quoted(text, argv[rest]));
	}
	if (rc < 0) {
		fprintf(stderr, "error: %s\n", err.text);
		return 1;
	}
	if (o.help)
		return command_help(&doctor_command);
	examine(&r);
	status = report_blocker(&r) != NULL;
	if (!o.quiet && (o.json ? show_json(&r) : show_table(&r)) != 0)
		status = 1;
	return status;
}

const struct command doctor_command = {
	.name = "doctor",
	.synopsis = "[FLAGS]",
	.summary = "Check whether this host can run guests, and say what would help.",
	.options = &doctor_option_table,
	.epilogue = "Exit status: 0 if 'bantam run' works on this host, else 1.",
	.run = doctor,
};
