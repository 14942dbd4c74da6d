/* Sections in capitals are the PC16550D data sheet's; see uart16550_line.h. */
#include "chipset/uart16550_line.h"

#include <string.h>

#include "char/chardev.h"

static unsigned rx_capacity(const struct uart_state *s)
{
	return s->fcr & FCR_ENABLE ? FIFO_BYTES : 1;
}

/* FIFO CONTROL REGISTER, bits 6 and 7. */
unsigned uart_rx_trigger(const struct uart_state *s)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };

	return s->fcr & FCR_ENABLE ? levels[(s->fcr & FCR_TRIGGER) >> 6] : 1;
}

/* ---- receiver ---- */

/* FIFO INTERRUPT MODE OPERATION, B: four characters of silence.  A slow guest
 * setting must not make a fast host wait, so 1 ms at most. */
static uint64_t timeout_ns(const struct uart_state *s)
{
	const unsigned bits = 1 + 5 + (s->lcr & LCR_WORD) + (s->lcr & LCR_PEN ? 1 : 0) +
			      (s->lcr & LCR_STOP ? 2 : 1);

	return min_u64(UINT64_C(4) * bits * NS_PER_S * s->divisor / UART_HZ, TIMEOUT_MAX_NS);
}

/* The silence begins anew with each byte that arrives or is read.  The timer
 * itself is armed at most once a silence: it looks at quiet_since_ns when it
 * fires, because moving it for each byte would cost a system call a byte. */
void uart_rx_activity(struct uart *u)
{
	struct uart_state *s = &u->s;

	if (!(s->fcr & FCR_ENABLE) || s->rx_count == 0 || s->rx_count >= uart_rx_trigger(s))
		return;
	s->quiet_since_ns = clock_now(u->clock);
	if (!timer_armed(&u->timeout))
		timer_arm(u->clock, &u->timeout, s->quiet_since_ns + timeout_ns(s));
}

void uart_rx_silence(struct uart *u, uint64_t now_ns)
{
	struct uart_state *s = &u->s;
	const uint64_t due_ns = s->quiet_since_ns + timeout_ns(s);

	if (!(s->fcr & FCR_ENABLE) || s->rx_count == 0)
		return;
	if (now_ns < due_ns)
		timer_arm(u->clock, &u->timeout, due_ns);
	else
		s->timeout_pending = true;
}

/* LINE STATUS REGISTER: error bits show when their character is next to be read; bit 7 says
 * that there is one with an error anywhere in the FIFO. */
void uart_rx_show_front(struct uart_state *s)
{
	uint8_t any = 0;

	s->lsr &= (uint8_t)~(LSR_DR | LSR_RX_ERROR);
	if (s->rx_count == 0)
		return;
	s->lsr |= LSR_DR;
	s->lsr |= s->rx_error[s->rx_head];
	s->rx_error[s->rx_head] = 0;
	for (unsigned i = 1; i < s->rx_count; i++)
		any |= s->rx_error[(s->rx_head + i) % FIFO_BYTES];
	if ((s->fcr & FCR_ENABLE) && (any || (s->lsr & LSR_CHAR)))
		s->lsr |= LSR_RX_ERROR;
}

enum rx_source { RX_TYPED, RX_LOOPED, RX_BREAK };

/* LINE STATUS REGISTER, bit 1: a full FIFO keeps what it has; without FIFO the
 * new character replaces the old one. */
static void rx_push(struct uart *u, uint8_t byte, enum rx_source source)
{
	struct uart_state *s = &u->s;
	unsigned at;

	if (s->rx_count == rx_capacity(s)) {
		s->lsr |= LSR_OE;
		if (s->fcr & FCR_ENABLE)
			return;
		s->rx_count = 0;
	}
	at = (s->rx_head + s->rx_count) % FIFO_BYTES;
	s->rx[at] = byte;
	s->rx_error[at] = source == RX_BREAK ? LSR_BI : 0;
	s->rx_typed = (uint16_t)(s->rx_typed & ~(1u << at));
	s->rx_typed = (uint16_t)(s->rx_typed | (source == RX_TYPED ? 1u << at : 0));
	s->rx_count++;
	uart_rx_show_front(s);
	uart_rx_activity(u);
}

/* A driver clears the receiver, and reads it empty, more than once while it sets
 * the port up; on a real line that is before anybody types.  Here the input may
 * have been waiting in a pipe since the start, and would lose its first bytes. */
static void take_back(struct uart *u)
{
	struct uart_state *s = &u->s;
	uint8_t bytes[2 * FIFO_BYTES];
	unsigned count = 0;

	for (unsigned i = 0; i < s->rx_count; i++) {
		const unsigned at = (s->rx_head + i) % FIFO_BYTES;

		if (s->rx_typed & 1u << at)
			bytes[count++] = s->rx[at];
	}
	memcpy(bytes + count, s->again, s->again_count);
	count += s->again_count;
	/* Never cut: the FIFO takes from `again` before it takes new input, so
	 * both together hold what one FIFO held. */
	s->again_count = (uint8_t)min_u64(count, FIFO_BYTES);
	memcpy(s->again, bytes, s->again_count);
	if (count == 0)
		return;
	s->settled_ns = clock_now(u->clock) + SETTLE_NS;
	if (!timer_armed(&u->settle))
		timer_arm(u->clock, &u->settle, s->settled_ns);
}

void uart_rx_clear(struct uart *u)
{
	struct uart_state *s = &u->s;

	take_back(u);
	s->rx_head = 0;
	s->rx_count = 0;
	memset(s->rx_error, 0, sizeof(s->rx_error));
	s->lsr &= (uint8_t)~LSR_CHAR;
	s->timeout_pending = false;
	uart_rx_show_front(s);
}

static bool settling(struct uart *u)
{
	return u->s.again_count > 0 && clock_now(u->clock) < u->s.settled_ns;
}

void uart_rx_settled(struct uart *u)
{
	if (settling(u))
		timer_arm(u->clock, &u->settle, u->s.settled_ns);
	else
		uart_rx_pull(u);
}

/* The host's next byte, or -1. */
static int next_typed(struct uart *u)
{
	struct uart_state *s = &u->s;
	int byte;

	if (s->again_count == 0)
		return chardev_get(u->chardev);
	byte = s->again[0];
	memmove(s->again, s->again + 1, --s->again_count);
	return byte;
}

/* Fill the receiver from the host.  In loopback the input pin is cut off. */
void uart_rx_pull(struct uart *u)
{
	struct uart_state *s = &u->s;

	if ((s->mcr & MCR_LOOP) || settling(u))
		return;
	while (s->rx_count < rx_capacity(s)) {
		int byte;

		if (s->break_waiting) {
			s->break_waiting = false;
			rx_push(u, 0, RX_BREAK);
			continue;
		}
		byte = next_typed(u);
		if (byte < 0)
			break;
		rx_push(u, (uint8_t)byte, RX_TYPED);
	}
}

uint8_t uart_rx_pop(struct uart *u)
{
	struct uart_state *s = &u->s;
	const uint8_t byte = s->rx[s->rx_head];

	if (s->rx_count == 0)
		return byte; /* what was read last, as the latch would have it */
	if (s->rx_count > 1)
		s->rx_head = (uint8_t)((s->rx_head + 1) % FIFO_BYTES);
	s->rx_count--;
	s->timeout_pending = false;
	uart_rx_show_front(s);
	uart_rx_activity(u);
	if (s->rx_count == 0)
		uart_rx_pull(u);
	return byte;
}

/* ---- transmitter ---- */

void uart_tx_clear(struct uart_state *s)
{
	s->tx_count = 0;
	s->lsr |= LSR_THRE | LSR_TEMT;
	s->thre_pending = true;
}

/* Send what waits, as far as the host has room. */
void uart_tx_retry(struct uart *u)
{
	struct uart_state *s = &u->s;
	unsigned sent = 0;

	if (s->tx_count == 0)
		return;
	while (sent < s->tx_count && chardev_can_put(u->chardev))
		chardev_put(u->chardev, s->tx[sent++]);
	memmove(s->tx, s->tx + sent, s->tx_count - sent);
	s->tx_count = (uint8_t)(s->tx_count - sent);
	if (s->tx_count == 0)
		uart_tx_clear(s);
}

static void tx_wait(struct uart_state *s, uint8_t byte)
{
	s->thre_pending = false;
	s->lsr &= (uint8_t)~(LSR_THRE | LSR_TEMT);
	if (!(s->fcr & FCR_ENABLE))
		s->tx_count = 0; /* overwrites THR */
	if (s->tx_count < FIFO_BYTES)
		s->tx[s->tx_count++] = byte;
}

void uart_tx_put(struct uart *u, uint8_t byte)
{
	struct uart_state *s = &u->s;

	if (s->mcr & MCR_LOOP) {
		rx_push(u, byte, RX_LOOPED);
		s->thre_pending = true;
	} else if (s->tx_count == 0 && chardev_can_put(u->chardev)) {
		chardev_put(u->chardev, byte);
		s->thre_pending = true;
	} else {
		tx_wait(s, byte);
		uart_tx_retry(u);
	}
}

/* ---- modem lines ---- */

/* MODEM CONTROL REGISTER, bit 4: in loopback the four outputs are the four inputs. */
uint8_t uart_modem_inputs(const struct uart *u)
{
	const uint8_t mcr = u->s.mcr;

	if (!(mcr & MCR_LOOP))
		return chardev_connected(u->chardev) ? MSR_CTS | MSR_DSR | MSR_DCD : MSR_CTS;
	return (uint8_t)((mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
			 (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0));
}

/* MODEM STATUS REGISTER: bits 0, 1, 3 note a change, bit 2 only that RI went away. */
void uart_modem_update(struct uart *u)
{
	struct uart_state *s = &u->s;
	const uint8_t now = uart_modem_inputs(u);
	const uint8_t changed = (uint8_t)((s->msr ^ now) & 0xf0u);
	uint8_t delta = (uint8_t)(changed >> 4 & ~MSR_TERI);

	if ((changed & MSR_RI) && !(now & MSR_RI))
		delta |= MSR_TERI;
	s->msr = (uint8_t)(now | (s->msr & MSR_DELTA) | delta);
}
