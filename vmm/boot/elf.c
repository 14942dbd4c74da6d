#include "boot/elf.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "boot/layout.h"
#include "boot/pvh.h"
#include "boot/zeropage.h"

/* Names and numbers are <elf.h>'s; fields are read by offset, for both classes. */
#define AT(type, field)	  offsetof(type, field)
#define PHDRS_MAX	  64u  /* a vmlinux has 5 */
#define NOTES_MAX	  256u /* in one segment; a vmlinux has a dozen */
#define NOTE_HEADER_BYTES 12u
#define NOTE_PHYS32_ENTRY 18u	 /* XEN_ELFNOTE_PHYS32_ENTRY, xen/include/public/elfnote.h */
#define NOTE_NAME	  "Xen"	 /* with its NUL: 4 bytes */
#define INITRD_CEILING	  GIB(2) /* what a bzImage of x86-64 says in initrd_addr_max */

/* One program header, of either class. */
struct segment {
	uint32_t type;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_file {
	const struct boot_job *job;
	bool is_64;
	uint64_t entry;
	uint64_t phoff;
	unsigned phnum;
	struct segment segments[PHDRS_MAX];
};

bool elf_match(const uint8_t *head, uint32_t head_len)
{
	return head_len >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

static int check_ident(const struct boot_job *job, struct err *err)
{
	const uint8_t *h = job->head;
	const unsigned class = job->head_len > EI_CLASS ? h[EI_CLASS] : ELFCLASSNONE;
	const uint32_t need = class == ELFCLASS64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	unsigned type, machine;

	if (job->head_len < need)
		return err_set(err, -EINVAL,
			       "kernel: truncated: the ELF header needs %" PRIu32
			       " bytes, the file has %" PRIu32,
			       need, job->head_len);
	if (class != ELFCLASS32 && class != ELFCLASS64)
		return err_set(err, -EINVAL,
			       "kernel: broken: ELF class %u is neither 1 (32-bit) nor 2 (64-bit)",
			       class);
	if (h[EI_DATA] != ELFDATA2LSB)
		return err_set(err, -ENOEXEC, "kernel: a big-endian ELF file, not one for x86");
	type = le16_load(h + AT(Elf64_Ehdr, e_type));
	machine = le16_load(h + AT(Elf64_Ehdr, e_machine));
	if (machine != EM_X86_64 && machine != EM_386)
		return err_set(err, -ENOEXEC,
			       "kernel: an ELF file for machine %u, not for x86 (3 or 62)",
			       machine);
	if (type != ET_EXEC)
		return err_set(
			err, -ENOEXEC,
			"kernel: an ELF file of type %u, not a kernel: those are executables "
			"with fixed addresses (type 2)",
			type);
	return 0;
}

static int check_header(const struct boot_job *job, struct elf_file *f, struct err *err)
{
	const uint8_t *h = job->head;
	unsigned phentsize, want;
	int rc = check_ident(job, err);

	if (rc < 0)
		return rc;
	f->is_64 = h[EI_CLASS] == ELFCLASS64;
	if (f->is_64) {
		f->entry = le64_load(h + AT(Elf64_Ehdr, e_entry));
		f->phoff = le64_load(h + AT(Elf64_Ehdr, e_phoff));
		phentsize = le16_load(h + AT(Elf64_Ehdr, e_phentsize));
		f->phnum = le16_load(h + AT(Elf64_Ehdr, e_phnum));
		want = sizeof(Elf64_Phdr);
	} else {
		f->entry = le32_load(h + AT(Elf32_Ehdr, e_entry));
		f->phoff = le32_load(h + AT(Elf32_Ehdr, e_phoff));
		phentsize = le16_load(h + AT(Elf32_Ehdr, e_phentsize));
		f->phnum = le16_load(h + AT(Elf32_Ehdr, e_phnum));
		want = sizeof(Elf32_Phdr);
	}
	if (f->phnum == 0 || f->phnum > PHDRS_MAX || phentsize != want)
		return err_set(err, -EINVAL,
			       "kernel: broken: %u program headers of %u bytes, 1 to %u of %u "
			       "expected",
			       f->phnum, phentsize, PHDRS_MAX, want);
	return 0;
}

/* Some bytes of the file, out of the head where they are already there. */
static int read_small(const struct boot_job *job, uint64_t offset, uint8_t *dst, size_t len,
		      struct err *err)
{
	const struct boot_file *file = job->req->kernel;
	int rc;

	if (range_inside(offset, len, job->head_len)) {
		memcpy(dst, job->head + offset, len);
		return 0;
	}
	if (!range_inside(offset, len, file->size_bytes))
		return err_set(err, -EINVAL,
			       "kernel: truncated: %zu bytes of ELF headers at %" PRIu64
			       " are needed, the file has %" PRIu64,
			       len, offset, file->size_bytes);
	rc = file->read(file->ctx, offset, dst, len);
	if (rc < 0)
		return err_errno(err, rc, "kernel: cannot read %zu bytes at %" PRIu64, len, offset);
	return 0;
}

static void parse_segment(const uint8_t *p, bool is_64, struct segment *s)
{
	if (is_64) {
		s->type = le32_load(p + AT(Elf64_Phdr, p_type));
		s->offset = le64_load(p + AT(Elf64_Phdr, p_offset));
		s->vaddr = le64_load(p + AT(Elf64_Phdr, p_vaddr));
		s->paddr = le64_load(p + AT(Elf64_Phdr, p_paddr));
		s->filesz = le64_load(p + AT(Elf64_Phdr, p_filesz));
		s->memsz = le64_load(p + AT(Elf64_Phdr, p_memsz));
		s->align = le64_load(p + AT(Elf64_Phdr, p_align));
	} else {
		s->type = le32_load(p + AT(Elf32_Phdr, p_type));
		s->offset = le32_load(p + AT(Elf32_Phdr, p_offset));
		s->vaddr = le32_load(p + AT(Elf32_Phdr, p_vaddr));
		s->paddr = le32_load(p + AT(Elf32_Phdr, p_paddr));
		s->filesz = le32_load(p + AT(Elf32_Phdr, p_filesz));
		s->memsz = le32_load(p + AT(Elf32_Phdr, p_memsz));
		s->align = le32_load(p + AT(Elf32_Phdr, p_align));
	}
}

/* Whether a segment brings anything into memory. */
static bool is_loaded(const struct segment *s)
{
	return s->type == PT_LOAD && s->memsz > 0;
}

static int check_segment(const struct elf_file *f, unsigned i, struct err *err)
{
	const struct segment *s = &f->segments[i];
	const uint64_t file_bytes = f->job->req->kernel->size_bytes;
	uint64_t end;

	if (s->filesz > s->memsz)
		return err_set(err, -EINVAL,
			       "kernel: broken: segment %u has %" PRIu64
			       " bytes in the file, more than its %" PRIu64 " in memory",
			       i, s->filesz, s->memsz);
	if (!range_inside(s->offset, s->filesz, file_bytes))
		return err_set(err, -EINVAL,
			       "kernel: truncated: segment %u has %" PRIu64 " bytes at %" PRIu64
			       ", the file has %" PRIu64,
			       i, s->filesz, s->offset, file_bytes);
	if (!add_u64(s->paddr, s->memsz, &end))
		return err_set(err, -EINVAL,
			       "kernel: broken: segment %u wraps round the end of memory", i);
	return 0;
}

static int read_segments(struct elf_file *f, struct elf_image *out, struct err *err)
{
	const unsigned size = f->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	uint8_t raw[PHDRS_MAX * sizeof(Elf64_Phdr)] = { 0 };
	int rc = read_small(f->job, f->phoff, raw, (size_t)f->phnum * size, err);

	out->start = UINT64_MAX;
	out->end = 0;
	for (unsigned i = 0; i < f->phnum && rc == 0; i++) {
		struct segment *s = &f->segments[i];

		parse_segment(raw + (size_t)i * size, f->is_64, s);
		if (!is_loaded(s))
			continue;
		rc = check_segment(f, i, err);
		out->start = min_u64(out->start, s->paddr);
		out->end = max_u64(out->end, s->paddr + s->memsz);
	}
	if (rc == 0 && out->end == 0)
		return err_set(err, -EINVAL, "kernel: broken: an ELF file with nothing to load");
	return rc;
}

/* System V ABI, "Program Loading": virtual addresses are what e_entry is in, but
 * Linux writes a physical one. */
static int physical_entry(const struct elf_file *f, gpa_t *out, struct err *err)
{
	for (unsigned i = 0; i < f->phnum; i++) {
		const struct segment *s = &f->segments[i];

		if (is_loaded(s) && f->entry >= s->vaddr && f->entry - s->vaddr < s->memsz) {
			*out = s->paddr + (f->entry - s->vaddr);
			return 0;
		}
	}
	for (unsigned i = 0; i < f->phnum; i++) {
		const struct segment *s = &f->segments[i];

		if (is_loaded(s) && f->entry >= s->paddr && f->entry - s->paddr < s->memsz) {
			*out = f->entry;
			return 0;
		}
	}
	return err_set(err, -EINVAL, "kernel: broken: the entry 0x%" PRIx64 " is in no segment",
		       f->entry);
}

/* A note of a segment, as far as PVH cares. */
struct note {
	bool is_pvh;
	uint64_t pvh_entry;
	uint64_t bytes; /* with its padding; 0: it does not fit */
};

/* System V ABI, "Note Section": sizes of name and description, type, name,
 * description, each padded.
 * at  within the segment, not behind its end */
static int read_note(const struct elf_file *f, const struct segment *s, uint64_t at,
		     struct note *out, struct err *err)
{
	const uint64_t align = s->align == 8 ? 8 : 4;
	uint8_t raw[NOTE_HEADER_BYTES + sizeof(NOTE_NAME) + 8] = { 0 };
	const size_t len = min_u64(sizeof(raw), s->filesz - at);
	uint64_t name_bytes, desc_bytes, desc = 0, end = 0;
	int rc;

	*out = (struct note){ 0 };
	if (len < NOTE_HEADER_BYTES)
		return 0;
	rc = read_small(f->job, s->offset + at, raw, len, err);
	if (rc < 0)
		return rc;
	name_bytes = le32_load(raw + AT(Elf64_Nhdr, n_namesz));
	desc_bytes = le32_load(raw + AT(Elf64_Nhdr, n_descsz));
	/* 32-bit sizes in 64-bit sums: nothing wraps. */
	align_up_u64(NOTE_HEADER_BYTES + name_bytes, align, &desc);
	align_up_u64(desc + desc_bytes, align, &end);
	if (!range_inside(at, desc + desc_bytes, s->filesz))
		return 0;
	out->bytes = min_u64(end, s->filesz - at); /* the last may lack its padding */
	out->is_pvh = name_bytes == sizeof(NOTE_NAME) &&
		      memcmp(raw + NOTE_HEADER_BYTES, NOTE_NAME, sizeof(NOTE_NAME)) == 0 &&
		      le32_load(raw + AT(Elf64_Nhdr, n_type)) == NOTE_PHYS32_ENTRY &&
		      (desc_bytes == 4 || desc_bytes == 8);
	if (out->is_pvh)
		out->pvh_entry = le_load(raw + desc, (unsigned)desc_bytes);
	return 0;
}

/* A note that does not fit ends the search: notes are a convenience, not a reason
 * to refuse a kernel. */
static int find_pvh_note(const struct elf_file *f, const struct segment *s, struct elf_image *out,
			 struct err *err)
{
	uint64_t at = 0;

	if (!range_inside(s->offset, s->filesz, f->job->req->kernel->size_bytes))
		return 0;
	for (unsigned n = 0; n < NOTES_MAX; n++) {
		struct note note;
		const int rc = read_note(f, s, at, &note, err);

		if (rc < 0)
			return rc;
		if (note.is_pvh) {
			out->pvh_entry = note.pvh_entry;
			out->has_pvh = true;
			return 0;
		}
		if (note.bytes == 0)
			return 0;
		at += note.bytes;
	}
	return 0;
}

static int find_pvh(const struct elf_file *f, struct elf_image *out, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < f->phnum && rc == 0 && !out->has_pvh; i++) {
		if (f->segments[i].type == PT_NOTE)
			rc = find_pvh_note(f, &f->segments[i], out, err);
	}
	if (rc == 0 && out->has_pvh && (out->pvh_entry < out->start || out->pvh_entry >= out->end))
		return err_set(err, -EINVAL,
			       "kernel: broken: the PVH entry 0x%" PRIx64 " is in no segment",
			       out->pvh_entry);
	return rc;
}

int elf_load_image(const struct boot_job *job, struct elf_image *out, struct err *err)
{
	struct elf_file f = { .job = job };
	int rc = check_header(job, &f, err);

	*out = (struct elf_image){ 0 };
	if (rc == 0)
		rc = read_segments(&f, out, err);
	if (rc == 0)
		rc = physical_entry(&f, &out->entry, err);
	if (rc == 0)
		rc = find_pvh(&f, out, err);
	if (rc == 0)
		rc = loader_room(job, out->start, out->end, err);
	out->is_64 = rc == 0 && f.is_64;
	for (unsigned i = 0; rc == 0 && i < f.phnum; i++) {
		const struct segment *s = &f.segments[i];

		if (is_loaded(s)) /* the rest up to memsz is zero: RAM is fresh */
			rc = loader_read(job, s->offset, s->paddr, s->filesz, err);
	}
	if (rc == 0)
		loader_region(job->out, out->start, out->end - out->start, "kernel");
	return rc;
}

/* boot.rst, "64-bit BOOT PROTOCOL", for a kernel without a setup header: the
 * fields that a boot loader must give, and the rest zero. */
static int linux_start(struct boot_job *job, const struct elf_image *image, struct err *err)
{
	struct initrd initrd;
	uint8_t *page;
	int rc = loader_cmdline(job, "", LAYOUT_CMDLINE_BYTES - 1, err);

	if (rc == 0)
		rc = initrd_load(job, image->end, INITRD_CEILING, INITRD_ALIGN_LINUX, &initrd, err);
	if (rc == 0)
		rc = zeropage_span(job, &page, err);
	if (rc != 0)
		return rc;
	le16_store(page + HDR_BOOT_FLAG, HDR_BOOT_FLAG_VALUE);
	le32_store(page + HDR_MAGIC, HDR_MAGIC_VALUE);
	le16_store(page + HDR_VERSION, HDR_VERSION_64BIT);
	page[HDR_LOADFLAGS] = HDR_LOADED_HIGH;
	zeropage_fill(job, page, &initrd);
	job->out->entry = (struct boot_entry){
		.protocol = "vmlinux, 64-bit entry",
		.mode = BOOT_LONG64,
		.rip = image->entry,
		.rsi = LAYOUT_BOOT_PARAMS,
		.rsp = LAYOUT_STACK_TOP,
	};
	return 0;
}

int elf_load(struct boot_job *job, struct err *err)
{
	struct elf_image image = { 0 };
	int rc = elf_load_image(job, &image, err);

	if (rc < 0)
		return rc;
	if (image.has_pvh)
		return pvh_start(job, &image, err);
	if (image.is_64)
		return linux_start(job, &image, err);
	return err_set(err, -ENOEXEC,
		       "kernel: a 32-bit ELF file without a PVH note or multiboot header");
}
