/* Finding or making the interface.  The kernel's answers to TUNSETIFF are few and mean
 * many things; what is really wrong is found out by asking again in another way. */
#include "net/tap_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/offload.h"

#define TAP_FLAGS (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)

/* ---- one descriptor -------------------------------------------------------------- */

static int open_tun(struct err *err)
{
	const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return err_errno(err, -errno,
				 "/dev/net/tun: no tap here (as root: modprobe tun; in a "
				 "container, it has to be passed in)");
	return err_errno(err, -errno, "/dev/net/tun");
}

static int set_if(int fd, const char *name, int flags, struct ifreq *ifr)
{
	memset(ifr, 0, sizeof(*ifr));
	memcpy(ifr->ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	ifr->ifr_flags = (short)flags;
	return ioctl(fd, TUNSETIFF, ifr) < 0 ? -errno : 0;
}

/* Whether an interface that exists can be had with these flags, if perhaps not now. */
static bool would_do(const char *name, int flags)
{
	const int fd = open_tun(NULL);
	struct ifreq ifr;
	int rc;

	if (fd < 0)
		return false;
	rc = set_if(fd, name, flags, &ifr);
	close(fd);
	return rc == 0 || rc == -EBUSY;
}

/* ---- what is wrong --------------------------------------------------------------- */

static int why_not_made(const struct net_tap_config *c, int rc, struct err *err)
{
	const char *const name = c->name ? c->name : "tap0";

	if (rc == -EPERM)
		return err_set(err, rc,
			       "%s%sno such interface, and only root may make one; this does: "
			       "ip tuntap add dev %s mode tap user $USER%s",
			       c->name ? name : "", c->name ? ": " : "", name,
			       c->pairs > 1 ? " multi_queue" : "");
	return err_errno(err, rc, "%s: cannot make the interface", name);
}

static int why_not_joined(const struct net_tap_config *c, int rc, struct err *err)
{
	const char *const name = c->name;

	if (rc == -EPERM)
		return err_set(err, rc,
			       "%s: belongs to another user; as root: ip tuntap del dev %s mode "
			       "tap, and add it again with user $USER",
			       name, name);
	if (rc == -EBUSY)
		return err_set(err, rc,
			       "%s: in use by another program; end it or name another interface",
			       name);
	if (rc == -E2BIG)
		return err_set(err, rc, "%s: has no queue left for us; another program uses it",
			       name);
	if (rc != -EINVAL)
		return err_errno(err, rc, "%s", name);
	if (c->pairs > 1 && would_do(name, TAP_FLAGS))
		return err_set(err, rc,
			       "%s: has a single queue; use queues=1, or add the interface with "
			       "multi_queue",
			       name);
	if (would_do(name, IFF_TUN | IFF_NO_PI) ||
	    would_do(name, IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE))
		return err_set(err, rc,
			       "%s: carries IP packets (mode tun); mode tap is needed, which "
			       "carries Ethernet frames",
			       name);
	return err_set(err, rc, "%s: is no tap interface; name one that is, or a new one", name);
}

/* ---- all descriptors ------------------------------------------------------------- */

static int add_queue(struct tap_interface *i, const char *name, int flags, struct err *err)
{
	struct ifreq ifr;
	int rc;
	const int fd = open_tun(err);

	if (fd < 0)
		return fd;
	rc = set_if(fd, name, flags, &ifr);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	memcpy(i->name, ifr.ifr_name, IFNAMSIZ);
	i->fds[i->fd_count++] = fd;
	return 0;
}

/* The first descriptor.  For one queue a multi-queue interface does as well. */
static int take_interface(const struct net_tap_config *c, struct tap_interface *i, struct err *err)
{
	const char *const name = c->name ? c->name : "bantam%d";
	int flags = TAP_FLAGS | (c->pairs > 1 ? IFF_MULTI_QUEUE : 0);
	struct err open_err = { .text = "" };
	int rc;

	i->ours = !c->name || if_nametoindex(c->name) == 0;
	rc = add_queue(i, name, flags, &open_err);
	if (rc == -EINVAL && !i->ours && c->pairs == 1) {
		flags |= IFF_MULTI_QUEUE;
		rc = add_queue(i, name, flags, &open_err);
	}
	i->multi_queue = flags & IFF_MULTI_QUEUE;
	if (rc == 0)
		return 0;
	if (open_err.text[0] != '\0')
		return err_set(err, rc, "%s", open_err.text);
	return i->ours ? why_not_made(c, rc, err) : why_not_joined(c, rc, err);
}

static int take_other_queues(const struct net_tap_config *c, struct tap_interface *i,
			     struct err *err)
{
	while (i->fd_count < c->pairs) {
		struct ifreq detach = { .ifr_flags = IFF_DETACH_QUEUE };
		const int rc = add_queue(i, i->name, TAP_FLAGS | IFF_MULTI_QUEUE, err);

		if (rc < 0)
			return err_errno(err, rc, "%s: queue %u of %u", i->name, i->fd_count + 1,
					 c->pairs);
		/* Until the guest uses it: the kernel spreads frames over all that are
		 * attached. */
		ioctl(i->fds[i->fd_count - 1], TUNSETQUEUE, &detach);
	}
	return 0;
}

static int set_header(const struct tap_interface *i, struct err *err)
{
	const int header_bytes = NET_VNET_HEADER_BYTES, little_endian = 1;

	for (unsigned n = 0; n < i->fd_count; n++) {
		if (ioctl(i->fds[n], TUNSETVNETHDRSZ, &header_bytes) < 0 ||
		    ioctl(i->fds[n], TUNSETVNETLE, &little_endian) < 0)
			return err_errno(err, -errno, "%s: header of virtio 1", i->name);
	}
	ioctl(i->fds[0], TUNSETOFFLOAD, 0);
	return 0;
}

/* ---- the interface as others see it ---------------------------------------------- */

static struct ifreq request_for(const char *name)
{
	struct ifreq ifr = { 0 };

	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	return ifr;
}

static void bring_up(const struct tap_interface *i, int control)
{
	struct ifreq ifr = request_for(i->name);

	if (ioctl(control, SIOCGIFFLAGS, &ifr) < 0 || (ifr.ifr_flags & IFF_UP))
		return;
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, &ifr) < 0)
		log_warn("%s is down, and carries nothing before this: ip link set dev %s up",
			 i->name, i->name);
}

/* Its bridge, as sysfs says it; empty where it does not. */
static void find_master(const struct tap_interface *i, char master[IFNAMSIZ])
{
	char path[64], target[256];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/net/%s/master", i->name);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	slash = strrchr(target, '/');
	snprintf(master, IFNAMSIZ, "%.15s", slash ? slash + 1 : "");
}

static int why_not_bridged(const struct tap_interface *i, const char *bridge, const char *master,
			   int rc, struct err *err)
{
	switch (rc) {
	case -ENODEV:
		return err_set(err, rc,
			       "bridge %s: there is none; as root: ip link add %s type bridge",
			       bridge, bridge);
	case -EOPNOTSUPP:
	case -EINVAL:
		return err_set(err, rc, "bridge %s: that interface is no bridge", bridge);
	case -EPERM:
		return err_set(
			err, rc,
			"bridge %s: only root may add %s to it: ip link set dev %s master %s",
			bridge, i->name, i->name, bridge);
	case -EBUSY:
		return err_set(err, rc, "bridge %s: %s is a port of %s already", bridge, i->name,
			       master[0] ? master : "another");
	default:
		return err_errno(err, rc, "bridge %s: cannot add %s", bridge, i->name);
	}
}

static int join_bridge(const struct tap_interface *i, const char *bridge, int control,
		       struct err *err)
{
	struct ifreq ifr = request_for(bridge);
	char master[IFNAMSIZ];

	find_master(i, master);
	if (strcmp(master, bridge) == 0)
		return 0;
	ifr.ifr_ifindex = (int)if_nametoindex(i->name);
	if (ioctl(control, SIOCBRADDIF, &ifr) == 0)
		return 0;
	return why_not_bridged(i, bridge, master, -errno, err);
}

static int dress(const struct net_tap_config *c, struct tap_interface *i, struct err *err)
{
	struct ifreq ifr = request_for(i->name);
	const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (control < 0)
		return err_errno(err, -errno, "%s", i->name);
	if (c->bridge)
		rc = join_bridge(i, c->bridge, control, err);
	if (rc == 0) {
		bring_up(i, control);
		i->mtu = NET_MTU_DEFAULT;
		if (ioctl(control, SIOCGIFMTU, &ifr) == 0 && ifr.ifr_mtu >= (int)NET_MTU_MIN)
			i->mtu = (unsigned)ifr.ifr_mtu;
	}
	close(control);
	return rc;
}

int tap_set_mtu(const struct tap_interface *i, unsigned mtu)
{
	struct ifreq ifr = request_for(i->name);
	const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (control < 0)
		return -errno;
	ifr.ifr_mtu = (int)mtu;
	rc = ioctl(control, SIOCSIFMTU, &ifr) < 0 ? -errno : 0;
	close(control);
	return rc;
}

/* ---- life --------------------------------------------------------------------------- */

static int check_name(const char *what, const char *name, struct err *err)
{
	const size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || strpbrk(name, "/%: \t\n") || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return err_set(err, -EINVAL,
			       "%s '%.40s': an interface's name has 1 to %d characters, no blank, "
			       "'/', ':' or '%%'",
			       what, name, IFNAMSIZ - 1);
	return 0;
}

int tap_setup(const struct net_tap_config *c, struct tap_interface *i, struct err *err)
{
	int rc = 0;

	*i = (struct tap_interface){ .fd_count = 0 };
	if (c->name)
		rc = check_name("tap", c->name, err);
	if (rc == 0 && c->bridge)
		rc = check_name("bridge", c->bridge, err);
	if (rc == 0)
		rc = take_interface(c, i, err);
	if (rc == 0)
		rc = take_other_queues(c, i, err);
	if (rc == 0)
		rc = set_header(i, err);
	if (rc == 0)
		rc = dress(c, i, err);
	if (rc < 0)
		tap_teardown(i);
	return rc;
}

void tap_teardown(struct tap_interface *i)
{
	while (i->fd_count > 0)
		close(i->fds[--i->fd_count]);
}
