#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/net_options.h"

static char text[256];

static int parse(const char *value, struct net_config *out, bool *none, struct err *err)
{
	assert_true(strlen(value) < sizeof(text));
	return net_option_parse(strcpy(text, value), out, none, err);
}

static struct net_config net(const char *value)
{
	struct err err = { "" };
	struct net_config n;
	bool none;

	if (parse(value, &n, &none, &err) < 0)
		fail_msg("%s: %s", value, err.text);
	assert_false(none);
	return n;
}

static void assert_refused(const char *value, const char *message)
{
	struct err err = { "" };
	struct net_config n;
	bool none;

	assert_true(parse(value, &n, &none, &err) < 0);
	assert_string_equal(err.text, message);
}

static void a_user_network_alone_gets_the_documented_defaults(void **state)
{
	const struct net_config n = net("user");

	(void)state;
	assert_int_equal(n.kind, NET_USER);
	assert_null(n.name);
	assert_false(n.has_mac || n.user.host_loopback || n.user.restricted);
	assert_int_equal(n.mtu, 0);
	assert_int_equal(n.queues, 1);
	assert_int_equal(n.queue_size, 0);
	assert_int_equal(n.bps + n.bps_burst, 0);
	assert_false(net_fault_wanted(&n.faults));
}

static void every_kind_of_network_has_its_name(void **state)
{
	static const struct {
		const char *value;
		enum net_kind kind;
		const char *name;
	} rows[] = {
		{ "tap=tap0", NET_TAP, "tap0" },
		{ "bridge=br-lan.1", NET_BRIDGE, "br-lan.1" },
		{ "socket=/run/a,,b=c.sock,mtu=9000", NET_SOCKET, "/run/a,b=c.sock" },
		{ "network=lab-1", NET_NETWORK, "lab-1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct net_config n = net(rows[i].value);

		assert_int_equal(n.kind, rows[i].kind);
		assert_string_equal(n.name, rows[i].name);
	}
}

static void none_is_no_card_at_all(void **state)
{
	struct err err = { "" };
	struct net_config n;
	bool none = false;

	(void)state;
	assert_int_equal(parse("none", &n, &none, &err), 0);
	assert_true(none);
	assert_refused("none,mtu=1400", "none has no keys: it means that there is no NIC");
	assert_refused("nonesuch", "'nonesuch' is not a network: use user, tap=NAME, bridge=NAME, "
				   "socket=PATH, network=NAME or none");
}

static void every_key_reaches_the_configuration(void **state)
{
	static const uint8_t mac[NET_MAC_BYTES] = { 0x52, 0x54, 0x00, 0xab, 0xCD, 0x0f };
	const struct net_config n =
		net("user,mac=52:54:00:ab:CD:0f,mtu=9000,queues=8,queue-size=1024,bps=1M,"
		    "bps-burst=2M,host-loopback,drop=0.5%,delay=20ms,jitter=5ms,duplicate=1%,"
		    "corrupt=0.0001%,seed=18446744073709551615");
	const struct net_config s = net("socket=s,type=dgram,local=mine");

	(void)state;
	assert_true(n.has_mac);
	assert_memory_equal(n.mac, mac, sizeof(mac));
	assert_int_equal(n.mtu, 9000);
	assert_int_equal(n.queues, 8);
	assert_int_equal(n.queue_size, 1024);
	assert_int_equal(n.bps, MIB(1));
	assert_int_equal(n.bps_burst, MIB(2));
	assert_true(n.user.host_loopback);
	assert_false(n.user.restricted);
	assert_int_equal(n.faults.drop_ppm, 5000);
	assert_int_equal(n.faults.duplicate_ppm, 10000);
	assert_int_equal(n.faults.corrupt_ppm, 1);
	assert_int_equal(n.faults.delay_ns, 20 * NS_PER_MS);
	assert_int_equal(n.faults.jitter_ns, 5 * NS_PER_MS);
	assert_true(n.faults.seed == UINT64_MAX);
	assert_true(net("user,restrict").user.restricted);
	assert_int_equal(s.socket.mode, NET_SOCKET_DGRAM);
	assert_false(s.socket.listen);
	assert_string_equal(s.socket.local, "mine");
	assert_true(net("socket=s,listen").socket.listen);
	assert_false(net("network=lab").network.nat);
	assert_true(net("network=lab,nat").network.nat);
	assert_false(net("network=lab,nat=off").network.nat);
}

static void what_no_card_can_be_is_refused_with_what_would_be_right(void **state)
{
	(void)state;
	assert_refused("tap", "tap needs the name of a tap: tap=tap0");
	assert_refused("network=", "network needs a name: network=lab");
	assert_refused("tap=sixteen-letters-",
		       "'sixteen-letters-' is not an interface's name: use at most 15 characters "
		       "without '/', ':' and blanks");
	assert_refused("bridge=a/b", "'a/b' is not an interface's name: use at most 15 characters "
				     "without '/', ':' and blanks");
	assert_refused("user,mac=52:54:00:00:00", "mac: '52:54:00:00:00' is not a hardware "
						  "address: use for example 52:54:00:12:34:56");
	assert_refused("user,mac=53:54:00:00:00:01",
		       "mac: '53:54:00:00:00:01' is not one NIC's address: use one with an even "
		       "first byte, not all zero");
	assert_refused("user,mtu=67", "mtu: '67' is not an MTU: use 68 to 65535");
	assert_refused("user,mtu=65536", "mtu: '65536' is not an MTU: use 68 to 65535");
	assert_refused("user,queues=0", "queues: '0' is not a number of queue pairs: use 1 to 8");
	assert_refused("user,queue-size=100", "queue-size: '100' is not a queue's size: use a "
					      "power of two from 4 to 1024");
	assert_refused("user,bps=fast",
		       "bps: 'fast' is not a size: use for example 10M, or 0 for no limit");
	assert_refused("user,drop=101%", "drop: '101%' is not a share of the frames: use 0% to "
					 "100%, for example 0.5%");
	assert_refused("user,type=x", "type: 'x' is not known: use stream or dgram");
	assert_refused("user,mtv=1500", "'mtv' is not known: did you mean mtu?");
}

static void keys_that_need_or_exclude_each_other_say_so(void **state)
{
	(void)state;
	assert_refused("tap=t,host-loopback", "host-loopback is for user networks");
	assert_refused("network=n,restrict", "restrict is for user networks");
	assert_refused("tap=t,nat", "nat: is for network=NAME");
	assert_refused("socket=s,nat=off", "nat: is for network=NAME");
	assert_refused("user,nat=on", "nat: is for network=NAME; a user network always has one");
	assert_refused("user,restrict,host-loopback",
		       "host-loopback and restrict exclude each other: with restrict the guest "
		       "reaches nothing");
	assert_refused("user,listen", "listen is for socket=PATH");
	assert_refused("tap=t,type=dgram", "type is for socket=PATH");
	assert_refused("socket=s,local=l", "local is for type=dgram without listen");
	assert_refused("socket=s,type=dgram,listen,local=l",
		       "local is for type=dgram without listen");
	assert_refused("user,bps-burst=1M", "bps-burst needs bps");
	assert_refused("user,delay=5ms,jitter=6ms", "jitter is at most as long as delay");
	assert_refused("user,delay=61s", "delay and jitter are too long: 60s is the most");
	assert_refused("user,delay=40s,jitter=30s",
		       "delay and jitter are too long: 60s is the most");
	assert_refused("user,seed=1", "seed needs drop, duplicate, corrupt or jitter");
	assert_int_equal(net("user,jitter=0,drop=0%").faults.drop_ppm, 0);
}

static struct nat_publish port(const char *value)
{
	struct err err = { "" };
	struct nat_publish p;

	if (publish_parse(value, &p, &err) < 0)
		fail_msg("%s: %s", value, err.text);
	assert_ptr_equal(p.text, value);
	return p;
}

static void a_published_port_is_this_hosts_own_unless_told_otherwise(void **state)
{
	static const struct {
		const char *value;
		uint32_t ip;
		uint16_t host, guest;
		enum nat_proto proto;
	} rows[] = {
		{ "8080:80", NAT_LOOPBACK, 8080, 80, NAT_TCP },
		{ "0:22/tcp", NAT_LOOPBACK, 0, 22, NAT_TCP },
		{ "5353:53/udp", NAT_LOOPBACK, 5353, 53, NAT_UDP },
		{ "0.0.0.0:80:65535", 0, 80, 65535, NAT_TCP },
		{ "192.168.1.20:65535:1/udp", 0xc0a80114, 65535, 1, NAT_UDP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct nat_publish p = port(rows[i].value);

		assert_int_equal(p.host_ip, rows[i].ip);
		assert_int_equal(p.host_port, rows[i].host);
		assert_int_equal(p.guest_port, rows[i].guest);
		assert_int_equal(p.proto, rows[i].proto);
	}
}

static void what_is_no_port_to_publish_is_refused(void **state)
{
	static const struct {
		const char *value, *what;
	} rows[] = {
		{ "80", "is not a port to publish" },
		{ "", "is not a port to publish" },
		{ "80:80/sctp", "names no protocol" },
		{ "80:80/", "names no protocol" },
		{ "65536:80", "has no port of the host, 0 to 65535" },
		{ ":80", "has no port of the host, 0 to 65535" },
		{ "x:80", "has no port of the host, 0 to 65535" },
		{ "80:0", "has no port of the guest, 1 to 65535" },
		{ "80:", "has no port of the guest, 1 to 65535" },
		{ "80:65536", "has no port of the guest, 1 to 65535" },
		{ "localhost:80:80", "has no IPv4 address" },
		{ ":80:80", "has no IPv4 address" },
		{ "[::1]:80:80", "has no IPv4 address" },
		{ "1.2.3:80:80", "has no IPv4 address" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = { "" };
		struct nat_publish p;
		char message[160];

		snprintf(message, sizeof(message),
			 "'%s' %s: use [ADDRESS:]HOST:GUEST[/udp], for example 8080:80",
			 rows[i].value, rows[i].what);
		assert_int_equal(publish_parse(rows[i].value, &p, &err), -EINVAL);
		assert_string_equal(err.text, message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_network_alone_gets_the_documented_defaults),
		cmocka_unit_test(every_kind_of_network_has_its_name),
		cmocka_unit_test(none_is_no_card_at_all),
		cmocka_unit_test(every_key_reaches_the_configuration),
		cmocka_unit_test(what_no_card_can_be_is_refused_with_what_would_be_right),
		cmocka_unit_test(keys_that_need_or_exclude_each_other_say_so),
		cmocka_unit_test(a_published_port_is_this_hosts_own_unless_told_otherwise),
		cmocka_unit_test(what_is_no_port_to_publish_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
