/* Registers and interrupts; sections in capitals are the PC16550D data sheet's.
 *
 * Where the interrupt line of a real one would drop for the time that a
 * character takes on the wire, ours stays: THR is empty again at once.  A guest
 * that reads IIR until it says "none" (every one has to, the line is edge
 * triggered) sees the line fall and rise as it must. */
#include "chipset/uart16550.h"

#include <errno.h>
#include <stdlib.h>

#include "chipset/uart16550_line.h"
#include "core/irq_or.h"

enum {
	REG_DATA, /* RBR, THR; DLL */
	REG_IER,  /* DLM */
	REG_IIR,  /* FCR */
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCR,
	REG_COUNT,
};

#define IER_RDA  0x01u
#define IER_THRE 0x02u
#define IER_RLS  0x04u
#define IER_MS   0x08u
#define IER_MASK 0x0fu

/* IIR, by falling priority. */
#define IIR_RLS     0x06u
#define IIR_RDA     0x04u
#define IIR_TIMEOUT 0x0cu
#define IIR_THRE    0x02u
#define IIR_MS      0x00u
#define IIR_NONE    0x01u
#define IIR_FIFO    0xc0u

static struct uart *uart_of(struct device *dev)
{
	return container_of(dev, struct uart, device);
}

/* INTERRUPT IDENTIFICATION REGISTER: the highest that is enabled and asks. */
static uint8_t iir_id(const struct uart_state *s)
{
	if ((s->ier & IER_RLS) && (s->lsr & LSR_ERRORS))
		return IIR_RLS;
	if ((s->ier & IER_RDA) && s->rx_count >= uart_rx_trigger(s))
		return IIR_RDA;
	if ((s->ier & IER_RDA) && s->timeout_pending)
		return IIR_TIMEOUT;
	if ((s->ier & IER_THRE) && s->thre_pending)
		return IIR_THRE;
	if ((s->ier & IER_MS) && (s->msr & MSR_DELTA))
		return IIR_MS;
	return IIR_NONE;
}

/* A PC leads the chip's INTR to the bus through a gate that OUT2 opens.  We go
 * by the register's bit: with loopback on, the pin itself would be off. */
static void update_irq(struct uart *u)
{
	const int level = u->s.ier && (u->s.mcr & MCR_OUT2) && iir_id(&u->s) != IIR_NONE;

	if (level == u->level)
		return;
	u->level = level;
	irq_or_change(u->shared, &u->irq, level);
}

/* ---- registers ---- */

static void on_timeout(void *arg, uint64_t now_ns)
{
	uart_rx_silence(arg, now_ns);
	update_irq(arg);
}

static void on_settled(void *arg, uint64_t now_ns)
{
	(void)now_ns;
	uart_rx_settled(arg);
	update_irq(arg);
}

static void fcr_write(struct uart *u, uint8_t value)
{
	struct uart_state *s = &u->s;
	const bool toggled = (value ^ s->fcr) & FCR_ENABLE;

	/* FIFO CONTROL REGISTER: without bit 0 the others are not programmed;
	 * changing it clears both FIFOs. */
	if (toggled || ((value & FCR_ENABLE) && (value & FCR_RX_RESET)))
		uart_rx_clear(u);
	/* The first transmitter interrupt after enabling the FIFOs is immediate. */
	if (toggled || ((value & FCR_ENABLE) && (value & FCR_TX_RESET) && s->tx_count > 0))
		uart_tx_clear(s);
	s->fcr = value & FCR_ENABLE ? value & (FCR_ENABLE | FCR_TRIGGER) : 0;
	uart_rx_pull(u);
	uart_rx_activity(u);
}

static void ier_write(struct uart *u, uint8_t value)
{
	struct uart_state *s = &u->s;

	/* Enabling the THRE interrupt while THR is empty raises it. */
	if ((value & ~s->ier & IER_THRE) && (s->lsr & LSR_THRE))
		s->thre_pending = true;
	s->ier = value & IER_MASK;
}

static uint8_t iir_read(struct uart *u)
{
	const uint8_t id = iir_id(&u->s);

	if (id == IIR_THRE) {
		u->s.thre_pending = false;
		update_irq(u);
	}
	return (uint8_t)(id | (u->s.fcr & FCR_ENABLE ? IIR_FIFO : 0));
}

static uint8_t lsr_read(struct uart *u)
{
	struct uart_state *s = &u->s;
	uint8_t value;

	if (!(s->lsr & LSR_THRE)) {
		uart_tx_retry(u); /* who polls shall not wait for the main thread */
		update_irq(u);
	}
	value = s->lsr;
	if (value & LSR_ERRORS) {
		s->lsr &= (uint8_t)~LSR_ERRORS;
		uart_rx_show_front(s);
		update_irq(u);
	}
	return value;
}

static uint8_t rbr_read(struct uart *u)
{
	const uint8_t byte = uart_rx_pop(u);

	update_irq(u);
	return byte;
}

static uint8_t msr_read(struct uart *u)
{
	const uint8_t value = u->s.msr;

	if (value & MSR_DELTA) {
		u->s.msr &= (uint8_t)~MSR_DELTA;
		update_irq(u);
	}
	return value;
}

static uint64_t uart_read(void *ctx, uint64_t offset, unsigned size)
{
	struct uart *u = ctx;
	const struct uart_state *s = &u->s;

	(void)size;
	switch (offset) {
	case REG_LSR:
		return lsr_read(u);
	case REG_DATA:
		return s->lcr & LCR_DLAB ? s->divisor & 0xffu : rbr_read(u);
	case REG_IER:
		return s->lcr & LCR_DLAB ? s->divisor >> 8 : s->ier;
	case REG_IIR:
		return iir_read(u);
	case REG_LCR:
		return s->lcr;
	case REG_MCR:
		return s->mcr;
	case REG_MSR:
		return msr_read(u);
	default:
		return s->scr;
	}
}

static void uart_write(void *ctx, uint64_t offset, unsigned size, uint64_t raw)
{
	struct uart *u = ctx;
	struct uart_state *s = &u->s;
	const uint8_t value = (uint8_t)raw;

	(void)size;
	switch (offset) {
	case REG_DATA:
		if (!(s->lcr & LCR_DLAB)) {
			uart_tx_put(u, value);
			update_irq(u);
			return;
		}
		s->divisor = (uint16_t)((s->divisor & 0xff00u) | value);
		return;
	case REG_IER:
		if (s->lcr & LCR_DLAB)
			s->divisor = (uint16_t)((s->divisor & 0xffu) | (uint32_t)value << 8);
		else
			ier_write(u, value);
		break;
	case REG_IIR:
		fcr_write(u, value);
		break;
	case REG_LCR:
		s->lcr = value;
		return;
	case REG_MCR:
		s->mcr = value & MCR_MASK;
		uart_modem_update(u);
		uart_rx_pull(u);
		break;
	case REG_SCR:
		s->scr = value;
		return;
	default: /* LSR is for factory tests, MSR has nothing to write */
		return;
	}
	update_irq(u);
}

static const struct bus_ops uart_ops = { .read = uart_read, .write = uart_write };

/* ---- host and life ---- */

void uart16550_host_ready(struct device *dev)
{
	struct uart *u = uart_of(dev);

	uart_rx_pull(u);
	uart_tx_retry(u);
	uart_modem_update(u);
	update_irq(u);
}

void uart16550_break(struct device *dev)
{
	struct uart *u = uart_of(dev);

	u->s.break_waiting = true;
	uart_rx_pull(u);
	update_irq(u);
}

/* Table I (UART reset configuration).  The divisor has no reset value; firmware of a
 * PC leaves 9600 baud. */
static void uart_reset(struct device *dev)
{
	struct uart *u = uart_of(dev);

	u->s = (struct uart_state){ .lsr = LSR_THRE | LSR_TEMT, .divisor = UART_HZ / 9600 };
	u->s.msr = uart_modem_inputs(u);
	timer_disarm(u->clock, &u->timeout);
	timer_disarm(u->clock, &u->settle);
	update_irq(u);
}

static int uart_create(const struct board *board, const void *config, struct device **out,
		       struct err *err)
{
	const struct uart16550_config *cfg = config;
	struct uart *u = calloc(1, sizeof(*u));
	const struct bus_region region = {
		.name = "uart16550",
		.base = cfg->port,
		.len = REG_COUNT,
		.max_access = 1,
		.ops = &uart_ops,
		.ctx = u,
	};
	int rc;

	if (!u)
		return err_errno(err, -ENOMEM, "uart16550");
	u->device.type = &uart16550_type;
	u->irq = board_irq(board, cfg->gsi);
	u->shared = cfg->shared;
	u->pio = board->pio;
	u->clock = board->clock;
	u->chardev = cfg->chardev;
	u->port = cfg->port;
	timer_init(&u->timeout, on_timeout, u);
	timer_init(&u->settle, on_settled, u);
	rc = bus_add(board->pio, &region);
	if (rc < 0) {
		free(u);
		return err_errno(err, rc, "uart16550: port 0x%x", cfg->port);
	}
	uart_reset(&u->device);
	*out = &u->device;
	return 0;
}

static void uart_destroy(struct device *dev)
{
	struct uart *u = uart_of(dev);

	timer_disarm(u->clock, &u->timeout);
	timer_disarm(u->clock, &u->settle);
	bus_remove(u->pio, u->port);
	free(u);
}

const struct device_type uart16550_type = {
	.name = "uart16550",
	.create = uart_create,
	.reset = uart_reset,
	.destroy = uart_destroy,
};
