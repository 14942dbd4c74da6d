/* look VERB [--json] [-R] [-h] FILE[:PART] [PATH...]: the verbs of tools/img_look.h
 * on a raw image. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/img_look.h"

static int raw_read(void *ctx, uint64_t offset, void *to, size_t len)
{
	const int fd = *(int *)ctx;

	for (size_t done = 0; done < len;) {
		const ssize_t n = pread(fd, (char *)to + done, len - done, (off_t)(offset + done));

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct look look = { 0 };
	struct reader disk;
	struct stat st;
	int fd, i = 2;

	for (; i < argc && argv[i][0] == '-'; i++) {
		look.json |= strcmp(argv[i], "--json") == 0;
		look.recursive |= strcmp(argv[i], "-R") == 0;
		look.human |= strcmp(argv[i], "-h") == 0;
	}
	if (i >= argc) {
		fprintf(stderr, "usage: look VERB [FLAGS] FILE[:PART] [PATH...]\n");
		return 2;
	}
	look.file = argv[i];
	look.part = look_split(argv[i++]);
	fd = open(look.file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(look.file);
		return 1;
	}
	disk = (struct reader){ raw_read, &fd, (uint64_t)st.st_size };
	look.disk = &disk;
	if (strcmp(argv[1], "ls") == 0)
		return look_ls(&look, argv[i]);
	if (strcmp(argv[1], "cat") == 0)
		return look_cat(&look, argv + i, argc - i);
	if (strcmp(argv[1], "df") == 0)
		return look_df(&look);
	return look_filesystems(&look);
}
