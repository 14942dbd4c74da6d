#include "tools/run_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "tools/config_file.h"
#include "tools/run_devices.h"

#define MEMORY_STEP_BYTES MIB(2)
#define MEMORY_MAX_BYTES  (UINT64_C(1) << 40)

static int set_path(const char **path, const char *value, struct err *err)
{
	if (*value == '\0')
		return err_set(err, -EINVAL, "needs the name of a file");
	*path = value;
	return 0;
}

static int set_kernel(void *target, const char *value, struct err *err)
{
	struct run_options *o = target;

	if (*value == '\0')
		return err_set(err, -EINVAL, "needs a kernel file, a build tree or 'host'");
	o->kernel_spec = value;
	return 0;
}

static int set_initrd(void *target, const char *value, struct err *err)
{
	struct machine_config *c = &((struct run_options *)target)->config;

	if (c->initrd_count == BOOT_INITRDS_MAX)
		return err_set(err, -EINVAL, "given too often: join some files: %d are the most",
			       BOOT_INITRDS_MAX);
	return set_path(&c->initrd_paths[c->initrd_count++], value, err);
}

static int set_append(void *target, const char *value, struct err *err)
{
	struct run_options *o = target;

	if (cmdline_append(o->append, value) < 0)
		return err_set(err, -EINVAL, "too long: a kernel takes at most %d bytes",
			       CMDLINE_BYTES_MAX - 1);
	return 0;
}

static int set_cmdline(void *target, const char *value, struct err *err)
{
	(void)err;
	((struct run_options *)target)->cmdline_base = value;
	return 0;
}

static int set_memory(void *target, const char *value, struct err *err)
{
	struct machine_config *c = &((struct run_options *)target)->config;
	char size[UNITS_TEXT_BYTES];
	uint64_t bytes;
	int rc;

	rc = parse_size(value, &bytes);
	if (rc == -EINVAL)
		return value_wrong(err, value, "is not a size", "use for example 512M or 2G");
	if (rc == -ERANGE || bytes > MEMORY_MAX_BYTES)
		return value_wrong(err, value, "is too much", "1T is the most");
	if (bytes < RAM_MIN_BYTES)
		return err_set(err, -EINVAL, "'%s' is too little: %s is the least", value,
			       format_size(size, RAM_MIN_BYTES));
	if (bytes % MEMORY_STEP_BYTES) {
		/* Never above the limit, as that is a multiple, too. */
		bytes = (bytes + MEMORY_STEP_BYTES / 2) / MEMORY_STEP_BYTES * MEMORY_STEP_BYTES;
		return err_set(err, -EINVAL, "'%s' is not a multiple of 2M: the nearest is %s",
			       value, format_size(size, bytes));
	}
	c->memory_bytes = bytes;
	return 0;
}

static int set_cpus(void *target, const char *value, struct err *err)
{
	uint64_t count;

	if (parse_uint(value, CPUS_MAX, &count) < 0 || count < 1) {
		char text[QUOTED_BYTES];

		return err_set(err, -EINVAL, "'%s' is not a number of CPUs: use 1 to %u",
			       quoted(text, value), CPUS_MAX);
	}
	((struct run_options *)target)->config.cpu_count = (unsigned)count;
	return 0;
}

static int set_debug_exit(void *target, const char *value, struct err *err)
{
	(void)value, (void)err;
	((struct run_options *)target)->config.debug_exit = true;
	return 0;
}

#define LIMIT_MAX_NS (UINT64_C(100) * 365 * 24 * 3600 * NS_PER_S) /* a century */

static int parse_limit(const char *value, uint64_t *ns, struct err *err)
{
	const int rc = parse_duration(value, ns);

	if (rc == -EINVAL)
		return value_wrong(err, value, "is not a duration",
				   "use for example 90s, 10m, 1h, or 0 for no limit");
	/* Far from where sums of times could wrap. */
	if (rc == -ERANGE || *ns > LIMIT_MAX_NS)
		return value_wrong(err, value, "is too long", "use 0 for no limit");
	return 0;
}

static int set_timeout(void *target, const char *value, struct err *err)
{
	return parse_limit(value, &((struct run_options *)target)->config.timeout_ns, err);
}

static int set_idle_timeout(void *target, const char *value, struct err *err)
{
	return parse_limit(value, &((struct run_options *)target)->config.idle_timeout_ns, err);
}

static int set_log(void *target, const char *value, struct err *err)
{
	return set_path(&((struct run_options *)target)->config.log_path, value, err);
}

static int set_events(void *target, const char *value, struct err *err)
{
	struct machine_config *c = &((struct run_options *)target)->config;
	uint64_t fd;

	if (parse_uint(value, INT_MAX, &fd) == 0) {
		c->events_fd = (int)fd;
		c->events_path = NULL;
		return 0;
	}
	c->events_fd = -1;
	return set_path(&c->events_path, value, err);
}

static int set_on_reboot(void *target, const char *value, struct err *err)
{
	struct machine_config *c = &((struct run_options *)target)->config;

	if (strcmp(value, "exit") == 0)
		c->on_reboot = ON_REBOOT_EXIT;
	else if (strcmp(value, "restart") == 0)
		c->on_reboot = ON_REBOOT_RESTART;
	else
		return value_wrong(err, value, "is not known", "use exit or restart");
	return 0;
}

static int set_on_panic(void *target, const char *value, struct err *err)
{
	struct machine_config *c = &((struct run_options *)target)->config;

	c->dump_path = NULL;
	if (strcmp(value, "exit") == 0)
		c->on_panic = ON_PANIC_EXIT;
	else if (strcmp(value, "pause") == 0)
		c->on_panic = ON_PANIC_PAUSE;
	else if (strncmp(value, "dump=", 5) == 0 && value[5] != '\0')
		c->on_panic = ON_PANIC_DUMP, c->dump_path = value + 5;
	else
		return value_wrong(err, value, "is not known", "use exit, pause or dump=FILE");
	return 0;
}

/* A name becomes part of file names, so it is one safe word. */
static int set_name(void *target, const char *value, struct err *err)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "._-";
	const size_t len = strlen(value);

	if (len < 1 || len > RUN_NAME_BYTES_MAX || value[strspn(value, safe)] != '\0' ||
	    value[0] == '.' || value[0] == '-')
		return value_wrong(err, value, "is not a name",
				   "use 1 to 64 letters, digits, '.', '_' and '-', a letter first");
	((struct run_options *)target)->config.name = value;
	return 0;
}

static int set_timeline(void *target, const char *value, struct err *err)
{
	(void)value, (void)err;
	((struct run_options *)target)->config.timeline = true;
	return 0;
}

static int set_stats(void *target, const char *value, struct err *err)
{
	(void)value, (void)err;
	((struct run_options *)target)->config.stats = true;
	return 0;
}

static int set_dry_run(void *target, const char *value, struct err *err)
{
	(void)value, (void)err;
	((struct run_options *)target)->dry_run = true;
	return 0;
}

static int set_config(void *target, const char *value, struct err *err)
{
	return set_path(&((struct run_options *)target)->config_file, value, err);
}

static int set_verbose(void *target, const char *value, struct err *err)
{
	(void)value, (void)err;
	((struct run_options *)target)->verbosity++;
	return 0;
}

static int set_help(void *target, const char *value, struct err *err)
{
	(void)value, (void)err;
	((struct run_options *)target)->help = true;
	return 0;
}

static const struct option_row rows[] = {
	{ "kernel", 'k', "FILE|host|DIR", "Guest",
	  "bzImage, ELF vmlinux or multiboot file; 'host': the running\n"
	  "kernel's file in /boot; DIR: a kernel build tree;\n"
	  "flat:FILE: a raw 16-bit image",
	  set_kernel },
	{ "initrd", 'i', "FILE", NULL, "initial file system; repeat to join several", set_initrd },
	{ "append", 'a', "STR", NULL, "add words to the kernel command line; repeatable",
	  set_append },
	{ "cmdline", 0, "STR", NULL, "replace the built-in kernel command line", set_cmdline },
	{ "memory", 'm', "SIZE", NULL, "32M to 1T by steps of 2M; default 512M", set_memory },
	{ "cpus", 'c', "N", NULL, "1 to 64; default 1", set_cpus },
	{ "name", 0, "NAME", NULL, "what messages call this guest; default bantam-PID", set_name },

	{ "disk", 'd', "FILE[,KEY=VALUE...]", "Devices",
	  "a disk image or block device, vda, vdb, ... in order; keys:\n"
	  "format=raw|qcow2, ro, snapshot, overlay=mem|FILE, keep=ok|always|never,\n"
	  "backing=allow:DIR, serial=TEXT, discard=on|off,\n"
	  "cache=writeback|writethrough|none, aio=io_uring|threads, queues=N,\n"
	  "queue-size=N, iops=N, iops-burst=N, bps=SIZE, bps-burst=SIZE",
	  run_set_disk },
	{ "net", 'n', "WHAT[,KEY=VALUE...]", NULL,
	  "a network card; WHAT: user (through this host, needs no rights),\n"
	  "tap=NAME, bridge=NAME, socket=PATH, network=NAME, none; keys:\n"
	  "mac=ADDRESS, mtu=N, queues=N, queue-size=N, bps=SIZE, bps-burst=SIZE;\n"
	  "user: host-loopback=on|off, restrict=on|off; network: nat=on|off;\n"
	  "socket: type=stream|dgram, listen=on|off, local=PATH; a bad cable:\n"
	  "drop=N%, delay=DURATION, jitter=DURATION, duplicate=N%, corrupt=N%, seed=N",
	  run_set_net },
	{ "publish", 'p', "[ADDRESS:]HOST:GUEST[/udp]", NULL,
	  "a port of this host's 127.0.0.1, or ADDRESS, is one of the guest's;\n"
	  "HOST 0: chooses one and says which; makes a user network",
	  run_set_publish },
	{ "net-dump", 0, "FILE", NULL,
	  "all frames of the first network card, for tcpdump and Wireshark;\n"
	  "repeat for the next ones",
	  run_set_net_dump },
	{ "rng", 0, "on|off[,rate=SIZE]", NULL,
	  "random numbers for the guest, at most rate bytes a second; default on", run_set_rng },
	{ "balloon", 0, "SIZE[,KEY=VALUE...]", NULL,
	  "take SIZE of the guest's memory back while it can spare it; keys:\n"
	  "deflate-on-oom=on|off, free-page-reporting=on|off, stats=DURATION",
	  run_set_balloon },

	{ "serial", 0, "WHERE", "Terminals",
	  "stdio, pty, file=PATH, unix=PATH or null; repeat for COM1 to\n"
	  "COM4; default: COM1 on stdio",
	  run_set_serial },
	{ "console", 0, "WHERE[,name=NAME]", NULL,
	  "the same for virtio consoles hvc0, hvc1, ...; with a name: for\n"
	  "/dev/virtio-ports/NAME",
	  run_set_console },
	{ "debugcon", 0, "WHERE", NULL, "the same for bytes written to port 0x402 or 0xe9",
	  run_set_debugcon },
	{ "log", 0, "FILE", NULL, "serial output with time stamps", set_log },

	{ "timeout", 0, "DURATION", "Verdict", "end with status 124 after this time: 90s, 10m",
	  set_timeout },
	{ "idle-timeout", 0, "DURATION", NULL, "the same after this time without any output",
	  set_idle_timeout },
	{ "on-reboot", 0, "exit|restart", NULL, "default exit", set_on_reboot },
	{ "on-panic", 0, "exit|pause|dump=FILE", NULL, "default exit", set_on_panic },
	{ "debug-exit", 0, NULL, NULL, "a write of V to port 0xf4 ends with status 2*V+1",
	  set_debug_exit },
	{ "events", 0, "FD|FILE", NULL, "one JSON line for each event of the guest's life",
	  set_events },

	{ "config", 0, "FILE", "Bantam", "lines 'name = value', named as the flags; flags win",
	  set_config },
	{ "dry-run", 0, NULL, NULL, "show settings and the guest's memory map, start nothing",
	  set_dry_run },
	{ "timeline", 0, NULL, NULL, "show how long each step of the start took", set_timeline },
	{ "stats", 0, NULL, NULL, "show at the end what the guest exited for", set_stats },
	{ "verbose", 'v', NULL, NULL, "say what is done; -vv: and what the guest does oddly",
	  set_verbose },
	{ "help", 'h', NULL, NULL, "this text", set_help },
};

const struct option_table run_option_table = { rows, ARRAY_LEN(rows), "bantam help run" };

/* First walk: what must be known before the other options are handled. */
static int visit_first(void *ctx, const struct option_row *row, const char *value, struct err *err)
{
	if (row->set != set_config && row->set != set_help)
		return 0;
	return option_apply(row, value, ctx, "--", err);
}

static int refuse_rest(int argc, char *const argv[], int rest, struct err *err)
{
	char text[QUOTED_BYTES];

	if (rest >= argc)
		return 0;
	quoted(text, argv[rest]);
	if (strcmp(argv[rest - 1], "--") == 0)
		return err_set(err, -EINVAL,
			       "-- %s: this version runs no COMMAND in the guest: let the initrd's "
			       "/init run it",
			       text);
	return err_set(err, -EINVAL, "'%s' is not a flag: a kernel is given with --kernel FILE",
		       text);
}

int run_options_parse(struct run_options *o, int argc, char *const argv[], struct err *err)
{
	int rest, rc;

	memset(o, 0, sizeof(*o));
	o->config.memory_bytes = MIB(512);
	o->config.cpu_count = 1;
	o->config.events_fd = -1;
	o->config.rng.present = true;

	rc = options_walk(&run_option_table, argc, argv, visit_first, o, &rest, err);
	if (rc < 0 || o->help)
		return rc;
	rc = refuse_rest(argc, argv, rest, err);
	if (rc == 0 && o->config_file)
		rc = config_file_parse(o->config_file, &run_option_table, o, &o->file_text, err);
	if (rc == 0)
		rc = options_parse(&run_option_table, argc, argv, o, &rest, err);
	return rc < 0 ? rc : run_resolve(o, err);
}

void run_options_release(struct run_options *o)
{
	free(o->file_text);
	o->file_text = NULL;
	while (o->kept) {
		struct kept_text *k = o->kept;

		o->kept = k->next;
		free(k);
	}
}
