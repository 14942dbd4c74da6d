#include "host/uring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/ioloop.h"

/* Each line is for older kernels than the one before; an unknown flag is -EINVAL.
 * DEFER_TASKRUN: results are made when we ask for them, not by interrupting
 * us; TASKRUN_FLAG tells in shared memory that there are some. */
static const unsigned generations[] = {
	/* 6.1 */
	IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
		IORING_SETUP_SUBMIT_ALL,
	/* 5.19 */
	IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
	/* 5.13 */
	0,
};

/* RSRC_TAGS came with 5.13, as did multishot poll, which has no bit of its own.  A
 * program that waits with a timeout needs EXT_ARG (5.11); the others are older. */
#define FEATURES                                                                    \
	(IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | \
	 IORING_FEAT_EXT_ARG | IORING_FEAT_RSRC_TAGS)

static int setup(struct io_uring_params *p, unsigned sq_entries, unsigned cq_entries)
{
	long fd = -1;

	for (unsigned i = 0; i < ARRAY_LEN(generations); i++) {
		memset(p, 0, sizeof(*p));
		p->flags = generations[i] | IORING_SETUP_CQSIZE;
		p->cq_entries = cq_entries;
		fd = syscall(SYS_io_uring_setup, sq_entries, p);
		if (fd >= 0 || errno != EINVAL)
			break;
	}
	return fd >= 0 ? (int)fd : -errno;
}

static unsigned *at(const struct uring *u, unsigned offset)
{
	return (unsigned *)(void *)((char *)u->rings + offset);
}

static int map(struct uring *u, const struct io_uring_params *p)
{
	const int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;
	const size_t sq_bytes = p->sq_off.array + p->sq_entries * sizeof(unsigned);
	const size_t cq_bytes = p->cq_off.cqes + p->cq_entries * sizeof(*u->cqes);

	u->rings_bytes = sq_bytes > cq_bytes ? sq_bytes : cq_bytes;
	u->rings = mmap(NULL, u->rings_bytes, prot, flags, u->fd, IORING_OFF_SQ_RING);
	if (u->rings == MAP_FAILED)
		return -errno;
	u->sqes = mmap(NULL, p->sq_entries * sizeof(*u->sqes), prot, flags, u->fd, IORING_OFF_SQES);
	if (u->sqes == MAP_FAILED) {
		const int rc = -errno;

		munmap(u->rings, u->rings_bytes);
		return rc;
	}
	u->sq_entries = p->sq_entries;
	u->cq_entries = p->cq_entries;
	u->sq_head = at(u, p->sq_off.head);
	u->sq_tail = at(u, p->sq_off.tail);
	u->sq_flags = at(u, p->sq_off.flags);
	u->cq_head = at(u, p->cq_off.head);
	u->cq_tail = at(u, p->cq_off.tail);
	u->cqes = (struct io_uring_cqe *)(void *)at(u, p->cq_off.cqes);
	/* The array could permute the orders; ours go in order, once and for all. */
	for (unsigned i = 0; i < p->sq_entries; i++)
		at(u, p->sq_off.array)[i] = i;
	return 0;
}

/* Spare each uring_enter() the look-up of the descriptor, which in a process of
 * several threads counts references up and down.  Older kernels: no matter. */
static void register_ring(struct uring *u)
{
	struct io_uring_rsrc_update update = { .offset = UINT32_MAX, .data = (unsigned)u->fd };

	u->enter_fd = u->fd;
	u->enter_flags = 0;
	if (syscall(SYS_io_uring_register, u->fd, IORING_REGISTER_RING_FDS, &update, 1) == 1) {
		u->enter_fd = (int)update.offset;
		u->enter_flags = IORING_ENTER_REGISTERED_RING;
	}
}

int uring_open(struct uring *u, unsigned sq_entries, unsigned cq_entries)
{
	struct io_uring_params p;
	int rc;

	memset(u, 0, sizeof(*u));
	u->fd = setup(&p, sq_entries, cq_entries);
	if (u->fd < 0)
		return u->fd;
	u->setup_flags = p.flags;
	rc = (p.features & FEATURES) == FEATURES ? map(u, &p) : -EOPNOTSUPP;
	if (rc < 0) {
		close(u->fd);
		return rc;
	}
	register_ring(u);
	return 0;
}

void uring_close(struct uring *u)
{
	struct io_uring_rsrc_update update = { .offset = (unsigned)u->enter_fd };

	/* Else the thread, not the descriptor, would keep the ring alive. */
	if (u->enter_flags)
		syscall(SYS_io_uring_register, u->fd, IORING_UNREGISTER_RING_FDS, &update, 1);
	munmap(u->sqes, u->sq_entries * sizeof(*u->sqes));
	munmap(u->rings, u->rings_bytes);
	close(u->fd);
}

unsigned uring_unsubmitted(const struct uring *u)
{
	return u->sq_next - __atomic_load_n(u->sq_head, __ATOMIC_ACQUIRE);
}

struct io_uring_sqe *uring_sqe(struct uring *u)
{
	struct io_uring_sqe *sqe;

	if (uring_unsubmitted(u) == u->sq_entries)
		return NULL;
	sqe = &u->sqes[u->sq_next++ & (u->sq_entries - 1)];
	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

bool uring_retract(struct uring *u, uint64_t user_data)
{
	const unsigned count = uring_unsubmitted(u);
	bool found = false;

	for (unsigned i = 1; i <= count; i++) {
		struct io_uring_sqe *sqe = &u->sqes[(u->sq_next - i) & (u->sq_entries - 1)];

		if (sqe->user_data == user_data) {
			memset(sqe, 0, sizeof(*sqe));
			sqe->opcode = IORING_OP_NOP;
			found = true;
		}
	}
	return found;
}

static int enter(struct uring *u, unsigned count, uint64_t wait_ns)
{
	const struct __kernel_timespec ts = { .tv_sec = (long long)(wait_ns / NS_PER_S),
					      .tv_nsec = (long long)(wait_ns % NS_PER_S) };
	const struct io_uring_getevents_arg arg = {
		.ts = wait_ns == URING_FOREVER ? 0 : (uint64_t)(uintptr_t)&ts,
	};
	const unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | u->enter_flags;
	const long rc = syscall(SYS_io_uring_enter, u->enter_fd, count, wait_ns > 0 ? 1u : 0u,
				flags, &arg, sizeof(arg));

	return rc < 0 ? -errno : (int)rc;
}

int uring_enter(struct uring *u, uint64_t wait_ns)
{
	/* What the orders say must be there before the tail says so. */
	__atomic_store_n(u->sq_tail, u->sq_next, __ATOMIC_RELEASE);
	return enter(u, uring_unsubmitted(u), wait_ns);
}

int uring_wait(struct uring *u, uint64_t wait_ns)
{
	return enter(u, 0, wait_ns);
}

unsigned uring_results(const struct uring *u)
{
	return __atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE) - *u->cq_head;
}

bool uring_pending(const struct uring *u)
{
	return (__atomic_load_n(u->sq_flags, __ATOMIC_RELAXED) &
		(IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

bool uring_take(struct uring *u, struct io_uring_cqe *out)
{
	const unsigned head = *u->cq_head; /* only we write it */

	if (uring_results(u) == 0)
		return false;
	*out = u->cqes[head & (u->cq_entries - 1)];
	__atomic_store_n(u->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}

/* ---- why not ------------------------------------------------------------------ */

#define ANY (-1)

static const struct {
	int code, disabled; /* errno, kernel.io_uring_disabled */
	struct uring_obstacle obstacle;
} obstacles[] = {
	{ EPERM,
	  '2',
	  { "kernel.io_uring_disabled is 2: nobody may",
	    "sudo sysctl kernel.io_uring_disabled=0" } },
	{ EPERM,
	  '1',
	  { "kernel.io_uring_disabled is 1: only kernel.io_uring_group may",
	    "sudo sysctl kernel.io_uring_disabled=0, or join that group" } },
	{ EPERM,
	  ANY,
	  { "a seccomp filter or security module forbids it",
	    "run the container with a seccomp profile that allows io_uring_setup, "
	    "io_uring_enter and io_uring_register" } },
	{ ENOSYS,
	  ANY,
	  { "the kernel has none, or a seccomp filter hides it",
	    "a kernel with CONFIG_IO_URING, or a container's seccomp profile that "
	    "allows it" } },
	{ EOPNOTSUPP, ANY, { "the kernel is too old", "Linux 5.13 or newer" } },
	{ EINVAL, ANY, { "the kernel is too old", "Linux 5.13 or newer" } },
	{ ENOMEM, ANY, { "no memory may be locked for it", "ulimit -l unlimited" } },
	{ EMFILE, ANY, { "too many open files", "raise the limit: ulimit -n" } },
};

struct uring_obstacle uring_explain(int rc, char disabled)
{
	const struct uring_obstacle other = { strerror(-rc), "" };

	assert(rc < 0);
	for (unsigned i = 0; i < ARRAY_LEN(obstacles); i++)
		if (obstacles[i].code == -rc &&
		    (obstacles[i].disabled == ANY || obstacles[i].disabled == disabled))
			return obstacles[i].obstacle;
	return other;
}

static char disabled_setting(void)
{
	const int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
	char c = 0;

	if (fd < 0)
		return 0;
	if (read(fd, &c, 1) != 1)
		c = 0;
	close(fd);
	return c;
}

int uring_probe(struct uring_obstacle *out)
{
	struct uring u;
	const int rc = uring_open(&u, 1, 2);

	if (rc == 0)
		uring_close(&u);
	else
		*out = uring_explain(rc, disabled_setting());
	return rc;
}

int io_uring_usable(struct err *err)
{
	struct uring_obstacle o;
	const int rc = uring_probe(&o);

	if (rc == 0)
		return 0;
	return err_set(err, rc, "io_uring cannot be used: %s%s%s", o.why,
		       *o.help ? "; it helps: " : "", o.help);
}
