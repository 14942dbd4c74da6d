/* kvm/vcpu.h: one virtual processor: make it, run it, look into it.
 *
 * A vCPU belongs to the thread that runs it; while it runs only vcpu_kick() may
 * come from others. */
#ifndef BANTAM_KVM_VCPU_H
#define BANTAM_KVM_VCPU_H

#include "base/err.h"
#include "base/types.h"

struct kvm;
struct kvm_run;

struct vcpu {
	int fd;
	unsigned index;
	struct kvm_run *run; /* shared with the kernel */
	uint32_t run_bytes;
};

/* Why the guest stopped running. */
enum exit_kind {
	EXIT_INTERRUPTED,   /* a kick or a signal */
	EXIT_PIO,
	EXIT_MMIO,
	EXIT_HLT,           /* not with an in-kernel LAPIC */
	EXIT_IRQ_WINDOW,
	EXIT_SHUTDOWN,      /* triple fault */
	EXIT_SYSTEM_EVENT,
	EXIT_INTERNAL_ERROR,
	EXIT_FAIL_ENTRY,
	EXIT_DEBUG,
	EXIT_UNKNOWN,
	EXIT_KINDS,
};

/* For --stats and verdicts: "port", "MMIO", ... */
extern const char *const exit_kind_names[EXIT_KINDS];

struct exit {
	enum exit_kind kind;
	union {
		struct {
			uint16_t port;
			bool is_write;
			uint8_t size;   /* 1, 2 or 4 */
			uint32_t count; /* more than 1: a string instruction */
			uint8_t *data;  /* size * count bytes in the run area */
		} pio;
		struct {
			gpa_t gpa;
			bool is_write;
			uint32_t size;  /* 1..8 */
			uint8_t *data;
		} mmio;
		struct {
			uint64_t code;  /* KVM's number: suberror, entry failure, event type,
					 * or exit reason */
			uint64_t data[4];
			unsigned data_count;
		} fault;
	};
};

/* Make vCPU index of k->vm_fd with CPUID and MSRs set. 0, or -errno, err filled. */
int vcpu_create(struct kvm *k, unsigned index, unsigned cpu_count, struct vcpu *v,
		struct err *err);
void vcpu_destroy(struct vcpu *v);

enum vcpu_mode { VCPU_REAL16, VCPU_PROT32, VCPU_LONG64 };

/* What the boot vCPU starts with; all other registers are as after INIT.
 * REAL16 has all segments at 0 and needs none of the fields from cr3 on; the
 * others have flat segments by these selectors, a GDT at gdt_base in guest
 * memory and, LONG64, page tables at cr3. */
struct vcpu_entry {
	enum vcpu_mode mode;
	uint64_t rip, rsp, rax, rbx, rsi;
	uint64_t cr3;
	uint64_t gdt_base;
	uint16_t gdt_limit;
	uint16_t cs, ds, tr;
};

/* 0, or -errno with err filled. */
int vcpu_set_entry(struct vcpu *v, const struct vcpu_entry *entry, struct err *err);

/* Run the guest until it needs us.  Fills *x. */
void vcpu_run(struct vcpu *v, struct exit *x);

/* From any thread: make vcpu_run() return soon, and at once if it is called
 * next.  The caller then signals the thread with VCPU_KICK_SIGNAL.  The vCPU's
 * thread takes the mark back by vcpu_kick_seen(). */
void vcpu_kick(struct vcpu *v);
void vcpu_kick_seen(struct vcpu *v);
/* The signal whose arrival ends KVM_RUN; handled by doing nothing. */
#define VCPU_KICK_SIGNAL SIGUSR1
int vcpu_kick_setup(void);

/* Pend an NMI.  Blocks while the vCPU runs: pause it first.  0 or -errno. */
int vcpu_inject_nmi(struct vcpu *v);

/* On resume after a pause: the guest's watchdog forgives the gap. */
void vcpu_forgive_pause(struct vcpu *v);

/* What an autopsy or a dump shows; read while the vCPU does not run. */
struct vcpu_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags;
	uint64_t cr0, cr2, cr3, cr4, efer;
	uint64_t fs_base, gs_base, cs_base;
	uint16_t cs, ss, ds, es, fs, gs;
	uint64_t gdt_base, idt_base;
	uint16_t gdt_limit, idt_limit;
	uint8_t cpl;
	bool halted;      /* waits for an interrupt */
	bool not_started; /* waits for its start-up IPI */
};
int vcpu_get_regs(struct vcpu *v, struct vcpu_regs *r);

/* Guest-virtual to guest-physical by the vCPU's present page tables.
 * 0, or -EFAULT when it is not mapped. */
int vcpu_translate(struct vcpu *v, uint64_t gva, gpa_t *gpa);

#endif
