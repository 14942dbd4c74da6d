/* KVM is not needed: ioctl() here answers for the vCPUs. */
#include "said.h"

#include <elf.h>
#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "machine/vmcore.h"

#define CPUS	    3u
#define LOW_BYTES   MIB(16)
#define HIGH_BYTES  MIB(2)
#define FAKE_VCPU_FD 1000 /* + index; nobody else's */

struct fixture {
	struct mem mem;
	struct vcpu_thread threads[CPUS];
	struct vcpus vcpus;
	char folder[32], path[64];
	uint8_t *core; /* the dump, mapped */
	size_t core_len;
};

/* Register n (1..) of vCPU i is 0x1000 * i + n, so that a swap shows. */
static uint64_t value(int fd, unsigned n)
{
	return 0x1000 * (uint64_t)(fd - FAKE_VCPU_FD) + n;
}

static int answer(int fd, unsigned long request, void *arg)
{
	if (request == KVM_GET_REGS) {
		*(struct kvm_regs *)arg = (struct kvm_regs){
			.rax = value(fd, 1), .rbx = value(fd, 2), .rcx = value(fd, 3),
			.rdx = value(fd, 4), .rsi = value(fd, 5), .rdi = value(fd, 6),
			.rsp = value(fd, 7), .rbp = value(fd, 8), .r8 = value(fd, 9),
			.r9 = value(fd, 10), .r10 = value(fd, 11), .r11 = value(fd, 12),
			.r12 = value(fd, 13), .r13 = value(fd, 14), .r14 = value(fd, 15),
			.r15 = value(fd, 16), .rip = value(fd, 17), .rflags = value(fd, 18),
		};
		return 0;
	}
	if (request == KVM_GET_SREGS) {
		*(struct kvm_sregs *)arg = (struct kvm_sregs){
			.cs = { .selector = 0x10 }, .ss = { .selector = 0x18 },
			.ds = { .selector = 0x20 }, .es = { .selector = 0x28 },
			.fs = { .selector = 0x30, .base = value(fd, 19) },
			.gs = { .selector = 0x38, .base = value(fd, 20) },
		};
		return 0;
	}
	errno = EINVAL;
	return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (fd >= FAKE_VCPU_FD)
		return answer(fd, request, arg);
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

static uint8_t *map_block(struct mem *m, gpa_t gpa, uint64_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	assert_int_equal(mem_add(m, gpa, len, p), 0);
	return p;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->folder, "vmcore-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/core.elf", f->folder);
	map_block(&f->mem, 0, LOW_BYTES);
	map_block(&f->mem, GIB(4), HIGH_BYTES);
	for (unsigned i = 0; i < CPUS; i++)
		f->threads[i].vcpu.fd = FAKE_VCPU_FD + (int)i;
	f->vcpus.threads = f->threads;
	f->vcpus.count = CPUS;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->core)
		munmap(f->core, f->core_len);
	munmap(f->mem.blocks[0].hva, LOW_BYTES);
	munmap(f->mem.blocks[1].hva, HIGH_BYTES);
	unlink(f->path);
	assert_int_equal(rmdir(f->folder), 0); /* nothing else was left there */
	free(f);
	return 0;
}

/* Write the dump and map it. */
static const Elf64_Ehdr *dump(struct fixture *f)
{
	struct stat st;
	int fd;

	assert_int_equal(vmcore_write(f->path, &f->vcpus, &f->mem, NULL), 0);
	fd = open(f->path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	f->core_len = (size_t)st.st_size;
	f->core = mmap(NULL, f->core_len, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true((void *)f->core != MAP_FAILED);
	close(fd);
	return (const void *)f->core;
}

static const Elf64_Phdr *phdr(const struct fixture *f, unsigned i)
{
	const Elf64_Ehdr *eh = (const void *)f->core;

	assert_true(i < eh->e_phnum);
	return (const void *)(f->core + eh->e_phoff + i * sizeof(Elf64_Phdr));
}

/* Copy the PRSTATUS of vCPU i, found by walking the notes.  False: there is none. */
static bool prstatus(const struct fixture *f, unsigned i, struct elf_prstatus *out)
{
	const uint8_t *p = f->core + phdr(f, 0)->p_offset;
	const uint8_t *end = p + phdr(f, 0)->p_filesz;

	for (unsigned n = 0; p < end; n++) {
		const Elf64_Nhdr *head = (const void *)p;
		const uint8_t *desc = p + sizeof(*head) + ((head->n_namesz + 3u) & ~3u);

		assert_int_equal(head->n_type, NT_PRSTATUS);
		assert_int_equal(head->n_namesz, 5);
		assert_string_equal((const char *)(head + 1), "CORE");
		assert_int_equal(head->n_descsz, sizeof(*out));
		if (n == i) {
			memcpy(out, desc, sizeof(*out)); /* notes are aligned to 4 only */
			return true;
		}
		p = desc + head->n_descsz;
	}
	assert_ptr_equal(p, end);
	return false;
}

static void the_elf_header_is_that_of_an_x86_64_core(void **state)
{
	static const uint8_t ident[EI_NIDENT] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
	const Elf64_Ehdr *eh = dump(*state);

	assert_memory_equal(eh->e_ident, ident, sizeof(ident));
	assert_int_equal(eh->e_type, ET_CORE);
	assert_int_equal(eh->e_machine, EM_X86_64);
	assert_int_equal(eh->e_version, 1);
	assert_int_equal(eh->e_ehsize, sizeof(*eh));
	assert_int_equal(eh->e_phentsize, sizeof(Elf64_Phdr));
	assert_int_equal(eh->e_phnum, 3);
	assert_int_equal(eh->e_shnum, 0);
}

static void each_block_is_a_segment_at_its_guest_address(void **state)
{
	static const struct {
		gpa_t gpa;
		uint64_t len;
	} want[] = { { 0, LOW_BYTES }, { GIB(4), HIGH_BYTES } };
	struct fixture *f = *state;
	uint64_t end;

	dump(f);
	assert_int_equal(phdr(f, 0)->p_type, PT_NOTE);
	end = phdr(f, 0)->p_offset + phdr(f, 0)->p_filesz;
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		const Elf64_Phdr *ph = phdr(f, 1 + i);

		assert_int_equal(ph->p_type, PT_LOAD);
		assert_int_equal(ph->p_paddr, want[i].gpa);
		assert_int_equal(ph->p_filesz, want[i].len);
		assert_int_equal(ph->p_memsz, want[i].len);
		assert_true(ph->p_offset >= end && ph->p_offset % 4096 == 0);
		end = ph->p_offset + ph->p_filesz;
	}
	assert_int_equal(f->core_len, end);
}

static void memory_is_found_at_its_offset(void **state)
{
	struct fixture *f = *state;
	uint8_t *low = f->mem.blocks[0].hva, *high = f->mem.blocks[1].hva;

	low[0] = 1;
	low[4095] = 2;
	low[3 * 4096] = 3; /* after two pages of zeros */
	memset(low + MIB(1), 0x5a, MIB(9) + 4096); /* longer than one write */
	low[LOW_BYTES - 1] = 4;
	high[HIGH_BYTES / 2] = 5;
	dump(f);
	assert_memory_equal(f->core + phdr(f, 1)->p_offset, low, LOW_BYTES);
	assert_memory_equal(f->core + phdr(f, 2)->p_offset, high, HIGH_BYTES);
}

static void a_memory_without_zeros_is_whole(void **state)
{
	struct fixture *f = *state;
	uint8_t *low = f->mem.blocks[0].hva;

	for (uint64_t i = 0; i < LOW_BYTES; i++)
		low[i] = (uint8_t)(i % 251 + 1);
	dump(f);
	assert_memory_equal(f->core + phdr(f, 1)->p_offset, low, LOW_BYTES);
}

static void pages_of_zeros_take_no_space(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	f->mem.blocks[0].hva[MIB(7)] = 1;
	dump(f);
	assert_int_equal(stat(f->path, &st), 0);
	assert_true(st.st_blocks * 512 < (blkcnt_t)MIB(1));
}

static void each_vcpu_has_its_number_and_registers(void **state)
{
	struct fixture *f = *state;
	struct elf_prstatus s;

	dump(f);
	for (unsigned i = 0; i < CPUS; i++) {
		const int fd = FAKE_VCPU_FD + (int)i;
		const uint64_t want[ELF_NGREG] = {
			/* r15 r14 r13 r12 rbp rbx r11 r10 */
			value(fd, 16), value(fd, 15), value(fd, 14), value(fd, 13),
			value(fd, 8), value(fd, 2), value(fd, 12), value(fd, 11),
			/* r9 r8 rax rcx rdx rsi rdi orig_rax */
			value(fd, 10), value(fd, 9), value(fd, 1), value(fd, 3),
			value(fd, 4), value(fd, 5), value(fd, 6), value(fd, 1),
			/* rip cs rflags rsp ss, fs and gs base, ds es fs gs */
			value(fd, 17), 0x10, value(fd, 18), value(fd, 7), 0x18,
			value(fd, 19), value(fd, 20), 0x20, 0x28, 0x30, 0x38,
		};

		assert_true(prstatus(f, i, &s));
		assert_int_equal(s.pr_pid, i + 1);
		assert_memory_equal(s.pr_reg, want, sizeof(want));
	}
	assert_false(prstatus(f, CPUS, &s));
}

static void a_vcpu_that_gives_no_registers_has_zeros(void **state)
{
	static const elf_gregset_t zeros;
	struct fixture *f = *state;
	struct elf_prstatus s;

	f->threads[1].vcpu.fd = -1;
	dump(f);
	assert_true(prstatus(f, 1, &s));
	assert_int_equal(s.pr_pid, 2);
	assert_memory_equal(s.pr_reg, zeros, sizeof(zeros));
	assert_true(prstatus(f, 2, &s));
	assert_int_equal(s.pr_pid, 3);
}

/* It holds all the guest's secrets. */
static void only_its_owner_may_read_it(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	dump(f);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void an_older_and_longer_dump_is_replaced(void **state)
{
	struct fixture *f = *state;
	const int fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(pwrite(fd, "old", 3, (off_t)(2 * LOW_BYTES)), 3);
	assert_int_equal(pwrite(fd, "old", 3, (off_t)MIB(4)), 3);
	close(fd);
	dump(f);
	assert_int_equal(f->core_len, phdr(f, 2)->p_offset + HIGH_BYTES);
	assert_memory_equal(f->core + phdr(f, 1)->p_offset, f->mem.blocks[0].hva, LOW_BYTES);
}

static void a_dump_that_does_not_fit_is_removed(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, small;
	struct err err;
	int rc;

	memset(f->mem.blocks[0].hva, 0xaa, LOW_BYTES);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){ MIB(5), old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	rc = vmcore_write(f->path, &f->vcpus, &f->mem, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(rc, -EFBIG);
	assert_string_equal(err.text, "the dump was not written: File too large");
	assert_int_equal(access(f->path, F_OK), -1);
}

static void a_dump_that_fails_spares_the_one_before(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, small;
	struct stat st;
	int rc;

	dump(f);
	memset(f->mem.blocks[0].hva, 0xaa, LOW_BYTES);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){ MIB(1), old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	rc = vmcore_write(f->path, &f->vcpus, &f->mem, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(rc, -EFBIG);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_size, f->core_len);
}

static void a_device_is_neither_written_nor_removed(void **state)
{
	struct fixture *f = *state;
	struct err err;

	assert_int_equal(vmcore_write("/dev/null", &f->vcpus, &f->mem, &err), -EINVAL);
	assert_string_equal(err.text, "not a regular file");
	assert_int_equal(access("/dev/null", W_OK), 0);
}

static void a_place_that_is_not_there_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct err err;

	assert_int_equal(vmcore_write("/proc/none/core", &f->vcpus, &f->mem, &err), -ENOENT);
	assert_string_equal(err.text, "/proc/none/core.part cannot be made: No such file or directory");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(the_elf_header_is_that_of_an_x86_64_core),
		TEST(each_block_is_a_segment_at_its_guest_address),
		TEST(memory_is_found_at_its_offset),
		TEST(a_memory_without_zeros_is_whole),
		TEST(pages_of_zeros_take_no_space),
		TEST(each_vcpu_has_its_number_and_registers),
		TEST(a_vcpu_that_gives_no_registers_has_zeros),
		TEST(only_its_owner_may_read_it),
		TEST(an_older_and_longer_dump_is_replaced),
		TEST(a_dump_that_does_not_fit_is_removed),
		TEST(a_dump_that_fails_spares_the_one_before),
		TEST(a_device_is_neither_written_nor_removed),
		TEST(a_place_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
