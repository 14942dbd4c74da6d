#include "fake/fake_nic.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void *must_alloc(size_t len)
{
	void *p = malloc(len ? len : 1);

	if (!p)
		abort();
	return p;
}

static struct fake_nic *fake_of(struct net_nic *nic)
{
	return container_of(nic, struct fake_nic, nic);
}

/* bytes in pieces; the array has a spare element in front.  Returns how many. */
static unsigned cut(uint8_t *bytes, size_t len, size_t piece, struct iovec **out)
{
	const size_t most = piece ? piece : len ? len : 1;
	const size_t count = (len + most - 1) / most;
	struct iovec *iov = must_alloc((count + 1) * sizeof(*iov));

	iov[0] = (struct iovec){ 0 };
	for (size_t i = 0; i < count; i++)
		iov[i + 1] = (struct iovec){ bytes + i * most, min_u64(most, len - i * most) };
	*out = iov;
	return (unsigned)count;
}

static bool fake_room(struct net_nic *nic, unsigned pair, size_t want, struct net_room *room)
{
	struct fake_nic *f = fake_of(nic);

	assert(pair < nic->pair_count && !f->lent && want > 0);
	if (f->room_count == 0 || f->frame_count == FAKE_NIC_FRAMES) {
		f->refused_count++;
		return false;
	}
	f->lent = true;
	/* Exactly as long as it may be: a sanitizer sees the first byte too many. */
	f->room_len = min_u64(want, f->room_bytes);
	f->room = must_alloc(f->room_len);
	room->iov_count = cut(f->room, f->room_len, f->piece_bytes, &f->iov);
	room->iov = f->iov + 1;
	room->len = f->room_len;
	return true;
}

static void fake_commit(struct net_nic *nic, unsigned pair, size_t len,
			const struct net_offload *offload)
{
	struct fake_nic *f = fake_of(nic);

	assert(pair < nic->pair_count && f->lent && len <= f->room_len);
	f->lent = false;
	free(f->iov);
	if (len == 0) {
		free(f->room);
		return;
	}
	if (f->room_count != UINT_MAX)
		f->room_count--;
	f->frames[f->frame_count++] = (struct fake_frame){ f->room, len, *offload, pair };
	if (f->came)
		f->came(f->came_arg);
}

static void fake_dropped(struct net_nic *nic, unsigned pair)
{
	(void)pair;
	fake_of(nic)->dropped_count++;
}

static void fake_tx_ready(struct net_nic *nic, unsigned pair)
{
	(void)pair;
	fake_of(nic)->tx_ready_count++;
}

static void fake_link(struct net_nic *nic, bool up)
{
	struct fake_nic *f = fake_of(nic);

	atomic_store(&f->link_up, up);
	atomic_fetch_add(&f->link_count, 1);
}

static bool fake_is_slow(struct net_nic *nic, unsigned pair, const uint8_t mac[NET_MAC_BYTES])
{
	const struct fake_nic *f = fake_of(nic);

	(void)pair;
	return f->has_slow && memcmp(f->slow_mac, mac, NET_MAC_BYTES) == 0;
}

static void fake_leased(struct net_nic *nic, unsigned pair, const struct net_lease *lease)
{
	struct fake_nic *f = fake_of(nic);

	(void)pair;
	f->lease_count++;
	f->lease = *lease;
}

static const struct net_nic_ops fake_ops = {
	.room = fake_room,
	.commit = fake_commit,
	.dropped = fake_dropped,
	.tx_ready = fake_tx_ready,
	.link = fake_link,
	.is_slow = fake_is_slow,
	.leased = fake_leased,
};

void fake_nic_init(struct fake_nic *f)
{
	static const uint8_t mac[NET_MAC_BYTES] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

	memset(f, 0, sizeof(*f));
	f->nic.ops = &fake_ops;
	f->nic.mtu = NET_MTU_DEFAULT;
	f->nic.pair_count = 1;
	memcpy(f->nic.mac, mac, sizeof(mac));
	f->room_count = UINT_MAX;
	f->room_bytes = NET_FRAME_BYTES_MAX;
}

void fake_nic_fini(struct fake_nic *f)
{
	assert(!f->lent);
	for (unsigned i = 0; i < f->frame_count; i++)
		free(f->frames[i].bytes);
	f->frame_count = f->next = 0;
}

const struct fake_frame *fake_nic_next(struct fake_nic *f)
{
	return f->next < f->frame_count ? &f->frames[f->next++] : NULL;
}

int fake_nic_send(struct fake_nic *f, struct net *net, const void *bytes, size_t len,
		  const struct net_offload *offload)
{
	struct net_frame frame = { .len = (uint32_t)len };
	uint8_t *copy = must_alloc(len);
	struct iovec *iov;
	int rc;

	memcpy(copy, bytes, len);
	frame.iov_count = cut(copy, len, f->piece_bytes, &iov);
	frame.iov = iov + 1;
	if (offload)
		frame.offload = *offload;
	rc = net_send(net, 0, &frame);
	free(iov);
	free(copy);
	return rc;
}
