#include "boot/fadt.h"

#include <assert.h>

#include "base/bytes.h"
#include "boot/sdt.h"
#include "core/platform.h"

#define FADT_REVISION	    6u
#define FADT_MINOR_REVISION 3u
#define FADT_BYTES	    276u

/* Offsets from the start of the table, ACPI 6.4 section 5.2.9.  Those not named stay
 * zero, which means "not there": no SMI command (ACPI mode from power-on), no PM1b,
 * PM2 or GPE blocks, no throttling, no alarms further ahead than a day. */
enum fadt_field {
	FADT_FIRMWARE_CTRL = 36,
	FADT_DSDT = 40,
	FADT_SCI_INT = 46,
	FADT_PM1A_EVT_BLK = 56,
	FADT_PM1A_CNT_BLK = 64,
	FADT_PM_TMR_BLK = 76,
	FADT_PM1_EVT_LEN = 88,
	FADT_PM1_CNT_LEN = 89,
	FADT_PM_TMR_LEN = 91,
	FADT_P_LVL2_LAT = 96,
	FADT_P_LVL3_LAT = 98,
	FADT_CENTURY = 108,
	FADT_IAPC_BOOT_ARCH = 109,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_MINOR_VERSION = 131,
	FADT_X_DSDT = 140,
	FADT_X_PM1A_EVT_BLK = 148,
	FADT_X_PM1A_CNT_BLK = 172,
	FADT_X_PM_TMR_BLK = 208,
};

/* IA-PC boot architecture flags, section 5.2.9.3; MSI is allowed and the RTC is there. */
#define BOOT_ARCH_LEGACY_DEVICES 0x0001u
#define BOOT_ARCH_8042		 0x0002u
#define BOOT_ARCH_NO_VGA	 0x0004u

/* Fixed feature flags, section 5.2.9.  Clear on purpose: PWR_BUTTON (the fixed power
 * button exists), TMR_VAL_EXT (24-bit timer). */
#define FLAG_WBINVD	   (1u << 0)
#define FLAG_PROC_C1	   (1u << 2)
#define FLAG_NO_SLP_BUTTON (1u << 5)
#define FLAG_NO_FIXED_RTC  (1u << 6) /* no state to wake from: no RTC bits in PM1 */
#define FLAG_RESET_REG_SUP (1u << 10)

/* Latencies that say that there is no C2 (above 100 us) and no C3 (above 1000). */
#define NO_C2_LATENCY_US 0x0fffu
#define NO_C3_LATENCY_US 0x0fffu

#define CMOS_CENTURY 0x32u

/* At 0xcf9: system reset (bit 1) on the rising edge of reset CPU (bit 2). */
#define RESET_VALUE 0x06u

#define PM1_EVENT_BYTES	  4u /* status and enable */
#define PM1_CONTROL_BYTES 2u
#define PM_TIMER_BYTES	  4u

/* Generic Address Structure, section 5.2.3.2. */
enum gas_field {
	GAS_SPACE = 0,
	GAS_BIT_WIDTH = 1,
	GAS_BIT_OFFSET = 2,
	GAS_ACCESS_SIZE = 3,
	GAS_ADDRESS = 4,
};

#define GAS_SPACE_IO 1u

/* size_bytes of ports, accessed access_bytes (1, 2 or 4) at a time. */
static void gas_put(uint8_t *gas, uint16_t port, unsigned size_bytes, unsigned access_bytes)
{
	gas[GAS_SPACE] = GAS_SPACE_IO;
	gas[GAS_BIT_WIDTH] = (uint8_t)(8 * size_bytes);
	gas[GAS_BIT_OFFSET] = 0;
	gas[GAS_ACCESS_SIZE] = (uint8_t)(access_bytes == 4 ? 3 : access_bytes);
	le64_store(gas + GAS_ADDRESS, port);
}

/* The PM registers, by the old fields and by the GAS ones, which must agree. */
static void put_pm_blocks(uint8_t *t)
{
	le32_store(t + FADT_PM1A_EVT_BLK, PORT_PM_BASE + PM1_STATUS);
	le32_store(t + FADT_PM1A_CNT_BLK, PORT_PM_BASE + PM1_CONTROL);
	le32_store(t + FADT_PM_TMR_BLK, PORT_PM_BASE + PM_TIMER);
	t[FADT_PM1_EVT_LEN] = PM1_EVENT_BYTES;
	t[FADT_PM1_CNT_LEN] = PM1_CONTROL_BYTES;
	t[FADT_PM_TMR_LEN] = PM_TIMER_BYTES;
	gas_put(t + FADT_X_PM1A_EVT_BLK, PORT_PM_BASE + PM1_STATUS, PM1_EVENT_BYTES, 2);
	gas_put(t + FADT_X_PM1A_CNT_BLK, PORT_PM_BASE + PM1_CONTROL, PM1_CONTROL_BYTES, 2);
	gas_put(t + FADT_X_PM_TMR_BLK, PORT_PM_BASE + PM_TIMER, PM_TIMER_BYTES, 4);
}

size_t fadt_emit(struct emit *e, gpa_t facs_gpa, gpa_t dsdt_gpa)
{
	const size_t start = sdt_begin(e, "FACP", FADT_REVISION);
	uint8_t t[FADT_BYTES] = { 0 };

	assert(facs_gpa <= UINT32_MAX && dsdt_gpa <= UINT32_MAX);
	/* X_FIRMWARE_CTRL stays zero: it is for a FACS above 4 GiB. */
	le32_store(t + FADT_FIRMWARE_CTRL, (uint32_t)facs_gpa);
	le32_store(t + FADT_DSDT, (uint32_t)dsdt_gpa);
	le64_store(t + FADT_X_DSDT, dsdt_gpa);
	le16_store(t + FADT_SCI_INT, GSI_SCI);
	put_pm_blocks(t);
	le16_store(t + FADT_P_LVL2_LAT, NO_C2_LATENCY_US);
	le16_store(t + FADT_P_LVL3_LAT, NO_C3_LATENCY_US);
	t[FADT_CENTURY] = CMOS_CENTURY;
	le16_store(t + FADT_IAPC_BOOT_ARCH,
		   BOOT_ARCH_LEGACY_DEVICES | BOOT_ARCH_8042 | BOOT_ARCH_NO_VGA);
	le32_store(t + FADT_FLAGS, FLAG_WBINVD | FLAG_PROC_C1 | FLAG_NO_SLP_BUTTON |
					   FLAG_NO_FIXED_RTC | FLAG_RESET_REG_SUP);
	gas_put(t + FADT_RESET_REG, PORT_RESET, 1, 1);
	t[FADT_RESET_VALUE] = RESET_VALUE;
	t[FADT_MINOR_VERSION] = FADT_MINOR_REVISION;
	emit_bytes(e, t + SDT_HEADER_BYTES, FADT_BYTES - SDT_HEADER_BYTES);
	sdt_end(e, start);
	return start;
}
