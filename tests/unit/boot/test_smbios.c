/* The SMBIOS structures as an OS sees them: found by searching, walked one by one.
 * Offsets are from DSP0134 3.0. */
#include <errno.h>

#include "boot/smbios.h"
#include "unit/boot/table_fixture.h"

#define STRUCTURES_MAX 32u

/* A structure: its formatted area, then its strings. */
struct structure {
	const uint8_t *at;
	size_t bytes; /* with its strings */
};

struct smbios {
	struct guest g;
	const uint8_t *entry3, *entry21;
	unsigned count;
	struct structure s[STRUCTURES_MAX];
};

/* On 16 bytes in the BIOS area, as sections 5.2.1 and 5.2.2 say. */
static const uint8_t *search(const struct guest *g, const char *anchor, unsigned length_at)
{
	for (gpa_t at = 0xf0000; at < 0x100000; at += 16) {
		const uint8_t *p = g->low + at;

		if (memcmp(p, anchor, strlen(anchor)) == 0 && sum8(p, p[length_at]) == 0)
			return p;
	}
	return NULL;
}

/* Split [at, at + len) into structures, up to and with type 127. */
static void walk(struct smbios *m, const uint8_t *at, size_t len)
{
	const uint8_t *const end = at + len;

	for (m->count = 0; m->count < STRUCTURES_MAX && at < end;) {
		const uint8_t *next = at + at[1];

		assert_in_range(at[1], 4, end - at - 2);
		while (next[0] || next[1]) {
			assert_true(next + 2 < end);
			next++;
		}
		next += 2;
		m->s[m->count++] = (struct structure){ at, (size_t)(next - at) };
		if (at[0] == 127) {
			assert_ptr_equal(next, end);
			return;
		}
		at = next;
	}
	fail_msg("no end-of-table structure");
}

static void smbios_init(struct smbios *m, unsigned cpu_count, uint64_t ram_bytes)
{
	const struct platform_desc desc = { .cpu_count = cpu_count, .ram_bytes = ram_bytes };

	*m = (struct smbios){ 0 };
	guest_init(&m->g);
	assert_int_equal(smbios_write(&m->g.mem, &desc), 0);
	m->entry3 = search(&m->g, "_SM3_", 6);
	m->entry21 = search(&m->g, "_SM_", 5);
	assert_non_null(m->entry3);
	assert_non_null(m->entry21);
	walk(m, m->g.low + le64_load(m->entry3 + 16), le32_load(m->entry3 + 12));
}

static void smbios_destroy(struct smbios *m)
{
	guest_destroy(&m->g);
}

/* The n-th structure of a type, or NULL. */
static const uint8_t *structure(const struct smbios *m, uint8_t type, unsigned n)
{
	for (unsigned i = 0; i < m->count; i++)
		if (m->s[i].at[0] == type && n-- == 0)
			return m->s[i].at;
	return NULL;
}

/* The string that the byte at field names. */
static const char *string(const uint8_t *s, unsigned field)
{
	const char *text = (const char *)s + s[1];

	assert_true(s[field] > 0);
	for (unsigned i = 1; i < s[field]; i++) {
		assert_true(*text);
		text += strlen(text) + 1;
	}
	return text;
}

static void both_entry_points_lead_to_the_same_structures(void **state)
{
	struct smbios m;

	(void)state;
	smbios_init(&m, 1, GIB(1));
	assert_int_equal(m.entry3[6], 0x18);
	assert_int_equal(m.entry3[7], 3);
	assert_int_equal(m.entry21[5], 0x1f);
	assert_memory_equal(m.entry21 + 0x10, "_DMI_", 5);
	assert_int_equal(sum8(m.entry21 + 0x10, 0x0f), 0);
	assert_int_equal(le32_load(m.entry21 + 0x18), le64_load(m.entry3 + 0x10));
	assert_int_equal(le16_load(m.entry21 + 0x16), le32_load(m.entry3 + 0x0c));
	smbios_destroy(&m);
}

static void entry_point_knows_count_and_largest_structure(void **state)
{
	struct smbios m;
	size_t longest = 0;

	(void)state;
	smbios_init(&m, 1, GIB(1));
	for (unsigned i = 0; i < m.count; i++)
		longest = max_u64(longest, m.s[i].bytes);
	assert_int_equal(le16_load(m.entry21 + 0x1c), m.count);
	assert_int_equal(le16_load(m.entry21 + 0x08), longest);
	smbios_destroy(&m);
}

static void every_structure_is_there_with_its_length(void **state)
{
	static const uint8_t want[][2] = { { 0, 0x18 },	 { 1, 0x1b },  { 3, 0x15 },
					   { 4, 0x30 },	 { 16, 0x17 }, { 17, 0x28 },
					   { 19, 0x1f }, { 32, 0x0b }, { 127, 4 } };
	struct smbios m;

	(void)state;
	smbios_init(&m, 1, GIB(1));
	assert_int_equal(m.count, ARRAY_LEN(want));
	for (unsigned i = 0; i < m.count; i++)
		assert_memory_equal(m.s[i].at, want[i], 2);
	smbios_destroy(&m);
}

static void handles_are_unique(void **state)
{
	struct smbios m;

	(void)state;
	smbios_init(&m, CPUS_MAX, GIB(64));
	for (unsigned i = 0; i < m.count; i++)
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(le16_load(m.s[i].at + 2), le16_load(m.s[k].at + 2));
	smbios_destroy(&m);
}

static void guest_can_tell_that_it_is_bantam_and_virtual(void **state)
{
	struct smbios m;
	const uint8_t *bios, *system;

	(void)state;
	smbios_init(&m, 1, GIB(1));
	bios = structure(&m, 0, 0);
	system = structure(&m, 1, 0);
	assert_string_equal(string(bios, 4), "Bantam");
	assert_int_equal(strlen(string(bios, 8)), strlen("mm/dd/yyyy"));
	assert_true(bios[0x13] & 0x10);
	assert_string_equal(string(system, 4), "Bantam");
	assert_string_equal(string(system, 5), "Bantam");
	assert_string_equal(string(structure(&m, 3, 0), 4), "Bantam");
	smbios_destroy(&m);
}

static void cpus_are_the_cores_of_one_socket(void **state)
{
	static const unsigned counts[] = { 1, CPUS_MAX };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(counts); i++) {
		struct smbios m;
		const uint8_t *cpu;

		smbios_init(&m, counts[i], GIB(1));
		cpu = structure(&m, 4, 0);
		assert_null(structure(&m, 4, 1));
		assert_int_equal(cpu[0x18], 0x41);
		for (unsigned at = 0x23; at <= 0x25; at++)
			assert_int_equal(cpu[at], counts[i]);
		for (unsigned at = 0x2a; at <= 0x2e; at += 2)
			assert_int_equal(le16_load(cpu + at), counts[i]);
		smbios_destroy(&m);
	}
}

/* The size as section 7.18 tells to read it. */
static uint64_t device_bytes(const uint8_t *device)
{
	const uint16_t size = le16_load(device + 0x0c);

	if (size == 0x7fff)
		return MIB(le32_load(device + 0x1c) & 0x7fffffff);
	assert_false(size & 0x8000); /* we do not count in KiB */
	return MIB(size);
}

static uint64_t array_bytes(const uint8_t *array)
{
	const uint32_t size = le32_load(array + 7);

	return size == 0x80000000 ? le64_load(array + 0x0f) : KIB(size);
}

static void check_range(const uint8_t *mapped, uint64_t first, uint64_t end)
{
	const uint32_t first_kib = le32_load(mapped + 4);
	const uint32_t last_kib = le32_load(mapped + 8);

	if (first_kib == UINT32_MAX) {
		assert_int_equal(last_kib, UINT32_MAX);
		assert_int_equal(le64_load(mapped + 0x0f), first);
		assert_int_equal(le64_load(mapped + 0x17), end - 1);
	} else {
		assert_int_equal(KIB(first_kib), first);
		assert_int_equal(KIB((uint64_t)last_kib + 1), end);
	}
}

static void memory_sizes_are_right_from_megabytes_to_terabytes(void **state)
{
	static const uint64_t sizes[] = {
		MIB(32),	  GIB(3),  GIB(3) + MIB(1), GIB(4),    GIB(32) - MIB(2),
		GIB(32) - MIB(1), GIB(32), GIB(2047),	    GIB(2048), GIB(6 * 1024),
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		struct smbios m;

		smbios_init(&m, 1, sizes[i]);
		assert_int_equal(device_bytes(structure(&m, 17, 0)), sizes[i]);
		assert_int_equal(array_bytes(structure(&m, 16, 0)), sizes[i]);
		check_range(structure(&m, 19, 0), 0, min_u64(sizes[i], RAM_LOW_MAX));
		if (sizes[i] > RAM_LOW_MAX)
			check_range(structure(&m, 19, 1), RAM_HIGH_BASE,
				    RAM_HIGH_BASE + sizes[i] - RAM_LOW_MAX);
		else
			assert_null(structure(&m, 19, 1));
		smbios_destroy(&m);
	}
}

static void memory_structures_name_their_array(void **state)
{
	struct smbios m;
	uint16_t array;

	(void)state;
	smbios_init(&m, 1, GIB(5));
	array = le16_load(structure(&m, 16, 0) + 2);
	assert_int_equal(le16_load(structure(&m, 16, 0) + 0x0d), 1);
	assert_int_equal(le16_load(structure(&m, 17, 0) + 4), array);
	assert_int_equal(le16_load(structure(&m, 19, 0) + 0x0c), array);
	assert_int_equal(le16_load(structure(&m, 19, 1) + 0x0c), array);
	smbios_destroy(&m);
}

static void nothing_outside_the_area_is_written(void **state)
{
	struct smbios m;

	(void)state;
	smbios_init(&m, CPUS_MAX, GIB(64));
	assert_true(untouched(&m.g, 0, LAYOUT_SMBIOS));
	assert_true(untouched(&m.g, LAYOUT_MPTABLE, LOW_BYTES));
	smbios_destroy(&m);
}

static void too_small_a_buffer_is_told_and_never_written_past(void **state)
{
	const struct platform_desc desc = { .cpu_count = CPUS_MAX, .ram_bytes = GIB(64) };
	uint8_t area[1024];
	struct emit e;
	size_t full;

	(void)state;
	emit_init(&e, area, sizeof area);
	assert_int_equal(smbios_build(&e, LAYOUT_SMBIOS, &desc), 0);
	full = e.len;
	for (size_t capacity = 0; capacity < full; capacity++) {
		uint8_t *exact = malloc(capacity + 1);

		assert_non_null(exact);
		exact[capacity] = CANARY;
		emit_init(&e, exact, capacity);
		assert_int_equal(smbios_build(&e, LAYOUT_SMBIOS, &desc), -ENOSPC);
		assert_int_equal(exact[capacity], CANARY);
		free(exact);
	}
	emit_init(&e, area, full);
	assert_int_equal(smbios_build(&e, LAYOUT_SMBIOS, &desc), 0);
}

static void missing_ram_is_a_fault(void **state)
{
	const struct platform_desc desc = { .cpu_count = 1, .ram_bytes = GIB(1) };
	struct mem none = { 0 };

	(void)state;
	assert_int_equal(smbios_write(&none, &desc), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_entry_points_lead_to_the_same_structures),
		cmocka_unit_test(entry_point_knows_count_and_largest_structure),
		cmocka_unit_test(every_structure_is_there_with_its_length),
		cmocka_unit_test(handles_are_unique),
		cmocka_unit_test(guest_can_tell_that_it_is_bantam_and_virtual),
		cmocka_unit_test(cpus_are_the_cores_of_one_socket),
		cmocka_unit_test(memory_sizes_are_right_from_megabytes_to_terabytes),
		cmocka_unit_test(memory_structures_name_their_array),
		cmocka_unit_test(nothing_outside_the_area_is_written),
		cmocka_unit_test(too_small_a_buffer_is_told_and_never_written_past),
		cmocka_unit_test(missing_ram_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
