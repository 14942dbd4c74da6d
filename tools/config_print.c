#include "tools/config_print.h"

#include <stdio.h>

#include "base/units.h"
#include "net/mac.h"

static const char *on_off(bool on)
{
	return on ? "on" : "off";
}

static void print_number(const char *key, uint64_t value)
{
	if (value)
		printf(",%s=%llu", key, (unsigned long long)value);
}

static void print_bytes(const char *key, uint64_t value)
{
	char text[UNITS_TEXT_BYTES];

	if (value)
		printf(",%s=%s", key, format_size(text, value));
}

/* A comma in a value is written twice. */
static void print_value(const char *text)
{
	for (; *text; text++) {
		if (*text == ',')
			putchar(',');
		putchar(*text);
	}
}

static void print_path(const char *name, const char *path)
{
	if (path)
		printf("%s: %s\n", name, path);
}

static void print_terminal(const char *flag, const struct serial_config *s, const char *name)
{
	static const char *const kinds[] = {
		[CHARDEV_NULL] = "null",  [CHARDEV_STDIO] = "stdio", [CHARDEV_PTY] = "pty",
		[CHARDEV_FILE] = "file=", [CHARDEV_UNIX] = "unix=",  [CHARDEV_MEM] = "mem",
	};

	if (!s->present)
		return;
	printf("%s: %s", flag, kinds[s->kind]);
	print_value(s->path ? s->path : "");
	if (name) {
		fputs(",name=", stdout);
		print_value(name);
	}
	putchar('\n');
}

static void print_disk(const struct disk_config *d)
{
	static const char *const formats[] = {
		[DISK_FORMAT_PROBE] = "", [DISK_FORMAT_RAW] = ",format=raw",
		[DISK_FORMAT_QCOW2] = ",format=qcow2",
	};
	static const char *const caches[] = {
		[DISK_CACHE_WRITEBACK] = "writeback",
		[DISK_CACHE_WRITETHROUGH] = "writethrough",
		[DISK_CACHE_NONE] = "none",
	};

	static const char *const keeps[] = {
		[DISK_KEEP_ALWAYS] = "", [DISK_KEEP_OK] = ",keep=ok",
		[DISK_KEEP_NEVER] = ",keep=never",
	};

	fputs("disk: ", stdout);
	print_value(d->path);
	printf("%s%s%s", formats[d->format], d->read_only ? ",ro" : "",
	       d->snapshot ? ",snapshot" : "");
	if (d->overlay) {
		fputs(",overlay=", stdout);
		print_value(d->overlay);
		fputs(keeps[d->keep], stdout);
	}
	if (d->backing_allowed) {
		fputs(",backing=allow:", stdout);
		print_value(d->backing_allowed);
	}
	if (d->serial[0]) {
		fputs(",serial=", stdout);
		print_value(d->serial);
	}
	printf(",cache=%s", caches[d->cache]);
	if (d->engine != IO_ENGINE_AUTO)
		printf(",aio=%s", io_engine_names[d->engine]);
	printf(",discard=%s,queues=%u", on_off(d->discard), d->queues);
	print_number("queue-size", d->queue_size);
	print_number("iops", d->iops);
	print_number("iops-burst", d->iops_burst);
	print_bytes("bps", d->bps);
	print_bytes("bps-burst", d->bps_burst);
	putchar('\n');
}

/* A chance in millionths: six digits, so %g is exact. */
static void print_chance(const char *key, uint32_t ppm)
{
	if (ppm)
		printf(",%s=%g%%", key, ppm / 10000.0);
}

static void print_delay(const char *key, uint64_t ns)
{
	char text[UNITS_TEXT_BYTES];

	if (ns)
		printf(",%s=%s", key, format_duration(text, ns));
}

static void print_net_socket(const struct net_config *n)
{
	printf(",type=%s%s", n->socket.mode == NET_SOCKET_DGRAM ? "dgram" : "stream",
	       n->socket.listen ? ",listen" : "");
	if (n->socket.local) {
		fputs(",local=", stdout);
		print_value(n->socket.local);
	}
}

static void print_net(const struct net_config *n)
{
	static const char *const kinds[] = {
		[NET_USER] = "user",	  [NET_TAP] = "tap=",	      [NET_BRIDGE] = "bridge=",
		[NET_SOCKET] = "socket=", [NET_NETWORK] = "network=",
	};
	char mac[NET_MAC_TEXT_BYTES];

	printf("net: %s", kinds[n->kind]);
	print_value(n->name ? n->name : "");
	if (n->kind == NET_SOCKET)
		print_net_socket(n);
	printf("%s%s%s", n->user.host_loopback ? ",host-loopback" : "",
	       n->user.restricted ? ",restrict" : "", n->network.nat ? ",nat" : "");
	net_mac_format(n->mac, mac);
	printf(",mac=%s", mac);
	print_number("mtu", n->mtu);
	printf(",queues=%u", n->queues);
	print_number("queue-size", n->queue_size);
	print_bytes("bps", n->bps);
	print_bytes("bps-burst", n->bps_burst);
	print_chance("drop", n->faults.drop_ppm);
	print_delay("delay", n->faults.delay_ns);
	print_delay("jitter", n->faults.jitter_ns);
	print_chance("duplicate", n->faults.duplicate_ppm);
	print_chance("corrupt", n->faults.corrupt_ppm);
	print_number("seed", n->faults.seed);
	putchar('\n');
}

static void print_nets(const struct machine_config *c)
{
	for (unsigned i = 0; i < c->net_count; i++)
		print_net(&c->nets[i]);
	for (unsigned i = 0; i < c->net_dump_count; i++)
		print_path("net-dump", c->net_dump_paths[i]);
	for (unsigned i = 0; i < c->published_count; i++) {
		const struct nat_publish *p = &c->published[i];

		printf("publish: %u.%u.%u.%u:%u:%u/%s\n", p->host_ip >> 24, p->host_ip >> 16 & 0xff,
		       p->host_ip >> 8 & 0xff, p->host_ip & 0xff, p->host_port, p->guest_port,
		       p->proto == NAT_UDP ? "udp" : "tcp");
	}
}

static void print_devices(const struct machine_config *c)
{
	const struct balloon_config *b = &c->balloon;
	char size[UNITS_TEXT_BYTES], period[UNITS_TEXT_BYTES];

	for (unsigned i = 0; i < c->disk_count; i++)
		print_disk(&c->disks[i]);
	print_nets(c);
	printf("rng: %s", on_off(c->rng.present));
	print_bytes("rate", c->rng.rate_bytes);
	putchar('\n');
	if (!b->present)
		return;
	printf("balloon: %s,deflate-on-oom=%s,free-page-reporting=%s",
	       format_size(size, b->size_bytes), on_off(b->deflate_on_oom),
	       on_off(b->free_page_reporting));
	if (b->stats_period_ns)
		printf(",stats=%s", format_duration(period, b->stats_period_ns));
	putchar('\n');
}

static void print_duration(const char *name, uint64_t ns)
{
	char text[UNITS_TEXT_BYTES];

	if (ns)
		printf("%s: %s\n", name, format_duration(text, ns));
}

static void print_outputs(const struct machine_config *c)
{
	static const char *const on_panic[] = {
		[ON_PANIC_EXIT] = "exit",
		[ON_PANIC_PAUSE] = "pause",
		[ON_PANIC_DUMP] = "dump=",
	};

	print_duration("timeout", c->timeout_ns);
	print_duration("idle-timeout", c->idle_timeout_ns);
	print_path("log", c->log_path);
	print_path("events", c->events_path);
	if (c->events_fd >= 0)
		printf("events: %d\n", c->events_fd);
	printf("on-reboot: %s\n", c->on_reboot == ON_REBOOT_RESTART ? "restart" : "exit");
	printf("on-panic: %s%s\n", on_panic[c->on_panic], c->dump_path ? c->dump_path : "");
	printf("debug-exit: %s\n", on_off(c->debug_exit));
	printf("timeline: %s\n", on_off(c->timeline));
	printf("stats: %s\n", on_off(c->stats));
}

void config_print(const struct machine_config *c)
{
	static const char *const com[SERIAL_PORTS] = { "COM1", "COM2", "COM3", "COM4" };
	char text[UNITS_TEXT_BYTES];

	printf("name: %s\n", c->name);
	printf("kernel: %s%s\n", c->kernel_flat ? "flat:" : "", c->kernel_path);
	for (unsigned i = 0; i < c->initrd_count; i++)
		printf("initrd: %s\n", c->initrd_paths[i]);
	printf("cmdline: %s\n", c->cmdline);
	printf("memory: %s\n", format_size(text, c->memory_bytes));
	printf("cpus: %u\n", c->cpu_count);
	print_devices(c);
	for (unsigned i = 0; i < SERIAL_PORTS; i++)
		print_terminal(com[i], &c->serial[i], NULL);
	for (unsigned i = 0; i < c->console_count; i++)
		print_terminal("console", &c->consoles[i].at, c->consoles[i].name);
	print_terminal("debugcon", &c->debugcon, NULL);
	print_outputs(c);
}
