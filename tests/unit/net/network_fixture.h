/* A place of its own for named networks, and guests that join them. */
#ifndef BANTAM_TEST_NETWORK_FIXTURE_H
#define BANTAM_TEST_NETWORK_FIXTURE_H

#include "net_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/bytes.h"
#include "net/network.h"
#include "net/network_place.h"
#include "net/switch_packet.h"

struct town {
	char dir[64];
	struct ioloop *loop;
};

static inline int town_setup(void **state)
{
	struct town *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	alarm(100);
	strcpy(t->dir, "/tmp/bantam-net-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	assert_int_equal(ioloop_create(IO_ENGINE_AUTO, &t->loop, NULL), 0);
	*state = t;
	return 0;
}

static inline int town_teardown(void **state)
{
	struct town *t = *state;
	char command[128];

	ioloop_destroy(t->loop);
	snprintf(command, sizeof(command), "rm -rf %s", t->dir);
	assert_int_equal(system(command), 0);
	free(t);
	alarm(0);
	return 0;
}

static inline int open_network(struct town *t, const char *name, struct net *uplink,
			       struct net **out, struct err *err)
{
	const struct net_network_config config = { .name = name, .dir = t->dir, .uplink = uplink };

	return net_network_open(&config, out, err);
}

static inline struct guest *join(struct town *t, const char *name, unsigned can)
{
	struct net *net;
	struct err err;

	if (open_network(t, name, NULL, &net, &err) < 0)
		fail_msg("%s", err.text);
	return guest_start(t->loop, net, can);
}

/* Let come what was under way. */
static inline void settle(struct town *t)
{
	for (unsigned i = 0; i < 20; i++)
		ioloop_round(t->loop, 5);
}

#define LONG_BYTES 65000u
#define MSS	   1448u
#define TCP_AT	   34u

/* A TCP segment over IPv4 that somebody has yet to cut, and to make checksums for. */
static inline void fill_long_frame(uint8_t *bytes, struct net_offload *o)
{
	fill_frame(bytes, LONG_BYTES, 0xff, 1, 3);
	be16_store(bytes + 12, 0x0800);
	memset(bytes + 14, 0, 40);
	bytes[14] = 0x45;
	be16_store(bytes + 16, LONG_BYTES - 14);
	bytes[22] = 64;
	bytes[23] = 6;
	le32_store(bytes + 26, 0x0100000a);
	le32_store(bytes + 30, 0x0200000a);
	bytes[TCP_AT + 12] = 5 << 4;
	bytes[TCP_AT + 13] = 0x18;
	*o = (struct net_offload){
		.needs_csum = true,
		.gso = NET_GSO_TCP4,
		.header_bytes = 54,
		.gso_bytes = MSS,
		.csum_start = TCP_AT,
		.csum_offset = 16,
	};
}

/* A process that serves and does nothing else. */
static inline pid_t start_server(struct town *t)
{
	int ready[2];
	pid_t child;
	char byte;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct net *net;

		if (open_network(t, "lan", NULL, &net, NULL) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

/* Frames are lost at first; in the end they pass. */
static inline void assert_passes_again(struct town *t, struct guest *a, struct guest *b)
{
	const unsigned before = b->fake.frame_count;

	UNTIL(t->loop, send_frame(a, 60, 0xff, 1, 0) == 0 && b->fake.frame_count > before);
}

/* A connection of a hostile process of this user. */
static inline int connect_raw(struct town *t)
{
	struct network_place place;
	int fd;

	assert_int_equal(network_place_find("lan", t->dir, &place, NULL), 0);
	fd = network_place_connect(&place);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	return fd;
}

/* How many messages of so many bytes a socket like the server's holds. */
static inline unsigned socket_holds(struct town *t, size_t len)
{
	const int a = connect_raw(t);
	uint8_t *bytes = calloc(1, len);
	unsigned count = 0;
	int pair[2], size;
	socklen_t size_len = sizeof(size);

	assert_non_null(bytes);
	assert_int_equal(getsockopt(a, SOL_SOCKET, SO_SNDBUF, &size, &size_len), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	size /= 2; /* the kernel doubles it */
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	while (send(pair[0], bytes, len, MSG_DONTWAIT) > 0)
		count++;
	close(a);
	close(pair[0]);
	close(pair[1]);
	free(bytes);
	return count;
}

#define TOWN(f) cmocka_unit_test_setup_teardown(f, town_setup, town_teardown)

#endif
