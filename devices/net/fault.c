/* Each frame draws its fate, always the same number of random numbers, so that one
 * frame's fate does not depend on what befell those before it.  Frames that wait, or
 * are changed, are copies; others pass untouched. */
#include "net/fault.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "host/now.h"
#include "net/late.h"
#include "net/layer.h"
#include "net/pieces.h"

struct fate {
	bool drop, twice, damage;
	uint64_t damage_at; /* of the frame's bits, modulo their number */
	uint64_t late_ns;
};

/* One direction of a pair. */
struct side {
	uint64_t random_state;
	struct late late;
	_Atomic uint64_t lost, doubled, damaged, late_count;
	_Atomic uint64_t overrun; /* lost, as too many are late already */
};

struct fault_pair {
	struct fault *fault;
	unsigned pair;
	struct ioloop *loop; /* NULL: stopped */
	struct io_timer timer;
	struct side tx, rx;
	/* The receiver of late frames takes none now. */
	bool tx_full, rx_full;
	bool tx_fated; /* the NIC will send once more what has tx_fate already */
	struct fate tx_fate;
	struct net_room lent;
};

struct fault {
	struct net_layer layer;
	struct net_fault_config config;
	struct fault_pair pairs[NET_PAIRS_MAX];
};

static struct fault_pair *pair_of(struct net_layer *l, unsigned pair)
{
	return &container_of(l, struct fault, layer)->pairs[pair];
}

/* ---- fate ------------------------------------------------------------------------ */

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static struct fate draw_fate(const struct net_fault_config *c, struct side *s)
{
	const bool drop = draw(&s->random_state) % NET_FAULT_CERTAIN < c->drop_ppm;
	const bool twice = draw(&s->random_state) % NET_FAULT_CERTAIN < c->duplicate_ppm;
	const bool damage = draw(&s->random_state) % NET_FAULT_CERTAIN < c->corrupt_ppm;
	const uint64_t damage_at = draw(&s->random_state);
	const uint64_t jitter_ns = draw(&s->random_state) % (2 * c->jitter_ns + 1);

	return (struct fate){
		.drop = drop,
		.twice = twice && !drop,
		.damage = damage && !drop,
		.damage_at = damage_at,
		.late_ns = c->delay_ns - c->jitter_ns + jitter_ns,
	};
}

static void damage(struct side *s, const struct fate *fate, const struct iovec *iov,
		   unsigned iov_count, size_t len)
{
	const uint64_t bit = fate->damage_at % (8 * (uint64_t)len);
	size_t at = (size_t)(bit / 8);

	for (unsigned i = 0; i < iov_count; at -= iov[i].iov_len, i++) {
		if (at < iov[i].iov_len) {
			((uint8_t *)iov[i].iov_base)[at] ^= (uint8_t)(1u << bit % 8);
			break;
		}
	}
	net_count(&s->damaged, 1);
}

/* ---- late frames ----------------------------------------------------------------- */

/* Hand one on; false: not now. */
static bool pass_late(struct fault_pair *p, struct side *s, const struct late_frame *f)
{
	struct net_layer *l = &p->fault->layer;
	const struct iovec iov = { (void *)f->bytes, f->len };
	const struct net_frame frame = {
		.iov = &iov,
		.iov_count = 1,
		.len = f->len,
		.offload = f->offload,
	};

	if (s == &p->tx)
		return net_send(l->below, p->pair, &frame) != -EAGAIN;
	return net_give(l->above, p->pair, &frame);
}

/* Hand on what is due.  False: the receiver is full, and will say when it is not. */
static bool pass_due(struct fault_pair *p, struct side *s, uint64_t now_ns)
{
	struct late_frame *f;

	for (unsigned n = 0; n < LATE_FRAMES_MAX && late_next_ns(&s->late) <= now_ns; n++) {
		f = late_first(&s->late);
		if (!pass_late(p, s, f))
			return false;
		late_drop_first(&s->late);
	}
	return true;
}

/* A receiver that is full is not asked again by the clock. */
static void arm(struct fault_pair *p)
{
	const uint64_t tx_ns = p->tx_full ? UINT64_MAX : late_next_ns(&p->tx.late);
	const uint64_t rx_ns = p->rx_full ? UINT64_MAX : late_next_ns(&p->rx.late);
	const uint64_t next_ns = min_u64(tx_ns, rx_ns);

	if (next_ns == p->timer.deadline_ns)
		return;
	ioloop_disarm(p->loop, &p->timer);
	if (next_ns != UINT64_MAX)
		ioloop_arm(p->loop, &p->timer, next_ns);
}

static void fire(void *arg, uint64_t now_ns)
{
	struct fault_pair *p = arg;

	if (late_next_ns(&p->tx.late) <= now_ns) {
		p->tx_full = !pass_due(p, &p->tx, now_ns);
		net_flush(p->fault->layer.below, p->pair);
	}
	p->rx_full = !pass_due(p, &p->rx, now_ns);
	arm(p);
}

/* Keep copies until due_ns; they are damaged as fate says. */
static void hold(struct side *s, const struct fate *fate, const struct net_frame *f,
		 unsigned copies, uint64_t due_ns)
{
	if (fate->late_ns > 0)
		net_count(&s->late_count, 1);
	for (unsigned n = 0; n < copies; n++) {
		struct late_frame *copy = late_copy(f->iov, f->iov_count, f->len, &f->offload);
		const struct iovec iov = { copy ? copy->bytes : NULL, f->len };

		if (copy && fate->damage)
			damage(s, fate, &iov, 1, f->len);
		if (!copy || !late_put(&s->late, copy, due_ns))
			net_count(&s->overrun, 1);
	}
}

/* ---- frames from the guest ------------------------------------------------------- */

static int fault_send(struct net *n, unsigned pair, const struct net_frame *f)
{
	struct net_layer *l = net_layer_of(n);
	struct fault_pair *p = pair_of(l, pair);
	struct fate *fate = &p->tx_fate;
	int rc = 0;

	if (!p->tx_fated)
		*fate = draw_fate(&p->fault->config, &p->tx);
	p->tx_fated = false;
	if (fate->drop) {
		net_count(&p->tx.lost, 1);
	} else if (fate->late_ns > 0 || fate->damage) {
		const uint64_t now_ns = host_now_ns();

		hold(&p->tx, fate, f, fate->twice ? 2 : 1, now_ns + fate->late_ns);
		if (fate->late_ns == 0)
			p->tx_full = !pass_due(p, &p->tx, now_ns);
		arm(p);
	} else {
		rc = net_send(l->below, pair, f);
		p->tx_fated = rc == -EAGAIN;
		if (fate->twice && rc == 0)
			net_send(l->below, pair, f);
	}
	if (fate->twice && rc == 0)
		net_count(&p->tx.doubled, 1);
	return rc;
}

static void fault_tx_ready(struct net_nic *nic, unsigned pair)
{
	struct fault_pair *p = pair_of(net_layer_of_nic(nic), pair);

	p->tx_full = !pass_due(p, &p->tx, host_now_ns());
	arm(p);
	if (!p->tx_full)
		net_layer_tx_ready(nic, pair);
}

/* ---- frames to the guest --------------------------------------------------------- */

static bool fault_room(struct net_nic *nic, unsigned pair, size_t want, struct net_room *room)
{
	if (!net_layer_room(nic, pair, want, room))
		return false;
	pair_of(net_layer_of_nic(nic), pair)->lent = *room;
	return true;
}

static void fault_commit(struct net_nic *nic, unsigned pair, size_t len,
			 const struct net_offload *offload)
{
	struct net_layer *l = net_layer_of_nic(nic);
	struct fault_pair *p = pair_of(l, pair);
	struct net_frame f = {
		.iov = p->lent.iov,
		.iov_count = p->lent.iov_count,
		.len = (uint32_t)len,
	};
	struct fate fate;
	uint64_t now_ns;

	if (len == 0) {
		net_layer_commit(nic, pair, 0, NULL);
		return;
	}
	fate = draw_fate(&p->fault->config, &p->rx);
	if (fate.drop) {
		net_count(&p->rx.lost, 1);
		net_layer_commit(nic, pair, 0, NULL);
		return;
	}
	f.offload = *offload;
	if (fate.twice)
		net_count(&p->rx.doubled, 1);
	if (fate.late_ns == 0 && !fate.twice) {
		if (fate.damage)
			damage(&p->rx, &fate, f.iov, f.iov_count, len);
		net_layer_commit(nic, pair, len, offload);
		return;
	}
	now_ns = host_now_ns();
	hold(&p->rx, &fate, &f, fate.twice ? 2 : 1, now_ns + fate.late_ns);
	net_layer_commit(nic, pair, 0, NULL);
	if (fate.late_ns == 0)
		p->rx_full = !pass_due(p, &p->rx, now_ns);
	arm(p);
}

static void fault_rx_ready(struct net *n, unsigned pair)
{
	struct net_layer *l = net_layer_of(n);
	struct fault_pair *p = pair_of(l, pair);

	p->rx_full = !pass_due(p, &p->rx, host_now_ns());
	arm(p);
	if (!p->rx_full)
		net_rx_ready(l->below, pair);
}

/* ---- life ------------------------------------------------------------------------ */

static void fault_start(struct net *n, unsigned pair, struct ioloop *loop)
{
	struct net_layer *l = net_layer_of(n);
	struct fault_pair *p = pair_of(l, pair);

	p->loop = loop;
	p->tx_fated = p->tx_full = p->rx_full = false;
	net_start(l->below, pair, loop);
}

static void fault_stop(struct net *n, unsigned pair)
{
	struct net_layer *l = net_layer_of(n);
	struct fault_pair *p = pair_of(l, pair);

	net_stop(l->below, pair);
	ioloop_disarm(p->loop, &p->timer);
	p->loop = NULL;
	late_drop_all(&p->tx.late);
	late_drop_all(&p->rx.late);
}

static void print_side(const struct fault *fault, bool to_guest, const char *label, FILE *out)
{
	unsigned long long lost = 0, doubled = 0, damaged = 0, late = 0, overrun = 0;

	for (unsigned i = 0; i < NET_PAIRS_MAX; i++) {
		const struct fault_pair *p = &fault->pairs[i];
		const struct side *s = to_guest ? &p->rx : &p->tx;

		lost += s->lost;
		doubled += s->doubled;
		damaged += s->damaged;
		late += s->late_count;
		overrun += s->overrun;
	}
	fprintf(out,
		"stats: %s faults, %s: lost %llu, doubled %llu, damaged %llu, late %llu, "
		"no memory %llu\n",
		label, to_guest ? "to the guest" : "from the guest", lost, doubled, damaged, late,
		overrun);
}

static void fault_print(const struct net *n, const char *label, FILE *out)
{
	const struct net_layer *l = container_of(n, const struct net_layer, net);
	const struct fault *fault = container_of(l, const struct fault, layer);

	print_side(fault, false, label, out);
	print_side(fault, true, label, out);
	net_layer_print(n, label, out);
}

static void fault_close(struct net *n)
{
	struct net_layer *l = net_layer_of(n);
	struct fault *fault = container_of(l, struct fault, layer);

	net_close(l->below);
	free(fault);
}

static const struct net_ops fault_ops = {
	.name = "fault",
	.attach = net_layer_attach,
	.offloads = net_layer_offloads,
	.start = fault_start,
	.stop = fault_stop,
	.send = fault_send,
	.flush = net_layer_flush,
	.rx_ready = fault_rx_ready,
	.print = fault_print,
	.close = fault_close,
};

static const struct net_nic_ops fault_nic_ops = {
	.room = fault_room,
	.commit = fault_commit,
	.dropped = net_layer_dropped,
	.tx_ready = fault_tx_ready,
	.link = net_layer_link,
};

/* Each pair and direction has a sequence of its own, whoever comes first. */
static void pair_init(struct fault *fault, unsigned pair)
{
	struct fault_pair *p = &fault->pairs[pair];
	uint64_t state = fault->config.seed + pair;

	p->fault = fault;
	p->pair = pair;
	p->tx.random_state = draw(&state);
	p->rx.random_state = draw(&state);
	io_timer_init(&p->timer, fire, p);
}

static unsigned offloads_left(const struct net_fault_config *c, unsigned can)
{
	if (c->corrupt_ppm > 0)
		return 0;
	return c->drop_ppm > 0 || c->duplicate_ppm > 0 ? can & NET_CAN_CSUM : can;
}

int net_fault_open(const struct net_fault_config *config, struct net **out, struct err *err)
{
	struct fault *fault = calloc(1, sizeof(*fault));
	struct net_limits *limits;

	assert(config->jitter_ns <= config->delay_ns &&
	       config->delay_ns + config->jitter_ns <= NET_FAULT_DELAY_NS_MAX);
	if (!fault)
		return err_set(err, -ENOMEM, "no memory for net faults");
	fault->config = *config;
	for (unsigned i = 0; i < NET_PAIRS_MAX; i++)
		pair_init(fault, i);
	net_layer_init(&fault->layer, &fault_ops, &fault_nic_ops, config->below);
	limits = &fault->layer.net.limits;
	limits->from_guest = offloads_left(config, limits->from_guest);
	limits->to_guest = offloads_left(config, limits->to_guest);
	*out = &fault->layer.net;
	return 0;
}

bool net_fault_wanted(const struct net_fault_config *c)
{
	return c->drop_ppm > 0 || c->duplicate_ppm > 0 || c->corrupt_ppm > 0 || c->delay_ns > 0;
}
