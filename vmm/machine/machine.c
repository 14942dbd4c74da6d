/* One machine from its configuration to its end. */
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "boot/entry.h"
#include "machine/bringup.h"
#include "machine/internal.h"

#define STATUS_HOST_ERROR 125

static void first_run(void *ctx)
{
	struct machine *m = ctx;

	timeline_mark(&m->timeline, "first KVM_RUN");
}

/* Load the images and set the board to its power-on state; KVM may be coming up
 * at the same time. */
static int load(struct machine *m, struct err *err)
{
	int rc = images_load(&m->images, m->config, &m->ram, &m->boot, err);

	if (rc == 0)
		timeline_mark(&m->timeline, "images loaded");
	return rc;
}

/* What the boot protocol wants in the boot vCPU's registers. */
static int set_entry(struct machine *m, struct err *err)
{
	static const enum vcpu_mode modes[] = {
		[BOOT_REAL16] = VCPU_REAL16,
		[BOOT_PROT32] = VCPU_PROT32,
		[BOOT_LONG64] = VCPU_LONG64,
	};
	const struct boot_entry *e = &m->boot.entry;
	const struct vcpu_entry entry = {
		.mode = modes[e->mode],
		.rip = e->rip, .rsp = e->rsp, .rax = e->rax, .rbx = e->rbx, .rsi = e->rsi,
		.cr3 = e->cr3,
		.gdt_base = e->gdt_gpa, .gdt_limit = e->gdt_limit,
		.cs = ENTRY_CS_SELECTOR, .ds = ENTRY_DS_SELECTOR, .tr = ENTRY_TSS_SELECTOR,
	};

	return vcpu_set_entry(&m->vcpus.threads[0].vcpu, &entry, err);
}

/* Make VM and vCPUs, and load meanwhile.  On failure nothing of KVM is left but
 * /dev/kvm. */
static int power_on(struct machine *m, struct err *err)
{
	struct bringup b = {
		.kvm = &m->kvm,
		.vcpus = &m->vcpus,
		.mem = &m->ram.mem,
		.cpu_count = m->config->cpu_count,
		.timeline = &m->timeline,
	};
	int rc, kvm_rc;

	rc = bringup_start(&b, err);
	if (rc < 0)
		return rc;
	if (m->part_count == 0)
		rc = pc_create(m, err);
	else
		pc_reset(m);
	if (rc == 0)
		rc = load(m, err);
	/* The user's mistake is the better message, if there are two. */
	kvm_rc = bringup_join(&b, rc < 0 ? NULL : err);
	if (kvm_rc < 0)
		return rc < 0 ? rc : kvm_rc;
	if (rc == 0)
		rc = set_entry(m, err);
	if (rc == 0) {
		timeline_mark(&m->timeline, "ready to run");
		return 0;
	}
	vcpus_destroy(&m->vcpus);
	kvm_destroy_vm(&m->kvm);
	return rc;
}

static void power_down(struct machine *m)
{
	vcpus_stop(&m->vcpus);
	console_flush(m);
	vcpus_destroy(&m->vcpus);
	kvm_destroy_vm(&m->kvm);
}

/* Everything that needs neither KVM nor the images' content.  Undone by
 * close_all(), in reverse. */
static int open_all(struct machine *m, struct err *err)
{
	const struct machine_config *config = m->config;
	int rc;

	rc = images_open(&m->images, config, err);
	if (rc < 0)
		return rc;
	rc = ram_create(&m->ram, config->memory_bytes, err);
	if (rc < 0)
		goto close_images;
	rc = events_open(&m->events, config->events_path, config->events_fd, &m->timeline, err);
	if (rc < 0)
		goto destroy_ram;
	rc = loop_init(&m->loop);
	if (rc < 0) {
		err_errno(err, rc, "event loop");
		goto close_events;
	}
	rc = life_open(m, err);
	if (rc < 0)
		goto close_loop;
	rc = timekeeper_init(&m->guest_time, &m->loop, &m->lock, err);
	if (rc < 0)
		goto close_life;
	rc = watch_open(&m->watch, config->log_path, m->timeline.zero_ns, err);
	if (rc < 0)
		goto close_time;
	rc = console_open(m, err);
	if (rc < 0)
		goto close_watch;
	return 0;

close_watch:
	watch_close(&m->watch);
close_time:
	timekeeper_close(&m->guest_time, &m->loop);
close_life:
	life_close(m);
close_loop:
	loop_close(&m->loop);
close_events:
	events_close(&m->events);
destroy_ram:
	ram_destroy(&m->ram);
close_images:
	images_close(&m->images);
	return rc;
}

static void close_all(struct machine *m)
{
	console_close(m); /* gives the terminal back: words after this are readable */
	watch_close(&m->watch);
	pc_destroy(m);
	timekeeper_close(&m->guest_time, &m->loop);
	life_close(m);
	loop_close(&m->loop);
	ram_destroy(&m->ram);
	images_close(&m->images);
	kvm_close(&m->kvm);
}

static void print_stats(struct machine *m)
{
	if (!stats_on(&m->stats))
		return;
	for (unsigned i = 0; i < m->vcpus.count; i++) {
		const struct vcpu_thread *t = &m->vcpus.threads[i];

		fprintf(stderr, "stats: vCPU %u exits:", i);
		for (unsigned k = 0; k < EXIT_KINDS; k++)
			if (t->exits[k])
				fprintf(stderr, " %s %llu", exit_kind_names[k],
					(unsigned long long)t->exits[k]);
		fputc('\n', stderr);
	}
	stats_print(&m->stats, &m->pio, &m->mmio, stderr);
}

/* From power-on to a verdict, through any number of restarts. */
static int run_sessions(struct machine *m, struct err *err)
{
	int rc;

	do {
		if (m->restart) {
			power_down(m);
			rc = pages_clear(&m->ram.pages);
			if (rc < 0)
				return err_errno(err, rc, "guest RAM cannot be cleared");
			m->restart = m->held = m->panic_seen = m->panic_ended = false;
			device_lock(&m->lock);
			timekeeper_resume(&m->guest_time);
			device_unlock(&m->lock);
		}
		rc = power_on(m, err);
		if (rc < 0)
			return rc;
		events_emit(&m->events, "started", "protocol", m->boot.entry.protocol);
		rc = vcpus_start(&m->vcpus, err);
		if (rc == 0)
			life_wait(m);
		else
			power_down(m);
	} while (rc == 0 && m->restart);
	return rc;
}

/* The guest has ended, or never began: say how. */
static void report(struct machine *m)
{
	timeline_mark(&m->timeline, "ended");
	autopsy_print(&m->autopsy, &m->watch, stderr);
	if (m->config->timeline)
		timeline_print(&m->timeline, stderr);
	verdict_report(&m->verdict, &m->events);
}

static void machine_init(struct machine *m, const struct machine_config *config)
{
	m->config = config;
	m->timeline.zero_ns = config->start_ns ? config->start_ns : host_now_ns();
	m->lock = (struct device_lock)DEVICE_LOCK_INIT;
	m->kvm.dev_fd = m->kvm.vm_fd = -1;
	m->events.fd = -1;
	m->vcpus.serve = run_serve_exit;
	m->vcpus.first_run = first_run;
	m->vcpus.ctx = m;
	m->watch.sign = life_sign;
	m->watch.ctx = m;
}

int machine_run(const struct machine_config *config)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct err err;
	int rc, status;

	if (!m || (config->stats && stats_enable(&m->stats) < 0)) {
		log_error("out of memory");
		free(m);
		return STATUS_HOST_ERROR;
	}
	machine_init(m, config);
	timeline_mark(&m->timeline, "options read");
	rc = open_all(m, &err);
	if (rc < 0) {
		log_error("%s", err.text);
		free(m);
		return STATUS_HOST_ERROR;
	}
	timeline_mark(&m->timeline, "host side open");
	rc = vcpu_kick_setup();
	if (rc == 0)
		rc = run_sessions(m, &err);
	if (rc < 0)
		verdict_set(&m->verdict, END_HOST_ERROR, "%s", err.text);
	else
		vcpus_stop(&m->vcpus);
	console_flush(m);
	console_close(m);
	print_stats(m);
	vcpus_destroy(&m->vcpus);
	report(m);
	status = m->verdict.status;
	events_close(&m->events);
	close_all(m);
	stats_free(&m->stats);
	autopsy_free(&m->autopsy);
	free(m);
	return status;
}

int machine_dry_run(const struct machine_config *config)
{
	struct images images;
	struct ram ram;
	struct boot_result boot;
	struct err err;
	int rc;

	rc = images_open(&images, config, &err);
	if (rc < 0)
		goto out;
	rc = ram_create(&ram, config->memory_bytes, &err);
	if (rc < 0)
		goto close_images;
	rc = images_load(&images, config, &ram, &boot, &err);
	if (rc < 0)
		goto destroy_ram;
	printf("boot: %s\n", boot.entry.protocol);
	for (unsigned i = 0; i < boot.region_count; i++)
		printf("region: %#014llx %#014llx %s\n",
		       (unsigned long long)boot.regions[i].gpa,
		       (unsigned long long)(boot.regions[i].gpa + boot.regions[i].len - 1),
		       boot.regions[i].what);
destroy_ram:
	ram_destroy(&ram);
close_images:
	images_close(&images);
out:
	if (rc < 0)
		log_error("%s", err.text);
	return rc < 0 ? STATUS_HOST_ERROR : 0;
}
