/* pci/bus.h: PCI bus 0: who is where, their windows and their interrupt pins.
 *
 *	00:00.0  host bridge (Q35 MCH)      pci/hostbridge.c
 *	00:01.0  the first device, 00:02.0 ...
 *	00:1f.0  LPC bridge (ICH9)          pci/lpc.c
 *
 * As firmware would, the bus gives every BAR its address before the guest runs, so
 * that an operating system finds nothing to assign.  A BAR is decoded in the 32-bit
 * window and above RAM from 4 GiB on, where no other region is; elsewhere it is
 * off, until the guest moves it or what was in its way goes. */
#ifndef BANTAM_PCI_BUS_H
#define BANTAM_PCI_BUS_H

#include <pthread.h>

#include "core/irq_or.h"
#include "core/platform.h"
#include "pci/function.h"

#define PCI_DEVICES   32u
#define PCI_FUNCTIONS 256u /* devfn */
#define PCI_DEVFN(device, function) ((device) << 3 | (function))
#define PIC_IRQS      16u
#define PCI_LPC_DEVFN PCI_DEVFN(0x1fu, 0u)

struct pci_bus {
	const struct board *board;
	struct pci_function *functions[PCI_FUNCTIONS];
	gpa_t next_gpa; /* free room in the 32-bit window */
	pthread_mutex_t intx_lock;
	struct irq_or intx[PCI_INTX_LINES];
	struct irq_or pic[PIC_IRQS];
	unsigned pic_irq[PCI_INTX_LINES]; /* the line's, beside its IOAPIC pin; 0: none */
};

/* An empty bus.  board is borrowed. */
void pci_bus_init(struct pci_bus *bus, const struct board *board);

/* Put fn (complete) at devfn, assign its BARs, reset it.
 * 0; -EEXIST if devfn is taken; -ENOSPC if the window is full: err is filled. */
int pci_bus_add(struct pci_bus *bus, struct pci_function *fn, unsigned devfn, struct err *err);

/* The devfn of the lowest free device number from 1 on, function 0, the LPC
 * bridge's not among them; -ENOSPC. */
int pci_bus_free_devfn(const struct pci_bus *bus);

/* Take fn off: its regions go, its line goes low, its MSI-X lines close. */
void pci_bus_remove(struct pci_bus *bus, struct pci_function *fn);

/* Configuration cycles; any offset below 4096, size 1, 2 or 4, aligned.  Where no
 * function is: all ones, and writes vanish. */
uint32_t pci_bus_read(struct pci_bus *bus, unsigned bus_number, unsigned devfn, unsigned offset,
		      unsigned size);
void pci_bus_write(struct pci_bus *bus, unsigned bus_number, unsigned devfn, unsigned offset,
		   unsigned size, uint32_t value);

/* Connect a line, below PCI_INTX_LINES, to an IRQ of the PIC, below PIC_IRQS; 0: to
 * none.  An empty bus has PCI_PIC_IRQ(line). */
void pci_bus_route_intx(struct pci_bus *bus, unsigned line, unsigned irq);

/* ---- for function.c --------------------------------------------------------------- */

/* fn's registers ask for its BARs at gpas; UINT64_MAX: nowhere. */
void pci_bus_decode(struct pci_bus *bus, struct pci_function *fn, const gpa_t gpas[PCI_BARS]);

/* fn's pin, and whether it may drive its line.  Any thread. */
void pci_bus_drive_intx(struct pci_bus *bus, struct pci_function *fn, bool level);
void pci_bus_block_intx(struct pci_bus *bus, struct pci_function *fn, bool blocked);

#endif
