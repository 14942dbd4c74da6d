/* chipset/uart16550_line.h: the line side of the UART: receiver, transmitter and
 * modem lines, as against its registers and interrupts (uart16550.c).  Private to
 * these two.  None of these drives the interrupt line: the caller does when all is
 * done. */
#ifndef BANTAM_CHIPSET_UART16550_LINE_H
#define BANTAM_CHIPSET_UART16550_LINE_H

#include "chipset/uart16550.h"

#define FIFO_BYTES 16u

#define FCR_ENABLE   0x01u
#define FCR_RX_RESET 0x02u
#define FCR_TX_RESET 0x04u
#define FCR_TRIGGER  0xc0u

#define LCR_WORD 0x03u
#define LCR_STOP 0x04u
#define LCR_PEN  0x08u
#define LCR_DLAB 0x80u

#define MCR_DTR  0x01u
#define MCR_RTS  0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u
#define MCR_LOOP 0x10u
#define MCR_MASK 0x1fu

#define LSR_DR       0x01u
#define LSR_OE       0x02u
#define LSR_BI       0x10u
#define LSR_THRE     0x20u
#define LSR_TEMT     0x40u
#define LSR_RX_ERROR 0x80u
#define LSR_CHAR     0x1cu /* PE, FE, BI: belong to a character */
#define LSR_ERRORS   0x1eu

#define MSR_CTS   0x10u
#define MSR_DSR   0x20u
#define MSR_RI    0x40u
#define MSR_DCD   0x80u
#define MSR_TERI  0x04u
#define MSR_DELTA 0x0fu

#define UART_HZ        115200u /* 1.8432 MHz / 16 */
#define TIMEOUT_MAX_NS NS_PER_MS
#define SETTLE_NS      (5 * NS_PER_MS)

/* All that a migration would carry. */
struct uart_state {
	uint8_t ier, fcr, lcr, mcr, lsr, msr, scr;
	uint16_t divisor;
	uint8_t rx_head, rx_count; /* rx_count up to FIFO_BYTES, or 1 without FIFO */
	uint8_t tx_count;          /* waits for room at the host, oldest first */
	bool thre_pending;         /* the THRE interrupt, until seen in IIR */
	bool timeout_pending;
	uint64_t quiet_since_ns; /* guest time of the last byte that came or was read */
	bool break_waiting;      /* came while the receiver was full */
	uint8_t rx[FIFO_BYTES];
	uint8_t rx_error[FIFO_BYTES]; /* LSR_CHAR bits of each */
	uint8_t tx[FIFO_BYTES];
	uint16_t rx_typed;         /* bit per slot of rx: came from the character device */
	uint8_t again[FIFO_BYTES]; /* taken back from a receiver that was cleared */
	uint8_t again_count;
	uint64_t settled_ns; /* guest time from which they may be sent again */
};

struct uart {
	struct device device;
	struct uart_state s;
	int level; /* of our line, as last told */
	struct irq irq;
	struct irq_or *shared;
	struct bus *pio;
	struct clock *clock;
	struct timer timeout;
	struct timer settle;
	struct chardev *chardev;
	uint16_t port;
};

/* Bytes of the receiver that make the RDA interrupt (FCR, bits 6 and 7). */
unsigned uart_rx_trigger(const struct uart_state *s);

/* Fill the receiver from the host as far as it has room. */
void uart_rx_pull(struct uart *u);
/* The next byte; refills from the host when that was the last. */
uint8_t uart_rx_pop(struct uart *u);
/* Empty the receiver.  What the guest did not read of the host's input comes again
 * once it has left FCR alone for SETTLE_NS. */
void uart_rx_clear(struct uart *u);
/* Set LSR's receiver bits to what the front of the FIFO is. */
void uart_rx_show_front(struct uart_state *s);
/* The settle timer fired. */
void uart_rx_settled(struct uart *u);
/* A byte came or was read, or the trigger level changed: 4 characters of silence
 * from now make the time-out interrupt. */
void uart_rx_activity(struct uart *u);
/* The character timer fired (timer's fire). */
void uart_rx_silence(struct uart *u, uint64_t now_ns);

void uart_tx_put(struct uart *u, uint8_t byte);
/* Send what waits, as far as the host has room. */
void uart_tx_retry(struct uart *u);
/* Drop what waits. */
void uart_tx_clear(struct uart_state *s);

/* MSR bits 4..7 as they are now. */
uint8_t uart_modem_inputs(const struct uart *u);
/* Bring MSR up to date, with its change bits. */
void uart_modem_update(struct uart *u);

#endif
