#include "tools/img.h"

#include <string.h>

#include "base/log.h"

static const struct command *const rows[] = {
	&img_create_command, &img_info_command,	    &img_check_command,	 &img_convert_command,
	&img_map_command,    &img_compare_command,  &img_resize_command, &img_snapshot_command,
	&img_rebase_command, &img_commit_command,   &img_read_command,	 &img_write_command,
	&img_bench_command,  &img_ls_command,	    &img_cat_command,	 &img_df_command,
	&img_filesystems_command,
};

static const struct command_table verbs = { rows, ARRAY_LEN(rows) };

static int img(int argc, char *argv[])
{
	const struct command *verb;

	if (argc < 2) {
		log_error("img: say what to do: 'bantam help img' lists the commands");
		return 1;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return command_help(&img_command);
	verb = command_find(&verbs, argv[1]);
	if (verb)
		return verb->run(argc - 1, argv + 1);
	command_unknown(&verbs, "img ", argv[1]);
	return 1;
}

const struct command img_command = {
	.name = "img",
	.synopsis = "COMMAND [FLAGS] FILE ...",
	.summary = "Make, look into, change and copy disk images.",
	.table = &verbs,
	.epilogue = "'bantam help img COMMAND' lists a command's flags.",
	.run = img,
};
