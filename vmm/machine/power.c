/* From a configuration to a VM that is ready to run: KVM's part and the guest's, at
 * the same time; and back to nothing. */
#include <errno.h>
#include <semaphore.h>

#include "boot/entry.h"
#include "host/thread.h"
#include "machine/bringup.h"
#include "machine/internal.h"

/* What the boot protocol wants in the boot vCPU's registers. */
static int set_entry(struct machine *m, struct err *err)
{
	static const enum vcpu_mode modes[] = {
		[BOOT_REAL16] = VCPU_REAL16,
		[BOOT_PROT32] = VCPU_PROT32,
		[BOOT_LONG64] = VCPU_LONG64,
	};
	const struct boot_entry *e = &m->boot.entry;
	const struct vcpu_entry entry = {
		.mode = modes[e->mode],
		.rip = e->rip, .rsp = e->rsp, .rax = e->rax, .rbx = e->rbx, .rsi = e->rsi,
		.cr3 = e->cr3,
		.gdt_base = e->gdt_gpa, .gdt_limit = e->gdt_limit,
		.cs = ENTRY_CS_SELECTOR, .ds = ENTRY_DS_SELECTOR, .tr = ENTRY_TSS_SELECTOR,
	};

	return vcpu_set_entry(&m->vcpus.threads[0].vcpu, &entry, err);
}

/* What the guest is made from. */
static int open_guest(struct machine *m, struct err *err)
{
	int rc = images_open(&m->images, m->config, err);

	if (rc < 0)
		return rc;
	rc = disks_open(m, err);
	if (rc < 0)
		goto close_images;
	rc = nets_open(m, err);
	if (rc < 0)
		goto close_disks;
	rc = ram_create(&m->ram, m->config->memory_bytes, err);
	if (rc < 0)
		goto close_nets;
	timeline_mark(&m->timeline, "images open, memory mapped");
	return 0;

close_nets:
	nets_close(m);
close_disks:
	disks_close(m);
close_images:
	images_close(&m->images);
	return rc;
}

void power_close_guest(struct machine *m)
{
	ram_destroy(&m->ram);
	nets_close(m);
	disks_close(m);
	images_close(&m->images);
}

/* Opens and loads the guest while the main thread sleeps in KVM.  It is this way
 * round because a thread that was just started may wait for the one that started
 * it to leave the processor: KVM shall not wait for the copying. */
struct loader {
	struct machine *m;
	pthread_t thread;
	sem_t opened; /* guest_open and rc say whether the guest's RAM is there */
	int rc;
	struct err err;
};

static void *loader_main(void *arg)
{
	struct loader *l = arg;
	struct machine *m = l->m;

	if (!m->guest_open) { /* else it is a restart */
		l->rc = open_guest(m, &l->err);
		m->guest_open = l->rc == 0;
	}
	sem_post(&l->opened);
	if (l->rc < 0)
		return NULL;
	l->rc = images_load(&m->images, m->config, &m->ram, &m->boot, &l->err);
	timeline_mark(&m->timeline, "images loaded");
	return NULL;
}

static int bring_up(struct machine *m, struct loader *l, struct err *err)
{
	int rc;

	rc = bring_up_vm(&m->kvm, &m->vcpus, m->config->cpu_count, &m->timeline, err);
	while (sem_wait(&l->opened) < 0)
		; /* EINTR */
	if (rc < 0 || !m->guest_open)
		return rc;
	return bring_up_memory(&m->kvm, &m->ram.mem, &m->timeline, err);
}

int power_on(struct machine *m, struct err *err)
{
	struct loader l = { .m = m };
	int rc;

	sem_init(&l.opened, 0, 0);
	rc = thread_start(&l.thread, loader_main, &l);
	if (rc < 0) {
		sem_destroy(&l.opened);
		return err_errno(err, rc, "thread");
	}
	rc = bring_up(m, &l, err);
	pthread_join(l.thread, NULL);
	sem_destroy(&l.opened);
	/* The user's mistake is the better message, if there are two. */
	if (l.rc < 0) {
		*err = l.err;
		rc = l.rc;
	}
	if (rc == 0)
		rc = set_entry(m, err);
	if (rc < 0) {
		vcpus_destroy(&m->vcpus);
		kvm_destroy_vm(&m->kvm);
	}
	return rc;
}

void power_down(struct machine *m)
{
	vcpus_stop(&m->vcpus);
	console_flush(m);
	/* Disks finish what is in flight, and interrupts and doorbells are let go,
	 * while the VM and its memory are still there. */
	pc_reset(m);
	vcpus_destroy(&m->vcpus);
	kvm_destroy_vm(&m->kvm);
}
