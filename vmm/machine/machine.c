/* One machine from its configuration to its end. */
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "host/now.h"
#include "machine/internal.h"

#define STATUS_HOST_ERROR 125

static void first_run(void *ctx)
{
	struct machine *m = ctx;

	timeline_mark(&m->timeline, "first KVM_RUN");
}

/* The host's side, and the board that hangs on it.  Undone by close_host(). */
static int open_host(struct machine *m, struct err *err)
{
	const struct machine_config *config = m->config;
	int rc;

	rc = loop_init(&m->loop);
	if (rc < 0)
		return err_errno(err, rc, "event loop");
	rc = life_open(m, err);
	if (rc < 0)
		goto close_loop;
	rc = timekeeper_init(&m->guest_time, &m->loop, &m->lock, err);
	if (rc < 0)
		goto close_life;
	rc = console_open(m, keys_command, err);
	if (rc < 0)
		goto close_time;
	rc = io_start(m, err);
	if (rc < 0)
		goto close_console;
	rc = pc_create(m, err);
	if (rc < 0)
		goto stop_io;
	rc = balloon_open(m, err);
	if (rc < 0)
		goto destroy_pc;
	rc = nets_watch(m, err);
	if (rc < 0)
		goto close_balloon;
	rc = watch_open(&m->watch, config->log_path, m->timeline.zero_ns, err);
	if (rc < 0)
		goto unwatch_nets;
	rc = events_open(&m->events, config->events_path, config->events_fd, &m->timeline, err);
	if (rc < 0)
		goto close_watch;
	timeline_mark(&m->timeline, "host side open, devices made");
	return 0;

close_watch:
	watch_close(&m->watch);
unwatch_nets:
	nets_unwatch(m);
close_balloon:
	balloon_close(m);
destroy_pc:
	pc_destroy(m);
stop_io:
	io_stop(m);
close_console:
	console_close(m);
close_time:
	timekeeper_close(&m->guest_time, &m->loop);
close_life:
	life_close(m);
close_loop:
	loop_close(&m->loop);
	return rc;
}

static void close_host(struct machine *m)
{
	events_close(&m->events);
	watch_close(&m->watch);
	nets_unwatch(m);
	pc_destroy(m);
	io_stop(m);
	balloon_close(m);
	console_close(m);
	timekeeper_close(&m->guest_time, &m->loop);
	life_close(m);
	loop_close(&m->loop);
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
	pc_print_virtio(m, stderr);
	nets_print(m, stderr);
}

/* A fresh VM with fresh memory, on the same board. */
static int restart(struct machine *m, struct err *err)
{
	int rc;

	power_down(m);
	rc = pages_clear(&m->ram.pages);
	if (rc < 0)
		return err_errno(err, rc, "guest RAM cannot be cleared");
	m->restart = false;
	life_begin_again(m);
	nets_begin_again(m);
	return power_on(m, err);
}

/* From the first instruction to a verdict, through any number of restarts. */
static int run_guest(struct machine *m, struct err *err)
{
	int rc = 0;

	do {
		if (m->restart)
			rc = restart(m, err);
		if (rc < 0)
			return rc;
		events_emit(&m->events, "started", "protocol", m->boot.entry.protocol);
		rc = vcpus_start(&m->vcpus, err);
		if (rc == 0)
			life_wait(m);
	} while (rc == 0 && m->restart);
	vcpus_stop(&m->vcpus);
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
	m->lease_source.fd = -1;
	leases_init(&m->leases);
	m->vcpus.serve = run_serve_exit;
	m->vcpus.first_run = first_run;
	m->vcpus.ctx = m;
	m->watch.sign = life_sign;
	m->watch.ctx = m;
}

/* The machine is complete: run it to its end and say how that was. */
static int run_to_verdict(struct machine *m)
{
	struct err err;
	int rc;

	nets_announce(m);
	rc = run_guest(m, &err);
	if (rc < 0)
		verdict_set(&m->verdict, END_HOST_ERROR, "%s", err.text);
	console_flush(m);
	/* Gives the terminal back: words after this are readable. */
	console_close(m);
	watch_close(&m->watch);
	print_stats(m);
	report(m);
	return m->verdict.status;
}

/* Make everything.  The user's files and KVM are proved before anything on the
 * host is touched.  On failure all is unmade. */
static int make(struct machine *m, struct err *err)
{
	int rc;

	rc = vcpu_kick_setup();
	if (rc < 0)
		return err_errno(err, rc, "signal handler");
	rc = power_on(m, err);
	if (rc == 0)
		rc = open_host(m, err);
	if (rc == 0)
		return 0;
	vcpus_destroy(&m->vcpus);
	kvm_close(&m->kvm);
	if (m->guest_open)
		power_close_guest(m);
	return rc;
}

static void unmake(struct machine *m)
{
	vcpus_destroy(&m->vcpus);
	close_host(m); /* devices let go of the VM's interrupts and doorbells */
	kvm_close(&m->kvm);
	power_close_guest(m);
}

int machine_run(const struct machine_config *config)
{
	struct machine *m = calloc(1, sizeof(*m));
	int status = STATUS_HOST_ERROR;
	struct err err;

	if (!m || (config->stats && stats_enable(&m->stats) < 0)) {
		log_error("out of memory");
		free(m);
		return status;
	}
	machine_init(m, config);
	timeline_mark(&m->timeline, "options read");
	if (make(m, &err) < 0) {
		log_error("%s", err.text);
		disks_keep(m, false, false);
	} else {
		status = run_to_verdict(m);
		unmake(m);
		disks_keep(m, true, status == 0);
	}
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
