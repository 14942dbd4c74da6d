/* Who gets which address of many: by the Ethernet address alone, for a while, and no two
 * the same one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/bytes.h"
#include "nat/lease.h"

#define BOUND_NS (LEASE_BOUND_S * NS_PER_S)

struct rig {
	struct lease_pool pool;
	struct neighbours seen;
	uint64_t now_ns;
	bool fresh; /* the last offer was */
};

static void begin(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	r->now_ns = NS_PER_S;
}

/* Guest number i. */
static const uint8_t *guest(unsigned i)
{
	static uint8_t macs[4][NET_MAC_BYTES];
	static unsigned at;
	uint8_t *mac = macs[at++ % 4];

	mac[0] = 0x52;
	mac[1] = 0x54;
	be32_store(mac + 2, i + 1);
	return mac;
}

static uint8_t offer(struct rig *r, unsigned i, uint8_t wanted)
{
	return lease_offer(&r->pool, &r->seen, guest(i), wanted, r->now_ns, &r->fresh);
}

static bool take(struct rig *r, unsigned i, uint8_t host)
{
	return lease_take(&r->pool, &r->seen, guest(i), host, r->now_ns);
}

/* As a client does it that remembers nothing. */
static uint8_t join(struct rig *r, unsigned i)
{
	const uint8_t host = offer(r, i, 0);

	if (host)
		assert_true(take(r, i, host));
	return host;
}

/* Another guest whose place of its own is that of guest i, too. */
static unsigned rival_of(unsigned i)
{
	struct rig r;
	uint8_t host;

	begin(&r);
	host = offer(&r, i, 0);
	for (unsigned k = i + 1;; k++) {
		begin(&r);
		if (offer(&r, k, 0) == host)
			return k;
	}
}

static void an_address_follows_from_the_mac(void **state)
{
	struct rig a, b;
	uint8_t host;

	(void)state;
	begin(&a);
	begin(&b);
	for (unsigned i = 0; i < 20; i++) {
		host = join(&a, i);
		assert_in_range(host, LEASE_FIRST, LEASE_LAST);
		/* In another process, without the others. */
		begin(&b);
		if (a.pool.places[host].state == LEASE_BOUND && i < 5)
			assert_int_equal(join(&b, i), host);
	}
}

static void who_finds_its_place_taken_gets_the_next_one_and_keeps_it(void **state)
{
	const unsigned rival = rival_of(3);
	struct rig r;
	uint8_t mine, other;

	(void)state;
	begin(&r);
	mine = join(&r, 3);
	other = join(&r, rival);
	assert_int_equal(other, mine == LEASE_LAST ? LEASE_FIRST : mine + 1u);
	/* Another process knows of neither; each asks for what it has (4.3.2). */
	begin(&r);
	assert_true(take(&r, rival, other));
	assert_true(take(&r, 3, mine));
	assert_int_equal(offer(&r, rival, 0), other);
	/* And also if the one comes whose place it is not. */
	begin(&r);
	assert_int_equal(offer(&r, rival, other), other);
	assert_int_equal(offer(&r, 3, mine), mine);
}

static void an_offer_is_kept_for_a_moment(void **state)
{
	const unsigned rival = rival_of(1);
	struct rig r;
	uint8_t host;

	(void)state;
	begin(&r);
	host = offer(&r, 1, 0);
	assert_true(r.fresh);
	assert_int_equal(offer(&r, 1, 0), host); /* asked again */
	assert_false(r.fresh);
	assert_int_not_equal(offer(&r, rival, host), host);
	assert_false(take(&r, rival, host));
	r.now_ns += LEASE_OFFERED_NS;
	assert_true(take(&r, rival, host));
	assert_false(take(&r, 1, host));
}

static void an_offer_that_was_not_wanted_is_free_at_once(void **state)
{
	struct rig r;
	uint8_t host;

	(void)state;
	begin(&r);
	host = offer(&r, 1, 0);
	lease_refuse(&r.pool, guest(2)); /* not its */
	assert_false(take(&r, 2, host));
	lease_refuse(&r.pool, guest(1));
	assert_true(take(&r, 2, host));
	lease_refuse(&r.pool, guest(2)); /* a lease is no offer */
	assert_false(take(&r, 1, host));
}

static void what_a_guest_wants_it_gets_if_that_is_free(void **state)
{
	struct rig r;
	uint8_t place;

	(void)state;
	begin(&r);
	place = offer(&r, 1, 0);
	begin(&r);
	assert_int_equal(offer(&r, 1, 77), 77);
	assert_int_equal(offer(&r, 2, 77) == 77, false);
	begin(&r);
	/* What we do not give. */
	assert_int_equal(offer(&r, 1, 2), place);
	begin(&r);
	assert_int_equal(offer(&r, 1, LEASE_FIRST - 1), place);
	begin(&r);
	assert_int_equal(offer(&r, 1, 255), place);
	for (unsigned host = 0; host <= UINT8_MAX; host++) {
		begin(&r);
		assert_int_equal(take(&r, 9, (uint8_t)host),
				 host >= LEASE_FIRST && host <= LEASE_LAST);
	}
}

static void a_lease_lasts_as_long_as_it_is_renewed(void **state)
{
	struct rig r;
	uint8_t host;

	(void)state;
	begin(&r);
	host = join(&r, 1);
	for (unsigned i = 0; i < 10; i++) {
		r.now_ns += BOUND_NS - 1;
		assert_false(take(&r, 2, host));
		assert_true(take(&r, 1, host));
	}
	assert_int_equal(offer(&r, 1, 0), host); /* which ends no lease */
	r.now_ns += LEASE_OFFERED_NS;
	assert_false(take(&r, 2, host));
	r.now_ns += BOUND_NS;
	assert_true(take(&r, 2, host));
	assert_false(take(&r, 1, host));
}

static void a_guest_has_one_address_only(void **state)
{
	struct rig r;
	uint8_t host;

	(void)state;
	begin(&r);
	host = join(&r, 1);
	assert_false(take(&r, 1, host == 99 ? 100 : 99)); /* its notion is wrong: NAK */
	assert_true(take(&r, 1, host));			  /* and it keeps what it has */
	r.now_ns += BOUND_NS;
	assert_true(take(&r, 1, 99));
	assert_true(take(&r, 2, host)); /* the old one is nobody's */
	assert_int_equal(offer(&r, 1, 0), 99);
}

static void who_comes_back_gets_what_it_had(void **state)
{
	const unsigned rival = rival_of(3);
	struct rig r;
	uint8_t other;

	(void)state;
	begin(&r);
	join(&r, 3);
	other = join(&r, rival);
	assert_true(lease_release(&r.pool, guest(rival), other));
	assert_true(lease_release(&r.pool, guest(3), offer(&r, 3, 0)));
	r.now_ns += BOUND_NS;
	assert_int_equal(offer(&r, rival, 0), other); /* not its first place, which is free */
	/* What it had last. */
	begin(&r);
	assert_true(take(&r, 1, 30));
	r.now_ns += BOUND_NS;
	assert_true(take(&r, 1, 99));
	assert_true(lease_release(&r.pool, guest(1), 99));
	assert_int_equal(offer(&r, 1, 0), 99);
}

static void only_its_holder_gives_an_address_back(void **state)
{
	struct rig r;
	uint8_t host;

	(void)state;
	begin(&r);
	host = offer(&r, 1, 0);
	assert_false(lease_release(&r.pool, guest(1), host)); /* an offer */
	assert_true(take(&r, 1, host));
	assert_false(lease_release(&r.pool, guest(2), host));
	assert_false(lease_release(&r.pool, guest(1), 0));
	assert_false(take(&r, 2, host));
	assert_true(lease_release(&r.pool, guest(1), host));
	assert_false(lease_release(&r.pool, guest(1), host));
	assert_true(take(&r, 2, host));
}

static void what_was_declined_is_nobodys_for_a_while(void **state)
{
	struct rig r;
	uint8_t host, next;

	(void)state;
	begin(&r);
	host = join(&r, 1);
	lease_decline(&r.pool, guest(2), host, r.now_ns); /* not its */
	assert_true(take(&r, 1, host));
	lease_decline(&r.pool, guest(1), host, r.now_ns);
	assert_false(take(&r, 1, host));
	assert_false(take(&r, 2, host));
	next = offer(&r, 1, host);
	assert_int_not_equal(next, host);
	assert_true(take(&r, 1, next));
	r.now_ns += LEASE_DECLINED_NS;
	assert_true(take(&r, 2, host));
	lease_decline(&r.pool, guest(1), 0, r.now_ns);
	lease_decline(&r.pool, guest(1), 255, r.now_ns);
}

static void an_address_that_another_uses_is_not_given(void **state)
{
	struct rig r;
	uint8_t host;

	(void)state;
	begin(&r);
	host = offer(&r, 1, 0);
	/* An answer to our question comes between offer and request. */
	neighbour_hear(&r.seen, host, guest(50), r.now_ns);
	assert_false(take(&r, 1, host));
	assert_int_not_equal(offer(&r, 1, host), host);
	/* Who was offered it instead has nothing there any longer. */
	begin(&r);
	assert_int_equal(offer(&r, 1, 0), host);
	neighbour_hear(&r.seen, host, guest(50), r.now_ns);
	assert_int_not_equal(offer(&r, 1, 0), host);
	assert_true(take(&r, 50, host));
	begin(&r);
	neighbour_hear(&r.seen, host, guest(1), r.now_ns); /* it itself */
	assert_int_equal(offer(&r, 1, 0), host);
	/* Who has it keeps it. */
	assert_true(take(&r, 1, host));
	neighbour_hear(&r.seen, host, guest(50), r.now_ns);
	assert_true(take(&r, 1, host));
	begin(&r);
	neighbour_hear(&r.seen, host, guest(50), r.now_ns);
	r.now_ns += NEIGHBOUR_MEMORY_NS; /* it may be gone */
	assert_int_equal(offer(&r, 1, 0), host);
}

static void all_addresses_are_given_once_and_no_more(void **state)
{
	bool given[256] = { false };
	struct rig r;
	uint8_t host;

	(void)state;
	begin(&r);
	for (unsigned i = 0; i < LEASE_COUNT; i++) {
		host = join(&r, i);
		assert_in_range(host, LEASE_FIRST, LEASE_LAST);
		assert_false(given[host]);
		given[host] = true;
	}
	assert_int_equal(offer(&r, 1000, 0), 0);
	assert_int_equal(offer(&r, 1000, 77), 0);
	assert_false(take(&r, 1000, 77));
	for (unsigned i = 0; i < LEASE_COUNT; i++)
		assert_true(given[offer(&r, i, 0)]); /* who has one is served */
	r.now_ns += BOUND_NS;
	assert_int_not_equal(join(&r, 1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_follows_from_the_mac),
		cmocka_unit_test(who_finds_its_place_taken_gets_the_next_one_and_keeps_it),
		cmocka_unit_test(an_offer_is_kept_for_a_moment),
		cmocka_unit_test(an_offer_that_was_not_wanted_is_free_at_once),
		cmocka_unit_test(what_a_guest_wants_it_gets_if_that_is_free),
		cmocka_unit_test(a_lease_lasts_as_long_as_it_is_renewed),
		cmocka_unit_test(a_guest_has_one_address_only),
		cmocka_unit_test(who_comes_back_gets_what_it_had),
		cmocka_unit_test(only_its_holder_gives_an_address_back),
		cmocka_unit_test(what_was_declined_is_nobodys_for_a_while),
		cmocka_unit_test(an_address_that_another_uses_is_not_given),
		cmocka_unit_test(all_addresses_are_given_once_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
