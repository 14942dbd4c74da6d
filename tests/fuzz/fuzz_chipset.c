/* A hostile guest at the ports: every chipset device on one board, driven by the
 * input as a list of accesses of any width to any port, with time passing in
 * between.  Whatever comes, nothing but a device's own state changes.
 *
 * Input: records of 4 bytes: what, port low, port high, value. */
#include <stdint.h>
#include <string.h>

#include "base/types.h"
#include "char/chardev.h"
#include "chipset/debugcon.h"
#include "chipset/mc146818.h"
#include "chipset/uart16550.h"
#include "catalog.h"
#include "core/irq_or.h"
#include "core/platform.h"
#include "fake/fake_board.h"

#define RECORD_BYTES 4
#define RECORDS_MAX  512
#define DEVICES_MAX  16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct guest {
	struct fake_board fb;
	struct device *devices[DEVICES_MAX];
	unsigned device_count;
	struct chardev *chardev;
	struct device *uart;
};

/* Ports where devices are, so that most accesses meet one. */
static const uint16_t likely[] = {
	0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x2f8, 0x2f9, 0x40, 0x41,
	0x42,  0x43,  0x61,  0x60,  0x64,  0x70,  0x71,  0x92,  0xcf8, 0xcf9, 0xcfc, 0x505,
	0x600, 0x602, 0x604, 0x608, 0x402, 0xe9,  0xf4,	 0x80,
};

static void add(struct guest *g, const char *name, const void *config)
{
	const struct device_type *type = catalog_find(name);
	struct device *dev;

	if (!type || type->create(&g->fb.board, config, &dev, NULL) < 0)
		__builtin_trap();
	g->devices[g->device_count++] = dev;
}

static void power_on(struct guest *g)
{
	static const char *const plain[] = { "i8254",  "i8042",	    "port92", "hostbridge",
					     "acpi_pm", "pvpanic", "debugexit", "post" };
	const struct chardev_config memory = { .kind = CHARDEV_MEM };
	const struct mc146818_config rtc = { .unix_time_ns = INT64_C(1700000000000000000),
					     .ram_below_4g_bytes = MIB(512) };

	memset(g, 0, sizeof(*g));
	fake_board_init(&g->fb);
	if (chardev_open(NULL, &memory, &g->chardev, NULL) < 0)
		__builtin_trap();
	const struct uart16550_config uart = { .port = 0x3f8, .gsi = 4, .chardev = g->chardev };
	const struct debugcon_config debugcon = { .chardev = NULL };

	for (unsigned i = 0; i < ARRAY_LEN(plain); i++)
		add(g, plain[i], NULL);
	add(g, "mc146818", &rtc);
	add(g, "debugcon", &debugcon);
	add(g, "uart16550", &uart);
	g->uart = g->devices[g->device_count - 1];
}

static void act(struct guest *g, const uint8_t *record)
{
	const unsigned what = record[0];
	const uint16_t any = (uint16_t)(record[1] | record[2] << 8);
	const uint16_t port = what & 0x80 ? any : likely[record[1] % ARRAY_LEN(likely)];
	const uint8_t value = record[3];

	switch (what % 10) {
	case 0:
		fake_in8(&g->fb, port);
		break;
	case 1:
		fake_in16(&g->fb, port);
		break;
	case 2:
		fake_in32(&g->fb, port);
		break;
	case 3:
	case 4:
		fake_out8(&g->fb, port, value);
		break;
	case 5:
		fake_out16(&g->fb, port, (uint16_t)(value | any << 8));
		break;
	case 6:
		fake_out32(&g->fb, port, value | (uint32_t)any << 16);
		break;
	case 7: /* up to 16 ms: many ticks of every timer */
		fake_board_advance(&g->fb, (uint64_t)any * 256);
		break;
	case 8: /* the host types */
		chardev_feed(g->chardev, record + 1, 3);
		uart16550_host_ready(g->uart);
		if (value & 1)
			uart16550_break(g->uart);
		break;
	default: {
		uint8_t sink[64];

		if (value < 8) {
			for (unsigned i = 0; i < g->device_count; i++)
				g->devices[i]->type->reset(g->devices[i]);
		}
		chardev_drain(g->chardev, sink, sizeof(sink));
		uart16550_host_ready(g->uart);
		break;
	}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest *g = &(struct guest){ 0 };

	power_on(g);
	for (size_t i = 0; i < RECORDS_MAX && (i + 1) * RECORD_BYTES <= size; i++)
		act(g, data + i * RECORD_BYTES);
	while (g->device_count > 0) {
		struct device *dev = g->devices[--g->device_count];

		dev->type->destroy(dev);
	}
	chardev_close(g->chardev);
	if (g->fb.pio.region_count != 0) /* destroyed devices give their ports back */
		__builtin_trap();
	return 0;
}
