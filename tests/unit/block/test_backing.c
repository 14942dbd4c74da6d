#include "block_fixture.h"

#include "block/qcow2_ops.h"
#include "block/raw.h"
#include "host/thread.h"

#define DISK_BYTES KIB(256)

/* An image PATH of `size` bytes over `backing`, its format as given. */
static void make_image(struct block_bench *b, const char *path, const char *backing,
		       const char *format, uint64_t size)
{
	const struct qcow2_create_options options = {
		.size_bytes = size,
		.backing_name = backing,
		.backing_format = format,
	};
	const struct raw_options growable = { .growable = true };
	struct block *file;
	struct store s;

	close(open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(store_open(&s, path, false, &b->err), 0);
	assert_int_equal(raw_create(&s, &growable, &file, &b->err), 0);
	if (qcow2_create(file, b->loop, "new", &options, NULL, &b->err) < 0)
		fail_msg("%s", b->err.text);
	block_close(file);
}

static void refused(struct block_bench *b, int code, const char *words)
{
	assert_int_equal(disk_up(b), code);
	assert_says(b, words);
	assert_null(strchr(b->err.text, '\n'));
	assert_null(b->disk);
}

static int first_byte(struct block_bench *b, uint64_t offset)
{
	uint8_t sector[512];
	const int rc = run_op(b, BLOCK_READ, offset, sector, sizeof(sector));

	return rc < 0 ? rc : sector[0];
}

/* A file in the disk's folder, or below. */
struct named {
	char path[160];
};

static struct named in(const struct block_bench *b, const char *name)
{
	struct named n;

	snprintf(n.path, sizeof(n.path), "%s/%s", b->dir, name);
	return n;
}

static struct named make_raw(const struct block_bench *b, const char *name, size_t len)
{
	const struct named n = in(b, name);
	uint8_t *bytes = buffer(len, 'r');
	const int fd = open(n.path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
	free(bytes);
	return n;
}

static void a_raw_file_below_is_used_to_its_last_byte(void **state)
{
	struct block_bench *b = *state;
	const struct named raw = make_raw(b, "raw", 65536 + 700);
	uint8_t bytes[1024];

	make_image(b, b->path, "raw", "raw", DISK_BYTES);
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(first_byte(b, 0), 'r');
	assert_int_equal(run_op(b, BLOCK_READ, 65536 + 512, bytes, sizeof(bytes)), 0);
	assert_true(is_all(bytes, 'r', 188));
	assert_true(is_all(bytes + 188, 0, sizeof(bytes) - 188));
	assert_int_equal(first_byte(b, 131072), 0);
	memset(bytes, 'w', sizeof(bytes));
	assert_int_equal(run_op(b, BLOCK_WRITE, 65536, bytes, 512), 0);
	assert_int_equal(first_byte(b, 65536), 'w');
	assert_int_equal(run_op(b, BLOCK_READ, 65536 + 512, bytes, 512), 0);
	assert_true(is_all(bytes, 'r', 188));
	assert_true(is_all(bytes + 188, 0, 512 - 188));
	disk_down(b);
	unlink(raw.path);
}

static void a_chain_is_followed_from_each_images_own_folder(void **state)
{
	struct block_bench *b = *state;
	const struct named folder = in(b, "below"), middle = in(b, "below/middle");
	struct named raw;

	assert_int_equal(mkdir(folder.path, 0700), 0);
	raw = make_raw(b, "below/raw", 65536);
	make_image(b, middle.path, "raw", "raw", DISK_BYTES / 2);
	make_image(b, b->path, "below/middle", "qcow2", DISK_BYTES);
	for (unsigned way = 0; way < 4; way++) {
		b->config.read_only = way == 1;
		b->config.snapshot = way == 2;
		b->config.cache = way == 3 ? DISK_CACHE_NONE : DISK_CACHE_WRITEBACK;
		assert_int_equal(disk_up(b), 0);
		assert_int_equal(first_byte(b, 512), 'r');
		assert_int_equal(first_byte(b, 65536), 0);
		assert_int_equal(first_byte(b, DISK_BYTES - 512), 0);
		disk_down(b);
	}
	unlink(raw.path);
	unlink(middle.path);
	rmdir(folder.path);
}

static void a_file_elsewhere_is_refused_unless_its_folder_is_allowed(void **state)
{
	static const char *const names[] = { "../host-file", "/etc/passwd", "link" };
	struct block_bench *b = *state;
	const struct named link = in(b, "link");
	char other[] = "/tmp/bantam-other-XXXXXX", path[64], allowed[128];
	int fd;

	assert_int_equal(symlink("/etc/passwd", link.path), 0);
	assert_non_null(mkdtemp(other));
	snprintf(path, sizeof(path), "%s/raw", other);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "secret", 6), 6);
	close(fd);
	make_image(b, b->path, path, "raw", DISK_BYTES);
	refused(b, -EACCES, "is not in the image's folder; add ,backing=allow:DIR");
	b->config.backing_allowed = "/usr";
	refused(b, -EACCES, "is not in the image's folder");
	snprintf(allowed, sizeof(allowed), "/usr:%s", other);
	b->config.backing_allowed = allowed;
	assert_int_equal(disk_up(b), 0);
	assert_int_equal(first_byte(b, 0), 's');
	disk_down(b);
	/* A folder whose name only begins alike. */
	allowed[strlen(allowed) - 1] = '\0';
	refused(b, -EACCES, "is not in the image's folder");
	b->config.backing_allowed = NULL;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		make_image(b, b->path, names[i], "raw", DISK_BYTES);
		assert_true(disk_up(b) < 0);
		assert_null(b->disk);
	}
	assert_says(b, "is not in the image's folder");
	unlink(link.path);
	unlink(path);
	rmdir(other);
}

static void names_that_are_no_paths_and_formats_that_are_not_said_are_refused(void **state)
{
	static const char *const grammar[] = { "nbd:localhost:10809", "json:{}", "file:raw" };
	struct block_bench *b = *state;
	const struct named raw = make_raw(b, "raw", 65536), fifo = in(b, "fifo");
	uint8_t bytes[65536];
	uint8_t *at;

	for (size_t i = 0; i < ARRAY_LEN(grammar); i++) {
		make_image(b, b->path, grammar[i], "raw", DISK_BYTES);
		refused(b, -EINVAL, "is no path");
	}
	make_image(b, b->path, "raw", "vmdk", DISK_BYTES);
	refused(b, -EOPNOTSUPP, "is of format 'vmdk'; raw and qcow2 are supported");
	make_image(b, b->path, "raw", "qcow2", DISK_BYTES);
	refused(b, -EINVAL, "raw is no qcow2 image");
	/* Not said: the extension becomes one that is not known. */
	read_file(b->path, bytes, 4096, 0);
	at = memmem(bytes, 4096, "\xe2\x79\x2a\xca", 4);
	assert_non_null(at);
	write_file(b->path, "\x12\x34\x56\x78", 4, (uint64_t)(at - bytes));
	refused(b, -EINVAL, "does not say of what format its backing file 'raw' is");
	assert_int_equal(mkfifo(fifo.path, 0600), 0);
	make_image(b, b->path, "fifo", "raw", DISK_BYTES);
	refused(b, -EINVAL, "is a FIFO");
	make_image(b, b->path, "nothing", "raw", DISK_BYTES);
	refused(b, -ENOENT, "its backing file 'nothing': No such file");
	unlink(fifo.path);
	unlink(raw.path);
}

/* As the disks of a run are opened: on a thread with a small stack. */
static void *open_the_disk(void *arg)
{
	struct block_bench *b = arg;

	b->err.text[0] = '\0';
	return (void *)(intptr_t)disk_open(&b->config, &b->disk, &b->err);
}

static int disk_up_on_a_thread(struct block_bench *b)
{
	pthread_t thread;
	void *rc;

	assert_int_equal(thread_start(&thread, open_the_disk, b), 0);
	pthread_join(thread, &rc);
	return (int)(intptr_t)rc;
}

static void circles_and_endless_chains_are_refused(void **state)
{
	struct block_bench *b = *state;
	const struct named other = in(b, "other");
	char name[64], path[160];

	make_image(b, b->path, "other", "qcow2", DISK_BYTES);
	make_image(b, other.path, "disk", "qcow2", DISK_BYTES);
	b->config.read_only = true;
	refused(b, -ELOOP, "they name each other in a circle");
	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "n%u", i + 1);
		snprintf(path, sizeof(path), "%s/n%u", b->dir, i);
		make_image(b, i ? path : b->path, name, "qcow2", DISK_BYTES);
	}
	refused(b, -ELOOP, "more than 32 images above one another");
	assert_int_equal(disk_up_on_a_thread(b), -ELOOP);
	assert_says(b, "more than 32 images above one another");
	for (unsigned i = 1; i < 40; i++) {
		snprintf(path, sizeof(path), "%s/n%u", b->dir, i);
		unlink(path);
	}
	unlink(other.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLOCK_TEST(a_raw_file_below_is_used_to_its_last_byte),
		BLOCK_TEST(a_chain_is_followed_from_each_images_own_folder),
		BLOCK_TEST(a_file_elsewhere_is_refused_unless_its_folder_is_allowed),
		BLOCK_TEST(names_that_are_no_paths_and_formats_that_are_not_said_are_refused),
		BLOCK_TEST(circles_and_endless_chains_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
