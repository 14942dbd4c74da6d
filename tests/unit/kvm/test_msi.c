#include "kvm/msi.h"

#include <errno.h>

#include "kvm_fixture.h"

#define TO_CPU_0 UINT64_C(0xfee00000)

static int setup(void **state)
{
	struct kvm_fixture *f = kvm_fixture_make();

	*state = f;
	if (!f)
		return 0;
	f->own = calloc(1, sizeof(struct kvm_msi_lines));
	assert_non_null(f->own);
	kvm_msi_init(f->own, &f->kvm);
	return 0;
}

static int teardown(void **state)
{
	struct kvm_fixture *f = *state;
	struct kvm_msi_lines *msi = f ? f->own : NULL;

	for (unsigned i = 0; msi && i < msi->line_end; i++)
		if (msi->lines[i].open)
			kvm_msi_close(msi, i);
	free(msi);
	kvm_fixture_free(f);
	return 0;
}

static struct kvm_fixture *fixture(void **state)
{
	if (!*state)
		skip();
	return *state;
}

static unsigned open_line(struct kvm_msi_lines *msi)
{
	unsigned line;

	assert_int_equal(kvm_msi_open(msi, &line), 0);
	return line;
}

static void a_sent_message_reaches_the_local_apic(void **state)
{
	struct kvm_fixture *f = fixture(state);
	const unsigned line = open_line(f->own);

	assert_int_equal(kvm_msi_route(f->own, line, TO_CPU_0, 0x41), 0);
	assert_false(is_requested(f, 0x41));
	kvm_msi_send(f->own, line);
	assert_true(arrives(f, 0x41));
}

static void lines_send_each_its_own_message(void **state)
{
	struct kvm_fixture *f = fixture(state);
	const unsigned first = open_line(f->own), second = open_line(f->own);

	assert_int_equal(kvm_msi_route(f->own, first, TO_CPU_0, 0x41), 0);
	assert_int_equal(kvm_msi_route(f->own, second, TO_CPU_0, 0x42), 0);
	kvm_msi_send(f->own, second);
	assert_true(arrives(f, 0x42));
	assert_false(is_requested(f, 0x41));
	kvm_msi_send(f->own, first);
	assert_true(arrives(f, 0x41));
}

static void a_line_routed_anew_sends_the_new_message(void **state)
{
	struct kvm_fixture *f = fixture(state);
	const unsigned line = open_line(f->own);

	assert_int_equal(kvm_msi_route(f->own, line, TO_CPU_0, 0x41), 0);
	assert_int_equal(kvm_msi_route(f->own, line, TO_CPU_0, 0x99), 0);
	kvm_msi_send(f->own, line);
	assert_true(arrives(f, 0x99));
	assert_false(is_requested(f, 0x41));
}

static void without_irqfd_messages_arrive_as_well(void **state)
{
	struct kvm_fixture *f = fixture(state);
	struct kvm_msi_lines *msi = f->own;
	const unsigned line = open_line(msi);

	msi->never_irqfd = true;
	assert_int_equal(kvm_msi_route(msi, line, TO_CPU_0, 0x41), 0);
	assert_int_equal(msi->lines[line].way, KVM_MSI_SIGNAL);
	kvm_msi_send(msi, line);
	assert_true(arrives(f, 0x41));
	assert_int_equal(kvm_msi_route(msi, line, TO_CPU_0, 0x42), 0);
	kvm_msi_send(msi, line);
	assert_true(arrives(f, 0x42));
}

static void what_is_no_message_to_a_local_apic_is_refused(void **state)
{
	static const uint64_t elsewhere[] = { 0,	  0x1000,	     0xfed00000,
					      0xfef00000, 0x1fee00000, UINT64_MAX };
	struct kvm_fixture *f = fixture(state);
	const unsigned line = open_line(f->own);

	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
		assert_int_equal(kvm_msi_route(f->own, line, elsewhere[i], 0x41), -EINVAL);
	assert_int_equal(kvm_msi_route(f->own, line, TO_CPU_0, 0x41), 0);
	assert_int_equal(kvm_msi_route(f->own, line, 0, 0x41), -EINVAL);
	/* ... and the next legal one is not taken for the last legal one. */
	assert_int_equal(kvm_msi_route(f->own, line, TO_CPU_0, 0x41), 0);
	kvm_msi_send(f->own, line);
	assert_true(arrives(f, 0x41));
}

/* KVM_SET_GSI_ROUTING behind the module's back takes the line's route away; if the
 * module called KVM again it would come back. */
static void an_unchanged_route_costs_no_call(void **state)
{
	struct kvm_fixture *f = fixture(state);
	const unsigned line = open_line(f->own);
	const struct kvm_irq_routing none = { .nr = 0 };

	assert_int_equal(kvm_msi_route(f->own, line, TO_CPU_0, 0x41), 0);
	assert_int_equal(ioctl(f->kvm.vm_fd, KVM_SET_GSI_ROUTING, &none), 0);
	assert_int_equal(kvm_msi_route(f->own, line, TO_CPU_0, 0x41), 0);
	kvm_msi_send(f->own, line);
	nanosleep(&(struct timespec){ .tv_nsec = 20 * (long)NS_PER_MS }, NULL);
	assert_false(is_requested(f, 0x41));
}

static void pins_of_the_ioapic_keep_their_routes(void **state)
{
	struct kvm_fixture *f = fixture(state);
	const unsigned line = open_line(f->own);
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	assert_int_equal(kvm_msi_route(f->own, line, TO_CPU_0, 0x41), 0);
	assert_int_equal(ioctl(f->kvm.vm_fd, KVM_GET_IRQCHIP, &chip), 0);
	for (unsigned pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++)
		chip.chip.ioapic.redirtbl[pin].bits = 0x50 + pin; /* edge, to CPU 0 */
	assert_int_equal(ioctl(f->kvm.vm_fd, KVM_SET_IRQCHIP, &chip), 0);
	for (unsigned pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++) {
		assert_false(is_requested(f, 0x50 + pin));
		kvm_irq_set(&f->kvm, pin, 1);
		assert_true(arrives(f, 0x50 + pin));
	}
}

static void lines_of_the_8259s_keep_their_routes(void **state)
{
	struct kvm_fixture *f = fixture(state);
	const unsigned line = open_line(f->own);

	assert_int_equal(kvm_msi_route(f->own, line, TO_CPU_0, 0x41), 0);
	for (unsigned irq = 0; irq < 16; irq++) {
		struct kvm_irqchip chip = { .chip_id = irq < 8 ? KVM_IRQCHIP_PIC_MASTER
							       : KVM_IRQCHIP_PIC_SLAVE };

		if (irq == 2)
			continue; /* the cascade */
		kvm_irq_set(&f->kvm, irq, 1);
		assert_int_equal(ioctl(f->kvm.vm_fd, KVM_GET_IRQCHIP, &chip), 0);
		assert_true(chip.chip.pic.irr >> irq % 8 & 1);
	}
}

static void lines_are_routed_anew_in_the_next_vm(void **state)
{
	struct kvm_fixture *f = fixture(state);
	const unsigned kept = open_line(f->own), closed = open_line(f->own);

	assert_int_equal(kvm_msi_route(f->own, kept, TO_CPU_0, 0x41), 0);
	assert_int_equal(kvm_msi_route(f->own, closed, TO_CPU_0, 0x42), 0);
	kvm_fixture_restart(f);
	kvm_msi_close(f->own, closed);
	assert_int_equal(kvm_msi_route(f->own, kept, TO_CPU_0, 0x41), 0);
	kvm_msi_send(f->own, kept);
	assert_true(arrives(f, 0x41));
}

static void lines_may_be_closed_when_the_vm_has_gone(void **state)
{
	struct kvm_fixture *f = fixture(state);
	const unsigned line = open_line(f->own);

	assert_int_equal(kvm_msi_route(f->own, line, TO_CPU_0, 0x41), 0);
	kvm_destroy_vm(&f->kvm);
	kvm_msi_close(f->own, line);
}

static void a_closed_line_is_given_out_again(void **state)
{
	struct kvm_fixture *f = fixture(state);
	unsigned line;

	for (unsigned i = 0; i < KVM_MSI_LINES_MAX; i++)
		open_line(f->own);
	assert_int_equal(kvm_msi_open(f->own, &line), -ENOSPC);
	kvm_msi_close(f->own, 77);
	assert_int_equal(open_line(f->own), 77);
}

static void all_lines_can_be_routed(void **state)
{
	struct kvm_fixture *f = fixture(state);
	unsigned line = 0;

	for (unsigned i = 0; i < KVM_MSI_LINES_MAX; i++) {
		line = open_line(f->own);
		((struct kvm_msi_lines *)f->own)->lines[line].routed = true;
	}
	/* One call with a table of the greatest size. */
	assert_int_equal(kvm_msi_route(f->own, line, TO_CPU_0, 0x41), 0);
	kvm_msi_send(f->own, line);
	assert_true(arrives(f, 0x41));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sent_message_reaches_the_local_apic),
		TEST(lines_send_each_its_own_message),
		TEST(a_line_routed_anew_sends_the_new_message),
		TEST(without_irqfd_messages_arrive_as_well),
		TEST(what_is_no_message_to_a_local_apic_is_refused),
		TEST(an_unchanged_route_costs_no_call),
		TEST(pins_of_the_ioapic_keep_their_routes),
		TEST(lines_of_the_8259s_keep_their_routes),
		TEST(lines_are_routed_anew_in_the_next_vm),
		TEST(lines_may_be_closed_when_the_vm_has_gone),
		TEST(a_closed_line_is_given_out_again),
		TEST(all_lines_can_be_routed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
