/* tools/run_options.h: from `bantam run`'s flags and --config file to a checked
 * machine_config.
 *
 *   argv ──options_walk──▶ --config file's lines, then the flags ──rows' set──▶
 *   struct run_options ──run_resolve (files, defaults, what excludes what)──▶ config
 *
 * Nothing is opened for writing, made or started on this way. */
#ifndef BANTAM_TOOLS_RUN_OPTIONS_H
#define BANTAM_TOOLS_RUN_OPTIONS_H

#include <limits.h>

#include "base/options.h"
#include "machine/config.h"
#include "tools/cmdline.h"

#define RUN_NAME_BYTES_MAX 64

/* A value that was cut into parts; config points into it. */
struct kept_text {
	struct kept_text *next;
	char text[];
};

struct run_options {
	struct machine_config config; /* complete when run_options_parse() returned 0 */
	bool help;
	bool dry_run;
	unsigned verbosity;	  /* how many -v */
	const char *config_file;  /* --config, or NULL */
	const char *kernel_spec;  /* --kernel as given, or NULL */
	const char *cmdline_base; /* --cmdline, or NULL */
	unsigned serial_count;	  /* how many --serial */
	bool no_net;		  /* the last --net was none */
	/* What config points into. */
	char *file_text; /* --config's, or NULL */
	struct kept_text *kept;
	char append[CMDLINE_BYTES_MAX];
	char cmdline[CMDLINE_BYTES_MAX];
	char kernel_path[PATH_MAX];
	char name[RUN_NAME_BYTES_MAX + 1];
};

extern const struct option_table run_option_table;

/* Fill o from argv[1..]; the strings of argv must outlive it.  With --help
 * only o->help is of use.
 * Returns 0, or -errno with err the one line to show.  Call
 * run_options_release() in either case. */
int run_options_parse(struct run_options *o, int argc, char *const argv[], struct err *err);
void run_options_release(struct run_options *o);

/* The last step of run_options_parse(), after all options were set. */
int run_resolve(struct run_options *o, struct err *err);

#endif
