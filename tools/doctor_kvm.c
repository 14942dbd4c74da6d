#include "tools/doctor_kvm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kvm/kvm.h"
#include "tools/speed.h"

/* Slower than this is no processor but an instruction emulator: those do about
 * 1.6 million a second, hardware more than 1000 million, and KVM on an emulated
 * processor (the nested lab) some hundred. */
#define SOFTWARE_ONLY_BELOW UINT64_C(50000000)

static void fix_missing(struct check *c, const struct host_facts *f)
{
	if (f->container)
		check_fix(c, "run the container with --device /dev/kvm");
	else if (f->vmx || f->svm)
		check_fix(c, "sudo modprobe %s", f->vmx ? "kvm-intel" : "kvm-amd");
	else if (f->hypervisor)
		check_fix(c, "this host is a virtual machine: turn on nested virtualization for it "
			     "where it runs");
	else
		check_fix(c, "turn on virtualization (VT-x, AMD-V, SVM) in the firmware's setup");
}

static void fix_denied(struct check *c, const struct host_facts *f, const struct kvm_device *d)
{
	const bool group_may = (d->mode & 060) == 060 && d->gid != 0;

	if (f->container && group_may)
		check_fix(c, "run the container with --device /dev/kvm --group-add %u", d->gid);
	else if (f->container)
		check_fix(c,
			  "run the container with --device /dev/kvm, and as a user who may use it");
	else if (group_may && d->is_member)
		check_fix(c,
			  "%s is in group %s since this session began: log in again, or: "
			  "newgrp %s",
			  f->user, d->group, d->group);
	else if (group_may)
		check_fix(c, "sudo usermod -aG %s %s, then log in again", d->group, f->user);
	else
		check_fix(c,
			  "sudo chown %s /dev/kvm (until the next boot; the usual way is a udev "
			  "rule that gives it to group kvm)",
			  f->user);
}

void doctor_kvm_closed(struct report *r, const struct host_facts *f, const struct kvm_device *d,
		       int code)
{
	struct check *c;

	switch (code) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		c = report_add(r, "/dev/kvm", CHECK_FAIL, "is not there");
		fix_missing(c, f);
		break;
	case -EACCES:
	case -EPERM:
		c = report_add(r, "/dev/kvm", CHECK_FAIL, "not permitted to %s", f->user);
		fix_denied(c, f, d);
		break;
	case -EBUSY:
		c = report_add(r, "/dev/kvm", CHECK_FAIL,
			       "busy: another hypervisor has the processor");
		check_fix(c, "end it (VirtualBox, VMware, Xen, ...) or unload its module");
		break;
	default:
		report_add(r, "/dev/kvm", CHECK_FAIL, "cannot be used: %s", strerror(-code));
		break;
	}
}

static void look_at_device(struct kvm_device *d, const char *user)
{
	char groups[16384];
	struct stat st;

	*d = (struct kvm_device){ 0 };
	if (stat(KVM_DEVICE_PATH, &st) < 0)
		return;
	d->mode = st.st_mode;
	d->gid = st.st_gid;
	if (read_line_file("/etc/group", groups, sizeof(groups)) < 0)
		groups[0] = '\0';
	d->is_member = group_lookup(groups, st.st_gid, user, d->group);
}

/* One row for all that are there, one for each that is missing. */
static void check_caps(struct report *r, const struct kvm *k)
{
	char names[200] = "";

	for (unsigned i = 0; i < kvm_cap_count; i++) {
		const struct kvm_cap *cap = &kvm_caps[i];
		const size_t used = strlen(names);
		struct check *c;

		if (kvm_cap_value(k, cap) > 0) {
			if (cap->needed)
				snprintf(names + used, sizeof(names) - used, "%s%s",
					 used ? ", " : "", cap->name);
			continue;
		}
		c = report_add(r, "capability", cap->needed ? CHECK_FAIL : CHECK_WARN,
			       "KVM_CAP_%s is missing: %s", cap->name, cap->why);
		check_fix(c, "a newer kernel");
	}
	report_add(r, "capabilities", CHECK_OK, "%s", names);
}

void doctor_kvm_speed(struct report *r, uint64_t instructions_per_s, const char *reason)
{
	const unsigned tenths = (unsigned)(instructions_per_s / 100000);
	struct check *c;

	if (instructions_per_s == 0) {
		report_add(r, "guest", CHECK_FAIL, "a small guest does not run: %s", reason);
		return;
	}
	if (instructions_per_s >= SOFTWARE_ONLY_BELOW) {
		report_add(r, "guest", CHECK_OK, "runs, %u million instructions a second",
			   tenths / 10);
		return;
	}
	c = report_add(r, "guest", CHECK_WARN,
		       "software-only KVM, %u.%u million instructions a second: good for tiny "
		       "guests, stock kernels do not boot",
		       tenths / 10, tenths % 10);
	c->blocks_run = true;
	check_fix(c, "a host with VT-x or AMD-V, or the nested lab (make run uses it by itself)");
}

void doctor_kvm(struct report *r, const struct host_facts *f)
{
	struct err err = { "" };
	struct kvm_device d;
	uint64_t speed = 0;
	struct kvm k;
	const int rc = kvm_open(&k, &err);

	if (rc == -ENOTSUP) {
		/* The open went well; err tells what the API lacks. */
		check_fix(report_add(r, "/dev/kvm", CHECK_FAIL, "%s", err.text), "a newer kernel");
		return;
	}
	if (rc < 0) {
		look_at_device(&d, f->user);
		doctor_kvm_closed(r, f, &d, rc);
		return;
	}
	report_add(r, "/dev/kvm", CHECK_OK, "opens, API version 12");
	check_caps(r, &k);
	if (!report_blocker(r)) {
		const int ran = guest_speed(&k, &speed, &err);

		doctor_kvm_speed(r, ran < 0 ? 0 : speed, err.text);
	}
	kvm_close(&k);
}
