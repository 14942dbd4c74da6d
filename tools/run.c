#include "tools/run.h"

#include <stdio.h>

#include "base/log.h"
#include "base/units.h"
#include "machine/machine.h"
#include "host/now.h"
#include "tools/run_options.h"

static void print_serial(const char *name, const struct serial_config *s)
{
	static const char *const kinds[] = {
		[CHARDEV_NULL] = "null",  [CHARDEV_STDIO] = "stdio", [CHARDEV_PTY] = "pty",
		[CHARDEV_FILE] = "file=", [CHARDEV_UNIX] = "unix=",  [CHARDEV_MEM] = "mem",
	};

	if (s->present)
		printf("%s: %s%s\n", name, kinds[s->kind], s->path ? s->path : "");
}

static void print_duration(const char *name, uint64_t ns)
{
	char text[UNITS_TEXT_BYTES];

	if (ns)
		printf("%s: %s\n", name, format_duration(text, ns));
}

static void print_path(const char *name, const char *path)
{
	if (path)
		printf("%s: %s\n", name, path);
}

static void print_outputs(const struct machine_config *c)
{
	static const char *const on_panic[] = {
		[ON_PANIC_EXIT] = "exit",
		[ON_PANIC_PAUSE] = "pause",
		[ON_PANIC_DUMP] = "dump=",
	};

	print_duration("timeout", c->timeout_ns);
	print_duration("idle-timeout", c->idle_timeout_ns);
	print_path("log", c->log_path);
	print_path("events", c->events_path);
	if (c->events_fd >= 0)
		printf("events: %d\n", c->events_fd);
	printf("on-reboot: %s\n", c->on_reboot == ON_REBOOT_RESTART ? "restart" : "exit");
	printf("on-panic: %s%s\n", on_panic[c->on_panic], c->dump_path ? c->dump_path : "");
	printf("debug-exit: %s\n", c->debug_exit ? "on" : "off");
	printf("timeline: %s\n", c->timeline ? "on" : "off");
	printf("stats: %s\n", c->stats ? "on" : "off");
}

/* The settings, in the words of --config; a setting that is not there has none. */
static void print_config(const struct machine_config *c)
{
	static const char *const com[SERIAL_PORTS] = { "COM1", "COM2", "COM3", "COM4" };
	char text[UNITS_TEXT_BYTES];

	printf("name: %s\n", c->name);
	printf("kernel: %s%s\n", c->kernel_flat ? "flat:" : "", c->kernel_path);
	for (unsigned i = 0; i < c->initrd_count; i++)
		printf("initrd: %s\n", c->initrd_paths[i]);
	printf("cmdline: %s\n", c->cmdline);
	printf("memory: %s\n", format_size(text, c->memory_bytes));
	printf("cpus: %u\n", c->cpu_count);
	for (unsigned i = 0; i < SERIAL_PORTS; i++)
		print_serial(com[i], &c->serial[i]);
	print_serial("debugcon", &c->debugcon);
	print_outputs(c);
}

static int dry_run(const struct machine_config *c)
{
	int status;

	print_config(c);
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
