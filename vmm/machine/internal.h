/* machine/internal.h: the machine as its own files see it. */
#ifndef BANTAM_MACHINE_INTERNAL_H
#define BANTAM_MACHINE_INTERNAL_H

#include "block/block.h"
#include "core/device.h"
#include "core/doorbell.h"
#include "core/irq_or.h"
#include "core/lock.h"
#include "core/msi.h"
#include "host/iothread.h"
#include "host/loop.h"
#include "kvm/kvm.h"
#include "kvm/msi.h"
#include "machine/autopsy.h"
#include "machine/config.h"
#include "machine/events.h"
#include "machine/images.h"
#include "machine/leases.h"
#include "machine/ram.h"
#include "machine/stats.h"
#include "machine/timekeeper.h"
#include "machine/timeline.h"
#include "machine/vcpus.h"
#include "machine/verdict.h"
#include "machine/watch.h"
#include "virtio/balloon_stats.h"

#define PARTS_MAX 64

/* A COM port: the host's end and the guest's end. */
struct serial_line {
	struct machine *m;
	unsigned index;		 /* 0: COM1 */
	struct chardev *chardev; /* NULL: the port is not there */
	struct device *uart;
	void (*key)(struct serial_line *s, uint8_t key); /* Ctrl-A and key were typed */
};

#define DISK_QUEUES_MAX 16

/* A disk: what is behind it, and who serves its queues. */
struct disk {
	char label[8];				   /* "vda" */
	struct block *block;			   /* open as long as the guest's files are */
	bool makes_overlay;			   /* its overlay's file was made for this run */
	struct iothread *threads[DISK_QUEUES_MAX]; /* [0] is NULL: machine.io serves queue 0 */
};

/* A NIC: what is behind it, and who serves its queue pairs. */
struct nic {
	struct machine *m;
	unsigned index;
	char label[8];		 /* "net0" */
	struct net *net;	 /* all layers; the device's, once that was made */
	const struct net *shown; /* the same, borrowed: for --stats */
	struct net *nat;	 /* the lowest of them, if it is a user network; borrowed */
	struct net *network;	 /* the same, if it is a named one */
	struct net *shared_nat;	 /* behind that one, if it has one; borrowed */
	bool publishes;		 /* the first user network: it has the published ports */
	bool tells_ready; /* the first that gives its guest an address: with that it is ready */
	_Atomic bool lease_came; /* the guest took its address: the main thread shall look */
	struct net_lease lease;	 /* the main thread's: what was told last */
	struct iothread *threads[NET_PAIRS_MAX]; /* [0] is NULL: machine.io serves pair 0 */
};

/* A virtio console or port: the host's end. */
struct virtio_line {
	struct machine *m;
	unsigned index;
	struct chardev *chardev;
};

/* The guest's memory statistics, on their way from the I/O thread to events. */
struct balloon_report {
	pthread_mutex_t lock;
	struct balloon_stats stats;
	struct loop_source source; /* eventfd: there are new ones; fd -1: none are asked for */
};

/* What a device or vCPU asked for, on its way to the main thread. */
struct power_ask {
	enum power_event event; /* POWER_NONE: nothing */
	uint32_t value;
	const char *source;
	char detail[160]; /* POWER_ERROR, POWER_TRIPLE_FAULT */
};

struct machine {
	const struct machine_config *config;
	struct timeline timeline;
	struct events events;
	struct verdict verdict;
	struct autopsy autopsy;
	struct stats stats;

	/* the guest */
	bool guest_open; /* images and ram are there */
	struct ram ram;
	struct images images;
	struct boot_result boot;
	struct kvm kvm;
	struct vcpus vcpus;

	/* the board; under the lock */
	struct device_lock lock;
	struct bus pio, mmio;
	struct timekeeper guest_time;
	struct power_sink power;
	struct power_ask ask;
	struct kvm_msi_lines msi_lines;
	struct msi_sink msi;
	struct doorbell_sink doorbells;
	struct board board;
	struct device *parts[PARTS_MAX];
	unsigned part_count;
	struct device *acpi_pm;	   /* one of parts: has the power button */
	struct device *hostbridge; /* one of parts: has the PCI bus */
	struct serial_line serial[SERIAL_PORTS];
	struct irq_or serial_irqs[2]; /* COM1 and COM3, COM2 and COM4 */
	struct chardev *debugcon;

	/* the I/O threads' */
	struct iothread *io;
	struct disk disks[MACHINE_DISKS_MAX];
	struct nic nics[MACHINE_NETS_MAX];
	struct virtio_line consoles[MACHINE_CONSOLES_MAX];
	struct device *virtio[MACHINE_DISKS_MAX + MACHINE_NETS_MAX +
			      3]; /* of parts: those on the PCI bus */
	unsigned virtio_count;
	struct device *virtio_console; /* one of them, or NULL */
	struct device *balloon;	       /* likewise */
	struct balloon_report balloon_report;
	struct loop_source lease_source; /* eventfd: a guest took an address */
	struct leases leases;		 /* the main thread's */

	/* the main thread's */
	struct loop loop;
	struct loop_source ask_source; /* eventfd: a power_ask is there */
	struct loop_source signal_source;
	struct timekeeper life; /* timeouts and grace periods, in host time */
	struct timer timeout, idle_timeout, grace, settled;
	struct watch watch;
	bool output_seen, ready, panic_seen, panic_ended, held, still, timed_out, restart;
	enum end_reason grace_reason; /* what the end of the grace period means */
	char panic_text[160];
};

/* pc.c: make, reset and unmake all parts of the PC. */
int pc_create(struct machine *m, struct err *err);
void pc_reset(struct machine *m);
void pc_destroy(struct machine *m);

/* pc_virtio.c: make the virtio devices that were asked for, on the bus of m->hostbridge. */
int pc_add_virtio(struct machine *m, struct err *err);
/* What their queues did, for --stats. */
void pc_print_virtio(const struct machine *m, FILE *out);
/* pc.c: make one part; the list keeps it for reset and destroy.  NULL with err
 * filled. */
struct device *pc_add(struct machine *m, const struct device_type *type, const void *config,
		      struct err *err);

/* disks.c: open what is behind the disks: 0, or -errno with err filled and all
 * closed. */
int disks_open(struct machine *m, struct err *err);
void disks_close(struct machine *m);
/* All is closed: overlays that this run made stay, or go as their disks say.
 * ran  the guest did run; else none stays
 * ok   and ended with status 0 */
void disks_keep(struct machine *m, bool ran, bool ok);
/* io.c: start and end the I/O threads: before the devices are made, after they are
 * gone. */
int io_start(struct machine *m, struct err *err);
void io_stop(struct machine *m);

/* nets.c: open what is behind the NICs: taps, sockets, published ports.  0, or -errno
 * with err filled and all closed. */
int nets_open(struct machine *m, struct err *err);
void nets_close(struct machine *m);
/* Main thread: tell of the addresses that guests are given, as events and to
 * `bantam net leases`.  0, or -errno with err filled. */
int nets_watch(struct machine *m, struct err *err);
void nets_unwatch(struct machine *m);
/* Main thread: forget the addresses before a restart; the NICs are reset. */
void nets_begin_again(struct machine *m);
/* Whether the guest is given an address, by a NAT. */
bool nets_give_address(const struct machine *m);
/* Say which ports are published. */
void nets_announce(struct machine *m);
/* What networks did, for --stats. */
void nets_print(const struct machine *m, FILE *out);

/* balloon.c: the balloon's wish and its statistics.  0, or -errno with err filled. */
int balloon_open(struct machine *m, struct err *err);
void balloon_close(struct machine *m);
/* On the I/O thread. */
void balloon_stats_came(void *machine, const struct balloon_stats *stats);

/* console.c: open and close the host's ends of the serial ports.
 * key  becomes each line's */
int console_open(struct machine *m, void (*key)(struct serial_line *s, uint8_t key),
		 struct err *err);
/* Take over all output that is still on its way to watch and host. */
void console_flush(struct machine *m);
void console_close(struct machine *m);
/* The user's terminal has another size: a virtio console on it is told. */
void console_resized(struct machine *m);
/* That size; false if no virtio console is on a terminal. */
bool console_size(const struct machine *m, uint16_t *cols, uint16_t *rows);

/* power.c: make the VM and load the guest, side by side.  0, or -errno with err
 * filled: then nothing of KVM is left but /dev/kvm. */
int power_on(struct machine *m, struct err *err);
/* Stop the vCPUs, take over their last output, unmake the VM. */
void power_down(struct machine *m);
/* Close what the guest is made from: files and RAM. */
void power_close_guest(struct machine *m);

/* hold.c, main thread: all vCPUs and guest time stand still; all output is taken
 * over. */
void hold_still(struct machine *m);
/* Undo that; but a vCPU that asked for something waits for the answer. */
void hold_end(struct machine *m);

/* run.c: one exit of one vCPU. */
void run_serve_exit(void *machine, struct vcpu_thread *t, const struct exit *x);

/* life.c: what ends a machine or changes its course. */
int life_open(struct machine *m, struct err *err);
void life_close(struct machine *m);
/* Under the device lock, any thread. */
void life_ask(void *machine, enum power_event event, uint32_t value, const char *source);
/* Main thread: serve events until there is a verdict or a restart is due. */
void life_wait(struct machine *m);
/* Main thread: watch saw something. */
void life_sign(void *machine, enum watch_sign sign, const char *text);
/* Main thread: the guest can be used: told once until a restart.
 * address  of the guest; NULL: nobody gives it one */
void life_ready(struct machine *m, const char *address);
/* served.c: main thread, all vCPUs paused: serve a request of the guest's, other
 * than POWER_NONE; end by a panic from which the guest will not come back. */
void life_serve(struct machine *m, const struct power_ask *ask);
void life_end_by_panic(struct machine *m);
/* Main thread: forget the life before a restart; the vCPUs are stopped. */
void life_begin_again(struct machine *m);
/* Main thread: whether the guest listens to the button. */
bool life_press_power_button(struct machine *m);

/* keys.c: the user typed Ctrl-A and then key on serial line s. */
void keys_command(struct serial_line *s, uint8_t key);

#endif
