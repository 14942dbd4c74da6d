/* Named networks as guests see them: who reaches whom, and what happens when the one who
 * serves is gone. */
#include "network_fixture.h"

/* ---- who reaches whom ------------------------------------------------------------ */

static void guests_of_one_name_reach_each_other(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", ALL_CAN), *b = join(t, "lan", ALL_CAN);

	assert_int_equal(send_frame(a, 60, 0xff, 1, 7), 0);
	UNTIL(t->loop, b->fake.frame_count == 1);
	assert_came(b, 60, 0xff, 1, 7);
	b->fake.piece_bytes = 100; /* from and to memory in pieces */
	a->fake.piece_bytes = 333;
	assert_int_equal(send_frame(b, 1514, 1, 2, 9), 0);
	UNTIL(t->loop, a->fake.frame_count == 1);
	assert_came(a, 1514, 1, 2, 9);
	assert_int_equal(b->fake.frame_count, 1);
	guest_end(a);
	guest_end(b);
}

static void guests_of_another_name_hear_nothing(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", 0), *b = join(t, "lan", 0), *c = join(t, "lan2", 0);

	assert_int_equal(send_frame(a, 60, 0xff, 1, 0), 0);
	UNTIL(t->loop, b->fake.frame_count == 1);
	settle(t);
	assert_int_equal(c->fake.frame_count, 0);
	guest_end(a);
	guest_end(b);
	guest_end(c);
}

static void a_known_address_is_sent_to_its_guest_only(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", 0), *b = join(t, "lan", 0), *c = join(t, "lan", 0);

	assert_int_equal(send_frame(b, 60, 0xff, 2, 0), 0); /* this is where 2 is */
	UNTIL(t->loop, a->fake.frame_count == 1 && c->fake.frame_count == 1);
	assert_int_equal(send_frame(a, 60, 2, 1, 0), 0);
	UNTIL(t->loop, b->fake.frame_count == 1);
	settle(t);
	assert_int_equal(c->fake.frame_count, 1);
	guest_end(a);
	guest_end(b);
	guest_end(c);
}

/* ---- offloads -------------------------------------------------------------------- */

static void a_whole_segment_passes_with_what_is_left_undone(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", ALL_CAN), *b = join(t, "lan", ALL_CAN);
	static uint8_t bytes[LONG_BYTES];
	const struct fake_frame *f;
	struct net_offload o;

	fill_long_frame(bytes, &o);
	assert_int_equal(fake_nic_send(&a->fake, a->net, bytes, sizeof(bytes), &o), 0);
	UNTIL(t->loop, b->fake.frame_count == 1);
	f = fake_nic_next(&b->fake);
	assert_int_equal(f->len, sizeof(bytes));
	assert_memory_equal(f->bytes, bytes, sizeof(bytes));
	assert_int_equal(f->offload.gso, NET_GSO_TCP4);
	assert_int_equal(f->offload.gso_bytes, MSS);
	assert_true(f->offload.needs_csum);
	guest_end(a);
	guest_end(b);
}

static void check_segments(struct guest *g, const uint8_t *bytes)
{
	size_t done = 54;

	for (const struct fake_frame *f; (f = fake_nic_next(&g->fake)) != NULL;) {
		assert_true(f->len <= 54 + MSS);
		assert_false(f->offload.needs_csum);
		assert_int_equal(f->offload.gso, NET_GSO_NONE);
		assert_memory_equal(f->bytes + 54, bytes + done, f->len - 54);
		done += f->len - 54;
	}
	assert_int_equal(done, LONG_BYTES);
}

static void a_guest_that_takes_less_gets_finished_frames(void **state)
{
	static const unsigned takes[] = { 0, NET_CAN_CSUM, NET_CAN_CSUM | NET_CAN_TSO6 };
	struct town *t = *state;
	static uint8_t bytes[LONG_BYTES];
	struct guest *a = join(t, "lan", ALL_CAN);
	struct net_offload o;

	fill_long_frame(bytes, &o);
	for (unsigned i = 0; i < ARRAY_LEN(takes); i++) {
		struct guest *b = join(t, "lan", takes[i]);

		assert_int_equal(fake_nic_send(&a->fake, a->net, bytes, sizeof(bytes), &o), 0);
		UNTIL(t->loop, b->fake.frame_count == (LONG_BYTES - 54 + MSS - 1) / MSS);
		check_segments(b, bytes);
		guest_end(b);
	}
	guest_end(a);
}

/* ---- who serves ------------------------------------------------------------------ */

static void a_killed_server_is_replaced_within_moments(void **state)
{
	struct town *t = *state;
	const pid_t server = start_server(t);
	struct guest *a = join(t, "lan", 0), *b = join(t, "lan", 0);
	uint64_t begun_ns;

	assert_passes_again(t, a, b);
	begun_ns = host_now_ns();
	kill(server, SIGKILL);
	assert_int_equal(waitpid(server, NULL, 0), server);
	assert_passes_again(t, a, b);
	assert_true(host_now_ns() - begun_ns < NS_PER_S);
	assert_int_equal(a->fake.link_count, 0); /* nobody was told */
	guest_end(a);
	guest_end(b);
}

static void a_server_that_ends_hands_over(void **state)
{
	struct town *t = *state;
	struct guest *server = join(t, "lan", 0), *a = join(t, "lan", 0), *b = join(t, "lan", 0);

	guest_end(server);
	assert_passes_again(t, a, b);
	guest_end(a); /* maybe it served, maybe not */
	a = join(t, "lan", 0);
	assert_passes_again(t, a, b);
	assert_passes_again(t, b, a);
	guest_end(a);
	guest_end(b);
}

static void nothing_but_the_lock_is_left_behind(void **state)
{
	struct town *t = *state;
	struct stat st;
	char path[128];

	guest_end(join(t, "lan", 0));
	snprintf(path, sizeof(path), "%s/lan.sock", t->dir);
	assert_int_equal(stat(path, &st), -1);
	snprintf(path, sizeof(path), "%s/lan.lock", t->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
}

/* By whoever cleans up old files, for example: who comes next gets a lock of a new file. */
static void a_network_whose_lock_was_deleted_stays_one(void **state)
{
	struct town *t = *state;
	struct guest *a = join(t, "lan", 0), *b, *c;
	char path[128];

	snprintf(path, sizeof(path), "%s/lan.lock", t->dir);
	assert_int_equal(unlink(path), 0);
	b = join(t, "lan", 0);
	c = join(t, "lan", 0);
	assert_int_equal(send_frame(b, 60, 0xff, 2, 7), 0);
	UNTIL(t->loop, a->fake.frame_count == 1 && c->fake.frame_count == 1);
	guest_end(a); /* who served */
	assert_passes_again(t, b, c);
	a = join(t, "lan", 0);
	assert_passes_again(t, a, b);
	assert_passes_again(t, c, a);
	guest_end(a);
	guest_end(b);
	guest_end(c);
}

static void a_stopped_server_is_named_as_the_reason(void **state)
{
	struct town *t = *state;
	struct network_place place;
	struct net *net;
	struct err err;
	int lock;

	/* It has the lock, and does not listen. */
	assert_int_equal(network_place_find("lan", t->dir, &place, NULL), 0);
	lock = network_place_lock(&place);
	assert_true(lock >= 0);
	assert_true(open_network(t, "lan", NULL, &net, &err) < 0);
	assert_non_null(strstr(err.text, "does not answer"));
	close(lock);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TOWN(guests_of_one_name_reach_each_other),
		TOWN(guests_of_another_name_hear_nothing),
		TOWN(a_known_address_is_sent_to_its_guest_only),
		TOWN(a_whole_segment_passes_with_what_is_left_undone),
		TOWN(a_guest_that_takes_less_gets_finished_frames),
		TOWN(a_killed_server_is_replaced_within_moments),
		TOWN(a_server_that_ends_hands_over),
		TOWN(nothing_but_the_lock_is_left_behind),
		TOWN(a_network_whose_lock_was_deleted_stays_one),
		TOWN(a_stopped_server_is_named_as_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
