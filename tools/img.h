/* tools/img.h: `bantam img VERB`: disk images, as users of qemu-img know it: the same
 * verbs, flags, output and exit statuses.
 *
 *   img.c            the table of verbs
 *   img_options.c    their flags: each is said once, verbs pick theirs
 *   img_VERB.c       one verb each; opens chains of images (block/chain.h)
 *   img_inside.c     ls, cat, df, filesystems, which img_look.h does
 *   img_copy.c       many reads, computations and writes at once, for convert */
#ifndef BANTAM_TOOLS_IMG_H
#define BANTAM_TOOLS_IMG_H

#include "tools/command.h"

extern const struct command img_command;

/* A verb's run() for img.c's table. */
extern const struct command img_bench_command, img_check_command, img_commit_command,
	img_compare_command, img_convert_command, img_create_command, img_info_command,
	img_map_command, img_read_command, img_ls_command, img_cat_command, img_df_command,
	img_filesystems_command, img_rebase_command, img_resize_command,
	img_snapshot_command, img_write_command;

#endif
