#include "chipset/acpi_pm.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/log.h"
#include "chipset/ports.h"
#include "core/platform.h"

/* PM1 status and enable (ACPI 6.4, 4.8.3.1): same places in both. */
#define PM1_TMR	   0x0001u
#define PM1_GBL	   0x0020u
#define PM1_PWRBTN 0x0100u
#define PM1_SLPBTN 0x0200u
#define PM1_RTC	   0x0400u
#define PM1_EVENTS (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC)

/* PM1 control (4.8.3.2.1). */
#define PM1_SCI_EN	  0x0001u
#define PM1_BM_RLD	  0x0002u
#define PM1_SLP_TYP_SHIFT 10u
#define PM1_SLP_TYP	  (7u << PM1_SLP_TYP_SHIFT)
#define PM1_SLP_EN	  0x2000u /* write only, reads 0 */
#define PM1_CNT_WRITABLE  (PM1_BM_RLD | PM1_SLP_TYP)

/* The timer's status bit is set whenever its top bit, 23, changes (4.8.2.1). */
#define TMR_BITS 24u
#define TMR_HALF (UINT64_C(1) << (TMR_BITS - 1))

#define SLEEP_LOG_BURST 2u

struct acpi_pm_state {
	uint16_t status;
	uint16_t enable;
	uint16_t control;
	/* TMR_STS is up to date up to this tick of the PM timer. */
	uint64_t settled_tick;
};

struct acpi_pm {
	struct device dev;
	struct acpi_pm_state s;
	struct bus *pio;
	struct clock *clock;
	const struct power_sink *power;
	struct irq sci;
	bool sci_level;	    /* of the line now: driving it costs a system call */
	struct timer timer; /* for TMR_STS, armed only while it can interrupt */
	struct log_limit sleep_log;
};

static uint64_t tick_now(const struct acpi_pm *p)
{
	return ns_to_ticks(clock_now(p->clock), PM_TIMER_HZ);
}

/* Bring TMR_STS up to now: nothing runs while nobody looks. */
static void settle(struct acpi_pm *p)
{
	const uint64_t tick = tick_now(p);

	if (tick / TMR_HALF != p->s.settled_tick / TMR_HALF)
		p->s.status |= PM1_TMR;
	p->s.settled_tick = tick;
}

/* Drive the SCI and arm the timer to match the registers. */
static void update(struct acpi_pm *p)
{
	const bool tmr_awaited = (p->s.enable & PM1_TMR) && !(p->s.status & PM1_TMR);
	const bool level = p->s.status & p->s.enable & PM1_EVENTS;

	if (level != p->sci_level)
		irq_set(&p->sci, level);
	p->sci_level = level;
	if (tmr_awaited) {
		const uint64_t flip = (p->s.settled_tick / TMR_HALF + 1) * TMR_HALF;

		timer_arm(p->clock, &p->timer, ticks_to_ns(flip, PM_TIMER_HZ));
	} else {
		timer_disarm(p->clock, &p->timer);
	}
}

static void pm_fire(void *arg, uint64_t now_ns)
{
	struct acpi_pm *p = arg;

	(void)now_ns;
	settle(p);
	update(p);
}

/* A read sees the block as bytes, made at one moment: so any size at any place
 * is answered, and a 32-bit read of the timer is never torn. */
static uint64_t pm_read(void *ctx, uint64_t offset, unsigned size)
{
	struct acpi_pm *p = ctx;
	uint8_t block[PM_TIMER + 4] = { 0 };
	uint8_t out[8] = { 0 };

	settle(p);
	le16_store(block + PM1_STATUS, p->s.status);
	le16_store(block + PM1_ENABLE, p->s.enable);
	le16_store(block + PM1_CONTROL, p->s.control | PM1_SCI_EN);
	le32_store(block + PM_TIMER,
		   (uint32_t)(p->s.settled_tick & ((UINT64_C(1) << TMR_BITS) - 1)));
	for (unsigned i = 0; i < size && offset + i < sizeof(block); i++)
		out[i] = block[offset + i];
	return le_load(out, size);
}

static void request_sleep(struct acpi_pm *p)
{
	const unsigned type = (p->s.control & PM1_SLP_TYP) >> PM1_SLP_TYP_SHIFT;

	if (type == PM_S5_SLP_TYP)
		power_request(p->power, POWER_OFF, 0, "ACPI S5");
	else if (log_limit_ok(&p->sleep_log, clock_now(p->clock), SLEEP_LOG_BURST))
		log_debug("acpi_pm: the guest asked for sleep type %u, which does not exist", type);
}

/* One byte of a 16-bit register: its other half stays. */
static uint16_t replace_byte(uint16_t old, uint64_t offset, uint8_t value)
{
	uint8_t bytes[2];

	le16_store(bytes, old);
	bytes[offset & 1] = value;
	return le16_load(bytes);
}

static void pm_write_byte(struct acpi_pm *p, uint64_t offset, uint8_t value)
{
	uint16_t wide;

	switch (offset & ~UINT64_C(1)) {
	case PM1_STATUS: /* write one to clear */
		p->s.status &= (uint16_t)~replace_byte(0, offset, value);
		break;
	case PM1_ENABLE:
		p->s.enable = replace_byte(p->s.enable, offset, value) & PM1_EVENTS;
		break;
	case PM1_CONTROL:
		wide = replace_byte(p->s.control, offset, value);
		p->s.control = wide & PM1_CNT_WRITABLE;
		if (wide & PM1_SLP_EN)
			request_sleep(p);
		break;
	default: /* the timer is read only, the rest of the block is not there */
		break;
	}
}

static void pm_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct acpi_pm *p = ctx;

	settle(p);
	for (unsigned i = 0; i < size; i++)
		pm_write_byte(p, offset + i, (uint8_t)(value >> (8 * i)));
	update(p);
}

bool acpi_pm_press_power_button(struct device *dev)
{
	struct acpi_pm *p = container_of(dev, struct acpi_pm, dev);

	settle(p);
	p->s.status |= PM1_PWRBTN;
	update(p);
	return (p->s.enable & PM1_PWRBTN) != 0;
}

static const struct bus_ops pm_ops = { pm_read, pm_write };

static const struct port_row pm_ports[] = {
	{ "ACPI PM", PORT_PM_BASE, PM_BLOCK_BYTES, 4, &pm_ops },
};

static int pm_create(const struct board *board, const void *config, struct device **out,
		     struct err *err)
{
	struct acpi_pm *p = calloc(1, sizeof(*p));
	int rc;

	(void)config;
	if (!p)
		return err_set(err, -ENOMEM, "no memory for the ACPI PM block");
	p->dev.type = &acpi_pm_type;
	p->pio = board->pio;
	p->clock = board->clock;
	p->power = board->power;
	p->sci = board_irq(board, GSI_SCI);
	timer_init(&p->timer, pm_fire, p);
	rc = ports_claim(p->pio, pm_ports, ARRAY_LEN(pm_ports), p, err);
	if (rc < 0) {
		free(p);
		return rc;
	}
	*out = &p->dev;
	return 0;
}

/* The timer runs on through a reset: its origin is guest time 0. */
static void pm_reset(struct device *dev)
{
	struct acpi_pm *p = container_of(dev, struct acpi_pm, dev);

	p->s = (struct acpi_pm_state){ .settled_tick = tick_now(p) };
	update(p);
}

static void pm_destroy(struct device *dev)
{
	struct acpi_pm *p = container_of(dev, struct acpi_pm, dev);

	timer_disarm(p->clock, &p->timer);
	ports_release(p->pio, pm_ports, ARRAY_LEN(pm_ports));
	free(p);
}

const struct device_type acpi_pm_type = { "acpi_pm", pm_create, pm_reset, pm_destroy };
