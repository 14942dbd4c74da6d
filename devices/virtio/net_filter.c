#include "virtio/net_filter.h"

#include <assert.h>

#include "base/bytes.h"
#include "net/mac.h"

#define BROADCAST UINT64_C(0xffffffffffff)

#define TYPE_AT	  12u
#define TYPE_VLAN 0x8100u
#define VLAN_AT	  14u
#define VLAN_MASK (NET_FILTER_VLANS - 1)

static unsigned load(const atomic_uint *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static uint64_t load64(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

/* ---- the writer ------------------------------------------------------------------ */

void net_filter_reset(struct net_filter *f, const uint8_t mac[NET_MAC_BYTES], unsigned modes)
{
	atomic_store(&f->mac, net_filter_pack(mac));
	atomic_store(&f->modes, modes);
	net_filter_begin(f);
	net_filter_show(f);
	for (unsigned i = 0; i < ARRAY_LEN(f->vlans); i++)
		atomic_store(&f->vlans[i], 0);
}

void net_filter_mode(struct net_filter *f, enum net_filter_mode mode, bool on)
{
	if (on)
		atomic_fetch_or(&f->modes, mode);
	else
		atomic_fetch_and(&f->modes, ~(unsigned)mode);
}

void net_filter_vlan(struct net_filter *f, unsigned vlan, bool on)
{
	const uint64_t bit = UINT64_C(1) << vlan % 64;

	assert(vlan < NET_FILTER_VLANS);
	if (on)
		atomic_fetch_or(&f->vlans[vlan / 64], bit);
	else
		atomic_fetch_and(&f->vlans[vlan / 64], ~bit);
}

struct net_filter_table *net_filter_begin(struct net_filter *f)
{
	struct net_filter_table *t = &f->tables[load(&f->current) ^ 1];

	atomic_store(&t->count, 0);
	atomic_store(&t->modes, 0);
	return t;
}

bool net_filter_add(struct net_filter_table *t, const uint8_t mac[NET_MAC_BYTES])
{
	const unsigned count = load(&t->count);

	if (count == NET_FILTER_MACS)
		return false;
	atomic_store(&t->macs[count], net_filter_pack(mac));
	atomic_store(&t->count, count + 1);
	return true;
}

void net_filter_overflow(struct net_filter_table *t, enum net_filter_mode all)
{
	atomic_fetch_or(&t->modes, all);
}

void net_filter_show(struct net_filter *f)
{
	atomic_fetch_xor(&f->current, 1); /* with all that was written before */
}

/* ---- readers --------------------------------------------------------------------- */

static bool table_has(const struct net_filter_table *t, uint64_t mac)
{
	const unsigned count = load(&t->count);

	for (unsigned i = 0; i < count; i++) {
		if (load64(&t->macs[i]) == mac)
			return true;
	}
	return false;
}

/* VLAN 0 is none: such a tag is there for the priority in it (IEEE 802.1Q). */
static bool vlan_accepts(const struct net_filter *f, const uint8_t *head, size_t head_len)
{
	unsigned vlan;

	if (head_len < VLAN_AT + 2 || be16_load(head + TYPE_AT) != TYPE_VLAN)
		return true;
	vlan = be16_load(head + VLAN_AT) & VLAN_MASK;
	return vlan == 0 || (load64(&f->vlans[vlan / 64]) >> vlan % 64 & 1);
}

bool net_filter_accepts(const struct net_filter *f, const uint8_t *head, size_t head_len)
{
	const unsigned current = atomic_load_explicit(&f->current, memory_order_acquire);
	const struct net_filter_table *t = &f->tables[current];
	const uint64_t to = net_filter_pack(head);
	unsigned modes = load(&f->modes);

	assert(head_len >= NET_HEADER_BYTES);
	if (modes & NET_FILTER_PROMISC)
		return true;
	if ((modes & NET_FILTER_VLANS_ONLY) && !vlan_accepts(f, head, head_len))
		return false;
	modes |= load(&t->modes);
	if (to == BROADCAST)
		return !(modes & NET_FILTER_NOBCAST);
	if (net_mac_is_group(head))
		return !(modes & NET_FILTER_NOMULTI) &&
		       ((modes & NET_FILTER_ALLMULTI) || table_has(t, to));
	return !(modes & NET_FILTER_NOUNI) &&
	       ((modes & NET_FILTER_ALLUNI) || to == load64(&f->mac) || table_has(t, to));
}
