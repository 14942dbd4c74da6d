/* The host's side of a connection: how it ends, and what room it has. */
#include "tcp_fixture.h"

#define STREAM_BYTES 100000u

static uint8_t *stream;

/* ---- resets ------------------------------------------------------------------------- */

static void a_reset_at_the_host_is_one_for_the_guest(void **state)
{
	struct splice s;
	struct came c;

	(void)state;
	splice_start(&s);
	host_closes_by_reset(s.fd);
	s.fd = -1;
	c = peer_expect(&s.peer, RST | ACK, NULL, 0);
	assert_int_equal(c.tcp.seq, s.peer.rcv); /* exactly: RFC 5961 */
	assert_int_equal(splice_count(&s), 0);
	splice_end(&s);
}

static void writing_to_a_host_that_left_is_a_reset(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	close(s.fd);
	s.fd = -1;
	peer_read(&s.peer, FIN | ACK, NULL, 0);
	peer_write(&s.peer, "anybody?", 8);
	for (unsigned i = 0; i < 100 && splice_count(&s); i++) {
		peer_write(&s.peer, "!", 1);
		ioloop_round(s.rig.loop, 5);
	}
	assert_int_equal(splice_count(&s), 0);
	splice_end(&s);
}

/* As a server that answers without having read all of the question: by reset. */
static void host_answers_unread(struct splice *s, size_t len)
{
	peer_write(&s->peer, "a long question", 15);
	host_writes(s->fd, stream, len);
	close(s->fd);
	s->fd = -1;
}

static void what_the_host_sent_before_its_reset_is_the_guests(void **state)
{
	(void)state;
	for (unsigned peek_off = 0; peek_off < 2; peek_off++) {
		struct splice s;

		splice_start(&s);
		if (!peek_off)
			splice_forget_peek_off(&s);
		host_answers_unread(&s, STREAM_BYTES);
		peer_reads_all(&s.peer, stream, STREAM_BYTES);
		assert_int_equal(peer_expect(&s.peer, RST | ACK, NULL, 0).tcp.seq, s.peer.rcv);
		assert_int_equal(splice_count(&s), 0);
		splice_end(&s);
	}
}

static void while_the_guest_reads_that_what_it_writes_goes_nowhere(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	host_answers_unread(&s, 3000);
	for (unsigned i = 0; i < 2; i++)
		peer_read(&s.peer, ACK, stream + 1460 * i, 1460);
	peer_send(&s.peer, ACK, s.peer.snd, s.peer.rcv - 1460, "more of it", 10);
	peer_read(&s.peer, ACK, stream + 2920, 80);
	assert_int_equal(peer_acked(&s.peer).tcp.window, 0);
	rig_quiet(&s.rig); /* and it is not asked for again */
	peer_ack(&s.peer);
	assert_int_equal(peer_expect(&s.peer, RST | ACK, NULL, 0).tcp.seq, s.peer.rcv);
	splice_end(&s);
}

static void a_reset_waits_until_the_guest_has_what_was_lost(void **state)
{
	struct splice s;

	(void)state;
	splice_start(&s);
	host_answers_unread(&s, 1000);
	peer_expect(&s.peer, ACK, stream, 1000);
	rig_quiet(&s.rig);
	rig_pass(&s.rig, NS_PER_S);
	peer_read(&s.peer, ACK, stream, 1000);
	peer_ack(&s.peer);
	peer_expect(&s.peer, RST | ACK, NULL, 0);
	assert_int_equal(splice_count(&s), 0);
	splice_end(&s);
}

/* ---- its end ------------------------------------------------------------------------ */

/* One event tells of both, and no other follows. */
static void an_end_that_comes_with_the_connection_is_seen_without_peek_off(void **state)
{
	struct splice s;
	struct peer *p = &s.peer;

	(void)state;
	splice_start_with(&s, &with_host);
	peer_send(p, SYN, p->snd++, 0, NULL, 0);
	splice_forget_peek_off(&s);
	s.fd = host_accept(s.listener);
	host_writes(s.fd, stream, 3);
	shutdown(s.fd, SHUT_WR);
	p->rcv = peer_expect(p, SYN | ACK, NULL, 0).tcp.seq + 1;
	peer_ack(p);
	peer_read(p, ACK, stream, 3); /* and not acknowledged */
	peer_read(p, FIN | ACK, NULL, 0);
	splice_end(&s);
}

/* ---- its room ----------------------------------------------------------------------- */

static void a_limit_of_unsent_bytes_on_the_host_is_not_ours(void **state)
{
	struct splice s;
	uint32_t limit = 0;
	socklen_t len = sizeof(limit);

	(void)state;
	splice_start(&s);
	assert_int_equal(getsockopt(splice_conn(&s)->host.source.fd, IPPROTO_TCP,
				    TCP_NOTSENT_LOWAT, &limit, &len),
			 0);
	assert_int_equal(limit, UINT32_MAX);
	splice_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reset_at_the_host_is_one_for_the_guest),
		cmocka_unit_test(writing_to_a_host_that_left_is_a_reset),
		cmocka_unit_test(what_the_host_sent_before_its_reset_is_the_guests),
		cmocka_unit_test(while_the_guest_reads_that_what_it_writes_goes_nowhere),
		cmocka_unit_test(a_reset_waits_until_the_guest_has_what_was_lost),
		cmocka_unit_test(an_end_that_comes_with_the_connection_is_seen_without_peek_off),
		cmocka_unit_test(a_limit_of_unsent_bytes_on_the_host_is_not_ours),
	};
	int failed;

	stream = some_bytes(STREAM_BYTES);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(stream);
	return failed;
}
