#include "virtio/net_ctrl.h"

#include <assert.h>

#include "base/bytes.h"
#include "net/mac.h"
#include "virtio/net_features.h"

#define COMMAND_BYTES  2u
#define BURST_COMMANDS 16u

enum ack { ACK_OK = 0, ACK_ERR = 1, ACK_LATER };

enum class { CLASS_RX, CLASS_MAC, CLASS_VLAN, CLASS_ANNOUNCE, CLASS_MQ, CLASS_GUEST_OFFLOADS };

struct command {
	uint8_t class, number;
	unsigned data_bytes; /* exactly; 0: run() looks itself */
	uint64_t needs;	     /* features, all of them */
	/* data: data_bytes of it, copied once */
	enum ack (*run)(struct net_ctrl *c, const struct command *command, const uint8_t *data);
};

/* ---- filters ----------------------------------------------------------------------- */

static enum ack set_mode(struct net_ctrl *c, const struct command *command, const uint8_t *data)
{
	if (data[0] > 1)
		return ACK_ERR;
	net_filter_mode(&c->shared->filter, (enum net_filter_mode)(1u << command->number), data[0]);
	return ACK_OK;
}

static enum ack set_mac(struct net_ctrl *c, const struct command *command, const uint8_t *data)
{
	(void)command;
	if (net_mac_is_group(data))
		return ACK_ERR;
	atomic_store(&c->shared->filter.mac, net_filter_pack(data));
	return ACK_OK;
}

static enum ack set_vlan(struct net_ctrl *c, const struct command *command, const uint8_t *data)
{
	const unsigned raw_vlan = le16_load(data);

	if (raw_vlan >= NET_FILTER_VLANS)
		return ACK_ERR;
	net_filter_vlan(&c->shared->filter, raw_vlan, command->number == 0);
	return ACK_OK;
}

/* Read the count of a list of addresses at *at, and go to its first.  False: the list is
 * not all there. */
static bool list_begin(const struct chain *c, uint64_t *at, uint32_t *count)
{
	uint8_t raw[4];

	if (chain_read(c, *at, raw, sizeof(raw)) != sizeof(raw))
		return false;
	*at += sizeof(raw);
	*count = le32_load(raw);
	return *count <= (c->out_bytes - *at) / NET_MAC_BYTES;
}

/* Add count addresses, or as many as there is room for and then all of their kind. */
static void list_add(const struct chain *c, uint64_t at, uint32_t count,
		     struct net_filter_table *table, enum net_filter_mode all)
{
	uint8_t mac[NET_MAC_BYTES];

	for (uint32_t i = 0; i < count; i++) {
		chain_read(c, at + (uint64_t)i * NET_MAC_BYTES, mac, sizeof(mac));
		if (!net_filter_add(table, mac)) {
			net_filter_overflow(table, all);
			return;
		}
	}
}

/* Two lists: unicast, multicast.  Both are there, or nothing is changed. */
static enum ack set_table(struct net_ctrl *c, const struct command *command, const uint8_t *data)
{
	const struct chain *chain = &c->hold.chain;
	uint64_t unicast_at = COMMAND_BYTES, multicast_at;
	uint32_t unicast_count, multicast_count;
	struct net_filter_table *table;

	(void)command, (void)data;
	if (!list_begin(chain, &unicast_at, &unicast_count))
		return ACK_ERR;
	multicast_at = unicast_at + (uint64_t)unicast_count * NET_MAC_BYTES;
	if (!list_begin(chain, &multicast_at, &multicast_count))
		return ACK_ERR;
	table = net_filter_begin(&c->shared->filter);
	list_add(chain, unicast_at, unicast_count, table, NET_FILTER_ALLUNI);
	list_add(chain, multicast_at, multicast_count, table, NET_FILTER_ALLMULTI);
	net_filter_show(&c->shared->filter);
	return ACK_OK;
}

/* ---- the rest ------------------------------------------------------------------------ */

static enum ack announced(struct net_ctrl *c, const struct command *command, const uint8_t *data)
{
	(void)command, (void)data;
	atomic_store(&c->shared->announce, false);
	return ACK_OK;
}

static enum ack set_offloads(struct net_ctrl *c, const struct command *command, const uint8_t *data)
{
	struct net_shared *s = c->shared;
	const uint64_t raw_offloads = le64_load(data);
	unsigned to_guest;

	(void)command;
	if ((raw_offloads & ~net_features_switchable(s->v->features)) ||
	    !net_features_agree(raw_offloads))
		return ACK_ERR;
	to_guest = net_features_to_guest(raw_offloads);
	atomic_store(&s->to_guest, to_guest);
	net_offloads(s->net, to_guest);
	return ACK_OK;
}

static void look(void *arg)
{
	struct net_look *l = arg;
	struct net_ctrl *c = l->ctrl;

	net_pair_settle(l->pair);
	if (atomic_fetch_sub(&c->looks_left, 1) == 1)
		ioloop_post(c->hold.v->queues[c->hold.index].loop, &c->looked);
}

/* 5.1.6.5.5: once the driver has the answer, no frame comes by a pair that it does not
 * use. */
static enum ack set_pairs(struct net_ctrl *c, const struct command *command, const uint8_t *data)
{
	struct net_shared *s = c->shared;
	const unsigned raw_pairs = le16_load(data);

	(void)command;
	if (raw_pairs == 0 || raw_pairs > s->nic.pair_count)
		return ACK_ERR;
	atomic_store(&s->active, raw_pairs);
	atomic_store(&c->looks_left, s->nic.pair_count);
	for (unsigned i = 0; i < s->nic.pair_count; i++)
		ioloop_post(net_pair_loop(c->looks[i].pair), &c->looks[i].task);
	return ACK_LATER;
}

/* ---- commands -------------------------------------------------------------------------- */

#define RX_EXTRA (NET_F_CTRL_RX | NET_F_CTRL_RX_EXTRA)

static const struct command commands[] = {
	{ CLASS_RX, 0, 1, NET_F_CTRL_RX, set_mode }, /* numbers as in net_filter_mode */
	{ CLASS_RX, 1, 1, NET_F_CTRL_RX, set_mode },
	{ CLASS_RX, 2, 1, RX_EXTRA, set_mode },
	{ CLASS_RX, 3, 1, RX_EXTRA, set_mode },
	{ CLASS_RX, 4, 1, RX_EXTRA, set_mode },
	{ CLASS_RX, 5, 1, RX_EXTRA, set_mode },
	{ CLASS_MAC, 0, 0, NET_F_CTRL_RX, set_table },
	{ CLASS_MAC, 1, NET_MAC_BYTES, NET_F_CTRL_MAC_ADDR, set_mac },
	{ CLASS_VLAN, 0, 2, NET_F_CTRL_VLAN, set_vlan },
	{ CLASS_VLAN, 1, 2, NET_F_CTRL_VLAN, set_vlan },
	{ CLASS_ANNOUNCE, 0, 0, NET_F_GUEST_ANNOUNCE, announced },
	{ CLASS_MQ, 0, 2, NET_F_MQ, set_pairs },
	{ CLASS_GUEST_OFFLOADS, 0, 8, NET_F_CTRL_GUEST_OFFLOADS, set_offloads },
};

#define DATA_BYTES_MAX 8u

static const struct command *find_command(const uint8_t raw[COMMAND_BYTES])
{
	for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
		if (commands[i].class == raw[0] && commands[i].number == raw[1])
			return &commands[i];
	}
	return NULL;
}

static enum ack run(struct net_ctrl *c)
{
	const struct chain *chain = &c->hold.chain;
	uint8_t raw[COMMAND_BYTES], data[DATA_BYTES_MAX];
	const struct command *command;

	if (chain_read(chain, 0, raw, sizeof(raw)) != sizeof(raw))
		return ACK_ERR;
	command = find_command(raw);
	if (!command || (c->shared->v->features & command->needs) != command->needs)
		return ACK_ERR;
	if (command->data_bytes > 0 &&
	    (chain->out_bytes != COMMAND_BYTES + command->data_bytes ||
	     chain_read(chain, COMMAND_BYTES, data, command->data_bytes) != command->data_bytes))
		return ACK_ERR;
	return command->run(c, command, data);
}

static void answer(struct net_ctrl *c, enum ack ack)
{
	const uint8_t byte = (uint8_t)ack;

	hold_give(&c->hold, (uint32_t)chain_write(&c->hold.chain, 0, &byte, sizeof(byte)));
}

/* ---- the queue --------------------------------------------------------------------------- */

void net_ctrl_kick(struct net_ctrl *c)
{
	for (unsigned n = 0; n < BURST_COMMANDS && !c->waiting && hold_next(&c->hold); n++) {
		/* Without room for the answer nothing is done: the driver could not
		 * tell that it was. */
		const enum ack ack = c->hold.chain.in_bytes > 0 ? run(c) : ACK_ERR;

		c->waiting = ack == ACK_LATER;
		if (!c->waiting)
			answer(c, ack);
	}
}

static void looked(void *arg)
{
	struct net_ctrl *c = arg;

	assert(c->waiting);
	c->waiting = false;
	if (c->stopping) {
		hold_stop(&c->hold); /* c may be gone after it */
		return;
	}
	answer(c, ACK_OK);
	hold_again(&c->hold);
}

void net_ctrl_start(struct net_ctrl *c, unsigned index)
{
	c->stopping = false;
	hold_start(&c->hold, c->shared->v, index);
}

void net_ctrl_stop(struct net_ctrl *c)
{
	c->stopping = true;
	if (!c->waiting)
		hold_stop(&c->hold);
}

void net_ctrl_init(struct net_ctrl *c, struct net_shared *shared)
{
	c->shared = shared;
	c->looked = (struct io_task){ .run = looked, .arg = c };
	for (unsigned i = 0; i < shared->nic.pair_count; i++) {
		struct net_look *l = &c->looks[i];

		l->ctrl = c;
		l->pair = &shared->pairs[i];
		l->task = (struct io_task){ .run = look, .arg = l };
	}
}

void net_ctrl_free(struct net_ctrl *c)
{
	hold_free(&c->hold);
}
