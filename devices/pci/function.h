/* pci/function.h: one function on the PCI bus: its configuration space, BARs and
 * capabilities.
 *
 * Configuration space is bytes with a mask of what may be written, made once from
 * const data; what has an effect (BARs, command, MSI-X control, a device's own
 * window) is told by a call.  PCI Local Bus 3.0, chapter 6; PCI Express Base 3.0,
 * 7.2 (ECAM).  All calls under the device lock unless one says otherwise. */
#ifndef BANTAM_PCI_FUNCTION_H
#define BANTAM_PCI_FUNCTION_H

#include <stdatomic.h>

#include "base/err.h"
#include "core/device.h"
#include "pci/msix.h"

#define PCI_CONFIG_BYTES 256u
#define PCI_ECAM_BYTES	 4096u /* what ECAM has for a function */
#define PCI_BARS	 6u
#define PCI_NO_PIN	 0u /* interrupt pins are 1 to 4, INTA to INTD */

struct pci_bus;
struct pci_function;

/* What a function is; const. */
struct pci_identity {
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem;
	uint8_t revision;
	uint32_t class_code; /* 24 bits: class, subclass, interface */
	uint8_t pin;	     /* PCI_NO_PIN or 1 (INTA) */
};

/* What a function is told.  Any may be NULL. */
struct pci_ops {
	/* A BAR appeared at gpa (decoded, not overlapping), or went: gpa is
	 * UINT64_MAX.  Its region has been put on or taken off the bus before.
	 * One that moves goes and appears. */
	void (*bar_moved)(struct pci_function *fn, unsigned bar, gpa_t gpa);
	/* Accesses to a window of configuration space that the function answers
	 * itself: see pci_set_window().  offset is within the window, as is
	 * offset + size - 1. */
	uint32_t (*window_read)(struct pci_function *fn, unsigned offset, unsigned size);
	void (*window_write)(struct pci_function *fn, unsigned offset, unsigned size,
			     uint32_t value);
};

struct pci_bar {
	uint64_t len;	  /* bytes, a power of two, 4096 or more; 0: no such BAR */
	bool is_64bit;	  /* takes the next BAR's register, too */
	struct bus_region region; /* name, max_access, ops, ctx; base while decoded */
	gpa_t gpa;	  /* what the register says; UINT64_MAX: decoding is off */
	bool decoded;	  /* region is on the bus */
};

struct pci_function {
	const struct pci_identity *identity;
	const struct pci_ops *ops;
	struct pci_bus *bus; /* NULL until pci_bus_add() */
	unsigned devfn;	     /* device << 3 | function */
	uint8_t config[PCI_CONFIG_BYTES];
	uint8_t writable[PCI_CONFIG_BYTES];
	uint8_t power_on[PCI_CONFIG_BYTES]; /* config as pci_bus_add() left it */
	struct pci_bar bars[PCI_BARS];
	unsigned cap_last, cap_next; /* offsets: of the last capability, of free room */
	unsigned window_at, window_len;
	struct msix *msix; /* NULL: none */
	unsigned msix_cap;
	/* the INTx pin; written under the bus's intx_lock */
	atomic_bool intx_level; /* what the device says: Interrupt Status */
	bool intx_blocked;	/* Interrupt Disable, or MSI-X is on */
	bool intx_driven;	/* what the line has of us */
};

/* A register of the function's own. */
struct pci_register {
	uint8_t offset, size; /* size 1, 2 or 4 */
	uint32_t power_on, writable;
};

/* ---- making a function, once, before pci_bus_add() ------------------------------ */

/* All is zero but the header.  ops may be NULL; it and identity are borrowed. */
void pci_function_init(struct pci_function *fn, const struct pci_identity *identity,
		       const struct pci_ops *ops);

/* A memory BAR of len bytes answered by region's ops (base and len are ignored). */
void pci_add_bar(struct pci_function *fn, unsigned bar, uint64_t len, bool is_64bit,
		 bool prefetchable, const struct bus_region *region);

void pci_add_registers(struct pci_function *fn, const struct pci_register *registers,
		       unsigned count);

/* Append a capability.
 * id        PCI capability id
 * body, len the bytes behind id and next pointer; copied
 * writable  mask of the body's writable bits, len bytes; NULL: none
 * Returns its offset in configuration space. */
unsigned pci_add_cap(struct pci_function *fn, uint8_t id, const void *body, unsigned len,
		     const void *writable);

/* Configuration accesses inside [offset, offset+len), whole dwords, go to
 * ops->window_*. */
void pci_set_window(struct pci_function *fn, unsigned offset, unsigned len);

/* MSI-X (initialized) with its table and pending bits in BAR bar at the given
 * offsets, multiples of 8: adds the capability.  The BAR's region answers there
 * through msix_table_read() and its kin. */
void pci_add_msix(struct pci_function *fn, struct msix *msix, unsigned bar, uint32_t table_offset,
		  uint32_t pba_offset);

/* ---- in use -------------------------------------------------------------------- */

/* Power-on state: BARs at the addresses that the bus assigned, decoding enabled,
 * MSI-X off with its lines closed, INTx low. */
void pci_function_reset(struct pci_function *fn);

/* Drive the function's INTx pin.  Any thread: the bus has a lock of its own for
 * its lines.  Nothing is driven while the guest has set Interrupt Disable or
 * enabled MSI-X; Interrupt Status in configuration space follows `level` anyway. */
void pci_set_intx(struct pci_function *fn, bool level);

/* Whether the guest lets the function reach memory: no DMA without it. */
bool pci_bus_master(const struct pci_function *fn);

/* As the bus calls it: offset + size <= PCI_ECAM_BYTES, size 1, 2 or 4, naturally
 * aligned. */
uint32_t pci_function_read(struct pci_function *fn, unsigned offset, unsigned size);
void pci_function_write(struct pci_function *fn, unsigned offset, unsigned size, uint32_t value);

#endif
