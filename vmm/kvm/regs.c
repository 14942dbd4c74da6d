#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "kvm/vcpu.h"

/* Control registers and segments: Intel SDM vol. 3A, 2.5 and 3.4.5. */
#define CR0_PE (UINT64_C(1) << 0)
#define CR0_ET (UINT64_C(1) << 4)
#define CR0_PG (UINT64_C(1) << 31)
#define CR4_PAE (UINT64_C(1) << 5)
#define EFER_LME (UINT64_C(1) << 8)
#define EFER_LMA (UINT64_C(1) << 10)
#define RFLAGS_FIXED UINT64_C(2)

#define SEGMENT_CODE 0xb /* execute, read, accessed */
#define SEGMENT_DATA 0x3 /* read, write, accessed */
#define SEGMENT_TSS  0xb /* busy 32/64-bit TSS */

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type, bool is_long)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = 0xffffffff,
		.type = type,
		.present = 1,
		.s = 1,
		.db = !is_long,
		.l = is_long,
		.g = 1,
	};
}

static void real_segment(struct kvm_segment *s)
{
	s->selector = 0;
	s->base = 0;
}

static void set_real_mode(struct kvm_sregs *s)
{
	/* The rest is as KVM left it after INIT. */
	real_segment(&s->cs);
	real_segment(&s->ds);
	real_segment(&s->es);
	real_segment(&s->fs);
	real_segment(&s->gs);
	real_segment(&s->ss);
}

static void set_protected_mode(struct kvm_sregs *s, const struct vcpu_entry *e)
{
	const bool is_long = e->mode == VCPU_LONG64;

	s->cs = flat_segment(e->cs, SEGMENT_CODE, is_long);
	s->ds = flat_segment(e->ds, SEGMENT_DATA, false);
	s->es = s->fs = s->gs = s->ss = s->ds;
	s->tr = (struct kvm_segment){
		.selector = e->tr,
		.limit = 0x67,
		.type = SEGMENT_TSS,
		.present = 1,
	};
	s->gdt.base = e->gdt_base;
	s->gdt.limit = e->gdt_limit;
	s->idt.base = 0;
	s->idt.limit = 0;
	s->cr0 = CR0_PE | CR0_ET;
	if (is_long) {
		s->cr0 |= CR0_PG;
		s->cr3 = e->cr3;
		s->cr4 |= CR4_PAE;
		s->efer |= EFER_LME | EFER_LMA;
	}
}

int vcpu_set_entry(struct vcpu *v, const struct vcpu_entry *e, struct err *err)
{
	struct kvm_regs regs = {
		.rip = e->rip, .rsp = e->rsp, .rax = e->rax, .rbx = e->rbx, .rsi = e->rsi,
		.rflags = RFLAGS_FIXED,
	};
	struct kvm_sregs sregs;

	if (ioctl(v->fd, KVM_GET_SREGS, &sregs) < 0)
		return err_errno(err, -errno, "KVM_GET_SREGS");
	if (e->mode == VCPU_REAL16)
		set_real_mode(&sregs);
	else
		set_protected_mode(&sregs, e);
	if (ioctl(v->fd, KVM_SET_SREGS, &sregs) < 0)
		return err_errno(err, -errno, "KVM_SET_SREGS");
	if (ioctl(v->fd, KVM_SET_REGS, &regs) < 0)
		return err_errno(err, -errno, "KVM_SET_REGS");
	return 0;
}

int vcpu_get_regs(struct vcpu *v, struct vcpu_regs *r)
{
	struct kvm_mp_state mp = { 0 };
	struct kvm_sregs s;
	struct kvm_regs g;

	if (ioctl(v->fd, KVM_GET_REGS, &g) < 0 || ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		return -errno;
	ioctl(v->fd, KVM_GET_MP_STATE, &mp);
	*r = (struct vcpu_regs){
		.rax = g.rax, .rbx = g.rbx, .rcx = g.rcx, .rdx = g.rdx,
		.rsi = g.rsi, .rdi = g.rdi, .rsp = g.rsp, .rbp = g.rbp,
		.r8 = g.r8, .r9 = g.r9, .r10 = g.r10, .r11 = g.r11,
		.r12 = g.r12, .r13 = g.r13, .r14 = g.r14, .r15 = g.r15,
		.rip = g.rip, .rflags = g.rflags,
		.cr0 = s.cr0, .cr2 = s.cr2, .cr3 = s.cr3, .cr4 = s.cr4, .efer = s.efer,
		.fs_base = s.fs.base, .gs_base = s.gs.base, .cs_base = s.cs.base,
		.cs = s.cs.selector, .ss = s.ss.selector, .ds = s.ds.selector,
		.es = s.es.selector, .fs = s.fs.selector, .gs = s.gs.selector,
		.gdt_base = s.gdt.base, .idt_base = s.idt.base,
		.gdt_limit = s.gdt.limit, .idt_limit = s.idt.limit,
		.cpl = s.ss.dpl,
		.halted = mp.mp_state == KVM_MP_STATE_HALTED,
		.not_started = mp.mp_state == KVM_MP_STATE_UNINITIALIZED ||
			       mp.mp_state == KVM_MP_STATE_INIT_RECEIVED,
	};
	return 0;
}

int vcpu_translate(struct vcpu *v, uint64_t gva, gpa_t *gpa)
{
	struct kvm_translation t = { .linear_address = gva };

	if (ioctl(v->fd, KVM_TRANSLATE, &t) < 0 || !t.valid)
		return -EFAULT;
	*gpa = t.physical_address;
	return 0;
}
