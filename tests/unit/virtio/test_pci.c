#include "virtio/pci.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <unistd.h>

#include "base/bytes.h"
#include "core/platform.h"
#include "echo_fixture.h"

static uint64_t bar_read(struct echo_fixture *t, uint64_t offset, unsigned size)
{
	return fake_mmio_read(&t->f.fb, t->f.bar + offset, size);
}

static void bar_write(struct echo_fixture *t, uint64_t offset, unsigned size, uint64_t value)
{
	fake_mmio_write(&t->f.fb, t->f.bar + offset, size, value);
}

static uint32_t config(struct echo_fixture *t, unsigned offset, unsigned size)
{
	return virtio_fixture_config_read(&t->f, offset, size);
}

/* ---- what it is -------------------------------------------------------------------------- */

static void it_is_a_modern_virtio_device(void **state)
{
	struct echo_fixture *t = *state;

	assert_int_equal(config(t, PCI_VENDOR_ID, 2), 0x1af4);
	assert_int_equal(config(t, PCI_DEVICE_ID, 2), 0x1040 + FAKE_ECHO_ID);
	assert_int_equal(config(t, PCI_REVISION_ID, 1), 1);
	assert_int_equal(config(t, PCI_SUBSYSTEM_VENDOR_ID, 2), 0x1af4);
	assert_true(config(t, PCI_SUBSYSTEM_ID, 2) >= 0x40);
	assert_int_equal(config(t, PCI_CLASS_REVISION, 4) >> 8, 0xff0000);
	assert_int_equal(config(t, PCI_INTERRUPT_PIN, 1), 1);
}

/* The nth vendor capability, of that type; BAR 0; its place in the BAR. */
static unsigned assert_cap(struct echo_fixture *t, unsigned n, unsigned type, uint32_t offset,
			   uint32_t length)
{
	const unsigned cap = virtio_fixture_cap(&t->f, PCI_CAP_ID_VNDR, n);

	assert_true(cap != 0);
	assert_int_equal(config(t, cap + 3, 1), type);
	assert_int_equal(config(t, cap + 4, 1), 0);
	assert_int_equal(config(t, cap + 8, 4), offset);
	assert_int_equal(config(t, cap + 12, 4), length);
	return cap;
}

static void capabilities_say_where_everything_is(void **state)
{
	struct echo_fixture *t = *state;
	unsigned cap;

	cap = assert_cap(t, 0, 1, 0x0000, 64);
	assert_int_equal(config(t, cap + 2, 1), 16);
	cap = assert_cap(t, 1, 2, 0x4000, 4 * FAKE_ECHO_QUEUES);
	assert_int_equal(config(t, cap + 2, 1), 20);
	assert_int_equal(config(t, cap + 16, 4), 4);
	assert_cap(t, 2, 3, 0x1000, 1);
	assert_cap(t, 3, 4, 0x2000, FAKE_ECHO_CONFIG);
	assert_cap(t, 4, 5, 0, 0);
	assert_int_equal(virtio_fixture_cap(&t->f, PCI_CAP_ID_VNDR, 5), 0);
	cap = virtio_fixture_cap(&t->f, PCI_CAP_ID_MSIX, 0);
	assert_int_equal(config(t, cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE,
			 FAKE_ECHO_QUEUES); /* one more, less one */
}

/* ---- common configuration ------------------------------------------------------------------ */

static void addresses_can_be_written_by_halves(void **state)
{
	struct echo_fixture *t = *state;

	common_write(&t->f, COMMON_QUEUE_SELECT, 1);
	bar_write(t, COMMON_QUEUE_DRIVER, 4, 0x11112222);
	bar_write(t, COMMON_QUEUE_DRIVER + 4, 4, 0x33334444);
	assert_true(bar_read(t, COMMON_QUEUE_DRIVER, 8) == UINT64_C(0x3333444411112222));
	assert_int_equal(bar_read(t, COMMON_QUEUE_DRIVER, 4), 0x11112222);
	assert_int_equal(bar_read(t, COMMON_QUEUE_DRIVER + 4, 4), 0x33334444);
	bar_write(t, COMMON_QUEUE_DRIVER, 4, 0x5555);
	assert_true(bar_read(t, COMMON_QUEUE_DRIVER, 8) == UINT64_C(0x3333444400005555));
	assert_true(queue_read(&t->f, 0, COMMON_QUEUE_DRIVER) == 0);
}

static void accesses_of_another_width_are_for_nothing(void **state)
{
	struct echo_fixture *t = *state;

	assert_int_equal(bar_read(t, COMMON_NUM_QUEUES, 2), FAKE_ECHO_QUEUES);
	assert_int_equal(bar_read(t, COMMON_NUM_QUEUES, 1), 0);
	assert_int_equal(bar_read(t, COMMON_NUM_QUEUES - 2, 4), 0);
	assert_int_equal(bar_read(t, COMMON_DEVICE_FEATURE_SELECT, 8), 0);
	bar_write(t, COMMON_QUEUE_SIZE, 1, 4);
	bar_write(t, COMMON_QUEUE_SIZE, 4, 4);
	bar_write(t, COMMON_QUEUE_DESC + 2, 4, UINT32_MAX);
	bar_write(t, COMMON_QUEUE_DESC, 2, UINT16_MAX);
	assert_int_equal(common_read(&t->f, COMMON_QUEUE_SIZE), FAKE_ECHO_SIZE);
	assert_int_equal(common_read(&t->f, COMMON_QUEUE_DESC), 0);
	bar_write(t, COMMON_STATUS, 4, VIRTIO_ACKNOWLEDGE);
	assert_int_equal(status_read(&t->f), 0);
	for (uint64_t at = COMMON_QUEUE_RESET + 2; at < VIRTIO_PCI_ISR; at += 8)
		assert_int_equal(bar_read(t, at, 8), 0);
}

static void what_is_read_only_stays(void **state)
{
	struct echo_fixture *t = *state;

	common_write(&t->f, COMMON_NUM_QUEUES, 9);
	assert_int_equal(common_read(&t->f, COMMON_NUM_QUEUES), FAKE_ECHO_QUEUES);
	queue_write(&t->f, 1, COMMON_QUEUE_NOTIFY_OFF, 9);
	assert_int_equal(queue_read(&t->f, 1, COMMON_QUEUE_NOTIFY_OFF), 1);
	assert_int_equal(queue_read(&t->f, 1, COMMON_QUEUE_NOTIFY_DATA), 1);
}

static void a_vector_that_does_not_exist_reads_back_as_none(void **state)
{
	struct echo_fixture *t = *state;

	common_write(&t->f, COMMON_CONFIG_VECTOR, FAKE_ECHO_QUEUES);
	assert_int_equal(common_read(&t->f, COMMON_CONFIG_VECTOR), FAKE_ECHO_QUEUES);
	common_write(&t->f, COMMON_CONFIG_VECTOR, FAKE_ECHO_QUEUES + 1);
	assert_int_equal(common_read(&t->f, COMMON_CONFIG_VECTOR), MSIX_NO_VECTOR);
	queue_write(&t->f, 0, COMMON_QUEUE_VECTOR, FAKE_ECHO_QUEUES);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_VECTOR), FAKE_ECHO_QUEUES);
	queue_write(&t->f, 0, COMMON_QUEUE_VECTOR, 0xfffe);
	assert_int_equal(queue_read(&t->f, 0, COMMON_QUEUE_VECTOR), MSIX_NO_VECTOR);
}

/* ---- device configuration -------------------------------------------------------------------- */

static void device_configuration_is_bytes_of_any_width(void **state)
{
	struct echo_fixture *t = *state;

	bar_write(t, VIRTIO_PCI_CONFIG, 8, UINT64_C(0x8877665544332211));
	bar_write(t, VIRTIO_PCI_CONFIG + 9, 1, 0xaa);
	assert_int_equal(bar_read(t, VIRTIO_PCI_CONFIG + 1, 1), 0x22);
	assert_int_equal(bar_read(t, VIRTIO_PCI_CONFIG + 3, 2), 0x5544);
	assert_int_equal(bar_read(t, VIRTIO_PCI_CONFIG + 7, 4), 0x00aa0088);
	assert_true(bar_read(t, VIRTIO_PCI_CONFIG, 8) == UINT64_C(0x8877665544332211));
}

static void behind_it_are_zeros(void **state)
{
	struct echo_fixture *t = *state;

	memset(t->e.config, 0xee, sizeof(t->e.config));
	assert_true(bar_read(t, VIRTIO_PCI_CONFIG + 8, 8) == 0xeeeeeeee);
	assert_true(bar_read(t, VIRTIO_PCI_CONFIG + FAKE_ECHO_CONFIG, 8) == 0);
	assert_true(bar_read(t, VIRTIO_PCI_TABLE - 8, 8) == 0);
	bar_write(t, VIRTIO_PCI_CONFIG + 8, 8, UINT64_MAX);
	bar_write(t, VIRTIO_PCI_CONFIG + FAKE_ECHO_CONFIG, 8, UINT64_MAX);
	assert_true(bar_read(t, VIRTIO_PCI_CONFIG + 8, 8) == 0xffffffff);
}

/* ---- notifications ------------------------------------------------------------------------------ */

static void doorbells_are_there_while_queues_listen(void **state)
{
	struct echo_fixture *t = *state;
	const gpa_t notify = t->f.bar + VIRTIO_PCI_NOTIFY;

	assert_int_equal(t->f.fb.doorbell_count, 0);
	virtio_fixture_start(&t->f, VIRTIO_F_RING_RESET);
	assert_int_equal(t->f.fb.doorbell_count, FAKE_ECHO_QUEUES);
	assert_int_equal(fake_doorbell_at(&t->f.fb, notify + 4)->fd, t->e.vp.v.queues[1].kick.fd);
	queue_write(&t->f, 0, COMMON_QUEUE_RESET, 1);
	assert_null(fake_doorbell_at(&t->f.fb, notify));
	assert_non_null(fake_doorbell_at(&t->f.fb, notify + 4));
	virtio_fixture_reset(&t->f);
	assert_int_equal(t->f.fb.doorbell_count, 0);
}

static void doorbells_move_with_the_bar(void **state)
{
	struct echo_fixture *t = *state;
	const gpa_t old = t->f.bar, new = GIB(5);

	virtio_fixture_start(&t->f, 0);
	virtio_fixture_config_write(&t->f, PCI_BASE_ADDRESS_1, 4, new >> 32);
	virtio_fixture_config_write(&t->f, PCI_BASE_ADDRESS_0, 4, (uint32_t)new);
	assert_null(fake_doorbell_at(&t->f.fb, old + VIRTIO_PCI_NOTIFY));
	assert_non_null(fake_doorbell_at(&t->f.fb, new + VIRTIO_PCI_NOTIFY));
	assert_int_equal(t->f.fb.doorbell_count, FAKE_ECHO_QUEUES);
	t->f.bar = new;
	assert_echo(t, 0);
	virtio_fixture_config_write(&t->f, PCI_COMMAND, 2, 0);
	assert_int_equal(t->f.fb.doorbell_count, 0);
	virtio_fixture_config_write(&t->f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(t->f.fb.doorbell_count, FAKE_ECHO_QUEUES);
	assert_echo(t, 1);
}

static void without_doorbells_notifications_come_as_accesses(void **state)
{
	struct echo_fixture *t = *state;

	t->f.fb.doorbell_rc = -ENOSPC;
	virtio_fixture_start(&t->f, 0);
	assert_int_equal(t->f.fb.doorbell_count, 0);
	for (unsigned i = 0; i < 10; i++)
		assert_echo(t, i & 1);
}

/* Whether a write to the notify region made queue 1's eventfd count. */
static bool rings(struct echo_fixture *t, uint64_t offset, unsigned size, uint64_t value)
{
	struct pollfd p = { .fd = t->e.vp.v.queues[1].kick.fd, .events = POLLIN };
	uint64_t count;

	while (read(p.fd, &count, sizeof(count)) > 0)
		;
	bar_write(t, VIRTIO_PCI_NOTIFY + offset, size, value);
	return poll(&p, 1, 0) == 1;
}

static void a_notification_names_its_queue(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_start(&t->f, VIRTIO_F_NOTIFICATION_DATA);
	assert_true(rings(t, 4, 2, 1));
	assert_true(rings(t, 4, 4, 0x12340001)); /* ring position above */
	assert_false(rings(t, 4, 2, 0));
	assert_false(rings(t, 4, 1, 1));
	assert_false(rings(t, 4, 8, 1));
	assert_false(rings(t, 6, 2, 1));
	assert_false(rings(t, 4 * FAKE_ECHO_QUEUES, 2, FAKE_ECHO_QUEUES));
	assert_false(rings(t, 0x3ffc, 4, 0xfff));
	assert_int_equal(bar_read(t, VIRTIO_PCI_NOTIFY + 4, 4), 0);
}

static void a_queue_that_does_not_listen_is_not_notified(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_start(&t->f, 0);
	virtio_fixture_reset(&t->f);
	assert_false(rings(t, 4, 2, 1));
}

/* ---- interrupts --------------------------------------------------------------------------------- */

static unsigned line_of(struct echo_fixture *t)
{
	return GSI_PCI_INTX + PCI_INTX_LINE(t->e.vp.fn.devfn >> 3, 0);
}

/* As virtio_fixture_start(), without MSI-X. */
static void start_with_pin(struct echo_fixture *t)
{
	virtio_fixture_negotiate(&t->f, 0);
	for (unsigned i = 0; i < FAKE_ECHO_QUEUES; i++)
		virtio_fixture_queue(&t->f, i, 0);
	common_write(&t->f, COMMON_STATUS, status_read(&t->f) | VIRTIO_DRIVER_OK);
	virtio_fixture_run(&t->f);
}

static void each_queue_has_its_vector(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_start(&t->f, 0);
	assert_echo(t, 1);
	assert_int_equal(virtio_fixture_interrupts(&t->f, 1), 0);
	assert_int_equal(virtio_fixture_interrupts(&t->f, 2), 1);
	queue_write(&t->f, 1, COMMON_QUEUE_VECTOR, 1);
	assert_echo(t, 1);
	assert_int_equal(virtio_fixture_interrupts(&t->f, 1), 1);
	queue_write(&t->f, 1, COMMON_QUEUE_VECTOR, MSIX_NO_VECTOR);
	assert_echo(t, 1);
	assert_int_equal(virtio_fixture_interrupts(&t->f, 1), 1);
	assert_int_equal(virtio_fixture_interrupts(&t->f, 2), 1);
	assert_int_equal(t->f.fb.irq_calls[line_of(t)], 0);
	assert_int_equal(bar_read(t, VIRTIO_PCI_ISR, 1), 0);
}

static void without_msix_the_pin_is_high_until_isr_is_read(void **state)
{
	struct echo_fixture *t = *state;

	start_with_pin(t);
	assert_echo(t, 0);
	assert_int_equal(t->f.fb.irq_level[line_of(t)], 1);
	assert_true(config(t, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	virtio_config_changed(&t->e.vp.v);
	assert_int_equal(bar_read(t, VIRTIO_PCI_ISR, 1), 3);
	assert_int_equal(t->f.fb.irq_level[line_of(t)], 0);
	assert_int_equal(bar_read(t, VIRTIO_PCI_ISR, 1), 0);
	assert_echo(t, 0);
	assert_int_equal(bar_read(t, VIRTIO_PCI_ISR, 1), 1);
	virtio_config_changed(&t->e.vp.v);
	assert_int_equal(bar_read(t, VIRTIO_PCI_ISR, 4), 2);
	assert_int_equal(t->f.fb.irq_level[line_of(t)], 0);
}

static void a_reset_lowers_the_pin(void **state)
{
	struct echo_fixture *t = *state;

	start_with_pin(t);
	assert_echo(t, 0);
	assert_int_equal(t->f.fb.irq_level[line_of(t)], 1);
	assert_true(virtio_fixture_reset(&t->f));
	assert_int_equal(t->f.fb.irq_level[line_of(t)], 0);
	assert_int_equal(bar_read(t, VIRTIO_PCI_ISR, 1), 0);
}

/* ---- the window in configuration space ----------------------------------------------------------- */

static void aim(struct echo_fixture *t, uint32_t offset, uint32_t length)
{
	virtio_fixture_config_write(&t->f, t->e.vp.window_cap + 4, 1, 0);
	virtio_fixture_config_write(&t->f, t->e.vp.window_cap + 8, 4, offset);
	virtio_fixture_config_write(&t->f, t->e.vp.window_cap + 12, 4, length);
}

static void the_bar_can_be_reached_through_configuration_space(void **state)
{
	struct echo_fixture *t = *state;
	const unsigned data = t->e.vp.window_cap + 16;

	virtio_fixture_config_write(&t->f, PCI_COMMAND, 2, 0); /* not even decoded */
	aim(t, COMMON_STATUS, 1);
	virtio_fixture_config_write(&t->f, data, 1, VIRTIO_ACKNOWLEDGE);
	assert_int_equal(config(t, data, 1), VIRTIO_ACKNOWLEDGE);
	aim(t, COMMON_NUM_QUEUES, 2);
	assert_int_equal(config(t, data, 2), FAKE_ECHO_QUEUES);
	assert_int_equal(config(t, data, 4), FAKE_ECHO_QUEUES);
	aim(t, VIRTIO_PCI_CONFIG, 4);
	virtio_fixture_config_write(&t->f, data, 4, 0x12345678);
	assert_int_equal(config(t, data, 4), 0x12345678);
	assert_int_equal(config(t, data + 2, 2), 0x1234);
	assert_int_equal(config(t, t->e.vp.window_cap + 8, 4), VIRTIO_PCI_CONFIG);
}

static void a_window_that_aims_at_nothing_does_nothing(void **state)
{
	struct echo_fixture *t = *state;
	const unsigned data = t->e.vp.window_cap + 16;
	static const struct {
		uint32_t offset, length;
	} bad[] = {
		{ VIRTIO_PCI_CONFIG, 0 },
		{ VIRTIO_PCI_CONFIG, 3 },
		{ VIRTIO_PCI_CONFIG, 8 },
		{ VIRTIO_PCI_CONFIG + 1, 2 },
		{ VIRTIO_PCI_BAR_BYTES, 4 },
		{ UINT32_MAX - 3, 4 },
	};

	memset(t->e.config, 0xee, sizeof(t->e.config));
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		aim(t, bad[i].offset, bad[i].length);
		assert_int_equal(config(t, data, 4), 0);
		virtio_fixture_config_write(&t->f, data, 4, 0x12345678);
	}
	aim(t, VIRTIO_PCI_CONFIG, 4);
	virtio_fixture_config_write(&t->f, data, 2, 0); /* too narrow */
	virtio_fixture_config_write(&t->f, t->e.vp.window_cap + 4, 1, 1);
	assert_int_equal(config(t, data, 4), 0);
	virtio_fixture_config_write(&t->f, data, 4, 0);
	for (unsigned i = 0; i < FAKE_ECHO_CONFIG; i++)
		assert_int_equal(t->e.config[i], 0xee);
}

/* ---- life ------------------------------------------------------------------------------------------ */

static void the_machines_reset_makes_it_new(void **state)
{
	struct echo_fixture *t = *state;

	virtio_fixture_start(&t->f, 0);
	assert_echo(t, 0);
	virtio_fixture_config_write(&t->f, PCI_COMMAND, 2, 0);
	t->f.dev->type->reset(t->f.dev);
	assert_int_equal(status_read(&t->f), 0);
	assert_int_equal(t->f.fb.doorbell_count, 0);
	assert_int_equal(t->f.fb.msi_open_count, 0);
	virtio_fixture_start(&t->f, VIRTIO_F_RING_PACKED);
	assert_echo(t, 0);
}

static void a_slot_that_is_taken_is_an_error_and_leaves_nothing(void **state)
{
	struct echo_fixture *t = *state;
	struct virtio_pci_place place = virtio_fixture_place(&t->f);
	struct fake_echo other;
	struct err err = { "" };

	place.devfn = (int)t->e.vp.fn.devfn;
	assert_int_equal(fake_echo_init(&other, &t->f.fb.board, &place, &err), -EEXIST);
	assert_true(err.text[0] != '\0');
}

static void queues_are_spread_over_loops(void **state)
{
	struct echo_fixture *t = *state;
	struct virtio_pci_place place = virtio_fixture_place(&t->f);
	struct ioloop *loops[3] = { t->f.loop, (struct ioloop *)&place, NULL };
	struct fake_echo other;

	place.loops = loops;
	place.loop_count = 2;
	assert_int_equal(fake_echo_init(&other, &t->f.fb.board, &place, NULL), 0);
	assert_ptr_equal(other.vp.v.queues[0].loop, loops[0]);
	assert_ptr_equal(other.vp.v.queues[1].loop, loops[1]);
	other.vp.v.queues[1].loop = t->f.loop;
	virtio_pci_free(&other.vp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ECHO(it_is_a_modern_virtio_device),
		ECHO(capabilities_say_where_everything_is),
		ECHO(addresses_can_be_written_by_halves),
		ECHO(accesses_of_another_width_are_for_nothing),
		ECHO(what_is_read_only_stays),
		ECHO(a_vector_that_does_not_exist_reads_back_as_none),
		ECHO(device_configuration_is_bytes_of_any_width),
		ECHO(behind_it_are_zeros),
		ECHO(doorbells_are_there_while_queues_listen),
		ECHO(doorbells_move_with_the_bar),
		ECHO(without_doorbells_notifications_come_as_accesses),
		ECHO(a_notification_names_its_queue),
		ECHO(a_queue_that_does_not_listen_is_not_notified),
		ECHO(each_queue_has_its_vector),
		ECHO(without_msix_the_pin_is_high_until_isr_is_read),
		ECHO(a_reset_lowers_the_pin),
		ECHO(the_bar_can_be_reached_through_configuration_space),
		ECHO(a_window_that_aims_at_nothing_does_nothing),
		ECHO(the_machines_reset_makes_it_new),
		ECHO(a_slot_that_is_taken_is_an_error_and_leaves_nothing),
		ECHO(queues_are_spread_over_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
