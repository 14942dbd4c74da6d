/* machine/config.h: all that a user can ask of one machine, already checked.
 * The command line and --config fill it; nothing below argv parsing reads
 * options any other way. */
#ifndef BANTAM_MACHINE_CONFIG_H
#define BANTAM_MACHINE_CONFIG_H

#include "base/types.h"
#include "block/disk.h"
#include "boot/boot.h"
#include "char/chardev.h"
#include "core/platform.h"
#include "nat/nat.h"
#include "net/fault.h"
#include "net/net.h"
#include "net/socket.h"

enum on_reboot { ON_REBOOT_EXIT, ON_REBOOT_RESTART };
enum on_panic { ON_PANIC_EXIT, ON_PANIC_PAUSE, ON_PANIC_DUMP };

struct serial_config {
	bool present;
	enum chardev_kind kind;
	const char *path; /* FILE, UNIX */
};

/* A virtio console, or a named port. */
struct console_config {
	struct serial_config at;
	const char *name; /* NULL: a console */
};

struct rng_config {
	bool present;
	uint64_t rate_bytes; /* a second; 0: no limit */
};

struct balloon_config {
	bool present;
	uint64_t size_bytes; /* to be taken, a multiple of 4096 */
	bool deflate_on_oom, free_page_reporting;
	uint64_t stats_period_ns; /* 0: none */
};

enum net_kind { NET_USER, NET_TAP, NET_BRIDGE, NET_SOCKET, NET_NETWORK };

/* A NIC, and what its other end is. */
struct net_config {
	enum net_kind kind;
	const char *name; /* of interface, bridge, socket or network; NULL: NET_USER */
	bool has_mac;	  /* else mac is made from the guest's name */
	uint8_t mac[NET_MAC_BYTES];
	unsigned mtu;	     /* 0: the backend's default */
	unsigned queues;     /* pairs, 1..NET_PAIRS_MAX */
	unsigned queue_size; /* 0: the device's default */
	uint64_t bps, bps_burst; /* bytes a second in each direction; 0: no limit */
	struct {
		bool host_loopback; /* the gateway's address is the host's 127.0.0.1 */
		bool restricted;    /* the guest reaches nothing but is reached on published ports */
	} user;
	struct {
		bool nat; /* leads outside, and gives addresses */
	} network;
	struct {
		enum net_socket_mode mode;
		bool listen;
		const char *local; /* NULL: none */
	} socket;
	struct net_fault_config faults; /* without what is below */
};

#define MACHINE_DISKS_MAX    24
#define MACHINE_NETS_MAX     8
#define MACHINE_CONSOLES_MAX 8

struct machine_config {
	uint64_t start_ns;             /* host monotonic time of the program's start: zero of
					* all stamps */
	const char *name;              /* never NULL: "bantam-PID" by default */
	const char *kernel_path;       /* a file, resolved from host|DIR */
	bool kernel_flat;
	const char *initrd_paths[BOOT_INITRDS_MAX];
	unsigned initrd_count;
	const char *cmdline;           /* complete */
	uint64_t memory_bytes;         /* multiple of 2 MiB, RAM_MIN_BYTES or more */
	unsigned cpu_count;            /* 1..CPUS_MAX */
	struct serial_config serial[SERIAL_PORTS];
	struct serial_config debugcon; /* ports 0x402 and 0xe9; not present: bytes vanish */
	struct disk_config disks[MACHINE_DISKS_MAX];
	unsigned disk_count;
	struct net_config nets[MACHINE_NETS_MAX];
	unsigned net_count;
	struct nat_publish published[NAT_PUBLISHES_MAX]; /* on the first NET_USER */
	unsigned published_count;
	const char *net_dump_paths[MACHINE_NETS_MAX]; /* of nets[i] */
	unsigned net_dump_count;       /* at most net_count */
	struct console_config consoles[MACHINE_CONSOLES_MAX];
	unsigned console_count;
	struct rng_config rng;
	struct balloon_config balloon;
	bool debug_exit;               /* isa-debug-exit at 0xf4 */
	uint64_t timeout_ns;           /* 0: none */
	uint64_t idle_timeout_ns;      /* 0: none */
	const char *log_path;          /* NULL: none */
	const char *events_path;       /* NULL: none, or see events_fd */
	int events_fd;                 /* -1: none */
	enum on_reboot on_reboot;
	enum on_panic on_panic;
	const char *dump_path;         /* ON_PANIC_DUMP */
	bool timeline;
	bool stats;
};

#endif
