#include "kvm/cpuid.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm/kvm.h"

/* Leaves and bits: Intel SDM vol. 2A "CPUID", AMD APM vol. 3 appendix E,
 * Linux Documentation/virt/kvm/x86/cpuid.rst. */
#define LEAF_FEATURES         0x00000001u
#define LEAF_CACHE            0x00000004u
#define LEAF_TOPOLOGY         0x0000000bu
#define LEAF_TOPOLOGY_V2      0x0000001fu
#define LEAF_AMD_FEATURES     0x80000001u
#define LEAF_AMD_SIZES        0x80000008u
#define LEAF_AMD_CACHE        0x8000001du
#define LEAF_AMD_TOPOLOGY     0x8000001eu

#define FEATURES_ECX_TSC_DEADLINE (1u << 24)
#define FEATURES_ECX_HYPERVISOR   (1u << 31)
#define FEATURES_EDX_HTT          (1u << 28)

#define AMD_ECX_CMP_LEGACY        (1u << 1)

#define TOPOLOGY_LEVEL_SMT  1u
#define TOPOLOGY_LEVEL_CORE 2u

int cpuid_fetch(struct kvm *k, struct err *err)
{
	struct kvm_cpuid2 *c;

	c = calloc(1, sizeof(*c) + CPUID_ENTRIES_MAX * sizeof(c->entries[0]));
	if (!c)
		return err_errno(err, -ENOMEM, "CPUID table");
	c->nent = CPUID_ENTRIES_MAX;
	if (ioctl(k->dev_fd, KVM_GET_SUPPORTED_CPUID, c) < 0) {
		const int rc = -errno;

		free(c);
		return err_errno(err, rc, "KVM_GET_SUPPORTED_CPUID");
	}
	k->cpuid = c;
	return 0;
}

/* Bits that number n values: 0 for 1, 2 for 3 or 4. */
static uint32_t bits_for(unsigned n)
{
	uint32_t bits = 0;

	while ((1u << bits) < n)
		bits++;
	return bits;
}

static uint32_t replace_bits(uint32_t word, unsigned low, unsigned width, uint32_t value)
{
	const uint32_t mask = (uint32_t)(((uint64_t)1 << width) - 1) << low;

	return (word & ~mask) | (value << low & mask);
}

static void set_features(struct kvm_cpuid_entry2 *e, const struct cpuid_identity *id)
{
	e->ebx = replace_bits(e->ebx, 24, 8, id->index);
	e->ebx = replace_bits(e->ebx, 16, 8, id->cpu_count);
	e->ecx |= FEATURES_ECX_HYPERVISOR;
	if (id->tsc_deadline)
		e->ecx |= FEATURES_ECX_TSC_DEADLINE;
	if (id->cpu_count > 1)
		e->edx |= FEATURES_EDX_HTT;
	else
		e->edx &= ~FEATURES_EDX_HTT;
}

/* Intel leaf 4: caches of levels 1 and 2 belong to a core, level 3 to all. */
static void set_cache(struct kvm_cpuid_entry2 *e, const struct cpuid_identity *id)
{
	const uint32_t type = e->eax & 0x1f, level = e->eax >> 5 & 7;

	if (type == 0)
		return;
	e->eax = replace_bits(e->eax, 26, 6, (1u << bits_for(id->cpu_count)) - 1);
	e->eax = replace_bits(e->eax, 14, 12,
			      level >= 3 ? (1u << bits_for(id->cpu_count)) - 1 : 0);
}

static void set_amd_cache(struct kvm_cpuid_entry2 *e, const struct cpuid_identity *id)
{
	const uint32_t type = e->eax & 0x1f, level = e->eax >> 5 & 7;

	if (type != 0)
		e->eax = replace_bits(e->eax, 14, 12, level >= 3 ? id->cpu_count - 1 : 0);
}

/* Leaves 0xb and 0x1f: one thread a core, all cores in one package. */
static void set_topology(struct kvm_cpuid_entry2 *e, const struct cpuid_identity *id)
{
	e->edx = id->index;
	e->ecx = e->index & 0xff;
	e->eax = e->ebx = 0;
	if (e->index == 0) {
		e->ebx = 1;
		e->ecx |= TOPOLOGY_LEVEL_SMT << 8;
	} else if (e->index == 1) {
		e->eax = bits_for(id->cpu_count);
		e->ebx = id->cpu_count;
		e->ecx |= TOPOLOGY_LEVEL_CORE << 8;
	}
}

/* CmpLegacy: the logical processors of leaf 1 are cores. */
static void set_amd_features(struct kvm_cpuid_entry2 *e, const struct cpuid_identity *id)
{
	if (id->cpu_count == 1)
		e->ecx &= ~AMD_ECX_CMP_LEGACY;
}

static void set_amd_sizes(struct kvm_cpuid_entry2 *e, const struct cpuid_identity *id)
{
	e->ecx = replace_bits(e->ecx, 0, 8, id->cpu_count - 1);
	e->ecx = replace_bits(e->ecx, 12, 4, bits_for(id->cpu_count));
}

static void set_amd_topology(struct kvm_cpuid_entry2 *e, const struct cpuid_identity *id)
{
	e->eax = id->index;
	e->ebx = id->index & 0xff; /* core id, one thread */
	e->ecx = 0;                /* node 0 of 1 */
}

/* EBX of leaf 0: "Auth", "Hygo". */
static bool is_amd(const struct kvm_cpuid2 *c)
{
	for (unsigned i = 0; i < c->nent; i++)
		if (c->entries[i].function == 0)
			return c->entries[i].ebx == 0x68747541 || c->entries[i].ebx == 0x6f677948;
	return false;
}

static const struct {
	uint32_t leaf;
	bool amd_only; /* Intel has other things there, or reserves it */
	void (*set)(struct kvm_cpuid_entry2 *e, const struct cpuid_identity *id);
} setters[] = {
	{ LEAF_FEATURES, false, set_features },
	{ LEAF_CACHE, false, set_cache },
	{ LEAF_TOPOLOGY, false, set_topology },
	{ LEAF_TOPOLOGY_V2, false, set_topology },
	{ LEAF_AMD_FEATURES, true, set_amd_features },
	{ LEAF_AMD_SIZES, true, set_amd_sizes },
	{ LEAF_AMD_CACHE, true, set_amd_cache },
	{ LEAF_AMD_TOPOLOGY, true, set_amd_topology },
};

/* KVM may list a topology leaf with sub-leaf 0 only; the guest wants to see
 * threads, cores and the end of the list. */
static void complete_topology(struct kvm_cpuid2 *c, uint32_t leaf)
{
	struct kvm_cpuid_entry2 proto;
	unsigned kept = 0;
	bool found = false;

	for (unsigned i = 0; i < c->nent; i++) {
		if (c->entries[i].function == leaf) {
			proto = c->entries[i];
			found = true;
			continue;
		}
		c->entries[kept++] = c->entries[i];
	}
	c->nent = kept;
	if (!found || kept + 3 > CPUID_ENTRIES_MAX)
		return;
	proto.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	for (uint32_t sub = 0; sub < 3; sub++) {
		proto.index = sub;
		c->entries[c->nent++] = proto;
	}
}

void cpuid_personalize(struct kvm_cpuid2 *c, const struct cpuid_identity *id)
{
	const bool amd = is_amd(c);

	complete_topology(c, LEAF_TOPOLOGY);
	complete_topology(c, LEAF_TOPOLOGY_V2);
	for (unsigned i = 0; i < c->nent; i++)
		for (unsigned j = 0; j < ARRAY_LEN(setters); j++)
			if (c->entries[i].function == setters[j].leaf &&
			    (amd || !setters[j].amd_only))
				setters[j].set(&c->entries[i], id);
}
