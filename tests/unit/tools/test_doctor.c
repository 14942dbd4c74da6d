#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake/both_engines.h"
#include "tools/doctor_host.h"
#include "tools/doctor_kvm.h"

static const struct host_facts plain = { .user = "ada" };

/* The fix for a /dev/kvm that did not open. */
static const char *fix_for(int code, const struct host_facts *f, const struct kvm_device *d)
{
	static struct report r;
	static const struct kvm_device none;

	memset(&r, 0, sizeof(r));
	doctor_kvm_closed(&r, f, d ? d : &none, code);
	assert_int_equal(r.count, 1);
	assert_int_equal(r.checks[0].verdict, CHECK_FAIL);
	assert_ptr_equal(report_blocker(&r), &r.checks[0]);
	return r.checks[0].fix;
}

static void an_absent_kvm_gets_the_step_that_brings_it(void **state)
{
	const struct host_facts intel = { .vmx = true, .hypervisor = true };
	const struct host_facts amd = { .svm = true };
	const struct host_facts guest = { .hypervisor = true };
	const struct host_facts boxed = { .container = true, .vmx = true };

	(void)state;
	assert_string_equal(fix_for(-ENOENT, &intel, NULL), "sudo modprobe kvm-intel");
	assert_string_equal(fix_for(-ENODEV, &amd, NULL), "sudo modprobe kvm-amd");
	assert_string_equal(fix_for(-ENOENT, &guest, NULL),
			    "this host is a virtual machine: turn on nested virtualization for it "
			    "where it runs");
	assert_string_equal(fix_for(-ENXIO, &plain, NULL),
			    "turn on virtualization (VT-x, AMD-V, SVM) in the firmware's setup");
	assert_string_equal(fix_for(-ENOENT, &boxed, NULL),
			    "run the container with --device /dev/kvm");
}

static void a_denied_kvm_names_the_real_user_and_group(void **state)
{
	const struct kvm_device usual = { .mode = 0660, .gid = 104, .group = "kvm" };
	const struct kvm_device stale = {
		.mode = 0660, .gid = 104, .group = "kvm", .is_member = true
	};
	const struct kvm_device root_only = { .mode = 0600, .gid = 0, .group = "root" };
	const struct host_facts boxed = { .container = true, .user = "ada" };

	(void)state;
	assert_string_equal(fix_for(-EACCES, &plain, &usual),
			    "sudo usermod -aG kvm ada, then log in again");
	assert_string_equal(
		fix_for(-EACCES, &plain, &stale),
		"ada is in group kvm since this session began: log in again, or: newgrp "
		"kvm");
	assert_non_null(strstr(fix_for(-EACCES, &plain, &root_only), "sudo chown ada /dev/kvm"));
	assert_string_equal(fix_for(-EPERM, &boxed, &usual),
			    "run the container with --device /dev/kvm --group-add 104");
	assert_non_null(strstr(fix_for(-EPERM, &boxed, &root_only), "--device /dev/kvm"));
}

static void a_kvm_held_by_another_hypervisor_says_so(void **state)
{
	(void)state;
	assert_non_null(strstr(fix_for(-EBUSY, &plain, NULL), "VirtualBox"));
}

static void a_slow_guest_is_a_warning_that_keeps_run_from_working(void **state)
{
	struct report r = { 0 };

	(void)state;
	doctor_kvm_speed(&r, 1650000, "");
	assert_int_equal(r.checks[0].verdict, CHECK_WARN);
	assert_non_null(strstr(r.checks[0].detail, "1.6 million instructions a second"));
	assert_non_null(report_blocker(&r));
	assert_int_equal(report_verdict(&r), CHECK_FAIL);
}

static void a_fast_guest_is_good_and_one_that_does_not_run_is_not(void **state)
{
	struct report r = { 0 };

	(void)state;
	doctor_kvm_speed(&r, UINT64_C(6100000000), "");
	assert_int_equal(report_verdict(&r), CHECK_OK);
	assert_string_equal(r.checks[0].detail, "runs, 6100 million instructions a second");
	doctor_kvm_speed(&r, 0, "it stands still");
	assert_int_equal(report_verdict(&r), CHECK_FAIL);
	assert_string_equal(r.checks[1].detail, "a small guest does not run: it stands still");
}

static void a_warning_elsewhere_does_not_keep_run_from_working(void **state)
{
	struct report r = { 0 };

	(void)state;
	report_add(&r, "a", CHECK_OK, "good");
	assert_int_equal(report_verdict(&r), CHECK_OK);
	report_add(&r, "b", CHECK_WARN, "bad");
	assert_int_equal(report_verdict(&r), CHECK_WARN);
	assert_null(report_blocker(&r));
}

static void the_report_as_json_has_every_row(void **state)
{
	struct report r = { 0 };
	char text[512];

	(void)state;
	report_add(&r, "a", CHECK_OK, "good");
	check_fix(report_add(&r, "b", CHECK_FAIL, "is \"%s\"", "bad"), "do %d", 7);
	assert_true(report_json(&r, text, sizeof(text)) > 0);
	assert_string_equal(text,
			    "{\"verdict\":\"fail\",\"checks\":["
			    "{\"name\":\"a\",\"verdict\":\"ok\",\"detail\":\"good\",\"fix\":\"\"},"
			    "{\"name\":\"b\",\"verdict\":\"fail\",\"detail\":\"is \\\"bad\\\"\","
			    "\"fix\":\"do 7\"}]}");
	assert_int_equal(report_json(&r, text, 64), -ENOSPC);
}

static void a_processor_row_tells_kind_and_nesting(void **state)
{
	const struct host_facts nested = { .svm = true, .nested_pages = true, .hypervisor = true };
	const struct host_facts old = { .vmx = true };
	struct report r = { 0 };

	(void)state;
	doctor_processor(&r, &nested);
	assert_int_equal(r.checks[0].verdict, CHECK_OK);
	assert_string_equal(r.checks[0].detail,
			    "AMD-V (svm), nested page tables, itself virtual: guests are nested");
	doctor_processor(&r, &old);
	assert_int_equal(r.checks[1].verdict, CHECK_WARN);
	assert_string_equal(r.checks[1].detail, "VT-x (vmx), no EPT or NPT: guests run slowly");
	doctor_processor(&r, &plain);
	assert_string_equal(r.checks[2].detail, "no vmx or svm");
}

static void a_refused_io_uring_says_why_and_that_threads_do_it(void **state)
{
	const struct uring_obstacle off = uring_explain(-EPERM, '2');
	struct report r = { 0 };

	(void)state;
	doctor_io_uring_refused(&r, &off);
	assert_int_equal(r.checks[0].verdict, CHECK_WARN);
	assert_null(report_blocker(&r));
	assert_string_equal(r.checks[0].detail,
			    "kernel.io_uring_disabled is 2: nobody may; worker threads serve disks, "
			    "slower");
	assert_string_equal(r.checks[0].fix, "sudo sysctl kernel.io_uring_disabled=0");
}

/* Whether the row is what a process without io_uring should get. */
static int row_where_forbidden(void)
{
	struct report r = { 0 };

	doctor_io_uring(&r);
	return r.count != 1 || r.checks[0].verdict != CHECK_WARN ||
	       !strstr(r.checks[0].fix, "seccomp profile");
}

static void a_sandbox_without_io_uring_gets_the_row(void **state)
{
	(void)state;
	assert_int_equal(without_io_uring(EPERM, row_where_forbidden), 0);
}

static void a_host_without_ping_sockets_gets_the_step_that_brings_them(void **state)
{
	const struct host_facts boxed = { .container = true, .user = "ada" };
	const int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	struct report r = { 0 };

	(void)state;
	doctor_ping(&r, &plain);
	doctor_ping(&r, &boxed);
	assert_int_equal(r.count, 2);
	if (fd >= 0) {
		close(fd);
		assert_int_equal(r.checks[0].verdict, CHECK_OK);
		assert_string_equal(r.checks[0].fix, "");
		return;
	}
	assert_int_equal(r.checks[0].verdict, CHECK_WARN);
	assert_false(r.checks[0].blocks_run);
	assert_string_equal(r.checks[0].fix,
			    "sudo sysctl net.ipv4.ping_group_range='0 2147483647'");
	assert_string_equal(r.checks[1].fix, "run the container with --sysctl "
					     "net.ipv4.ping_group_range='0 2147483647'");
}

static void groups_are_found_by_number_with_their_members(void **state)
{
	static const char text[] = "root:x:0:\n"
				   "broken\n"
				   "kvm:x:104:bob,ada,eve\n"
				   "adam:x:105:adam\n";
	char name[33];

	(void)state;
	assert_true(group_lookup(text, 104, "ada", name));
	assert_string_equal(name, "kvm");
	assert_true(group_lookup(text, 104, "eve", name));
	assert_false(group_lookup(text, 104, "ev", name));
	assert_false(group_lookup(text, 105, "ada", name));
	assert_string_equal(name, "adam");
	assert_false(group_lookup(text, 0, "ada", name));
	assert_string_equal(name, "root");
	assert_false(group_lookup(text, 7, "ada", name));
	assert_string_equal(name, "7");
}

static void words_and_numbers_are_found_in_proc_files(void **state)
{
	static const char flags[] = "flags\t\t: fpu vmx_like svm\nbugs\t: none\n";
	static const char meminfo[] =
		"MemTotal:       1000 kB\nMemFree: 5 kB\nMemAvailable:   400 kB\n";

	(void)state;
	assert_true(has_word(flags, "svm"));
	assert_false(has_word(flags, "vmx"));
	assert_true(has_word("always [madvise] never", "[madvise]"));
	assert_int_equal(meminfo_kib(meminfo, "MemAvailable:"), 400);
	assert_int_equal(meminfo_kib(meminfo, "MemTotal:"), 1000);
	assert_int_equal(meminfo_kib(meminfo, "Hugepagesize:"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_absent_kvm_gets_the_step_that_brings_it),
		cmocka_unit_test(a_denied_kvm_names_the_real_user_and_group),
		cmocka_unit_test(a_kvm_held_by_another_hypervisor_says_so),
		cmocka_unit_test(a_slow_guest_is_a_warning_that_keeps_run_from_working),
		cmocka_unit_test(a_fast_guest_is_good_and_one_that_does_not_run_is_not),
		cmocka_unit_test(a_warning_elsewhere_does_not_keep_run_from_working),
		cmocka_unit_test(the_report_as_json_has_every_row),
		cmocka_unit_test(a_processor_row_tells_kind_and_nesting),
		cmocka_unit_test(a_refused_io_uring_says_why_and_that_threads_do_it),
		cmocka_unit_test(a_sandbox_without_io_uring_gets_the_row),
		cmocka_unit_test(a_host_without_ping_sockets_gets_the_step_that_brings_them),
		cmocka_unit_test(groups_are_found_by_number_with_their_members),
		cmocka_unit_test(words_and_numbers_are_found_in_proc_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
