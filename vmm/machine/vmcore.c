#include "machine/vmcore.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/file.h"

/* elf_prstatus of Linux x86-64 (struct elf_prstatus, linux/elfcore.h): the two
 * fields that debuggers read, by their offsets. */
#define PRSTATUS_BYTES   336
#define PRSTATUS_PID_AT  32
#define PRSTATUS_REGS_AT 112
#define PRSTATUS_REGS    27

#define NOTE_NAME "CORE"
#define NOTE_NAME_BYTES 8 /* with its NUL, padded to 4 */
#define NOTE_BYTES (sizeof(Elf64_Nhdr) + NOTE_NAME_BYTES + PRSTATUS_BYTES)
#define DATA_ALIGN 4096u

/* struct user_regs_struct, in its order. */
static void fill_regs(const struct vcpu_regs *r, uint64_t out[PRSTATUS_REGS])
{
	const uint64_t regs[PRSTATUS_REGS] = {
		r->r15, r->r14, r->r13, r->r12, r->rbp, r->rbx, r->r11, r->r10, r->r9,
		r->r8, r->rax, r->rcx, r->rdx, r->rsi, r->rdi, r->rax, r->rip, r->cs,
		r->rflags, r->rsp, r->ss, r->fs_base, r->gs_base, r->ds, r->es, r->fs, r->gs,
	};

	memcpy(out, regs, sizeof(regs));
}

static int write_note(int fd, uint64_t offset, unsigned index, struct vcpu *v)
{
	uint8_t note[NOTE_BYTES] = { 0 };
	const Elf64_Nhdr head = { .n_namesz = sizeof(NOTE_NAME), .n_descsz = PRSTATUS_BYTES,
				  .n_type = NT_PRSTATUS };
	uint8_t *desc = note + sizeof(head) + NOTE_NAME_BYTES;
	const uint32_t pid = index + 1;
	uint64_t regs[PRSTATUS_REGS] = { 0 };
	struct vcpu_regs r;

	memcpy(note, &head, sizeof(head));
	memcpy(note + sizeof(head), NOTE_NAME, sizeof(NOTE_NAME));
	if (vcpu_get_regs(v, &r) == 0)
		fill_regs(&r, regs);
	memcpy(desc + PRSTATUS_PID_AT, &pid, sizeof(pid));
	memcpy(desc + PRSTATUS_REGS_AT, regs, sizeof(regs));
	return file_write_at(fd, note, sizeof(note), offset);
}

static bool all_zero(const uint8_t *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

/* Skip pages of zeros: reading an untouched page costs no memory here, and a
 * hole none on disk. */
static int write_block(int fd, const struct mem_block *b, uint64_t offset)
{
	uint64_t run = 0; /* bytes before `at` that wait to be written */

	for (uint64_t at = 0; at <= b->len; at += DATA_ALIGN) {
		if (at < b->len && !all_zero(b->hva + at, DATA_ALIGN) && run < MIB(4)) {
			run += DATA_ALIGN;
			continue;
		}
		if (run > 0) {
			const int rc = file_write_at(fd, b->hva + at - run, run, offset + at - run);

			if (rc < 0)
				return rc;
			run = 0;
			if (at < b->len)
				at -= DATA_ALIGN; /* look at this page again */
		}
	}
	return 0;
}

static int write_all(int fd, struct vcpus *vcpus, const struct mem *mem)
{
	const unsigned phnum = 1 + mem->block_count;
	const uint64_t notes_at = sizeof(Elf64_Ehdr) + phnum * sizeof(Elf64_Phdr);
	const uint64_t notes_len = vcpus->count * NOTE_BYTES;
	uint64_t offset = (notes_at + notes_len + DATA_ALIGN - 1) & ~(uint64_t)(DATA_ALIGN - 1);
	const Elf64_Ehdr eh = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_phoff = sizeof(eh), .e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = (Elf64_Half)phnum,
	};
	Elf64_Phdr ph[1 + MEM_BLOCKS_MAX] = {
		{ .p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = notes_len },
	};
	int rc;

	for (unsigned i = 0; i < mem->block_count; i++) {
		const struct mem_block *b = &mem->blocks[i];

		ph[1 + i] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X,
					  .p_offset = offset, .p_paddr = b->gpa,
					  .p_filesz = b->len, .p_memsz = b->len };
		rc = write_block(fd, b, offset);
		if (rc < 0)
			return rc;
		offset += b->len;
	}
	if (ftruncate(fd, (off_t)offset) < 0)
		return -errno;
	for (unsigned i = 0; i < vcpus->count; i++) {
		rc = write_note(fd, notes_at + i * NOTE_BYTES, i, &vcpus->threads[i].vcpu);
		if (rc < 0)
			return rc;
	}
	rc = file_write_at(fd, ph, phnum * sizeof(ph[0]), sizeof(eh));
	return rc < 0 ? rc : file_write_at(fd, &eh, sizeof(eh), 0);
}

/* A dump that fails must cost neither the one before nor a device that path may
 * name: write beside it, then rename. */
int vmcore_write(const char *path, struct vcpus *vcpus, const struct mem *mem, struct err *err)
{
	char *temporary = NULL;
	struct stat st;
	int fd, rc;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "not a regular file");
	if (asprintf(&temporary, "%s.part", path) < 0)
		return err_errno(err, -ENOMEM, "cannot be made");
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		rc = err_errno(err, -errno, "%s cannot be made", temporary);
		goto out;
	}
	rc = write_all(fd, vcpus, mem);
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(temporary, path) < 0)
		rc = -errno;
	if (rc < 0) {
		unlink(temporary);
		err_errno(err, rc, "the dump was not written");
	}
out:
	free(temporary);
	return rc;
}
