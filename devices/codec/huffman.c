#include "codec/huffman.h"

#include <assert.h>
#include <string.h>

/* Deeper no tree of 32-bit weights gets: its weights grow like Fibonacci's numbers. */
#define DEPTH_MAX 48

/* A leaf while it is sorted: uses above, symbol below. */
#define KEY_SYMBOL_BITS 9
#define KEY_SYMBOL(key) ((key) & ((1u << KEY_SYMBOL_BITS) - 1))
#define KEY_USES(key)	((key) >> KEY_SYMBOL_BITS)

/* Shell's sort: short, in place, and quick enough for 288. */
static void sort_keys(uint32_t *keys, unsigned count)
{
	static const uint8_t gaps[] = { 132, 57, 23, 10, 4, 1 };

	for (unsigned g = 0; g < ARRAY_LEN(gaps); g++) {
		const unsigned gap = gaps[g];

		for (unsigned i = gap; i < count; i++) {
			const uint32_t key = keys[i];
			unsigned j = i;

			for (; j >= gap && keys[j - gap] > key; j -= gap)
				keys[j] = keys[j - gap];
			keys[j] = key;
		}
	}
}

/* Count the leaves of each depth in the Huffman tree over sorted keys, two or more.
 * The two lightest nodes are joined again and again; joined ones are born in order
 * of weight, so that two queues replace a heap. */
static void count_depths(const uint32_t *keys, unsigned count, unsigned per_depth[])
{
	uint32_t weight[HUFFMAN_SYMBOLS_MAX];
	uint16_t leaf_parent[HUFFMAN_SYMBOLS_MAX] = { 0 }, parent[HUFFMAN_SYMBOLS_MAX];
	uint8_t depth[HUFFMAN_SYMBOLS_MAX];
	unsigned leaf = 0, joined = 0;

	assert(count >= 2);
	for (unsigned n = 0; n < count - 1; n++) {
		weight[n] = 0;
		for (unsigned child = 0; child < 2; child++) {
			if (leaf < count &&
			    (joined == n || KEY_USES(keys[leaf]) <= weight[joined])) {
				weight[n] += KEY_USES(keys[leaf]);
				leaf_parent[leaf++] = (uint16_t)n;
			} else {
				weight[n] += weight[joined];
				parent[joined++] = (uint16_t)n;
			}
		}
	}
	/* The last one is the root; parents are always younger. */
	depth[count - 2] = 0;
	for (unsigned n = count - 2; n-- > 0;)
		depth[n] = (uint8_t)(depth[parent[n]] + 1);
	for (unsigned i = 0; i < count; i++)
		per_depth[depth[leaf_parent[i]] + 1]++;
}

/* Lift what lies too deep to bits_max and pay for it elsewhere: 2^bits_max places in
 * all, of which a leaf of length n takes 2^(bits_max - n). */
static void limit_depths(unsigned per_length[], unsigned bits_max)
{
	int64_t room = (int64_t)1 << bits_max;
	unsigned n;

	for (n = bits_max + 1; n < DEPTH_MAX; n++) {
		per_length[bits_max] += per_length[n];
		per_length[n] = 0;
	}
	for (n = 1; n <= bits_max; n++)
		room -= (int64_t)per_length[n] << (bits_max - n);
	while (room < 0) { /* a leaf goes down by one: half of its places become free */
		for (n = bits_max - 1; per_length[n] == 0; n--)
			;
		per_length[n]--;
		per_length[n + 1]++;
		room += (int64_t)1 << (bits_max - n - 1);
	}
	/* One step may have freed more than was owed.  What is left is a multiple of what
	 * the deepest leaf takes, so that leaf can always go up. */
	while (room > 0) {
		for (n = bits_max; per_length[n] == 0; n--)
			;
		per_length[n]--;
		per_length[n - 1]++;
		room -= (int64_t)1 << (bits_max - n);
	}
}

unsigned huffman_lengths(const uint32_t *uses, unsigned count, unsigned bits_max,
			 uint8_t *lengths)
{
	uint32_t keys[HUFFMAN_SYMBOLS_MAX];
	unsigned per_length[DEPTH_MAX] = { 0 };
	unsigned used = 0, longest = 0, next = 0;

	memset(lengths, 0, count);
	for (unsigned s = 0; s < count; s++) {
		if (uses[s])
			keys[used++] = uses[s] << KEY_SYMBOL_BITS | s;
	}
	if (used < 2) {
		if (used == 1)
			lengths[KEY_SYMBOL(keys[0])] = 1;
		return used;
	}
	sort_keys(keys, used);
	count_depths(keys, used, per_length);
	limit_depths(per_length, bits_max);
	/* The least used get the longest codes. */
	for (unsigned len = bits_max; len > 0; len--) {
		if (per_length[len] && !longest)
			longest = len;
		for (unsigned n = per_length[len]; n > 0; n--)
			lengths[KEY_SYMBOL(keys[next++])] = (uint8_t)len;
	}
	return longest;
}
