/* core/platform.h: the fixed places of this PC: ports, interrupt lines and
 * windows of guest-physical space.  Devices answer there, ACPI, the MP table and
 * E820 describe them; both read this one list. */
#ifndef BANTAM_CORE_PLATFORM_H
#define BANTAM_CORE_PLATFORM_H

#include "base/types.h"

/* ---- guest-physical space ----------------------------------------------
 *
 *  0            RAM                       (the first MiB: boot/layout.h)
 *  0xc0000000   ECAM, 256 MiB             PCI configuration space
 *  0xd0000000   32-bit PCI window         up to the IOAPIC
 *  0xfec00000   IOAPIC (KVM)
 *  0xfed1c000   the LPC bridge's chipset registers
 *  0xfee00000   local APICs (KVM)
 *  0xfffbc000   KVM's identity-map page, then its 3 TSS pages (VT-x only)
 *  0xfffc0000   firmware, up to 4 GiB
 *  4 GiB        RAM that did not fit below 3 GiB
 */
#define RAM_LOW_MAX      GIB(3)
#define RAM_HIGH_BASE    GIB(4)
#define RAM_MIN_BYTES    MIB(32)
#define ECAM_BASE        UINT64_C(0xc0000000)
#define ECAM_BYTES       MIB(256)
#define ECAM_BUS_BYTES   MIB(1)
#define PCI32_BASE       UINT64_C(0xd0000000)
#define PCI32_END        UINT64_C(0xfec00000)
#define IOAPIC_BASE      UINT64_C(0xfec00000)
#define RCRB_BASE        UINT64_C(0xfed1c000)
#define RCRB_BYTES       KIB(16)
#define LAPIC_BASE       UINT64_C(0xfee00000)
#define KVM_IDENTITY_GPA UINT64_C(0xfffbc000)
#define KVM_TSS_GPA      UINT64_C(0xfffbd000)
#define FIRMWARE_BASE    UINT64_C(0xfffc0000)

/* ACPI tells of the bus that there is.  Linux looks for hidden ones at each number up to the
 * last that it is told of: with 255 that were 8,160 reads, two exits each, in every boot. */
#define PCI_BUS_LAST     0u

_Static_assert(ECAM_BASE + ECAM_BYTES == PCI32_BASE, "ECAM ends where the PCI window begins");
_Static_assert(KVM_TSS_GPA + 3 * 4096 <= FIRMWARE_BASE, "KVM's pages stay below the firmware");

/* ---- ports ------------------------------------------------------------- */
#define PORT_PIT          0x40u  /* 0x40..0x43 */
#define PORT_KBD_DATA     0x60u
#define PORT_SYSTEM_B     0x61u  /* PIT channel 2 gate, speaker, refresh */
#define PORT_KBD_STATUS   0x64u
#define PORT_RTC          0x70u  /* index, data */
#define PORT_POST         0x80u  /* POST code; Linux delays by writing it */
#define PORT_SYSTEM_A     0x92u  /* fast A20 and fast reset */
#define PORT_BOCHS_DEBUG  0xe9u
#define PORT_DEBUG_EXIT   0xf4u
#define PORT_DEBUGCON     0x402u
#define PORT_PVPANIC      0x505u
#define PORT_PM_BASE      0x600u /* ACPI: see the offsets below */
#define PORT_PCI_ADDRESS  0xcf8u /* and CONFIG_DATA at 0xcfc */
#define PORT_RESET        0xcf9u

#define SERIAL_PORTS      4
#define SERIAL_PORT_BASES { 0x3f8u, 0x2f8u, 0x3e8u, 0x2e8u }
#define SERIAL_PORT_GSIS  { 4u, 3u, 4u, 3u }

/* ACPI PM block, offsets from PORT_PM_BASE as in an ICH9. */
#define PM1_STATUS        0x00u  /* 2 bytes */
#define PM1_ENABLE        0x02u  /* 2 bytes */
#define PM1_CONTROL       0x04u  /* 2 bytes */
#define PM_TIMER          0x08u  /* 4 bytes */
#define PM_BLOCK_BYTES    0x80u
#define PM_TIMER_HZ       3579545u
#define PM_S5_SLP_TYP     0u     /* SLP_TYPa of _S5, as in an ICH9 under QEMU */

/* ---- interrupt lines (GSIs) --------------------------------------------- */
#define GSI_PIT           0u     /* IOAPIC pin 0, by KVM's own routing */
#define GSI_KBD           1u
#define GSI_RTC           8u
#define GSI_SCI           9u     /* level, active high */
#define GSI_MOUSE         12u
/* PCI's INTx: device d's pin p (0: INTA) is line (d + p) % PCI_INTX_LINES, each on
 * an IOAPIC pin of its own.  For a kernel without IOAPIC they are on the PIC's IRQs
 * 10 and 11 as well, shared, level-triggered, until the guest routes them elsewhere
 * (pci/lpc.c). */
#define GSI_PCI_INTX      16u
#define PCI_INTX_LINES    8u
#define PCI_INTX_LINE(device, pin) (((device) + (pin)) % PCI_INTX_LINES)
#define PCI_PIC_IRQ(line) (10u + (line) % 2)
#define PCI_PIC_IRQS      (1u << 10 | 1u << 11)

#define CPUS_MAX          64u
/* Behind the vCPUs: KVM_SET_IDENTITY_MAP and the MP table want an IOAPIC id
 * that no CPU has. */
#define IOAPIC_ID(cpu_count) (cpu_count)

#endif
