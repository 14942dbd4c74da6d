/* machine/vcpus.h: the vCPU threads and their one rendezvous.
 *
 * Each vCPU has a thread that runs the guest and calls back for each exit.
 * Whoever wants the guest to stand still (reset, autopsy, dump; later snapshot,
 * migration, gdb) calls vcpus_pause() on the main thread: when it returns, no
 * vCPU runs guest code or a handler, until vcpus_resume(). */
#ifndef BANTAM_MACHINE_VCPUS_H
#define BANTAM_MACHINE_VCPUS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/err.h"
#include "core/platform.h"
#include "kvm/vcpu.h"

enum vcpus_wanted { VCPUS_RUN, VCPUS_PAUSE, VCPUS_STOP };

struct vcpu_thread {
	struct vcpu vcpu;
	pthread_t thread;
	bool started;
	bool parked;
	struct vcpus *all;
	uint64_t exits[EXIT_KINDS];
};

struct vcpus {
	struct vcpu_thread *threads; /* owned, count of them */
	unsigned count;
	/* Serve one exit, on the vCPU's thread. */
	void (*serve)(void *ctx, struct vcpu_thread *t, const struct exit *x);
	/* On vCPU 0's thread, just before its first entry. */
	void (*first_run)(void *ctx);
	void *ctx;
	pthread_mutex_t mutex;
	pthread_cond_t changed;   /* parked or wanted changed */
	atomic_int wanted;        /* enum vcpus_wanted; written under mutex */
	unsigned running;         /* started and not parked */
};

/* Make the vCPUs of k (none runs yet).  0, or -errno with err filled. */
int vcpus_create(struct vcpus *v, struct kvm *k, unsigned count, struct err *err);
void vcpus_destroy(struct vcpus *v);

/* Start all threads.  0, or -errno with err filled (vcpus_stop() then ends
 * those that did start). */
int vcpus_start(struct vcpus *v, struct err *err);

/* Main thread: rendezvous.  Not under the device lock. */
void vcpus_pause(struct vcpus *v);
void vcpus_resume(struct vcpus *v);

/* Main thread: pause, then let every vCPU thread end, and join them. */
void vcpus_stop(struct vcpus *v);

/* Any thread: let no vCPU enter the guest again before the main thread has
 * called vcpus_pause() and vcpus_resume() or vcpus_stop().  Does not wait. */
void vcpus_hold(struct vcpus *v);

/* While paused: an NMI for every vCPU, taken when it goes on. */
void vcpus_nmi(struct vcpus *v);

#endif
