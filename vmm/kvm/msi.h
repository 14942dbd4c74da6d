/* kvm/msi.h: message-signalled interrupts through KVM: each line an eventfd, bound
 * to a route (irqfd), so that a send is one write(2) from any thread.
 *
 * The functions are what a core/msi.h sink wants, ctx being the struct kvm_msi_lines;
 * all but the send under one lock of the caller's. */
#ifndef BANTAM_KVM_MSI_H
#define BANTAM_KVM_MSI_H

#include <pthread.h>

#include "base/types.h"

struct kvm;

/* GSIs are ours from here on: KVM's IOAPIC has those below.  Old KVMs know 1024. */
#define KVM_MSI_GSI_BASE  24u
#define KVM_MSI_LINES_MAX 960u

enum kvm_msi_way {
	KVM_MSI_UNBOUND, /* not routed yet */
	KVM_MSI_IRQFD,	 /* fd is KVM's irqfd for the line's GSI */
	KVM_MSI_SIGNAL,	 /* there is no irqfd to be had: each send calls KVM */
};

struct kvm_msi_line {
	bool open;
	bool routed; /* address and data are what the line sends */
	enum kvm_msi_way way;
	int fd;
	uint32_t data;
	uint64_t address;
};

struct kvm_msi_lines {
	struct kvm *kvm;
	unsigned vm_count; /* the VM that lines are routed in: see struct kvm */
	unsigned line_end; /* behind the last line that was ever open */
	bool never_irqfd;  /* for tests: as if KVM had none */
	pthread_mutex_t signal_lock; /* address and data of lines that signal */
	struct kvm_msi_line lines[KVM_MSI_LINES_MAX];
};

/* msi  all zero; kvm is borrowed and need not be open yet */
void kvm_msi_init(struct kvm_msi_lines *msi, struct kvm *kvm);

/* 0; -ENOSPC. */
int kvm_msi_open(void *ctx, unsigned *line);

/* Nobody sends on it any more.  May come after the VM has gone. */
void kvm_msi_close(void *ctx, unsigned line);

/* 0; -EINVAL if it is no message to a local APIC (Intel SDM 3A, 10.11.1), or
 * -errno if KVM takes it not: then nobody sends until it is routed. */
int kvm_msi_route(void *ctx, unsigned line, uint64_t raw_address, uint32_t raw_data);

/* Any thread. */
void kvm_msi_send(void *ctx, unsigned line);

#endif
