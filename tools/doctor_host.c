#include "tools/doctor_host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/units.h"
#include "host/pages.h"

/* Below this much free memory the default guest (512M) may not fit. */
#define MEMORY_LOW_BYTES MIB(640)

void doctor_processor(struct report *r, const struct host_facts *f)
{
	const char *kind = f->vmx ? "VT-x (vmx)" : "AMD-V (svm)";

	if (!f->vmx && !f->svm)
		report_add(r, "processor", CHECK_WARN, "no vmx or svm%s",
			   f->hypervisor ? ": a virtual machine without nested virtualization"
					 : "");
	else
		report_add(
			r, "processor", f->nested_pages ? CHECK_OK : CHECK_WARN, "%s, %s%s", kind,
			f->nested_pages ? "nested page tables" : "no EPT or NPT: guests run slowly",
			f->hypervisor ? ", itself virtual: guests are nested" : "");
}

/* What a container may use, if that is less than the host has; else UINT64_MAX. */
static uint64_t cgroup_available(void)
{
	char limit[32], used[32];
	uint64_t limit_bytes, used_bytes;

	/* "max", or no such file: no limit. */
	if (read_line_file("/sys/fs/cgroup/memory.max", limit, sizeof(limit)) < 0 ||
	    read_line_file("/sys/fs/cgroup/memory.current", used, sizeof(used)) < 0 ||
	    parse_uint(limit, UINT64_MAX, &limit_bytes) < 0 ||
	    parse_uint(used, UINT64_MAX, &used_bytes) < 0)
		return UINT64_MAX;
	return limit_bytes > used_bytes ? limit_bytes - used_bytes : 0;
}

static void check_free(struct report *r)
{
	char text[4096], size[UNITS_TEXT_BYTES];
	uint64_t free_bytes;
	bool low;

	if (read_line_file("/proc/meminfo", text, sizeof(text)) < 0) {
		report_add(r, "memory", CHECK_WARN, "/proc/meminfo cannot be read");
		return;
	}
	free_bytes = min_u64(meminfo_kib(text, "MemAvailable:") << 10, cgroup_available());
	low = free_bytes < MEMORY_LOW_BYTES;
	format_size(size, align_down_u64(free_bytes, MIB(1)));
	if (low)
		check_fix(report_add(r, "memory", CHECK_WARN, "only %s available", size),
			  "give guests less than the default 512M: bantam run --memory 128M");
	else
		report_add(r, "memory", CHECK_OK, "%s available", size);
}

static void check_guest_ram(struct report *r)
{
	struct pages pages;
	const int rc = pages_map(&pages, "bantam-doctor", HUGE_PAGE_BYTES);

	if (rc == 0) {
		pages_unmap(&pages);
		report_add(r, "guest RAM", CHECK_OK, "can be mapped");
		return;
	}
	check_fix(report_add(r, "guest RAM", CHECK_FAIL, "cannot be mapped: %s", strerror(-rc)),
		  "allow memfd_create and mmap in the sandbox or container; see ulimit -v");
}

static void check_overcommit(struct report *r)
{
	char mode[8];

	if (read_line_file("/proc/sys/vm/overcommit_memory", mode, sizeof(mode)) < 0 ||
	    strcmp(mode, "2") != 0)
		return;
	check_fix(report_add(r, "overcommit", CHECK_WARN,
			     "strict: a guest's whole memory counts from its start"),
		  "sudo sysctl vm.overcommit_memory=0");
}

/* host/pages.c uses private memory where shared memory gets no huge pages. */
static void check_huge_pages(struct report *r)
{
	char shared[64] = "[never]", private[64] = "[never]";
	struct check *c;

	read_line_file("/sys/kernel/mm/transparent_hugepage/shmem_enabled", shared, sizeof(shared));
	read_line_file("/sys/kernel/mm/transparent_hugepage/enabled", private, sizeof(private));
	if (!has_word(shared, "[never]") && !has_word(shared, "[deny]")) {
		report_add(r, "huge pages", CHECK_OK, "for guest RAM, as shared memory");
	} else if (!has_word(private, "[never]")) {
		report_add(r, "huge pages", CHECK_OK, "for guest RAM, as private memory");
	} else {
		c = report_add(r, "huge pages", CHECK_WARN, "not for guest RAM: guests are slower");
		check_fix(c, "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled");
	}
}

void doctor_memory(struct report *r)
{
	check_free(r);
	check_guest_ram(r);
	check_overcommit(r);
	check_huge_pages(r);
}

void doctor_io_uring_refused(struct report *r, const struct uring_obstacle *o)
{
	check_fix(report_add(r, "io_uring", CHECK_WARN, "%s; worker threads serve disks, slower",
			     o->why),
		  "%s", o->help);
}

void doctor_io_uring(struct report *r)
{
	struct uring_obstacle o;

	if (uring_probe(&o) == 0)
		report_add(r, "io_uring", CHECK_OK, "serves disks and networks");
	else
		doctor_io_uring_refused(r, &o);
}

/* Faults that KVM takes in the kernel must be served, too, so
 * UFFD_USER_MODE_ONLY, which everybody may have, would not do. */
static int open_userfaultfd(void)
{
	long fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	int dev;

	if (fd >= 0 || errno != EPERM)
		return fd >= 0 ? (int)fd : -errno;
	dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return -EPERM;
	fd = ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	close(dev);
	return (int)fd;
}

void doctor_userfaultfd(struct report *r, const struct host_facts *f)
{
	const int fd = open_userfaultfd();
	struct check *c;

	if (fd >= 0) {
		close(fd);
		report_add(r, "userfaultfd", CHECK_OK, "works");
		return;
	}
	c = report_add(r, "userfaultfd", CHECK_WARN, "not available (%s): no lazy restore",
		       strerror(-fd));
	if (fd == -ENOSYS && !f->container)
		check_fix(c, "a kernel with CONFIG_USERFAULTFD");
	else if (f->container)
		check_fix(c, "run the container with --device /dev/userfaultfd, or on its host: "
			     "sudo sysctl vm.unprivileged_userfaultfd=1");
	else if (access("/dev/userfaultfd", F_OK) == 0)
		check_fix(c, "sudo chown %s /dev/userfaultfd (until the next boot)", f->user);
	else
		check_fix(c, "sudo sysctl vm.unprivileged_userfaultfd=1");
}

void doctor_tun(struct report *r, const struct host_facts *f)
{
	const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	const int code = fd < 0 ? errno : 0;
	struct check *c;

	if (fd >= 0) {
		close(fd);
		report_add(r, "tun", CHECK_OK, "/dev/net/tun opens");
		return;
	}
	c = report_add(r, "tun", CHECK_WARN, "/dev/net/tun: %s: no tap networks", strerror(code));
	if (f->container)
		check_fix(c, "run the container with --device /dev/net/tun");
	else if (code == ENOENT || code == ENODEV || code == ENXIO)
		check_fix(c, "sudo modprobe tun");
	else
		check_fix(c,
			  "sudo chmod a+rw /dev/net/tun (the usual mode: making a tap still needs "
			  "CAP_NET_ADMIN)");
}

/* What a user network needs to pass a guest's ping on, and nothing else does. */
void doctor_ping(struct report *r, const struct host_facts *f)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
	const int code = fd < 0 ? errno : 0;
	struct check *c;

	if (fd >= 0) {
		close(fd);
		report_add(r, "ping", CHECK_OK,
			   "ping sockets work: guests of user networks can ping");
		return;
	}
	c = report_add(r, "ping", CHECK_WARN,
		       "no ping sockets for %s (%s): guests of user networks can ping their router "
		       "only",
		       f->user, strerror(code));
	if (f->container)
		check_fix(c, "run the container with --sysctl "
			     "net.ipv4.ping_group_range='0 2147483647'");
	else
		check_fix(c, "sudo sysctl net.ipv4.ping_group_range='0 2147483647'");
}
