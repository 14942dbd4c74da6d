#include "kvm/cpuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#define HYPERVISOR   (1u << 31) /* 1.ecx */
#define TSC_DEADLINE (1u << 24)
#define HTT	     (1u << 28) /* 1.edx */

static const unsigned counts[] = { 1, 2, 3, 8, 64 };

/* Bits that an APIC id of so many CPUs takes. */
static const unsigned widths[] = { 0, 1, 2, 3, 6 };

#define AMD_EBX 0x68747541 /* "Auth": the vendor in leaf 0 */

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct kvm_cpuid2) +
			   CPUID_ENTRIES_MAX * sizeof(struct kvm_cpuid_entry2));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static struct kvm_cpuid_entry2 *add(struct kvm_cpuid2 *c, uint32_t leaf, uint32_t sub)
{
	struct kvm_cpuid_entry2 *e = &c->entries[c->nent++];

	*e = (struct kvm_cpuid_entry2){ .function = leaf, .index = sub };
	return e;
}

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *c, uint32_t leaf, uint32_t sub)
{
	struct kvm_cpuid_entry2 *found = NULL;

	for (unsigned i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function != leaf || e->index != sub)
			continue;
		assert_null(found); /* twice would be ambiguous */
		found = e;
	}
	return found;
}

static void make_cpu(struct kvm_cpuid2 *c, unsigned index, unsigned count)
{
	const struct cpuid_identity id = { .index = index, .cpu_count = count };

	cpuid_personalize(c, &id);
}

static uint32_t field(uint32_t word, unsigned low, unsigned width)
{
	return word >> low & ((1u << width) - 1);
}

static void the_apic_id_is_the_cpus_number(void **state)
{
	struct kvm_cpuid2 *c = *state;

	for (unsigned i = 0; i < 64; i++) {
		c->nent = 0;
		add(c, 1, 0)->ebx = 0xab0008cd; /* the host's own id, and other fields */
		make_cpu(c, i, 64);
		assert_int_equal(field(find(c, 1, 0)->ebx, 24, 8), i);
		assert_int_equal(field(find(c, 1, 0)->ebx, 0, 16), 0x08cd);
	}
}

static void threads_of_the_package_are_counted_and_one_alone_has_no_htt(void **state)
{
	struct kvm_cpuid2 *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		c->nent = 0;
		*add(c, 1, 0) = (struct kvm_cpuid_entry2){ .function = 1, .ebx = 0xff0000,
							   .edx = ~0u };
		make_cpu(c, 0, counts[i]);
		assert_int_equal(field(find(c, 1, 0)->ebx, 16, 8), counts[i]);
		assert_int_equal(find(c, 1, 0)->edx, counts[i] > 1 ? ~0u : ~HTT);
	}
	c->nent = 0;
	add(c, 1, 0);
	make_cpu(c, 0, 2);
	assert_int_equal(find(c, 1, 0)->edx, HTT);
}

static void the_guest_sees_that_it_has_a_hypervisor(void **state)
{
	struct kvm_cpuid2 *c = *state;

	add(c, 1, 0)->ecx = 1;
	make_cpu(c, 0, 1);
	assert_int_equal(find(c, 1, 0)->ecx, HYPERVISOR | 1);
}

static void the_deadline_timer_shows_when_kvm_has_it(void **state)
{
	const struct cpuid_identity with = { .cpu_count = 1, .tsc_deadline = true };
	struct kvm_cpuid2 *c = *state;

	add(c, 1, 0);
	cpuid_personalize(c, &with);
	assert_int_equal(find(c, 1, 0)->ecx, HYPERVISOR | TSC_DEADLINE);
}

static void topology_leaf_of(struct kvm_cpuid2 *c, uint32_t leaf)
{
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		const unsigned last = counts[i] - 1;
		struct kvm_cpuid_entry2 *smt, *core, *end;

		c->nent = 0;
		add(c, 0, 0);
		add(c, leaf, 0)->eax = 0x77; /* KVM lists the first only, with the host's */
		add(c, 0x80000000, 0);
		make_cpu(c, last, counts[i]);
		assert_int_equal(c->nent, 5);
		smt = find(c, leaf, 0);
		core = find(c, leaf, 1);
		end = find(c, leaf, 2);
		/* One thread a core: no bits. */
		assert_int_equal(smt->eax, 0);
		assert_int_equal(smt->ebx, 1);
		assert_int_equal(smt->ecx, 1 << 8 | 0);
		/* All cores in one package. */
		assert_int_equal(core->eax, widths[i]);
		assert_int_equal(core->ebx, counts[i]);
		assert_int_equal(core->ecx, 2 << 8 | 1);
		assert_int_equal(last >> core->eax, 0); /* package 0 */
		/* Type 0 ends the list. */
		assert_int_equal(end->eax, 0);
		assert_int_equal(end->ebx, 0);
		assert_int_equal(end->ecx, 2);
		for (unsigned sub = 0; sub < 3; sub++) {
			assert_int_equal(find(c, leaf, sub)->edx, last);
			assert_int_equal(find(c, leaf, sub)->flags,
					 KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
		}
	}
}

static void leaf_0xb_says_threads_cores_and_end(void **state)
{
	topology_leaf_of(*state, 0xb);
}

static void leaf_0x1f_says_the_same(void **state)
{
	topology_leaf_of(*state, 0x1f);
}

static void more_levels_of_the_host_are_not_the_guests(void **state)
{
	struct kvm_cpuid2 *c = *state;

	for (uint32_t sub = 0; sub < 5; sub++)
		add(c, 0x1f, sub)->ebx = 0x99;
	make_cpu(c, 1, 2);
	assert_int_equal(c->nent, 3);
	assert_null(find(c, 0x1f, 3));
}

static void a_topology_leaf_that_kvm_has_not_is_not_invented(void **state)
{
	struct kvm_cpuid2 *c = *state;

	add(c, 1, 0);
	make_cpu(c, 0, 8);
	assert_int_equal(c->nent, 1);
}

/* CPUID 4 EAX: 25:14 ids that share the cache - 1, 31:26 core ids - 1. */
static void intel_caches_belong_to_a_core_but_the_third_to_all(void **state)
{
	struct kvm_cpuid2 *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		const uint32_t ids = (1u << widths[i]) - 1;

		c->nent = 0;
		add(c, 4, 0)->eax = 0xffffc000u | 1 << 5 | 1; /* L1 data, host's sharing */
		add(c, 4, 1)->eax = 0xfc000000u | 2 << 5 | 3;  /* L2 */
		add(c, 4, 2)->eax = 0xfc01c000u | 3 << 5 | 3;  /* L3 */
		add(c, 4, 3);                                  /* no more */
		make_cpu(c, 0, counts[i]);
		assert_int_equal(field(find(c, 4, 0)->eax, 14, 12), 0);
		assert_int_equal(field(find(c, 4, 1)->eax, 14, 12), 0);
		assert_int_equal(field(find(c, 4, 2)->eax, 14, 12), ids);
		for (uint32_t sub = 0; sub < 3; sub++)
			assert_int_equal(field(find(c, 4, sub)->eax, 26, 6), ids);
		assert_int_equal(field(find(c, 4, 2)->eax, 0, 14), 3 << 5 | 3);
		assert_int_equal(find(c, 4, 3)->eax, 0);
	}
}

/* CPUID 0x8000001d EAX: 25:14 CPUs that share the cache - 1. */
static void amd_caches_belong_to_a_core_but_the_third_to_all(void **state)
{
	struct kvm_cpuid2 *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		c->nent = 0;
		add(c, 0, 0)->ebx = AMD_EBX;
		add(c, 0x8000001d, 0)->eax = 1 << 14 | 1 << 5 | 1;
		add(c, 0x8000001d, 2)->eax = 1 << 14 | 2 << 5 | 3;
		add(c, 0x8000001d, 3)->eax = 15 << 14 | 3 << 5 | 3;
		add(c, 0x8000001d, 4);
		make_cpu(c, 0, counts[i]);
		assert_int_equal(field(find(c, 0x8000001d, 0)->eax, 14, 12), 0);
		assert_int_equal(field(find(c, 0x8000001d, 2)->eax, 14, 12), 0);
		assert_int_equal(field(find(c, 0x8000001d, 3)->eax, 14, 12), counts[i] - 1);
		assert_int_equal(field(find(c, 0x8000001d, 3)->eax, 0, 14), 3 << 5 | 3);
		assert_int_equal(find(c, 0x8000001d, 4)->eax, 0);
	}
}

/* CPUID 0x80000008 ECX: 7:0 cores - 1, 15:12 bits of an APIC id. */
static void amd_core_count_and_apic_id_size_are_the_guests(void **state)
{
	struct kvm_cpuid2 *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		c->nent = 0;
		add(c, 0, 0)->ebx = AMD_EBX;
		*add(c, 0x80000008, 0) = (struct kvm_cpuid_entry2){
			.function = 0x80000008, .eax = 0x3030, .ecx = 0x70ff,
		};
		make_cpu(c, 0, counts[i]);
		assert_int_equal(find(c, 0x80000008, 0)->ecx, widths[i] << 12 | (counts[i] - 1));
		assert_int_equal(find(c, 0x80000008, 0)->eax, 0x3030); /* address widths */
	}
}

static void amd_topology_names_the_cpu_as_a_core_of_node_0(void **state)
{
	struct kvm_cpuid2 *c = *state;

	for (unsigned i = 0; i < 64; i++) {
		c->nent = 0;
		add(c, 0, 0)->ebx = AMD_EBX;
		*add(c, 0x8000001e, 0) = (struct kvm_cpuid_entry2){
			.function = 0x8000001e, .eax = 99, .ebx = 0x155, .ecx = 0x703,
		};
		make_cpu(c, i, 64);
		assert_int_equal(find(c, 0x8000001e, 0)->eax, i);
		assert_int_equal(find(c, 0x8000001e, 0)->ebx, i); /* 15:8: one thread */
		assert_int_equal(find(c, 0x8000001e, 0)->ecx, 0);
	}
}

static void on_intel_the_leaves_of_amd_stay_as_kvm_has_them(void **state)
{
	struct kvm_cpuid2 *c = *state;

	c->nent = 0;
	add(c, 0, 0)->ebx = 0x756e6547; /* "Genu" */
	add(c, 0x80000008, 0)->eax = 0x3030;
	add(c, 0x80000001, 0)->ecx = 0x121;
	make_cpu(c, 0, 4);
	assert_int_equal(find(c, 0x80000008, 0)->ecx, 0);
	assert_int_equal(find(c, 0x80000001, 0)->ecx, 0x121);
}

static void one_amd_cpu_is_not_a_set_of_cores(void **state)
{
	struct kvm_cpuid2 *c = *state;

	c->nent = 0;
	add(c, 0, 0)->ebx = AMD_EBX;
	add(c, 0x80000001, 0)->ecx = 0x123;
	make_cpu(c, 0, 1);
	assert_int_equal(find(c, 0x80000001, 0)->ecx, 0x121);
}

static void other_leaves_pass_unchanged(void **state)
{
	static const uint32_t leaves[] = { 0, 2, 6, 7, 0xd, 0x40000000, 0x80000001, 0x80000002 };
	struct kvm_cpuid2 *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(leaves); i++)
		*add(c, leaves[i], 0) = (struct kvm_cpuid_entry2){
			.function = leaves[i], .flags = 7, .eax = 1, .ebx = 2, .ecx = 3, .edx = 4,
		};
	make_cpu(c, 5, 8);
	assert_int_equal(c->nent, ARRAY_LEN(leaves));
	for (size_t i = 0; i < ARRAY_LEN(leaves); i++) {
		const struct kvm_cpuid_entry2 want = {
			.function = leaves[i], .flags = 7, .eax = 1, .ebx = 2, .ecx = 3, .edx = 4,
		};

		assert_memory_equal(&c->entries[i], &want, sizeof(want));
	}
}

static void an_empty_table_stays_empty(void **state)
{
	struct kvm_cpuid2 *c = *state;

	make_cpu(c, 0, 1);
	assert_int_equal(c->nent, 0);
}

static void fill(struct kvm_cpuid2 *c, unsigned upto)
{
	while (c->nent < upto)
		add(c, 0x12, c->nent);
}

static void a_table_with_room_for_two_more_is_filled_to_the_last(void **state)
{
	struct kvm_cpuid2 *c = *state;

	add(c, 0xb, 0);
	fill(c, CPUID_ENTRIES_MAX - 2);
	make_cpu(c, 0, 2);
	assert_int_equal(c->nent, CPUID_ENTRIES_MAX);
	assert_non_null(find(c, 0xb, 2));
}

/* A topology that is not there is better than half of one. */
static void a_table_without_room_loses_the_leaf_and_nothing_else(void **state)
{
	struct kvm_cpuid2 *c = *state;

	add(c, 0xb, 0);
	add(c, 1, 0);
	fill(c, CPUID_ENTRIES_MAX - 1);
	make_cpu(c, 3, 4);
	assert_int_equal(c->nent, CPUID_ENTRIES_MAX - 2);
	assert_null(find(c, 0xb, 0));
	assert_int_equal(field(find(c, 1, 0)->ebx, 24, 8), 3);
	assert_non_null(find(c, 0x12, CPUID_ENTRIES_MAX - 2));
}

static void a_full_table_is_not_overrun(void **state)
{
	struct kvm_cpuid2 *c = *state;

	add(c, 0xb, 0);
	add(c, 0x1f, 0);
	fill(c, CPUID_ENTRIES_MAX);
	make_cpu(c, 0, 2);
	assert_true(c->nent <= CPUID_ENTRIES_MAX);
	assert_non_null(find(c, 0x12, CPUID_ENTRIES_MAX - 1));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(the_apic_id_is_the_cpus_number),
		TEST(threads_of_the_package_are_counted_and_one_alone_has_no_htt),
		TEST(the_guest_sees_that_it_has_a_hypervisor),
		TEST(the_deadline_timer_shows_when_kvm_has_it),
		TEST(leaf_0xb_says_threads_cores_and_end),
		TEST(leaf_0x1f_says_the_same),
		TEST(more_levels_of_the_host_are_not_the_guests),
		TEST(a_topology_leaf_that_kvm_has_not_is_not_invented),
		TEST(intel_caches_belong_to_a_core_but_the_third_to_all),
		TEST(amd_caches_belong_to_a_core_but_the_third_to_all),
		TEST(amd_core_count_and_apic_id_size_are_the_guests),
		TEST(amd_topology_names_the_cpu_as_a_core_of_node_0),
		TEST(on_intel_the_leaves_of_amd_stay_as_kvm_has_them),
		TEST(one_amd_cpu_is_not_a_set_of_cores),
		TEST(other_leaves_pass_unchanged),
		TEST(an_empty_table_stays_empty),
		TEST(a_table_with_room_for_two_more_is_filled_to_the_last),
		TEST(a_table_without_room_loses_the_leaf_and_nothing_else),
		TEST(a_full_table_is_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
