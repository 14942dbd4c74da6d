#include "fake/fake_block.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void move(struct fake_block *fake, struct block_req *req)
{
	uint8_t *at = fake->bytes + req->offset;
	uint64_t left = req->len;

	for (unsigned i = 0; i < req->iov_count; i++) {
		assert(req->iov[i].iov_len <= left);
		if (req->op == BLOCK_READ)
			memcpy(req->iov[i].iov_base, at, req->iov[i].iov_len);
		else
			memcpy(at, req->iov[i].iov_base, req->iov[i].iov_len);
		at += req->iov[i].iov_len;
		left -= req->iov[i].iov_len;
	}
	assert(left == 0);
	/* A real block may use the elements up. */
	memset(req->iov, 0x5a, req->iov_count * sizeof(*req->iov));
}

static void serve(struct fake_block *fake, struct block_req *req)
{
	switch (req->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		move(fake, req);
		break;
	case BLOCK_ZERO:
		memset(fake->bytes + req->offset, 0, req->len);
		break;
	case BLOCK_DISCARD: /* gives what nobody wrote, so that nobody relies on it */
		memset(fake->bytes + req->offset, 0xdb, req->len);
		break;
	case BLOCK_FLUSH:
		break;
	}
}

/* In req->private_bytes: what the request ends with. */
struct fate {
	int status;
};

static struct fate *fate_of(struct block_req *req)
{
	/* Behind what block_done_later() takes. */
	return (struct fate *)(void *)(req->private_bytes + BLOCK_REQ_PRIVATE_BYTES / 2);
}

static void fake_submit(struct block *b, struct block_req *req)
{
	struct fake_block *fake = container_of(b, struct fake_block, block);
	bool hold;

	pthread_mutex_lock(&fake->lock);
	fake->submitted++;
	fake->submitted_of[req->op]++;
	if (req->durable && (req->op == BLOCK_WRITE || req->op == BLOCK_ZERO))
		fake->durable_count++;
	fate_of(req)->status = fake->submitted == fake->fail_at ? fake->fail_status : 0;
	hold = fake->hold;
	if (hold) {
		assert(fake->held_count < FAKE_BLOCK_HELD);
		fake->held[fake->held_count++] = req;
	} else if (fate_of(req)->status == 0) {
		serve(fake, req);
	}
	pthread_mutex_unlock(&fake->lock);
	if (!hold)
		block_done_later(req, fate_of(req)->status);
}

void fake_block_end(struct fake_block *fake, unsigned index, int status)
{
	struct block_req *req;

	pthread_mutex_lock(&fake->lock);
	assert(index < fake->held_count);
	req = fake->held[index];
	fake->held_count--;
	memmove(&fake->held[index], &fake->held[index + 1],
		(fake->held_count - index) * sizeof(fake->held[0]));
	if (status == 0)
		status = fate_of(req)->status;
	if (status == 0)
		serve(fake, req);
	pthread_mutex_unlock(&fake->lock);
	block_done(req, status);
}

unsigned fake_block_end_all(struct fake_block *fake, unsigned limit)
{
	unsigned count = 0;

	while (fake->held_count > 0 && count < limit) {
		fake_block_end(fake, 0, 0);
		count++;
	}
	return count;
}

void fake_block_close(struct fake_block *fake)
{
	assert(fake->held_count == 0);
	pthread_mutex_destroy(&fake->lock);
	free(fake->bytes);
	free(fake);
}

static void close_block(struct block *b)
{
	fake_block_close(container_of(b, struct fake_block, block));
}

static const struct block_ops fake_ops = {
	.name = "fake",
	.submit = fake_submit,
	.close = close_block,
};

struct fake_block *fake_block_open(uint64_t size_bytes)
{
	struct fake_block *fake = calloc(1, sizeof(*fake));

	assert(fake);
	fake->bytes = calloc(1, size_bytes);
	assert(fake->bytes);
	pthread_mutex_init(&fake->lock, NULL);
	fake->block = (struct block){
		.ops = &fake_ops,
		.limits = {
			.size_bytes = size_bytes,
			.logical_bytes = BLOCK_SECTOR_BYTES,
			.physical_bytes = BLOCK_SECTOR_BYTES,
			.can_discard = true,
			.can_zero = true,
			.discard_granularity_bytes = BLOCK_SECTOR_BYTES,
			.iov_max = IO_IOV_MAX,
		},
	};
	return fake;
}
