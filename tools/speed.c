#include "tools/speed.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "base/bytes.h"
#include "core/platform.h"
#include "host/pages.h"
#include "host/now.h"
#include "kvm/kvm.h"
#include "kvm/vcpu.h"

#define GUEST_BYTES MIB(2)
#define GUEST_START UINT64_C(0x1000)

/* Asks us for a count, counts it down, asks again.  16-bit code. */
static const uint8_t guest_code[] = {
	0xba, 0xf4, 0x00, /*    mov dx, 0xf4 */
	0x66, 0xed,	  /* 1: in eax, dx */
	0x66, 0x89, 0xc1, /*    mov ecx, eax */
	0x66, 0x49,	  /* 2: dec ecx */
	0x75, 0xfc,	  /*    jnz 2b */
	0xeb, 0xf5,	  /*    jmp 1b */
};
#define INSTRUCTIONS_A_ROUND 2

/* A first burst that an instruction emulator, too, ends within some ms; if that
 * went fast, longer ones, so that the exits between them do not count. */
#define SHORT_ROUNDS	       10000u
#define LONG_ROUNDS	       1000000u
#define LONG_BURSTS	       3
#define SHORT_BURST_IS_SLOW_NS (5 * NS_PER_MS)
#define STANDSTILL_S	       2

static void ignore_alarm(int number)
{
	(void)number; /* its arrival is all: KVM_RUN returns */
}

/* Run the guest to its next question, where *x is filled. */
static int run_to_question(struct vcpu *v, struct exit *x, struct err *err)
{
	vcpu_run(v, x);
	if (x->kind == EXIT_PIO && !x->pio.is_write && x->pio.size == 4 && x->pio.count == 1)
		return 0;
	if (x->kind == EXIT_INTERRUPTED)
		return err_set(err, -ETIME, "it stands still");
	return err_set(err, -EIO, "it ended with exit '%s'", exit_kind_names[x->kind]);
}

/* Answer the question with rounds; *burst_ns is how long the guest then took. */
static int burst(struct vcpu *v, struct exit *x, uint32_t rounds, uint64_t *burst_ns,
		 struct err *err)
{
	const uint64_t start_ns = host_now_ns();
	int rc;

	le32_store(x->pio.data, rounds);
	rc = run_to_question(v, x, err);
	*burst_ns = host_now_ns() - start_ns;
	return rc;
}

static uint64_t rate(uint64_t rounds, uint64_t ns)
{
	return max_u64(rounds * INSTRUCTIONS_A_ROUND * NS_PER_S / max_u64(ns, 1), 1);
}

static int measure(struct vcpu *v, uint64_t *instructions_per_s, struct err *err)
{
	uint64_t ns = 0, best_ns = UINT64_MAX;
	struct exit x;
	int rc;

	rc = run_to_question(v, &x, err);
	/* The first time the guest's pages are mapped: not counted. */
	if (rc == 0)
		rc = burst(v, &x, 1, &ns, err);
	if (rc == 0)
		rc = burst(v, &x, SHORT_ROUNDS, &ns, err);
	if (rc < 0)
		return rc;
	*instructions_per_s = rate(SHORT_ROUNDS, ns);
	if (ns > SHORT_BURST_IS_SLOW_NS)
		return 0;
	/* The best of some: a busy host makes single ones slow. */
	for (unsigned i = 0; i < LONG_BURSTS; i++) {
		rc = burst(v, &x, LONG_ROUNDS, &ns, err);
		if (rc < 0)
			return rc;
		best_ns = min_u64(best_ns, ns);
	}
	*instructions_per_s = rate(LONG_ROUNDS, best_ns);
	return 0;
}

/* measure() that a guest which never returns cannot hold up. */
static int measure_guarded(struct vcpu *v, uint64_t *instructions_per_s, struct err *err)
{
	const struct sigaction action = { .sa_handler = ignore_alarm };
	/* Again and again, for a signal that comes just before KVM_RUN. */
	const struct itimerval limit = {
		.it_value.tv_sec = STANDSTILL_S,
		.it_interval.tv_usec = 100000,
	};
	const struct itimerval off = { 0 };
	struct sigaction old;
	int rc;

	if (sigaction(SIGALRM, &action, &old) < 0 || setitimer(ITIMER_REAL, &limit, NULL) < 0)
		return err_errno(err, -errno, "timer");
	rc = measure(v, instructions_per_s, err);
	setitimer(ITIMER_REAL, &off, NULL);
	sigaction(SIGALRM, &old, NULL);
	return rc;
}

static int run_guest(struct kvm *k, const struct pages *ram, uint64_t *instructions_per_s,
		     struct err *err)
{
	const struct vcpu_entry entry = { .mode = VCPU_REAL16, .rip = GUEST_START };
	struct vcpu v;
	int rc = kvm_create_vm(k, KVM_IDENTITY_GPA, KVM_TSS_GPA, err);

	if (rc < 0)
		return rc;
	rc = kvm_set_slot(k, 0, 0, ram->len, ram->bytes, err);
	if (rc == 0)
		rc = vcpu_create(k, 0, 1, &v, err);
	if (rc == 0) {
		rc = vcpu_set_entry(&v, &entry, err);
		if (rc == 0)
			rc = measure_guarded(&v, instructions_per_s, err);
		vcpu_destroy(&v);
	}
	kvm_destroy_vm(k);
	return rc;
}

int guest_speed(struct kvm *k, uint64_t *instructions_per_s, struct err *err)
{
	struct pages ram;
	int rc = pages_map(&ram, "bantam-doctor", GUEST_BYTES);

	if (rc < 0)
		return err_errno(err, rc, "guest memory");
	memcpy(ram.bytes + GUEST_START, guest_code, sizeof(guest_code));
	rc = run_guest(k, &ram, instructions_per_s, err);
	pages_unmap(&ram);
	return rc;
}
