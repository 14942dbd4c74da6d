#include "pci/msix.h"

#include <pthread.h>

#include "pci_fixture.h"

#define MASKED	 1u
#define UNMASKED 0u
#define TO_CPU_0 UINT64_C(0xfee00000)

/* MSI-X of three vectors on the fixture's board. */
static struct msix *make(struct pci_fixture *f)
{
	struct msix *m = &f->functions[0].msix;

	msix_init(m, f->fb.board.msi, 3);
	return m;
}

static void write_entry(struct msix *m, unsigned vector, uint64_t address, uint32_t data)
{
	msix_table_write(m, vector * 16ul, 4, (uint32_t)address);
	msix_table_write(m, vector * 16ul + 4, 4, address >> 32);
	msix_table_write(m, vector * 16ul + 8, 4, data);
}

static void set_mask(struct msix *m, unsigned vector, uint32_t control)
{
	msix_table_write(m, vector * 16ul + 12, 4, control);
}

static uint64_t pending(struct msix *m)
{
	return msix_pba_read(m, 0, 8);
}

/* Vector 0 on, unmasked, with message 0x41; it is line 0. */
static struct msix *make_open(struct pci_fixture *f)
{
	struct msix *m = make(f);

	msix_set_control(m, true, false);
	write_entry(m, 0, TO_CPU_0, 0x41);
	set_mask(m, 0, UNMASKED);
	return m;
}

/* Each test leaves by this, so that the fixture finds all lines closed. */
static void finish(struct pci_fixture *f)
{
	msix_reset(&f->functions[0].msix);
	assert_int_equal(f->fb.msi_open_count, 0);
}

static void out_of_reset_all_is_masked_and_zero(void **state)
{
	struct msix *m = make(*state);

	for (unsigned vector = 0; vector < 3; vector++) {
		assert_int_equal(msix_table_read(m, vector * 16ul, 8), 0);
		assert_int_equal(msix_table_read(m, vector * 16ul + 8, 8), (uint64_t)MASKED << 32);
	}
	assert_int_equal(pending(m), 0);
	assert_false(msix_raise(m, 0));
	assert_int_equal(pending(m), 0);
}

static void an_entry_reads_as_written(void **state)
{
	struct msix *m = make(*state);

	msix_table_write(m, 16, 8, 0x1122334455667788);
	msix_table_write(m, 24, 8, 0xfffffffe99aabbcc);
	assert_int_equal(msix_table_read(m, 16, 4), 0x55667788);
	assert_int_equal(msix_table_read(m, 20, 4), 0x11223344);
	assert_int_equal(msix_table_read(m, 24, 4), 0x99aabbcc);
	assert_int_equal(msix_table_read(m, 28, 4), UNMASKED); /* the others are reserved */
	assert_int_equal(msix_table_read(m, 16, 8), 0x1122334455667788);
	assert_int_equal(msix_table_read(m, 0, 8), 0);
	assert_int_equal(msix_table_read(m, 32, 8), 0);
}

static void illegal_accesses_read_ones_and_write_nothing(void **state)
{
	struct msix *m = make(*state);

	msix_table_write(m, 16, 1, 0xff);
	msix_table_write(m, 16, 2, 0xffff);
	msix_table_write(m, 18, 4, UINT32_MAX);
	msix_table_write(m, 20, 8, UINT64_MAX);
	msix_table_write(m, UINT64_MAX - 7, 8, UINT64_MAX);
	assert_int_equal(msix_table_read(m, 16, 8), 0);
	assert_int_equal(msix_table_read(m, 24, 8), (uint64_t)MASKED << 32);
	assert_int_equal(msix_table_read(m, 16, 2), UINT64_MAX);
	assert_int_equal(msix_table_read(m, 18, 4), UINT64_MAX);
	assert_int_equal(msix_table_read(m, 20, 8), UINT64_MAX);
	assert_int_equal(msix_pba_read(m, 0, 1), UINT64_MAX);
	assert_int_equal(msix_pba_read(m, 2, 4), UINT64_MAX);
}

static void behind_the_last_vector_is_nothing(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m = make(f);

	msix_set_control(m, true, false);
	for (uint64_t at = 48; at < 4096; at += 8) {
		msix_table_write(m, at, 8, 0);
		assert_int_equal(msix_table_read(m, at, 8), 0);
		assert_int_equal(msix_pba_read(m, at, 8), 0);
	}
	assert_int_equal(f->fb.msi_count, 0);
	assert_true(msix_raise(m, 3));
	assert_true(msix_raise(m, MSIX_NO_VECTOR));
	assert_int_equal(pending(m), 0);
}

static void an_open_vector_sends_its_message(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m = make_open(f);

	assert_int_equal(f->fb.msi_count, 1);
	assert_int_equal(f->fb.msis[0].address, TO_CPU_0);
	assert_int_equal(f->fb.msis[0].data, 0x41);
	assert_int_equal(f->fb.msis[0].sends, 0);
	assert_true(msix_raise(m, 0));
	assert_true(msix_raise(m, 0));
	assert_int_equal(f->fb.msis[0].sends, 2);
	assert_int_equal(pending(m), 0);
	finish(f);
}

static void a_line_is_opened_only_when_a_vector_could_be_sent(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m = make(f);

	write_entry(m, 1, TO_CPU_0, 0x42);
	set_mask(m, 1, UNMASKED);
	assert_int_equal(f->fb.msi_count, 0); /* MSI-X is off */
	msix_set_control(m, true, true);
	assert_int_equal(f->fb.msi_count, 0); /* masked */
	msix_set_control(m, true, false);
	assert_int_equal(f->fb.msi_count, 1); /* one: the others are masked */
	msix_raise(m, 1);
	assert_int_equal(f->fb.msis[0].sends, 1);
	finish(f);
}

static void a_masked_vector_is_pending_until_it_is_unmasked(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m = make_open(f);

	set_mask(m, 0, MASKED);
	msix_raise(m, 0);
	msix_raise(m, 0);
	msix_raise(m, 2);
	write_entry(m, 0, TO_CPU_0, 0x41); /* still masked */
	assert_int_equal(f->fb.msis[0].sends, 0);
	assert_int_equal(pending(m), 0x5);
	assert_int_equal(msix_pba_read(m, 0, 4), 0x5);
	assert_int_equal(msix_pba_read(m, 4, 4), 0);
	set_mask(m, 0, UNMASKED);
	assert_int_equal(f->fb.msis[0].sends, 1); /* pending is one bit, not a count */
	assert_int_equal(pending(m), 0x4);
	set_mask(m, 0, UNMASKED);
	assert_int_equal(f->fb.msis[0].sends, 1);
	finish(f);
}

static void the_function_mask_masks_all(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m = make_open(f);

	msix_set_control(m, true, true);
	assert_true(msix_raise(m, 0));
	assert_int_equal(f->fb.msis[0].sends, 0);
	assert_int_equal(pending(m), 0x1);
	msix_set_control(m, true, false);
	assert_int_equal(f->fb.msis[0].sends, 1);
	assert_int_equal(pending(m), 0);
	finish(f);
}

static void while_off_nothing_is_raised_or_kept(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m = make_open(f);

	msix_set_control(m, false, false);
	assert_false(msix_raise(m, 0));
	assert_int_equal(pending(m), 0);
	msix_set_control(m, true, false);
	assert_int_equal(f->fb.msis[0].sends, 0);
	assert_true(msix_raise(m, 0));
	assert_int_equal(f->fb.msis[0].sends, 1);
	assert_int_equal(f->fb.msi_count, 1); /* the line was kept */
	finish(f);
}

static void a_masked_entry_is_routed_anew_at_its_unmask(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m = make_open(f);

	assert_int_equal(f->fb.msis[0].routes, 1);
	set_mask(m, 0, MASKED);
	write_entry(m, 0, TO_CPU_0 | 0x1000, 0x52);
	assert_int_equal(f->fb.msis[0].routes, 1);
	set_mask(m, 0, UNMASKED);
	assert_int_equal(f->fb.msis[0].routes, 2);
	assert_int_equal(f->fb.msis[0].address, TO_CPU_0 | 0x1000);
	assert_int_equal(f->fb.msis[0].data, 0x52);
	finish(f);
}

static void an_entry_written_with_what_it_has_is_not_routed_anew(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m = make_open(f);

	set_mask(m, 0, MASKED);
	write_entry(m, 0, TO_CPU_0, 0x41);
	set_mask(m, 0, UNMASKED);
	msix_set_control(m, true, true);
	msix_set_control(m, true, false);
	assert_int_equal(f->fb.msis[0].routes, 1);
	finish(f);
}

static void an_unmasked_entry_is_routed_anew_at_once(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m = make_open(f);

	msix_table_write(m, 8, 4, 0x77);
	assert_int_equal(f->fb.msis[0].data, 0x77);
	msix_raise(m, 0);
	assert_int_equal(f->fb.msis[0].sends, 1);
	finish(f);
}

static void a_message_that_the_host_refuses_keeps_the_vector_pending(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m = make_open(f);

	f->fb.msi_route_rc = -EINVAL;
	msix_table_write(m, 0, 4, 0x1000);
	assert_true(msix_raise(m, 0));
	assert_int_equal(f->fb.msis[0].sends, 0);
	assert_int_equal(pending(m), 0x1);
	f->fb.msi_route_rc = 0;
	msix_table_write(m, 0, 4, TO_CPU_0);
	assert_int_equal(f->fb.msis[0].sends, 1);
	assert_int_equal(pending(m), 0);
	finish(f);
}

static void without_a_line_the_vector_stays_pending_and_tries_again(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m;

	f->fb.msi_open_rc = -ENOSPC;
	m = make_open(f);
	assert_true(msix_raise(m, 0));
	assert_int_equal(pending(m), 0x1);
	f->fb.msi_open_rc = 0;
	set_mask(m, 0, UNMASKED);
	assert_int_equal(f->fb.msis[0].sends, 1);
	finish(f);
}

static void reset_closes_all_lines_and_forgets_all(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m = make_open(f);

	set_mask(m, 1, UNMASKED);
	msix_raise(m, 2);
	assert_int_equal(f->fb.msi_open_count, 2);
	msix_reset(m);
	assert_int_equal(f->fb.msi_open_count, 0);
	/* A raise that had seen MSI-X enabled comes here: it must find no line. */
	assert_false(m->vectors[0].deliverable);
	out_of_reset_all_is_masked_and_zero(state);
	/* ... and it works again, on a line of its own. */
	make_open(f);
	msix_raise(m, 0);
	assert_int_equal(f->fb.msis[2].sends, 1);
	finish(f);
}

/* ---- both sides at once ---- */

#define RAISES 20000u

static void *raise_many(void *arg)
{
	for (unsigned i = 0; i < RAISES; i++)
		msix_raise(arg, i % 3);
	return NULL;
}

/* The last raise of a vector is seen, whatever the guest does meanwhile: after the
 * storm each vector has been sent since its last unmask or is still pending. */
static void a_guest_that_masks_and_moves_loses_nothing(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m = make_open(f);
	unsigned sends = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, raise_many, m), 0);
	for (unsigned i = 0; i < 5000; i++) {
		const unsigned vector = i % 3;

		set_mask(m, vector, MASKED);
		write_entry(m, vector, TO_CPU_0, i);
		set_mask(m, vector, UNMASKED);
		if (i % 7 == 0) {
			msix_set_control(m, true, true);
			msix_set_control(m, true, false);
		}
	}
	pthread_join(thread, NULL);
	assert_int_equal(pending(m), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(f->fb.msis[i].sends > 0);
		sends += f->fb.msis[i].sends;
	}
	assert_true(sends <= RAISES);
	finish(f);
}

static void a_reset_in_the_middle_of_a_storm_sends_on_no_closed_line(void **state)
{
	struct pci_fixture *f = *state;
	struct msix *m = make(f);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, raise_many, m), 0);
	for (unsigned i = 0; i < 50; i++) { /* the fake sink asserts that lines are open */
		msix_set_control(m, true, false);
		for (unsigned vector = 0; vector < 3; vector++)
			set_mask(m, vector, UNMASKED);
		msix_reset(m);
	}
	pthread_join(thread, NULL);
	finish(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(out_of_reset_all_is_masked_and_zero),
		TEST(an_entry_reads_as_written),
		TEST(illegal_accesses_read_ones_and_write_nothing),
		TEST(behind_the_last_vector_is_nothing),
		TEST(an_open_vector_sends_its_message),
		TEST(a_line_is_opened_only_when_a_vector_could_be_sent),
		TEST(a_masked_vector_is_pending_until_it_is_unmasked),
		TEST(the_function_mask_masks_all),
		TEST(while_off_nothing_is_raised_or_kept),
		TEST(a_masked_entry_is_routed_anew_at_its_unmask),
		TEST(an_entry_written_with_what_it_has_is_not_routed_anew),
		TEST(an_unmasked_entry_is_routed_anew_at_once),
		TEST(a_message_that_the_host_refuses_keeps_the_vector_pending),
		TEST(without_a_line_the_vector_stays_pending_and_tries_again),
		TEST(reset_closes_all_lines_and_forgets_all),
		TEST(a_guest_that_masks_and_moves_loses_nothing),
		TEST(a_reset_in_the_middle_of_a_storm_sends_on_no_closed_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
