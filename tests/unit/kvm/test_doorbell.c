#include "kvm/doorbell.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "kvm_fixture.h"

#define DOORBELL 0x5000u

static int setup(void **state)
{
	*state = kvm_fixture_make();
	return 0;
}

static int teardown(void **state)
{
	kvm_fixture_free(*state);
	return 0;
}

static struct kvm_fixture *fixture(void **state)
{
	if (!*state)
		skip();
	return *state;
}

static void there_is_one_doorbell_at_an_address(void **state)
{
	struct kvm_fixture *f = fixture(state);
	const int fd = eventfd(0, EFD_NONBLOCK), other = eventfd(0, EFD_NONBLOCK);

	assert_int_equal(kvm_doorbell_attach(&f->kvm, DOORBELL, fd), 0);
	assert_int_equal(kvm_doorbell_attach(&f->kvm, DOORBELL, other), -EEXIST);
	assert_int_equal(kvm_doorbell_attach(&f->kvm, DOORBELL + 4, other), 0);
	kvm_doorbell_detach(&f->kvm, DOORBELL, fd);
	assert_int_equal(kvm_doorbell_attach(&f->kvm, DOORBELL, fd), 0);
	close(fd);
	close(other);
}

static void to_detach_what_is_not_there_is_harmless(void **state)
{
	struct kvm_fixture *f = fixture(state);
	const int fd = eventfd(0, EFD_NONBLOCK), other = eventfd(0, EFD_NONBLOCK);

	kvm_doorbell_detach(&f->kvm, DOORBELL, fd);
	assert_int_equal(kvm_doorbell_attach(&f->kvm, DOORBELL, fd), 0);
	kvm_doorbell_detach(&f->kvm, DOORBELL, other);
	kvm_doorbell_detach(&f->kvm, DOORBELL + 4, fd);
	assert_int_equal(kvm_doorbell_attach(&f->kvm, DOORBELL, other), -EEXIST);
	kvm_fixture_restart(f); /* they went with the VM */
	assert_int_equal(kvm_doorbell_attach(&f->kvm, DOORBELL, fd), 0);
	kvm_destroy_vm(&f->kvm);
	kvm_doorbell_detach(&f->kvm, DOORBELL, fd);
	close(fd);
	close(other);
}

static uint64_t count(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n) ? n : 0;
}

/* Run real-mode code at 0 until it halts or leaves otherwise; ds is 0.  False if
 * this KVM cannot run it. */
static bool run(struct kvm_fixture *f, const uint8_t *code, size_t len, uint32_t *exit_reason)
{
	uint8_t *ram = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_run *shared = mmap(NULL, f->kvm.run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
				      f->vcpu_fd, 0);
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rflags = 2 };
	int rc;

	assert_ptr_not_equal(ram, MAP_FAILED);
	assert_ptr_not_equal(shared, MAP_FAILED);
	memcpy(ram, code, len);
	assert_int_equal(kvm_set_slot(&f->kvm, 0, 0, 4096, ram, NULL), 0);
	assert_int_equal(ioctl(f->vcpu_fd, KVM_GET_SREGS, &sregs), 0);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	assert_int_equal(ioctl(f->vcpu_fd, KVM_SET_SREGS, &sregs), 0);
	assert_int_equal(ioctl(f->vcpu_fd, KVM_SET_REGS, &regs), 0);
	rc = ioctl(f->vcpu_fd, KVM_RUN, 0);
	*exit_reason = shared->exit_reason;
	munmap(shared, f->kvm.run_bytes);
	munmap(ram, 4096);
	return rc == 0 && *exit_reason != KVM_EXIT_INTERNAL_ERROR &&
	       *exit_reason != KVM_EXIT_FAIL_ENTRY;
}

static void writes_of_two_and_four_bytes_count_without_an_exit(void **state)
{
	static const uint8_t code[] = {
		0xa3, 0x00, 0x50,	/* mov [0x5000], ax */
		0x66, 0xa3, 0x00, 0x50, /* mov [0x5000], eax */
		0xa1, 0x00, 0x50,	/* mov ax, [0x5000]: leaves */
	};
	struct kvm_fixture *f = fixture(state);
	const int fd = eventfd(0, EFD_NONBLOCK);
	uint32_t reason;

	assert_int_equal(kvm_doorbell_attach(&f->kvm, DOORBELL, fd), 0);
	if (!run(f, code, sizeof(code), &reason)) {
		close(fd);
		skip();
	}
	assert_int_equal(reason, KVM_EXIT_MMIO);
	assert_int_equal(count(fd), 2);
	close(fd);
}

static void a_detached_doorbell_is_a_plain_write(void **state)
{
	static const uint8_t code[] = { 0xa3, 0x00, 0x50 /* mov [0x5000], ax */ };
	struct kvm_fixture *f = fixture(state);
	const int fd = eventfd(0, EFD_NONBLOCK);
	uint32_t reason;

	assert_int_equal(kvm_doorbell_attach(&f->kvm, DOORBELL, fd), 0);
	kvm_doorbell_detach(&f->kvm, DOORBELL, fd);
	if (!run(f, code, sizeof(code), &reason)) {
		close(fd);
		skip();
	}
	assert_int_equal(reason, KVM_EXIT_MMIO);
	assert_int_equal(count(fd), 0);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(there_is_one_doorbell_at_an_address),
		TEST(to_detach_what_is_not_there_is_harmless),
		TEST(writes_of_two_and_four_bytes_count_without_an_exit),
		TEST(a_detached_doorbell_is_a_plain_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
