#include "virtio/net_features.h"

#include <assert.h>

/* An offload, and the features that stand for it: all of them. */
struct offload_row {
	unsigned can;
	uint64_t from_guest, to_guest;
};

static const struct offload_row offload_rows[] = {
	{ NET_CAN_CSUM, NET_F_CSUM, NET_F_GUEST_CSUM },
	{ NET_CAN_TSO4, NET_F_HOST_TSO4, NET_F_GUEST_TSO4 },
	{ NET_CAN_TSO6, NET_F_HOST_TSO6, NET_F_GUEST_TSO6 },
	{ NET_CAN_ECN, NET_F_HOST_ECN, NET_F_GUEST_ECN },
	{ NET_CAN_UFO, NET_F_HOST_UFO, NET_F_GUEST_UFO },
	{ NET_CAN_USO, NET_F_HOST_USO, NET_F_GUEST_USO4 | NET_F_GUEST_USO6 },
};

/* 5.1.3.1: a feature, and those of which it requires one. */
struct requirement {
	uint64_t feature, one_of;
};

static const struct requirement requirements[] = {
	{ NET_F_GUEST_TSO4, NET_F_GUEST_CSUM },
	{ NET_F_GUEST_TSO6, NET_F_GUEST_CSUM },
	{ NET_F_GUEST_ECN, NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 },
	{ NET_F_GUEST_UFO, NET_F_GUEST_CSUM },
	{ NET_F_GUEST_USO4, NET_F_GUEST_CSUM },
	{ NET_F_GUEST_USO6, NET_F_GUEST_CSUM },
	{ NET_F_HOST_TSO4, NET_F_CSUM },
	{ NET_F_HOST_TSO6, NET_F_CSUM },
	{ NET_F_HOST_ECN, NET_F_HOST_TSO4 | NET_F_HOST_TSO6 },
	{ NET_F_HOST_UFO, NET_F_CSUM },
	{ NET_F_HOST_USO, NET_F_CSUM },
	{ NET_F_CTRL_RX, NET_F_CTRL_VQ },
	{ NET_F_CTRL_VLAN, NET_F_CTRL_VQ },
	{ NET_F_GUEST_ANNOUNCE, NET_F_CTRL_VQ },
	{ NET_F_MQ, NET_F_CTRL_VQ },
	{ NET_F_CTRL_MAC_ADDR, NET_F_CTRL_VQ },
};

uint64_t net_features_offered(const struct net_limits *limits, unsigned pairs, bool mtu)
{
	uint64_t f = NET_F_MAC | NET_F_STATUS | NET_F_MRG_RXBUF | NET_F_CTRL_VQ | NET_F_CTRL_RX |
		     NET_F_CTRL_RX_EXTRA | NET_F_CTRL_VLAN | NET_F_CTRL_MAC_ADDR |
		     NET_F_GUEST_ANNOUNCE;

	for (unsigned i = 0; i < ARRAY_LEN(offload_rows); i++) {
		if (limits->from_guest & offload_rows[i].can)
			f |= offload_rows[i].from_guest;
		if (limits->to_guest & offload_rows[i].can)
			f |= offload_rows[i].to_guest;
	}
	if (limits->to_guest)
		f |= NET_F_CTRL_GUEST_OFFLOADS;
	if (pairs > 1)
		f |= NET_F_MQ;
	if (mtu)
		f |= NET_F_MTU;
	assert(net_features_agree(f)); /* limits are ours */
	return f;
}

bool net_features_agree(uint64_t features)
{
	for (unsigned i = 0; i < ARRAY_LEN(requirements); i++) {
		if ((features & requirements[i].feature) && !(features & requirements[i].one_of))
			return false;
	}
	return true;
}

unsigned net_features_from_guest(uint64_t features)
{
	unsigned can = 0;

	for (unsigned i = 0; i < ARRAY_LEN(offload_rows); i++) {
		if ((features & offload_rows[i].from_guest) == offload_rows[i].from_guest)
			can |= offload_rows[i].can;
	}
	return can;
}

unsigned net_features_to_guest(uint64_t features)
{
	unsigned can = 0;

	for (unsigned i = 0; i < ARRAY_LEN(offload_rows); i++) {
		if ((features & offload_rows[i].to_guest) == offload_rows[i].to_guest)
			can |= offload_rows[i].can;
	}
	return can;
}

uint64_t net_features_switchable(uint64_t features)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < ARRAY_LEN(offload_rows); i++)
		all |= offload_rows[i].to_guest;
	return features & all;
}
