#include "net/pieces.h"

#include <assert.h>
#include <string.h>

void net_gather(const struct iovec *iov, unsigned count, void *to, size_t n)
{
	uint8_t *at = to;

	for (unsigned i = 0; i < count && n > 0; i++) {
		const size_t part = iov[i].iov_len < n ? iov[i].iov_len : n;

		memcpy(at, iov[i].iov_base, part);
		at += part;
		n -= part;
	}
	assert(n == 0);
}

void net_scatter(const struct iovec *iov, unsigned count, const void *from, size_t n)
{
	const uint8_t *at = from;

	for (unsigned i = 0; i < count && n > 0; i++) {
		const size_t part = iov[i].iov_len < n ? iov[i].iov_len : n;

		memcpy(iov[i].iov_base, at, part);
		at += part;
		n -= part;
	}
	assert(n == 0);
}

unsigned net_behind_header(struct iovec *out, void *header, size_t header_bytes,
			   const struct net_frame *f)
{
	assert(f->iov_count <= NET_IOV_MAX);
	out[0] = (struct iovec){ header, header_bytes };
	memcpy(out + 1, f->iov, f->iov_count * sizeof(out[0]));
	return f->iov_count + 1;
}

/* Piece by piece: neither side is one block. */
static void copy_pieces(const struct net_frame *f, const struct net_room *room)
{
	size_t to = 0, to_used = 0;

	for (unsigned i = 0; i < f->iov_count; i++) {
		const uint8_t *from = f->iov[i].iov_base;

		for (size_t left = f->iov[i].iov_len; left > 0;) {
			const struct iovec *piece = &room->iov[to];
			const size_t space = piece->iov_len - to_used;
			const size_t n = left < space ? left : space;

			memcpy((uint8_t *)piece->iov_base + to_used, from, n);
			from += n;
			left -= n;
			to_used += n;
			if (to_used == piece->iov_len) {
				to++;
				to_used = 0;
			}
		}
	}
}

bool net_give(struct net_nic *nic, unsigned pair, const struct net_frame *f)
{
	struct net_room room;

	if (!nic->ops->room(nic, pair, f->len, &room))
		return false;
	if (room.len < f->len) { /* its buffers are too small, now and later */
		nic->ops->commit(nic, pair, 0, NULL);
		nic->ops->dropped(nic, pair);
		return true;
	}
	copy_pieces(f, &room);
	nic->ops->commit(nic, pair, f->len, &f->offload);
	return true;
}
