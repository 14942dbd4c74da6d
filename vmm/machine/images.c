#include "machine/images.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/file.h"

static int image_read(void *ctx, uint64_t offset, void *dst, size_t len)
{
	const struct image *im = ctx;

	return file_read_at(im->fd, dst, len, offset);
}

static int image_open(struct image *im, const char *flag, const char *path, struct err *err)
{
	struct stat st;
	int rc;

	/* Not blocking: a FIFO is refused below, not waited for. */
	im->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (im->fd < 0)
		return err_errno(err, -errno, "%s %s", flag, path);
	if (fstat(im->fd, &st) < 0) {
		rc = err_errno(err, -errno, "%s %s", flag, path);
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		rc = err_set(err, -EINVAL, "%s %s: not a regular file", flag, path);
		goto fail;
	}
	im->file = (struct boot_file){
		.read = image_read, .ctx = im, .size_bytes = (uint64_t)st.st_size,
	};
	return 0;
fail:
	close(im->fd);
	im->fd = -1;
	return rc;
}

static void image_close(struct image *im)
{
	if (im->fd >= 0)
		close(im->fd);
	im->fd = -1;
}

int images_open(struct images *im, const struct machine_config *config, struct err *err)
{
	int rc;

	im->initrd_count = 0;
	rc = image_open(&im->kernel, "--kernel", config->kernel_path, err);
	for (unsigned i = 0; rc == 0 && i < config->initrd_count; i++) {
		rc = image_open(&im->initrds[i], "--initrd", config->initrd_paths[i], err);
		if (rc == 0) {
			im->initrd_files[i] = im->initrds[i].file;
			im->initrd_count++;
		}
	}
	if (rc < 0)
		images_close(im);
	return rc;
}

void images_close(struct images *im)
{
	image_close(&im->kernel);
	for (unsigned i = 0; i < im->initrd_count; i++)
		image_close(&im->initrds[i]);
	im->initrd_count = 0;
}

/* boot_load() says "kernel: reason" or "initrd N: reason"; the user knows flags
 * and files. */
static int name_the_file(const struct machine_config *config, int rc, const struct err *why,
			 struct err *err)
{
	const char *reason = strstr(why->text, ": ");
	unsigned n = 0;

	reason = reason ? reason + 2 : why->text;
	for (const char *p = why->text + strcspn(why->text, "0123456789:"); *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (unsigned)(*p - '0');
	if (n >= 1 && n <= config->initrd_count)
		return err_set(err, rc, "--initrd %s: %s", config->initrd_paths[n - 1], reason);
	return err_set(err, rc, "--kernel %s: %s", config->kernel_path, reason);
}

/* The guest's, too: KVM passes them on. */
static unsigned host_phys_bits(void)
{
	unsigned eax = 0, ebx, ecx, edx;

	return __get_cpuid(0x80000008, &eax, &ebx, &ecx, &edx) ? eax & 0xff : 0;
}

int images_load(const struct images *im, const struct machine_config *config,
		const struct ram *ram, struct boot_result *out, struct err *err)
{
	struct boot_request req = {
		.mem = &ram->mem,
		.kernel = &im->kernel.file,
		.flat = config->kernel_flat,
		.initrds = im->initrd_files,
		.initrd_count = im->initrd_count,
		.cmdline = config->cmdline,
		.cpu_count = config->cpu_count,
		.debug_exit = config->debug_exit,
		.phys_bits = host_phys_bits(),
	};
	struct err why;
	int rc;

	for (unsigned i = 0; i < SERIAL_PORTS; i++)
		req.serial_present[i] = config->serial[i].present;
	rc = boot_load(&req, out, &why);
	return rc < 0 ? name_the_file(config, rc, &why, err) : 0;
}
