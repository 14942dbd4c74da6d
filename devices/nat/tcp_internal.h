/* nat/tcp_internal.h: what the files of TCP share; nobody else includes it but their
 * tests.
 *
 *	        guest                                             host
 *	tcp_input() ─▶ tcp_in.c ───────────────▶ tcp_host.c ─▶ send()
 *	               tcp_out.c ◀────────────── tcp_host.c ◀─ recv(MSG_PEEK)
 *
 * A connection is two: the guest's with us, by the rules of RFC 9293, and ours with the
 * host's socket.  Nothing is buffered between them.  What the host sends stays in its
 * socket until the guest acknowledged it; what the guest sends is written at once, and
 * what the socket does not take is not acknowledged.
 *
 * Whatever happens to a connection (a segment, an event of its socket, a timer) notes
 * what there is to do; conn_settle() then does it all, once a burst. */
#ifndef BANTAM_NAT_TCP_INTERNAL_H
#define BANTAM_NAT_TCP_INTERNAL_H

#include "nat/internal.h"
#include "nat/share.h"
#include "nat/tcp.h"
#include "nat/tcp_hash.h"
#include "nat/tcp_rtt.h"
#include "nat/tcp_state.h"

#define TCP_MSS_UNSAID 536u /* RFC 9293, 3.7.1: who says nothing */
#define TCP_MSS_MIN    28u  /* of the smallest MTU, 68 */

#define TCP_CONNS_MAX 4096u
#define TCP_BUCKETS   4096u

/* What we let the guest send ahead, if the host's socket has room: 65535 << scale. */
#define TCP_OUR_SCALE  6u
#define TCP_WINDOW_MAX (UINT32_C(0xffff) << TCP_OUR_SCALE)
/* What we send ahead, if the guest's window allows; where SO_PEEK_OFF is missing, each
 * read copies all of it once more before it comes to something new, and then it is little:
 * with 2 MiB, twelve bytes are copied for each that is sent. */
#define TCP_FLIGHT_MAX	      (UINT32_C(2) << 20)
#define TCP_FLIGHT_REREAD_MAX (UINT32_C(192) << 10)
/* Of one connection before others have their turn. */
#define TCP_ROUND_FRAMES 16u
/* Acknowledged bytes are taken out of the socket in such pieces, or when all are; or at
 * once, where they would be read again. */
#define TCP_TAKE_BYTES (UINT32_C(64) << 10)
/* What may lie in the socket before the next byte for the guest. */
#define TCP_WASTE_BYTES (TCP_FLIGHT_REREAD_MAX + TCP_TAKE_BYTES)

/* An acknowledgment that a reply may carry waits so long (RFC 9293, 3.8.6.3, allows half
 * a second; a guest that waits for it before it sends more, by Nagle's rule, should not
 * wait long). */
#define TCP_ACK_DELAY_NS (20 * NS_PER_MS)
/* A read that found less than it asked for found all, and an event comes when there is
 * more; but an urgent byte cuts a read short, too, and no event tells of that.  So there
 * is another look, so much later. */
#define TCP_LOOK_DELAY_NS (20 * NS_PER_MS)
/* Retransmissions and probes in a row that nobody answers: some minutes. */
#define TCP_RETRIES_MAX 12u
#define TCP_SYN_RETRIES 6u
/* Connections that nobody uses: RFC 5382, REQ-5. */
#define TCP_IDLE_OPEN_NS    (7440 * NS_PER_S)
#define TCP_IDLE_HALF_NS    (1800 * NS_PER_S) /* one side said that it is through */
#define TCP_IDLE_CONNECT_NS (240 * NS_PER_S)
/* RFC 9293 has twice the segment lifetime of 2 minutes.  Nothing lives that long on the
 * way to the guest: the wait is for a FIN that it sends again. */
#define TCP_TIME_WAIT_NS NS_PER_S

/* A stamp of the guest's says nothing of one that comes so much later (RFC 7323, 5.5): one
 * that counts microseconds was half round after 35 minutes. */
#define TCP_STAMP_LIFE_NS (1200 * NS_PER_S)

/* A published port's SYNs go out at this pace while the guest does not answer (it may
 * be booting), so often. */
#define TCP_PUBLISH_SYN_NS    NS_PER_S
#define TCP_PUBLISH_SYN_COUNT 30u
#define TCP_PUBLISH_SYNS_MAX  16u /* at a time */

/* Who: the guest's end, and what it takes for the other. */
struct tcp_tuple {
	uint32_t guest_ip, peer_ip;
	uint16_t guest_port, peer_port;
};

enum conn_queue { QUEUE_NONE, QUEUE_TODO, QUEUE_STALLED, QUEUES };

struct listener;

struct conn {
	struct nat *nat;
	struct tcp_tuple tuple;
	enum tcp_state state;
	struct conn *bucket_next;
	struct conn *older, *newer; /* by use */
	enum conn_queue queue;
	struct conn *queue_next, **queue_link;
	struct listener *listener; /* SYN_SENT: for whom */

	/* To the guest; names of RFC 9293, 3.3.1.  The socket's first byte that was not
	 * taken out yet has the number `taken`:
	 *
	 *	taken <= snd_una <= snd_nxt <= snd_max */
	uint32_t snd_iss, snd_una, snd_nxt;
	uint32_t snd_max;	   /* the latest that was ever sent */
	uint32_t snd_wnd;	   /* bytes, scaled */
	uint32_t snd_wl1, snd_wl2; /* the segment that said so */
	uint32_t taken, peeked;	   /* peeked: where SO_PEEK_OFF is */
	uint32_t fin_seq;	   /* with host_eof */
	uint32_t limit_bytes;	   /* in flight: small after a time-out */
	uint32_t chunk_bytes;	   /* what the next look at the socket asks for */
	uint32_t recover;	   /* RFC 6582: with `recovering` */
	uint32_t rtt_seq;	   /* with rtt_running: its acknowledgment is waited for */
	uint64_t rtt_at_ns;
	struct tcp_rtt rtt;
	uint16_t mss;	   /* payload of a segment for the guest, options subtracted */
	uint8_t snd_scale; /* the guest's windows are so shifted */
	uint8_t dup_acks;
	uint8_t retries;
	bool recovering, rtt_running;
	bool resend; /* the segment at snd_una, once */

	/* From the guest. */
	uint32_t rcv_nxt;
	uint32_t rcv_edge;     /* the end of the window that was told */
	uint32_t rcv_told;     /* rcv_nxt, as last acknowledged */
	uint32_t rcv_max;      /* the end of what came, if behind a hole */
	uint32_t credit_bytes; /* the host's socket has room for this, at least */
	uint32_t guest_stamp;  /* with `stamped`: what our segments echo (TS.Recent) */
	uint8_t rcv_scale;
	bool stamped;	   /* both sides' segments have timestamps: RFC 7323, 3 */
	uint8_t ack_count; /* acknowledgments to be sent, each a segment: duplicates count */
	bool refused;	   /* the socket did not take all: the guest will send it again */

	/* The host's socket. */
	struct nat_watch host;
	bool host_readable; /* there may be something that was not looked at */
	bool host_hup;	    /* nothing comes behind what there is */
	bool host_eof;	    /* all was looked at, and sent but for the FIN */
	bool host_full;	    /* an event comes when there is room */
	bool host_dead;	    /* reset: what it sent before is the guest's all the same */
	uint8_t ttl;	      /* as nat_set_ttl() */
	bool credit_old;      /* written since credit_bytes was asked for */
	uint32_t credit_asks; /* and with less than this it is asked for again */

	/* Deadlines, NAT_NEVER: none. */
	struct nat_timer timer; /* the earliest of all */
	uint64_t rtx_ns, ack_ns, look_ns, used_ns;
	uint64_t stamp_ns; /* when guest_stamp came */
};

struct conn_list {
	struct conn *first, **last;
};

struct listener {
	struct nat *nat;
	struct nat_watch watch;
	struct nat_timer retry; /* a client waits that could not be served */
	uint16_t guest_port;
	unsigned syns_out;
};

struct tcp {
	struct tcp_key key;
	struct conn *buckets[TCP_BUCKETS];
	unsigned conn_count;
	struct conn *oldest, *newest;
	struct shares shares;
	struct conn_list queues[QUEUES]; /* NONE: unused */
	struct nat_timer soon;		 /* QUEUE_TODO is served then, at the latest */
	bool has_peek_off;		 /* TCP has SO_PEEK_OFF: Linux 6.9 */
	uint8_t *waste;			 /* TCP_WASTE_BYTES to read into, where not */
	uint16_t next_port;		 /* of published ports' connections */
	unsigned listener_count;
	struct listener listeners[NAT_PUBLISHES_MAX];
};

static inline uint32_t tcp_flight_max(const struct tcp *t)
{
	return t->has_peek_off ? TCP_FLIGHT_MAX : TCP_FLIGHT_REREAD_MAX;
}

/* Of a segment that is no SYN. */
static inline unsigned conn_header_bytes(const struct conn *c)
{
	return WIRE_TCP_BYTES + (c->stamped ? WIRE_TCP_STAMP_BYTES : 0);
}

/* How much of the sequence space a segment takes. */
static inline uint32_t tcp_span(const struct wire_tcp *s, uint32_t payload_bytes)
{
	return payload_bytes + !!(s->flags & WIRE_TCP_SYN) + !!(s->flags & WIRE_TCP_FIN);
}

/* ---- tcp.c: the table ------------------------------------------------------------------------ */

struct conn *conn_find(struct tcp *t, const struct tcp_tuple *tuple);
/* In the table, with timers and numbers set; CONNECTING.  At TCP_CONNS_MAX the least
 * recently used goes, of a guest that has the most.  NULL: no memory. */
struct conn *conn_new(struct nat *n, const struct tcp_tuple *tuple);
/* Forget it; its socket is closed. */
void conn_free(struct conn *c);
/* The same, and a reset for those who still believe in it. */
void conn_abort(struct conn *c, bool tell_guest);
/* Something happened to it. */
void conn_use(struct conn *c);
/* If one has to go, this one. */
void conn_set_spare(struct conn *c);
/* To the end of a queue: TODO for tcp_flush(), STALLED for tcp_rx_ready(). */
void conn_enqueue(struct conn *c, enum conn_queue queue);
/* TODO, and a turn in the next round even if the guest sends nothing. */
void conn_later(struct conn *c);

/* ---- tcp_open.c: connections that the guest makes ---------------------------------------------
 */

/* A segment for a connection that there is not. */
void tcp_open(struct nat *n, const struct nat_in *in, const struct tcp_tuple *tuple,
	      const struct wire_tcp *s);
/* An event of a socket that connects: maybe it is through, and c maybe gone. */
void conn_connected(struct conn *c, uint32_t events);
/* What a SYN of the guest's says: its first number, window, and options. */
void conn_take_syn(struct conn *c, const struct wire_tcp *syn);
/* Own fd from now on, and hear of it: edge-triggered, once and for all.  0 or -errno */
int conn_watch(struct conn *c, int fd);

/* ---- tcp_in.c ----------------------------------------------------------------------- */

/* A segment for c, which may be gone then. */
void conn_input(struct conn *c, const struct nat_in *in, const struct wire_tcp *s);
/* A SYN that begins anew what is in TIME_WAIT (RFC 9293, 3.10.7.4; RFC 6191). */
bool conn_may_reopen(const struct conn *c, const struct wire_tcp *s);
/* Change state, and do what comes with the new one. */
void conn_event(struct conn *c, enum tcp_event event);

/* ---- tcp_out.c ---------------------------------------------------------------------- */

/* Do what there is to do: take, send, acknowledge, arm.  c may be gone then.
 * False: the guest has no buffers, and c waits for them. */
bool conn_settle(struct conn *c);
/* Have an acknowledgment sent in any case. */
void conn_owe_ack(struct conn *c);
/* There is data, or a FIN, that was not sent (or is to be sent again). */
bool conn_has_unsent(const struct conn *c);
/* Our SYN, or SYN-ACK.  Lost if the guest has no buffers: it is sent again. */
void conn_send_syn(struct conn *c);
/* A reset that belongs to no connection, in answer to s (RFC 9293, 3.10.7.1). */
void tcp_send_reset(struct nat *n, const struct tcp_tuple *tuple, const struct wire_tcp *s,
		    uint32_t payload_bytes);
void conn_send_reset(struct conn *c);
/* A segment of nothing that has to be answered: a window probe. */
void conn_send_probe(struct conn *c);

/* ---- tcp_host.c --------------------------------------------------------------------- */

/* Whether TCP has SO_PEEK_OFF. */
bool host_has_peek_off(void);
/* Options of a socket that will be spliced. */
void host_prepare(const struct tcp *t, int fd);
/* What happened to it. */
void host_hear(struct conn *c, uint32_t events);
/* It is dead, as a call says: nothing more is written. */
void host_died(struct conn *c);
/* Read, and leave there, what comes from seq on, a number of taken..snd_max.
 * Bytes; 0: the end; -EAGAIN: nothing now; or another -errno */
ssize_t host_peek(struct conn *c, uint32_t seq, struct iovec *iov, unsigned iov_count);
/* Take out what the guest acknowledged, if it is much, or all.  0 or -errno */
int host_take(struct conn *c);
/* The guest is through: the other side shall see its end.  0 or -errno */
int host_shutdown(struct conn *c);
/* Write len bytes of the guest's, from skip on behind the TCP header's start.
 * Bytes taken, 0..len; or -errno: the connection is dead. */
ssize_t host_write(struct conn *c, const struct nat_in *in, uint32_t skip, uint32_t len);
/* Ask how much more it takes; have it tell when there is more room if there is little. */
void host_ask_room(struct conn *c);
/* It did not take all of a write, whatever we said: the window closes until there is
 * room, and then the guest is asked to send again. */
void host_refused(struct conn *c);
/* Close with a reset instead of a FIN. */
void host_reset(struct conn *c);

/* ---- tcp_timer.c -------------------------------------------------------------------- */

/* The time-out for what is in flight runs from now on. */
void conn_start_rtx(struct conn *c);
/* Have the timer fire at the earliest deadline. */
void conn_arm(struct conn *c);
void conn_timer_fired(struct nat_timer *t, uint64_t now_ns);

/* ---- tcp_publish.c ------------------------------------------------------------------ */

/* The guest took the connection: c gets the client that waited longest.
 * 0; or -errno, c is gone, and the guest was told. */
int publish_accept(struct conn *c);
/* It did not: that client is reset, and c is gone. */
void publish_refuse(struct conn *c);
/* c ends for other reasons before it was answered: its client is asked for later. */
void publish_forget(struct conn *c);
void publish_fini(struct nat *n);

#endif
