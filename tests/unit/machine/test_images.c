#include "said.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "core/platform.h"
#include "machine/images.h"

#define GUEST_BYTES MIB(64)

struct fixture {
	struct memory_file kernel, first, second;
	struct machine_config config;
	struct images images;
	struct ram ram;
	struct boot_result boot;
	struct err err;
};

/* A kernel that asks for nothing: 64-bit ELF, one segment at 1 MiB. */
static void write_kernel(int fd)
{
	struct {
		Elf64_Ehdr eh;
		Elf64_Phdr ph;
		uint8_t code[64];
	} k = {
		.eh = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				     EV_CURRENT },
			.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
			.e_entry = MIB(1), .e_phoff = sizeof(Elf64_Ehdr),
			.e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1,
		},
		.ph = {
			.p_type = PT_LOAD, .p_flags = PF_R | PF_X,
			.p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
			.p_vaddr = MIB(1), .p_paddr = MIB(1),
			.p_filesz = sizeof(k.code), .p_memsz = sizeof(k.code),
		},
		.code = { 0xf4, 0xeb, 0xfd }, /* hlt; jmp */
	};

	assert_int_equal(pwrite(fd, &k, sizeof(k), 0), sizeof(k));
}

static void write_text(const struct memory_file *f, const char *text)
{
	assert_int_equal(ftruncate(f->fd, 0), 0);
	assert_int_equal(pwrite(f->fd, text, strlen(text), 0), strlen(text));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	memory_file_open(&f->kernel);
	memory_file_open(&f->first);
	memory_file_open(&f->second);
	write_kernel(f->kernel.fd);
	write_text(&f->first, "first initrd");
	write_text(&f->second, "the second");
	f->config = (struct machine_config){
		.kernel_path = f->kernel.path,
		.initrd_paths = { f->first.path, f->second.path },
		.initrd_count = 2,
		.cmdline = "console=ttyS0",
		.memory_bytes = GUEST_BYTES,
		.cpu_count = 1,
	};
	assert_int_equal(ram_create(&f->ram, GUEST_BYTES, NULL), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ram_destroy(&f->ram);
	close(f->kernel.fd);
	close(f->first.fd);
	close(f->second.fd);
	free(f);
	return 0;
}

static unsigned open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(d);
	while (readdir(d))
		count++;
	closedir(d);
	return count;
}

/* Open and load, expecting "FLAG PATH: reason"; nothing stays open. */
static void refuse(struct fixture *f, const char *flag, const char *path, const char *reason)
{
	const unsigned before = open_descriptors();
	char want[sizeof(f->err.text)];
	int rc;

	rc = images_open(&f->images, &f->config, &f->err);
	if (rc == 0) {
		rc = images_load(&f->images, &f->config, &f->ram, &f->boot, &f->err);
		images_close(&f->images);
	}
	assert_true(rc < 0);
	snprintf(want, sizeof(want), "%s %s: %s", flag, path, reason);
	f->err.text[strlen(want) < strlen(f->err.text) ? strlen(want) : strlen(f->err.text)] = '\0';
	assert_string_equal(f->err.text, want);
	assert_int_equal(open_descriptors(), before);
}

static void a_missing_kernel_is_named(void **state)
{
	struct fixture *f = *state;

	f->config.kernel_path = "/proc/none/bzImage";
	refuse(f, "--kernel", "/proc/none/bzImage", "No such file or directory");
}

static void a_missing_initrd_is_named_and_what_was_open_is_closed(void **state)
{
	struct fixture *f = *state;

	f->config.initrd_paths[1] = "/proc/none/rootfs.cpio";
	refuse(f, "--initrd", "/proc/none/rootfs.cpio", "No such file or directory");
}

static void a_directory_is_no_image(void **state)
{
	struct fixture *f = *state;

	f->config.kernel_path = "/proc/self";
	refuse(f, "--kernel", "/proc/self", "not a regular file");
	f->config.kernel_path = f->kernel.path;
	f->config.initrd_paths[0] = "/proc/self";
	refuse(f, "--initrd", "/proc/self", "not a regular file");
}

static void a_device_is_no_image(void **state)
{
	struct fixture *f = *state;

	f->config.initrd_paths[0] = "/dev/zero";
	refuse(f, "--initrd", "/dev/zero", "not a regular file");
}

static void an_empty_kernel_is_named(void **state)
{
	struct fixture *f = *state;

	write_text(&f->kernel, "");
	refuse(f, "--kernel", f->kernel.path, "is empty");
}

static void text_is_no_kernel(void **state)
{
	struct fixture *f = *state;

	write_text(&f->kernel, "#!/bin/sh\nexit 0\n");
	refuse(f, "--kernel", f->kernel.path, "not a kernel: ");
}

static void a_truncated_kernel_is_called_truncated(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ftruncate(f->kernel.fd, sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + 1), 0);
	refuse(f, "--kernel", f->kernel.path, "truncated: segment 0 has 64 bytes ");
	assert_int_equal(ftruncate(f->kernel.fd, 20), 0);
	refuse(f, "--kernel", f->kernel.path, "truncated: the ELF header needs ");
}

static void an_empty_initrd_is_named_whichever_it_is(void **state)
{
	struct fixture *f = *state;

	write_text(&f->second, "");
	refuse(f, "--initrd", f->second.path, "is empty");
	write_text(&f->first, "");
	refuse(f, "--initrd", f->first.path, "is empty");
}

static void an_initrd_bigger_than_the_guest_asks_for_memory(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ftruncate(f->second.fd, (off_t)GUEST_BYTES), 0);
	refuse(f, "--initrd", f->second.path, "too big: ");
}

static void a_flat_image_takes_no_initrd(void **state)
{
	struct fixture *f = *state;

	f->config.kernel_flat = true;
	refuse(f, "--initrd", f->first.path, "a flat image takes none");
}

/* It was whole when it was opened. */
static void a_file_that_shrinks_meanwhile_is_named(void **state)
{
	struct fixture *f = *state;
	char want[96];

	assert_int_equal(images_open(&f->images, &f->config, &f->err), 0);
	assert_int_equal(ftruncate(f->second.fd, 3), 0);
	assert_true(images_load(&f->images, &f->config, &f->ram, &f->boot, &f->err) < 0);
	snprintf(want, sizeof(want), "--initrd %s: cannot read its 10 bytes", f->second.path);
	assert_int_equal(strncmp(f->err.text, want, strlen(want)), 0);
	images_close(&f->images);
}

static void digits_and_colons_in_a_name_do_not_mislead(void **state)
{
	struct fixture *f = *state;
	char name[96];

	snprintf(name, sizeof(name), "/proc/self/task/../fd/%d", f->kernel.fd);
	f->config.kernel_path = name;
	write_text(&f->kernel, "initrd 2: x");
	refuse(f, "--kernel", name, "not a kernel: ");
}

static const struct boot_region *region(const struct fixture *f, const char *what)
{
	for (unsigned i = 0; i < f->boot.region_count; i++)
		if (strcmp(f->boot.regions[i].what, what) == 0)
			return &f->boot.regions[i];
	return NULL;
}

static void kernel_and_joined_initrds_are_in_ram(void **state)
{
	struct fixture *f = *state;
	const struct boot_region *initrd;
	uint8_t *p;

	assert_int_equal(images_open(&f->images, &f->config, &f->err), 0);
	assert_int_equal(images_load(&f->images, &f->config, &f->ram, &f->boot, &f->err), 0);
	assert_int_equal(f->boot.entry.rip, MIB(1));
	assert_int_equal(mem_span(&f->ram.mem, MIB(1), 3, &p), 0);
	assert_memory_equal(p, "\xf4\xeb\xfd", 3);
	initrd = region(f, "initrd");
	assert_non_null(initrd);
	assert_int_equal(mem_span(&f->ram.mem, initrd->gpa, initrd->len, &p), 0);
	assert_memory_equal(p, "first initrd", 12);
	assert_memory_equal(p + 12, "the second", 10);
	images_close(&f->images);
}

static void closing_twice_is_harmless(void **state)
{
	struct fixture *f = *state;
	const unsigned before = open_descriptors();

	assert_int_equal(images_open(&f->images, &f->config, &f->err), 0);
	assert_int_equal(open_descriptors(), before + 3);
	images_close(&f->images);
	assert_int_equal(open_descriptors(), before);
	images_close(&f->images);
	assert_int_equal(open_descriptors(), before);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_missing_kernel_is_named),
		TEST(a_missing_initrd_is_named_and_what_was_open_is_closed),
		TEST(a_directory_is_no_image),
		TEST(a_device_is_no_image),
		TEST(an_empty_kernel_is_named),
		TEST(text_is_no_kernel),
		TEST(a_truncated_kernel_is_called_truncated),
		TEST(an_empty_initrd_is_named_whichever_it_is),
		TEST(an_initrd_bigger_than_the_guest_asks_for_memory),
		TEST(a_flat_image_takes_no_initrd),
		TEST(a_file_that_shrinks_meanwhile_is_named),
		TEST(digits_and_colons_in_a_name_do_not_mislead),
		TEST(kernel_and_joined_initrds_are_in_ram),
		TEST(closing_twice_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
