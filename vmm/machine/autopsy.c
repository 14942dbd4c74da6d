#include "machine/autopsy.h"

#include <inttypes.h>
#include <stdlib.h>

/* The code at RIP, up to the end of its page: the next may be mapped elsewhere. */
static unsigned read_code(struct vcpu *v, const struct vcpu_regs *r, const struct mem *mem,
			  uint8_t code[AUTOPSY_CODE_BYTES])
{
	const uint64_t at = r->cs_base + r->rip;
	const uint64_t in_page = 4096 - (at & 4095);
	const unsigned len = (unsigned)min_u64(in_page, AUTOPSY_CODE_BYTES);
	gpa_t gpa;

	if (vcpu_translate(v, at, &gpa) < 0 || mem_read(mem, gpa, code, len) < 0)
		return 0;
	return len;
}

void autopsy_take(struct autopsy *a, struct vcpus *vcpus, const struct mem *mem)
{
	if (a->taken)
		return;
	a->vcpus = calloc(vcpus->count, sizeof(a->vcpus[0]));
	if (!a->vcpus)
		return;
	a->taken = true;
	a->count = vcpus->count;
	for (unsigned i = 0; i < a->count; i++) {
		struct autopsy_vcpu *av = &a->vcpus[i];
		struct vcpu *v = &vcpus->threads[i].vcpu;

		if (vcpu_get_regs(v, &av->regs) == 0)
			av->code_len = read_code(v, &av->regs, mem, av->code);
	}
}

static const char *mode_name(const struct vcpu_regs *r)
{
	if (r->efer & UINT64_C(1) << 10)
		return "64-bit";
	return r->cr0 & 1 ? "protected" : "real";
}

#define X16 "%016" PRIx64

static void print_vcpu(const struct autopsy_vcpu *av, unsigned index, FILE *out)
{
	const struct vcpu_regs *r = &av->regs;

	if (r->not_started) {
		fprintf(out, "vCPU %u: not started by the guest\n", index);
		return;
	}
	fprintf(out, "vCPU %u: %s mode, cpl %u%s\n", index, mode_name(r), r->cpl,
		r->halted ? ", waiting for an interrupt" : "");
	fprintf(out, "  rip %04x:" X16 " rflags " X16 " rsp %04x:" X16 "\n", r->cs, r->rip,
		r->rflags, r->ss, r->rsp);
	fprintf(out, "  rax " X16 " rbx " X16 " rcx " X16 " rdx " X16 "\n", r->rax, r->rbx, r->rcx,
		r->rdx);
	fprintf(out, "  rsi " X16 " rdi " X16 " rbp " X16 " r8  " X16 "\n", r->rsi, r->rdi, r->rbp,
		r->r8);
	fprintf(out, "  r9  " X16 " r10 " X16 " r11 " X16 " r12 " X16 "\n", r->r9, r->r10, r->r11,
		r->r12);
	fprintf(out, "  r13 " X16 " r14 " X16 " r15 " X16 "\n", r->r13, r->r14, r->r15);
	fprintf(out, "  cr0 " X16 " cr2 " X16 " cr3 " X16 " cr4 " X16 " efer %" PRIx64 "\n", r->cr0,
		r->cr2, r->cr3, r->cr4, r->efer);
	fprintf(out, "  ds %04x es %04x fs %04x:%" PRIx64 " gs %04x:%" PRIx64 " gdt %" PRIx64
		"/%04x idt %" PRIx64 "/%04x\n",
		r->ds, r->es, r->fs, r->fs_base, r->gs, r->gs_base, r->gdt_base, r->gdt_limit,
		r->idt_base, r->idt_limit);
	fputs("  code at rip:", out);
	for (unsigned i = 0; i < av->code_len; i++)
		fprintf(out, " %02x", av->code[i]);
	fputs(av->code_len ? "\n" : " not mapped\n", out);
}

void autopsy_print(const struct autopsy *a, const struct watch *watch, FILE *out)
{
	if (!a->taken)
		return;
	for (unsigned i = 0; i < a->count; i++)
		print_vcpu(&a->vcpus[i], i, out);
	if (watch->kept_count > 0 || watch->line_len > 0) {
		fputs("last console lines:\n", out);
		watch_print_last(watch, out, "  | ");
	}
}

void autopsy_free(struct autopsy *a)
{
	free(a->vcpus);
	a->vcpus = NULL;
	a->taken = false;
}
