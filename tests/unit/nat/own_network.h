/* A network namespace of the test's own, in which it may do what the host forbids: send
 * pings, listen on port 53.  There is only a loopback interface, and no route. */
#ifndef BANTAM_TEST_OWN_NETWORK_H
#define BANTAM_TEST_OWN_NETWORK_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define OWN_IP UINT32_C(0xcb007107) /* 203.0.113.7, on the loopback interface */

static inline bool write_text(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	const bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static inline bool set_up_loopback(void)
{
	const struct sockaddr_in ip = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(OWN_IP) };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP }, add = { .ifr_name = "lo:1" };
	bool done;

	memcpy(&add.ifr_addr, &ip, sizeof(ip));
	done = ioctl(fd, SIOCSIFFLAGS, &up) == 0 && ioctl(fd, SIOCSIFADDR, &add) == 0;
	close(fd);
	return done;
}

/* Before any thread.  False: the host allows none, and nothing has changed for the
 * worse. */
static inline bool own_network(void)
{
	char map[64];

	if (unshare(CLONE_NEWNET) < 0) {
		const unsigned uid = getuid(), gid = getgid();

		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
			return false;
		(void)write_text("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "0 %u 1", uid);
		(void)write_text("/proc/self/uid_map", map);
		snprintf(map, sizeof(map), "0 %u 1", gid);
		(void)write_text("/proc/self/gid_map", map);
	}
	return set_up_loopback();
}

#endif
