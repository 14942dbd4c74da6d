#include "machine/vcpus.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "host/thread.h"

/* More pieces than the longest instruction has. */
#define SETTLE_EXITS_MAX 16

int vcpus_create(struct vcpus *v, struct kvm *k, unsigned count, struct err *err)
{
	pthread_mutex_init(&v->mutex, NULL);
	pthread_cond_init(&v->changed, NULL);
	atomic_init(&v->wanted, VCPUS_RUN);
	v->running = 0;
	v->threads = calloc(count, sizeof(v->threads[0]));
	if (!v->threads)
		return err_errno(err, -ENOMEM, "vCPUs");
	for (v->count = 0; v->count < count; v->count++) {
		struct vcpu_thread *t = &v->threads[v->count];
		const int rc = vcpu_create(k, v->count, count, &t->vcpu, err);

		if (rc < 0) {
			vcpus_destroy(v);
			return rc;
		}
		t->all = v;
	}
	return 0;
}

void vcpus_destroy(struct vcpus *v)
{
	for (unsigned i = 0; i < v->count; i++)
		vcpu_destroy(&v->threads[i].vcpu);
	if (v->threads) {
		pthread_mutex_destroy(&v->mutex);
		pthread_cond_destroy(&v->changed);
	}
	free(v->threads);
	v->threads = NULL;
	v->count = 0;
}

/* KVM finishes a port or MMIO access, registers included, when it is next run:
 * let it, without running the guest.  An access in pieces gives further exits. */
static void settle(struct vcpu_thread *t)
{
	struct exit x;

	vcpu_kick(&t->vcpu);
	for (unsigned n = 0; n < SETTLE_EXITS_MAX; n++) {
		vcpu_run(&t->vcpu, &x);
		if (x.kind != EXIT_PIO && x.kind != EXIT_MMIO)
			return;
		t->exits[x.kind]++;
		t->all->serve(t->all->ctx, t, &x);
	}
}

/* The thread stops here while a pause is wanted.  False: end. */
static bool park(struct vcpu_thread *t, enum exit_kind last)
{
	struct vcpus *v = t->all;
	bool go_on;

	if (last == EXIT_PIO || last == EXIT_MMIO)
		settle(t);
	pthread_mutex_lock(&v->mutex);
	/* From here on a kick is seen; one that comes later sets the mark anew
	 * and finds us back at the top of the loop. */
	vcpu_kick_seen(&t->vcpu);
	t->parked = true;
	v->running--; /* the thread start counted it in */
	pthread_cond_broadcast(&v->changed);
	while (atomic_load(&v->wanted) == VCPUS_PAUSE)
		pthread_cond_wait(&v->changed, &v->mutex);
	go_on = atomic_load(&v->wanted) == VCPUS_RUN;
	if (go_on) {
		t->parked = false;
		v->running++;
	}
	pthread_mutex_unlock(&v->mutex);
	return go_on;
}

static void run(struct vcpu_thread *t)
{
	struct vcpus *v = t->all;
	struct exit x = { .kind = EXIT_INTERRUPTED };

	if (t->vcpu.index == 0)
		v->first_run(v->ctx);
	for (;;) {
		if (atomic_load_explicit(&v->wanted, memory_order_acquire) != VCPUS_RUN &&
		    !park(t, x.kind))
			return;
		vcpu_run(&t->vcpu, &x);
		t->exits[x.kind]++;
		v->serve(v->ctx, t, &x);
	}
}

static void *thread_main(void *arg)
{
	struct vcpu_thread *t = arg;

	thread_name("vcpu", t->vcpu.index);
	run(t);
	return NULL;
}

int vcpus_start(struct vcpus *v, struct err *err)
{
	for (unsigned i = 0; i < v->count; i++) {
		struct vcpu_thread *t = &v->threads[i];
		int rc;

		/* Under the mutex, so that a pause finds the thread's name
		 * filled in for each thread that it counts. */
		pthread_mutex_lock(&v->mutex);
		rc = thread_start(&t->thread, thread_main, t);
		if (rc == 0) {
			t->started = true;
			v->running++;
		}
		pthread_mutex_unlock(&v->mutex);
		if (rc < 0)
			return err_errno(err, rc, "thread of vCPU %u", i);
	}
	return 0;
}

/* Under the mutex: bring every vCPU that runs to park(). */
static void kick_running(struct vcpus *v)
{
	for (unsigned i = 0; i < v->count; i++) {
		struct vcpu_thread *t = &v->threads[i];

		if (!t->started || t->parked)
			continue;
		vcpu_kick(&t->vcpu);
		pthread_kill(t->thread, VCPU_KICK_SIGNAL);
	}
}

void vcpus_pause(struct vcpus *v)
{
	pthread_mutex_lock(&v->mutex);
	atomic_store(&v->wanted, VCPUS_PAUSE);
	kick_running(v);
	while (v->running > 0)
		pthread_cond_wait(&v->changed, &v->mutex);
	pthread_mutex_unlock(&v->mutex);
}

static void release(struct vcpus *v, enum vcpus_wanted wanted)
{
	pthread_mutex_lock(&v->mutex);
	atomic_store(&v->wanted, (int)wanted);
	pthread_cond_broadcast(&v->changed);
	pthread_mutex_unlock(&v->mutex);
}

void vcpus_resume(struct vcpus *v)
{
	for (unsigned i = 0; i < v->count; i++)
		vcpu_forgive_pause(&v->threads[i].vcpu);
	release(v, VCPUS_RUN);
}

void vcpus_stop(struct vcpus *v)
{
	vcpus_pause(v);
	release(v, VCPUS_STOP);
	for (unsigned i = 0; i < v->count; i++) {
		if (v->threads[i].started)
			pthread_join(v->threads[i].thread, NULL);
		v->threads[i].started = false;
	}
}

void vcpus_hold(struct vcpus *v)
{
	pthread_mutex_lock(&v->mutex);
	if (atomic_load(&v->wanted) == VCPUS_RUN)
		atomic_store(&v->wanted, VCPUS_PAUSE);
	pthread_mutex_unlock(&v->mutex);
}

void vcpus_nmi(struct vcpus *v)
{
	for (unsigned i = 0; i < v->count; i++) {
		const int rc = vcpu_inject_nmi(&v->threads[i].vcpu);

		if (rc < 0)
			log_info("vCPU %u takes no NMI: %s", i, strerror(-rc));
	}
}
