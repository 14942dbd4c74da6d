#include "net_fixture.h"

#include <errno.h>
#include <linux/pci_regs.h>

/* ---- what is offered --------------------------------------------------------------------- */

#define ALWAYS                                                                        \
	(NET_F_MAC | NET_F_STATUS | NET_F_MRG_RXBUF | NET_F_CTRL_VQ | NET_F_CTRL_RX | \
	 NET_F_CTRL_RX_EXTRA | NET_F_CTRL_VLAN | NET_F_CTRL_MAC_ADDR | NET_F_GUEST_ANNOUNCE)

static uint64_t offered(void **state, void (*change)(struct nic *n))
{
	struct nic *n;

	nic_teardown(state);
	nic_setup(state);
	n = *state;
	n->fake->net.limits.from_guest = n->fake->net.limits.to_guest = 0;
	if (change)
		change(n);
	nic_plug(n);
	return features_offered(&n->f) & ~VIRTIO_F_COMMON;
}

static unsigned vectors_of(struct nic *n)
{
	const unsigned cap = virtio_fixture_cap(&n->f, PCI_CAP_ID_MSIX, 0);

	assert_int_not_equal(cap, 0);
	return (virtio_fixture_config_read(&n->f, cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
}

static void take_tso(struct nic *n)
{
	n->fake->net.limits.from_guest = NET_CAN_CSUM | NET_CAN_TSO4;
}

static void give_csum(struct nic *n)
{
	n->fake->net.limits.to_guest = NET_CAN_CSUM;
}

static void choose_mtu(struct nic *n)
{
	n->config.mtu = 9000;
}

static void have_mtu(struct nic *n)
{
	n->fake->net.limits.mtu = 1450;
}

static void add_pair(struct nic *n)
{
	n->fake->net.limits.pairs_max = 4;
	n->config.pairs = 2;
}

static void features_follow_from_the_network_and_the_options(void **state)
{
	assert_int_equal(offered(state, NULL), ALWAYS);
	assert_int_equal(offered(state, take_tso), ALWAYS | NET_F_CSUM | NET_F_HOST_TSO4);
	assert_int_equal(offered(state, give_csum),
			 ALWAYS | NET_F_GUEST_CSUM | NET_F_CTRL_GUEST_OFFLOADS);
	assert_int_equal(offered(state, choose_mtu), ALWAYS | NET_F_MTU);
	assert_int_equal(offered(state, have_mtu), ALWAYS | NET_F_MTU);
	assert_int_equal(offered(state, add_pair), ALWAYS | NET_F_MQ);
}

static void configuration_space_describes_the_nic(void **state)
{
	struct nic *n = *state;

	add_pair(n);
	have_mtu(n);
	nic_ready(state, F_BASE);
	for (unsigned i = 0; i < NET_MAC_BYTES; i++)
		assert_int_equal(fake_mmio_read(&n->f.fb, n->f.bar + VIRTIO_PCI_CONFIG + i, 1),
				 own_mac[i]);
	assert_int_equal(config16(n, CONFIG_STATUS), LINK_UP);
	assert_int_equal(config16(n, 8), 2);
	assert_int_equal(config16(n, 10), 1450);
	assert_int_equal(n->fake->nic->mtu, 1450);
	assert_int_equal(n->fake->nic->pair_count, 2);
	assert_memory_equal(n->fake->nic->mac, own_mac, NET_MAC_BYTES);
}

static void check_refused(struct nic *n, const char *words)
{
	struct err err = { "" };
	struct device *dev;

	assert_int_equal(virtio_net_type.create(&n->f.fb.board, &n->config, &dev, &err), -EINVAL);
	assert_non_null(strstr(err.text, words));
	assert_null(n->fake->nic); /* the network stays the caller's, as it was */
}

static void what_the_network_cannot_is_refused_in_words(void **state)
{
	struct nic *n = *state;

	n->config.pairs = 2;
	check_refused(n, "2 queue pairs: with fake 1 to 1");
	n->config.pairs = 0;
	check_refused(n, "0 queue pairs");
	n->config.pairs = 1;
	n->fake->net.limits.mtu_max = 1500;
	n->config.mtu = 1501;
	check_refused(n, "68 to 1500");
	n->config.mtu = 67;
	check_refused(n, "an MTU of 67");
	n->config.mtu = 0;
	n->config.queue_size = 100;
	check_refused(n, "powers of two");
	n->config.queue_size = 2;
	check_refused(n, "powers of two");
}

static void a_feature_without_what_it_requires_is_not_agreed_on(void **state)
{
	static const struct {
		uint64_t features;
		bool good;
	} cases[] = {
		{ F_BASE, true },
		{ F_BASE | NET_F_HOST_TSO4, false },
		{ F_BASE | NET_F_HOST_TSO4 | NET_F_CSUM, true },
		{ NET_F_MAC | NET_F_CTRL_RX, false },
		{ F_BASE | NET_F_GUEST_CSUM | NET_F_GUEST_ECN, false },
		{ F_BASE | NET_F_GUEST_CSUM | NET_F_GUEST_ECN | NET_F_GUEST_TSO6, true },
	};
	struct nic *n = *state;

	nic_plug(n);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(virtio_fixture_negotiate(&n->f, cases[i].features), cases[i].good);
		assert_true(virtio_fixture_reset(&n->f));
	}
}

/* ---- life ----------------------------------------------------------------------------------- */

static void the_network_is_told_of_the_driver(void **state)
{
	struct nic *n = *state;

	nic_plug(n);
	assert_ptr_equal(n->fake->nic->ops->room == NULL, false);
	assert_int_equal(n->fake->starts, 0);
	virtio_fixture_start(&n->f, F_BASE | NET_F_GUEST_CSUM | NET_F_GUEST_TSO6);
	assert_int_equal(n->fake->to_guest, NET_CAN_CSUM | NET_CAN_TSO6);
	assert_int_equal(n->fake->starts, 1);
	assert_ptr_equal(n->fake->loop[0], n->f.loop);
	assert_true(virtio_fixture_reset(&n->f));
	assert_int_equal(n->fake->stops, 1);
	virtio_fixture_start(&n->f, F_BASE);
	assert_int_equal(n->fake->to_guest, 0);
	assert_int_equal(n->fake->starts, 2);
}

static void a_nic_that_is_unplugged_closes_its_network(void **state)
{
	struct nic *n = nic_ready(state, F_BASE);
	bool closed = false;

	n->fake->closed = &closed;
	n->fake->refuse = true;
	tx_offer(n, TX, NULL, FRAME_BYTES);
	tx_kick(n, TX);
	n->f.dev->type->destroy(n->f.dev);
	assert_true(closed);
	nic_setup(state); /* for the teardown */
	free(n->f.ram);
	ioloop_destroy(n->f.loop);
	free(n);
}

/* ---- link ------------------------------------------------------------------------------------ */

static void a_pulled_cable_shows_and_loses_frames(void **state)
{
	struct nic *n = nic_ready(state, F_BASE | NET_F_MRG_RXBUF | NET_F_GUEST_ANNOUNCE);
	const unsigned before = virtio_fixture_interrupts(&n->f, 0);
	uint32_t len;

	rx_offer(n, RX, 500);
	virtio_net_set_link(n->f.dev, false);
	assert_int_equal(config16(n, CONFIG_STATUS), 0);
	assert_int_equal(virtio_fixture_interrupts(&n->f, 0), before + 1);
	virtio_net_set_link(n->f.dev, false); /* says nothing new */
	assert_int_equal(virtio_fixture_interrupts(&n->f, 0), before + 1);
	tx_offer(n, TX, NULL, FRAME_BYTES);
	tx_kick(n, TX);
	assert_true(next_used(n, TX, &len) >= 0);
	assert_int_equal(n->fake->sent_count, 0);
	assert_int_equal(stats_of(n).tx_dropped, 1);
	assert_int_equal(bring(n, 100, 100), FAKE_NET_TAKEN);
	assert_int_equal(next_used(n, RX, &len), -1);
	assert_int_equal(stats_of(n).rx_dropped, 1);

	virtio_net_set_link(n->f.dev, true);
	assert_int_equal(virtio_fixture_interrupts(&n->f, 0), before + 2);
	assert_int_equal(config16(n, CONFIG_STATUS), LINK_UP | ANNOUNCE);
	assert_int_equal(bring(n, 100, 100), FAKE_NET_TAKEN);
	assert_true(next_used(n, RX, &len) >= 0);
}

static void a_link_needs_cable_and_carrier(void **state)
{
	struct nic *n = *state;

	n->fake->net.limits.link_up = false;
	nic_ready(state, F_BASE | NET_F_GUEST_ANNOUNCE);
	assert_int_equal(config16(n, CONFIG_STATUS), 0);
	virtio_net_set_link(n->f.dev, false);
	n->fake->nic->ops->link(n->fake->nic, true);
	assert_int_equal(config16(n, CONFIG_STATUS), 0);
	virtio_net_set_link(n->f.dev, true);
	assert_int_equal(config16(n, CONFIG_STATUS), LINK_UP | ANNOUNCE);
	n->fake->nic->ops->link(n->fake->nic, false);
	assert_int_equal(config16(n, CONFIG_STATUS) & LINK_UP, 0);
}

static void an_announcement_is_asked_for_until_the_driver_made_it(void **state)
{
	struct nic *n = nic_ready(state, F_BASE | NET_F_GUEST_ANNOUNCE);
	const unsigned before = virtio_fixture_interrupts(&n->f, 0);

	virtio_net_announce(n->f.dev);
	assert_int_equal(virtio_fixture_interrupts(&n->f, 0), before + 1);
	assert_int_equal(config16(n, CONFIG_STATUS), LINK_UP | ANNOUNCE);
	assert_int_equal(command(n, 3, 0, NULL, 0), 0);
	assert_int_equal(config16(n, CONFIG_STATUS), LINK_UP);
}

static void a_driver_that_cannot_announce_is_not_asked(void **state)
{
	struct nic *n = nic_ready(state, F_BASE);

	virtio_net_announce(n->f.dev);
	assert_int_equal(config16(n, CONFIG_STATUS), LINK_UP);
}

/* ---- vectors ------------------------------------------------------------------------ */

static void queues_of_one_pair_have_one_vector(void **state)
{
	struct nic *n = nic_ready(state, F_BASE | NET_F_MRG_RXBUF | NET_F_CTRL_RX);

	assert_int_equal(vectors_of(n), 2);
	rx_offer(n, RX, 2 * FRAME_BYTES);
	bring(n, FRAME_BYTES, FRAME_BYTES);
	virtio_fixture_run(&n->f);
	assert_int_equal(virtio_fixture_interrupts(&n->f, 1), 1);
	tx_offer(n, TX, NULL, FRAME_BYTES);
	tx_kick(n, TX);
	assert_int_equal(virtio_fixture_interrupts(&n->f, 1), 2);
	assert_int_equal(command(n, 0, 0, "\1", 1), 0);
	assert_int_equal(virtio_fixture_interrupts(&n->f, 1), 3);
}

static void of_more_pairs_each_queue_has_its_own(void **state)
{
	struct nic *n = *state;

	add_pair(n);
	nic_ready(state, F_BASE | NET_F_MQ);
	assert_int_equal(vectors_of(n), 6);
	tx_offer(n, TX, NULL, FRAME_BYTES);
	tx_kick(n, TX);
	assert_int_equal(virtio_fixture_interrupts(&n->f, 1 + RX), 0);
	assert_int_equal(virtio_fixture_interrupts(&n->f, 1 + TX), 1);
}

/* ---- several pairs ------------------------------------------------------------------------------
 */

#define CTRL_OF_2 4u

static void a_pair_starts_when_the_driver_uses_it(void **state)
{
	struct nic *n = *state;

	add_pair(n);
	nic_ready(state, F_BASE | NET_F_MQ | NET_F_MRG_RXBUF);
	assert_int_equal(n->fake->starts, 1);
	assert_null(n->fake->loop[1]);
	/* What waits in the ring is sent then. */
	tx_offer(n, 3, NULL, FRAME_BYTES);
	tx_kick(n, 3);
	assert_int_equal(n->fake->sent_count, 0);
	assert_int_equal(command16(n, CTRL_OF_2, 4, 0, 2), 0);
	assert_int_equal(n->fake->starts, 2);
	assert_ptr_equal(n->fake->loop[1], n->f.loop);
	virtio_fixture_run(&n->f);
	assert_int_equal(n->fake->sent_count, 1);
	assert_int_equal(n->fake->sent[0].pair, 1);
	assert_int_equal(command16(n, CTRL_OF_2, 4, 0, 1), 0);
	assert_int_equal(n->fake->stops, 1);
	assert_null(n->fake->loop[1]);
	assert_non_null(n->fake->loop[0]);
}

static void the_driver_uses_no_pairs_that_are_not_there(void **state)
{
	struct nic *n = *state;
	uint8_t raw[3] = { 2, 0, 0 };

	add_pair(n);
	nic_ready(state, F_BASE | NET_F_MQ);
	assert_int_equal(command16(n, CTRL_OF_2, 4, 0, 0), 1);
	assert_int_equal(command16(n, CTRL_OF_2, 4, 0, 3), 1);
	assert_int_equal(command_on(n, CTRL_OF_2, 4, 0, raw, 3), 1);
	assert_int_equal(command_on(n, CTRL_OF_2, 4, 0, raw, 1), 1);
	assert_int_equal(n->fake->starts, 1);
}

/* 5.1.2 */
static void without_mq_the_third_queue_is_the_control_queue(void **state)
{
	struct nic *n = *state;

	add_pair(n);
	nic_ready(state, F_BASE | NET_F_CTRL_RX);
	assert_int_equal(n->fake->starts, 1);
	assert_int_equal(command_on(n, 2, 0, 0, "\1", 1), 0);
	/* And those behind it are nobody's. */
	tx_offer(n, 3, NULL, FRAME_BYTES);
	tx_kick(n, 3);
	tx_offer(n, 4, NULL, FRAME_BYTES);
	tx_kick(n, 4);
	assert_int_equal(n->fake->sent_count, 0);
	assert_int_equal(ioloop_round(n->f.loop, 20), 0);
	assert_true(virtio_fixture_reset(&n->f));
}

static void a_reset_goes_back_to_one_pair(void **state)
{
	struct nic *n = *state;

	add_pair(n);
	nic_ready(state, F_BASE | NET_F_MQ);
	assert_int_equal(command16(n, CTRL_OF_2, 4, 0, 2), 0);
	assert_true(virtio_fixture_reset(&n->f));
	assert_int_equal(n->fake->stops, 2);
	virtio_fixture_start(&n->f, F_BASE | NET_F_MQ);
	assert_int_equal(n->fake->starts, 3);
	assert_null(n->fake->loop[1]);
}

static void a_reset_may_come_before_the_pairs_have_changed(void **state)
{
	struct nic *n = *state;
	uint32_t len;
	uint16_t id;

	add_pair(n);
	nic_ready(state, F_BASE | NET_F_MQ);
	command_offer(n, CTRL_OF_2, 4, 0, "\2", 2);
	ioloop_round(n->f.loop, 0); /* the command is taken, the pairs have not looked */
	assert_false(fake_driver_used(&n->f.queues[CTRL_OF_2], &id, &len));
	assert_true(virtio_fixture_reset(&n->f));
	assert_int_equal(n->fake->starts, n->fake->stops);
	virtio_fixture_start(&n->f, F_BASE | NET_F_MQ);
	assert_int_equal(command16(n, CTRL_OF_2, 4, 0, 2), 0);
	assert_non_null(n->fake->loop[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(features_follow_from_the_network_and_the_options),
		TEST(configuration_space_describes_the_nic),
		TEST(what_the_network_cannot_is_refused_in_words),
		TEST(a_feature_without_what_it_requires_is_not_agreed_on),
		TEST(the_network_is_told_of_the_driver),
		TEST(a_nic_that_is_unplugged_closes_its_network),
		TEST(a_pulled_cable_shows_and_loses_frames),
		TEST(a_link_needs_cable_and_carrier),
		TEST(an_announcement_is_asked_for_until_the_driver_made_it),
		TEST(a_driver_that_cannot_announce_is_not_asked),
		TEST(queues_of_one_pair_have_one_vector),
		TEST(of_more_pairs_each_queue_has_its_own),
		TEST(a_pair_starts_when_the_driver_uses_it),
		TEST(the_driver_uses_no_pairs_that_are_not_there),
		TEST(without_mq_the_third_queue_is_the_control_queue),
		TEST(a_reset_goes_back_to_one_pair),
		TEST(a_reset_may_come_before_the_pairs_have_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
