/* The parts list of the PC. */
#include <errno.h>
#include <time.h>

#include "catalog.h"
#include "base/log.h"
#include "chipset/acpi_pm.h"
#include "chipset/debugcon.h"
#include "chipset/debugexit.h"
#include "chipset/i8042.h"
#include "chipset/i8254.h"
#include "chipset/mc146818.h"
#include "chipset/post.h"
#include "chipset/pvpanic.h"
#include "chipset/port92.h"
#include "chipset/uart16550.h"
#include "kvm/doorbell.h"
#include "machine/internal.h"
#include "pci/hostbridge.h"
#include "pci/lpc.h"

static void nobody_there(const struct bus *bus, uint64_t addr, bool is_write)
{
	log_debug("guest %s %s %#llx: nothing is there", is_write ? "writes" : "reads", bus->name,
		  (unsigned long long)addr);
}

struct device *pc_add(struct machine *m, const struct device_type *type, const void *config,
		      struct err *err)
{
	struct device *dev;
	struct err why = { .text = "cannot be made" };

	if (m->part_count == PARTS_MAX) {
		err_set(err, -ENOSPC, "%s: too many devices", type->name);
		return NULL;
	}
	if (type->create(&m->board, config, &dev, &why) < 0) {
		err_set(err, -EIO, "%s: %s", type->name, why.text);
		return NULL;
	}
	m->parts[m->part_count++] = dev;
	return dev;
}

static int64_t wall_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * (int64_t)NS_PER_S + ts.tv_nsec;
}

static int add_serial(struct machine *m, struct err *err)
{
	static const uint16_t bases[SERIAL_PORTS] = SERIAL_PORT_BASES;
	static const unsigned gsis[SERIAL_PORTS] = SERIAL_PORT_GSIS;

	for (unsigned i = 0; i < SERIAL_PORTS; i++) {
		struct serial_line *s = &m->serial[i];
		const struct uart16550_config config = {
			.port = bases[i],
			.gsi = gsis[i],
			.chardev = s->chardev,
			.shared = &m->serial_irqs[i % ARRAY_LEN(m->serial_irqs)],
		};

		if (!s->chardev)
			continue;
		s->uart = pc_add(m, &uart16550_type, &config, err);
		if (!s->uart)
			return -EIO;
	}
	return 0;
}

static int add_all(struct machine *m, struct err *err)
{
	const uint64_t total = mem_total(&m->ram.mem), low = min_u64(total, RAM_LOW_MAX);
	const struct mc146818_config rtc = {
		.unix_time_ns = wall_clock_ns(),
		.ram_below_4g_bytes = low,
		.ram_above_4g_bytes = total - low,
	};
	const struct debugcon_config debugcon = { .chardev = m->debugcon };
	struct lpc_config lpc;
	const struct {
		const struct device_type *type;
		const void *config;
		bool left_out;
	} parts[] = {
		{ &i8254_type, NULL, false },
		{ &mc146818_type, &rtc, false },
		{ &i8042_type, NULL, false },
		{ &port92_type, NULL, false },
		{ &lpc_type, &lpc, false },
		{ &post_type, NULL, false },
		{ &pvpanic_type, NULL, false },
		{ &debugcon_type, &debugcon, false },
		{ &debugexit_type, NULL, !m->config->debug_exit },
	};

	m->acpi_pm = pc_add(m, &acpi_pm_type, NULL, err);
	if (!m->acpi_pm)
		return -EIO;
	m->hostbridge = pc_add(m, &hostbridge_type, NULL, err);
	if (!m->hostbridge)
		return -EIO;
	lpc.bus = hostbridge_bus(m->hostbridge);
	for (unsigned i = 0; i < ARRAY_LEN(parts); i++)
		if (!parts[i].left_out && !pc_add(m, parts[i].type, parts[i].config, err))
			return -EIO;
	if (add_serial(m, err) < 0)
		return -EIO;
	return pc_add_virtio(m, err);
}

int pc_create(struct machine *m, struct err *err)
{
	int rc;

	bus_init(&m->pio, "port", 0x10000);
	bus_init(&m->mmio, "memory", UINT64_C(1) << 52);
	if (log_enabled(LOG_DEBUG))
		m->pio.unclaimed = m->mmio.unclaimed = nobody_there;
	m->power = (struct power_sink){ .request = life_ask, .ctx = m };
	kvm_msi_init(&m->msi_lines, &m->kvm);
	m->msi = (struct msi_sink){ kvm_msi_open, kvm_msi_close, kvm_msi_route, kvm_msi_send,
				    &m->msi_lines };
	m->doorbells = (struct doorbell_sink){ kvm_doorbell_attach, kvm_doorbell_detach, &m->kvm };
	m->board = (struct board){
		.pio = &m->pio,
		.mmio = &m->mmio,
		.clock = &m->guest_time.clock,
		.mem = &m->ram.mem,
		.power = &m->power,
		.irq = { .set = kvm_irq_set, .ctx = &m->kvm },
		.msi = &m->msi,
		.doorbells = &m->doorbells,
	};
	device_lock(&m->lock);
	rc = add_all(m, err);
	device_unlock(&m->lock);
	if (rc < 0)
		pc_destroy(m);
	return rc;
}

void pc_reset(struct machine *m)
{
	device_lock(&m->lock);
	for (unsigned i = 0; i < m->part_count; i++)
		m->parts[i]->type->reset(m->parts[i]);
	device_unlock(&m->lock);
}

void pc_destroy(struct machine *m)
{
	while (m->part_count > 0) {
		struct device *dev = m->parts[--m->part_count];

		dev->type->destroy(dev);
	}
	for (unsigned i = 0; i < SERIAL_PORTS; i++)
		m->serial[i].uart = NULL;
	m->acpi_pm = m->hostbridge = m->virtio_console = m->balloon = NULL;
	m->virtio_count = 0;
}
