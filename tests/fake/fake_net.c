#include "fake/fake_net.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct fake_net *fake_of(struct net *n)
{
	return container_of(n, struct fake_net, net);
}

static void fake_attach(struct net *n, struct net_nic *nic)
{
	assert(!fake_of(n)->nic && nic->pair_count >= 1 && nic->pair_count <= n->limits.pairs_max);
	fake_of(n)->nic = nic;
}

static void fake_offloads(struct net *n, unsigned to_guest)
{
	assert(!(to_guest & ~n->limits.to_guest));
	atomic_store(&fake_of(n)->to_guest, to_guest);
	atomic_fetch_add(&fake_of(n)->offloads_calls, 1);
}

static void fake_start(struct net *n, unsigned pair, struct ioloop *loop)
{
	struct fake_net *fake = fake_of(n);

	assert(pair < fake->nic->pair_count && !fake->loop[pair] && ioloop_is_mine(loop));
	assert(atomic_load(&fake->offloads_calls) > 0);
	fake->loop[pair] = loop;
	atomic_fetch_add(&fake->starts, 1);
}

static void fake_stop(struct net *n, unsigned pair)
{
	struct fake_net *fake = fake_of(n);

	assert(fake->loop[pair] && ioloop_is_mine(fake->loop[pair]));
	fake->loop[pair] = NULL;
	atomic_fetch_add(&fake->stops, 1);
}

static uint8_t *gathered(const struct net_frame *f)
{
	uint8_t *bytes = malloc(f->len);
	size_t done = 0;

	assert(bytes);
	for (unsigned i = 0; i < f->iov_count; i++) {
		assert(f->iov[i].iov_len <= f->len - done);
		memcpy(bytes + done, f->iov[i].iov_base, f->iov[i].iov_len);
		done += f->iov[i].iov_len;
	}
	assert(done == f->len);
	return bytes;
}

static void remember(struct fake_net *fake, unsigned pair, const struct net_frame *f)
{
	uint8_t *bytes = fake->forget ? NULL : gathered(f);
	unsigned at;

	pthread_mutex_lock(&fake->lock);
	at = atomic_fetch_add(&fake->sent_count, 1);
	if (at < FAKE_NET_SENT)
		fake->sent[at] = (struct fake_net_frame){ pair, f->len, f->offload, bytes };
	else
		free(bytes);
	pthread_mutex_unlock(&fake->lock);
}

static int fake_send(struct net *n, unsigned pair, const struct net_frame *f)
{
	struct fake_net *fake = fake_of(n);

	assert(fake->loop[pair] && ioloop_is_mine(fake->loop[pair]));
	assert(f->len >= NET_HEADER_BYTES && f->len <= NET_FRAME_BYTES_MAX);
	assert(f->iov_count >= 1 && f->iov_count <= NET_IOV_MAX);
	if (fake->refuse_after && atomic_load(&fake->sent_count) == fake->refuse_after)
		atomic_store(&fake->refuse, true);
	if (atomic_load(&fake->refuse)) {
		atomic_fetch_add(&fake->refused, 1);
		return -EAGAIN;
	}
	remember(fake, pair, f);
	if (fake->on_send)
		fake->on_send(fake, pair, f);
	return 0;
}

static void fake_flush(struct net *n, unsigned pair)
{
	assert(fake_of(n)->loop[pair]);
	atomic_fetch_add(&fake_of(n)->flushes, 1);
}

static void fake_rx_ready(struct net *n, unsigned pair)
{
	struct fake_net *fake = fake_of(n);

	assert(fake->loop[pair] && ioloop_is_mine(fake->loop[pair]));
	atomic_fetch_add(&fake->rx_readies, 1);
	if (fake->on_rx_ready)
		fake->on_rx_ready(fake, pair);
}

void fake_net_clear(struct fake_net *fake)
{
	for (unsigned i = 0; i < fake->sent_count && i < FAKE_NET_SENT; i++)
		free(fake->sent[i].bytes);
	atomic_store(&fake->sent_count, 0);
}

static void fake_close(struct net *n)
{
	struct fake_net *fake = fake_of(n);

	for (unsigned i = 0; i < NET_PAIRS_MAX; i++)
		assert(!fake->loop[i]);
	if (fake->closed)
		*fake->closed = true;
	fake_net_clear(fake);
	pthread_mutex_destroy(&fake->lock);
	free(fake);
}

static const struct net_ops fake_ops = {
	.name = "fake",
	.attach = fake_attach,
	.offloads = fake_offloads,
	.start = fake_start,
	.stop = fake_stop,
	.send = fake_send,
	.flush = fake_flush,
	.rx_ready = fake_rx_ready,
	.close = fake_close,
};

struct fake_net *fake_net_open(void)
{
	const unsigned all = NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6 | NET_CAN_ECN |
			     NET_CAN_UFO | NET_CAN_USO;
	struct fake_net *fake = calloc(1, sizeof(*fake));

	if (!fake)
		abort();
	pthread_mutex_init(&fake->lock, NULL);
	fake->net = (struct net){
		.ops = &fake_ops,
		.limits = { .pairs_max = 1,
			    .mtu_max = NET_MTU_MAX,
			    .from_guest = all,
			    .to_guest = all,
			    .link_up = true },
	};
	return fake;
}

static void put(const struct net_room *room, const uint8_t *bytes, size_t len)
{
	for (unsigned i = 0; len > 0; i++) {
		const size_t n = min_u64(len, room->iov[i].iov_len);

		assert(i < room->iov_count);
		memcpy(room->iov[i].iov_base, bytes, n);
		bytes += n;
		len -= n;
	}
}

static void check_room(const struct net_room *room)
{
	size_t len = 0;

	assert(room->iov_count >= 1 && room->iov_count <= NET_IOV_MAX);
	for (unsigned i = 0; i < room->iov_count; i++)
		len += room->iov[i].iov_len;
	assert(len == room->len && len >= NET_HEADER_BYTES);
}

enum fake_net_fate fake_net_bring(struct fake_net *fake, unsigned pair, const void *bytes,
				  size_t len, size_t want, const struct net_offload *offload)
{
	static const struct net_offload nothing;
	struct net_nic *nic = fake->nic;
	struct net_room room;

	if (!nic->ops->room(nic, pair, want, &room))
		return FAKE_NET_NO_ROOM;
	check_room(&room);
	fake->room_len = room.len;
	fake->room_pieces = room.iov_count;
	/* It is ours: whoever lends it must not need what was there. */
	room.iov[-1] = (struct iovec){ NULL, SIZE_MAX };
	if (len > room.len) {
		nic->ops->commit(nic, pair, 0, NULL);
		nic->ops->dropped(nic, pair);
		return FAKE_NET_TOO_LONG;
	}
	put(&room, bytes, len);
	nic->ops->commit(nic, pair, len, offload ? offload : &nothing);
	return FAKE_NET_TAKEN;
}

void fake_net_accept(struct fake_net *fake, unsigned pair)
{
	fake->refuse_after = 0;
	atomic_store(&fake->refuse, false);
	fake->nic->ops->tx_ready(fake->nic, pair);
}
