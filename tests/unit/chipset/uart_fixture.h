/* One UART at COM1's place on a fake board, its far end held by the test. */
#ifndef BANTAM_UART_FIXTURE_H
#define BANTAM_UART_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "char/chardev.h"
#include "chipset/uart16550.h"
#include "core/irq_or.h"
#include "fake/fake_board.h"

#define COM1 0x3f8u
#define IRQ  4u

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR };
#define THR RBR
#define DLL RBR
#define DLM IER
#define FCR IIR

#define CHAR_NS(divisor) (UINT64_C(10) * NS_PER_S * (divisor) / 115200) /* 8N1 */

struct uart_bench {
	struct fake_board board;
	struct chardev *far;
	struct device *dev;
};

static inline int bench_open(void **state)
{
	static const struct chardev_config mem = { .kind = CHARDEV_MEM };
	struct uart_bench *b = calloc(1, sizeof(*b));
	struct uart16550_config config = { .port = COM1, .gsi = IRQ };

	fake_board_init(&b->board);
	assert_int_equal(chardev_open(NULL, &mem, &b->far, NULL), 0);
	config.chardev = b->far;
	assert_int_equal(uart16550_type.create(&b->board.board, &config, &b->dev, NULL), 0);
	uart16550_type.reset(b->dev);
	*state = b;
	return 0;
}

static inline int bench_close(void **state)
{
	struct uart_bench *b = *state;

	uart16550_type.destroy(b->dev);
	chardev_close(b->far);
	free(b);
	return 0;
}

static inline uint8_t in(struct uart_bench *b, unsigned reg)
{
	return fake_in8(&b->board, (uint16_t)(COM1 + reg));
}

static inline void out(struct uart_bench *b, unsigned reg, unsigned value)
{
	fake_out8(&b->board, (uint16_t)(COM1 + reg), (uint8_t)value);
}

/* Host types text. */
static inline void type(struct uart_bench *b, const char *text)
{
	assert_int_equal(chardev_feed(b->far, (const uint8_t *)text, strlen(text)), strlen(text));
	uart16550_host_ready(b->dev);
}

/* What the guest has sent so far, as a string. */
static inline const char *sent(struct uart_bench *b)
{
	static char text[64];
	const size_t n = chardev_drain(b->far, (uint8_t *)text, sizeof(text) - 1);

	text[n] = '\0';
	return text;
}

/* Fill the host side until it takes no more, and take it away again. */
static inline void make_busy(struct uart_bench *b)
{
	while (chardev_can_put(b->far))
		chardev_put(b->far, '.');
}

static inline void make_room(struct uart_bench *b)
{
	uint8_t bytes[4096];

	while (chardev_drain(b->far, bytes, sizeof(bytes)) > 0)
		;
	uart16550_host_ready(b->dev);
}

static inline int line(const struct uart_bench *b)
{
	return b->board.irq_level[IRQ];
}

#define UART_TEST(f) cmocka_unit_test_setup_teardown(f, bench_open, bench_close)

#endif
