#include "tools/run.h"

#include <stdio.h>

#include "base/log.h"
#include "machine/machine.h"
#include "host/now.h"
#include "tools/config_print.h"
#include "tools/run_options.h"

static int dry_run(const struct machine_config *c)
{
	int status;

	config_print(c);
	if (command_flush() != 0)
		return RUN_STATUS_USAGE;
	status = machine_dry_run(c);
	return command_flush() == 0 ? status : RUN_STATUS_USAGE;
}

static int run(int argc, char *argv[])
{
	const uint64_t start_ns = host_now_ns(); /* before all else: zero of all stamps */
	struct run_options o;
	struct err err = { "" };
	int status = RUN_STATUS_USAGE;
	const int rc = run_options_parse(&o, argc, argv, &err);

	if (rc < 0) {
		log_error("%s", err.text);
	} else if (o.help) {
		status = command_help(&run_command) == 0 ? 0 : RUN_STATUS_USAGE;
	} else {
		o.config.start_ns = start_ns;
		log_set_level(o.verbosity > 1 ? LOG_DEBUG : o.verbosity > 0 ? LOG_INFO : LOG_WARN);
		status = o.dry_run ? dry_run(&o.config) : machine_run(&o.config);
	}
	run_options_release(&o);
	return status;
}

const struct command run_command = {
	.name = "run",
	.synopsis = "[FLAGS]",
	.summary = "Run a guest until it ends; the exit status tells how it ended.",
	.options = &run_option_table,
	.epilogue =
		"Exit status: 0 the guest powered itself off or reset itself; 124 a timeout;\n"
		"125 usage, host or image error; 129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM;\n"
		"255 the guest ended without a verdict (panic, triple fault).  More: man bantam.",
	.run = run,
};
