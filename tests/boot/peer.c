/* tests/boot/peer.c: both ends of network tests, in guests and on their host.
 *
 *   peer serve PORT                    TCP and UDP server, until somebody says quit
 *   peer dns ADDRESS                   a resolver: A of ANYTHING.test is 192.0.2.7
 *   peer get ADDRESS PORT BYTES        from the server to us
 *   peer put ADDRESS PORT BYTES        from us to the server
 *   peer turn ADDRESS PORT BYTES       to the server; and after our FIN all of it back
 *   peer many ADDRESS PORT COUNT BYTES so many connections at once, and get on each
 *   peer row ADDRESS PORT COUNT BYTES  one after another
 *   peer rtt ADDRESS PORT COUNT        median round trip of 1 byte by TCP and UDP, in ns
 *   peer rate ADDRESS PORT MS BYTES    UDP datagrams for so long: "sent arrived"
 *   peer connect ADDRESS PORT          what comes of it: connected, refused, ...
 *   peer resolve udp|tcp ADDRESS NAME  the address that a resolver gives, or none
 *   peer quit ADDRESS PORT             end the server
 *
 * What is carried has a content that both sides know: "BYTES good" is printed, or
 * "BYTES bad".  A server speaks first only when it is told what to do: a connection
 * begins with a line "get BYTES", "put", "turn", "echo" or "quit". */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_BYTES    65536u
#define WAIT_MS	       60000 /* for anything: longer is never */
#define MANY_MAX       1024
#define ROUNDS_MAX     100000u
#define COUNT_QUESTION "how many?"

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t number(const char *text)
{
	return strtoull(text, NULL, 10);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the content ------------------------------------------------------------------------ */

static uint8_t content_at(uint64_t at)
{
	return (uint8_t)((at * 0x9e3779b97f4a7c15u) >> 56 ^ at >> 16);
}

static void content(uint8_t *to, uint64_t at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = content_at(at + i);
}

static bool is_content(const uint8_t *bytes, uint64_t at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != content_at(at + i))
			return false;
	return true;
}

/* ---- sockets ------------------------------------------------------------------------------- */

static struct sockaddr_in address(const char *ip, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number(port)) };

	if (inet_pton(AF_INET, ip, &a.sin_addr) != 1) {
		errno = EINVAL;
		die(ip);
	}
	return a;
}

static int open_socket(int type)
{
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	const struct timeval limit = { .tv_sec = WAIT_MS / 1000 };
	const int on = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static int listen_on(const char *ip, const char *port, int type)
{
	const struct sockaddr_in a = address(ip, port);
	const int fd = open_socket(type);
	const struct timeval never = { 0 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof never);
	if (bind(fd, (const struct sockaddr *)&a, sizeof a) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 1024) < 0))
		die("listen");
	return fd;
}

static int connect_to(const char *ip, const char *port, int type)
{
	const struct sockaddr_in a = address(ip, port);
	const int fd = open_socket(type);

	if (connect(fd, (const struct sockaddr *)&a, sizeof a) < 0)
		die("connect");
	return fd;
}

static bool send_all(int fd, const void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		const ssize_t n = send(fd, (const char *)bytes + done, len - done, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static bool send_content(int fd, uint64_t len)
{
	static uint8_t block[BLOCK_BYTES];

	for (uint64_t at = 0; at < len;) {
		const size_t n = len - at < sizeof block ? (size_t)(len - at) : sizeof block;

		content(block, at, n);
		if (!send_all(fd, block, n))
			return false;
		at += n;
	}
	return true;
}

/* Up to the end, which must be an orderly one.  Returns the bytes that came; *good is
 * cleared if they are not what they should be. */
static uint64_t receive_content(int fd, bool *good)
{
	static uint8_t block[BLOCK_BYTES];
	uint64_t at = 0;
	ssize_t n;

	while ((n = recv(fd, block, sizeof block, 0)) > 0) {
		*good = *good && is_content(block, at, (size_t)n);
		at += (uint64_t)n;
	}
	*good = *good && n == 0;
	return at;
}

/* A line, byte by byte: what follows it belongs to somebody else. */
static bool receive_line(int fd, char *line, size_t room)
{
	for (size_t i = 0; i < room; i++) {
		if (recv(fd, line + i, 1, 0) != 1)
			return false;
		if (line[i] == '\n') {
			line[i] = '\0';
			return true;
		}
	}
	return false;
}

static bool send_line(int fd, const char *line)
{
	return send_all(fd, line, strlen(line));
}

static int verdict(uint64_t bytes, bool good)
{
	printf("%llu %s\n", (unsigned long long)bytes, good ? "good" : "bad");
	return good ? 0 : 1;
}

/* ---- the server -------------------------------------------------------------------------------
 */

static void serve_echo(int fd)
{
	char bytes[4096];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0 && send_all(fd, bytes, (size_t)n))
		;
}

static void serve_connection(int fd)
{
	char line[64], answer[64];
	bool good = true;
	uint64_t bytes;

	if (!receive_line(fd, line, sizeof line))
		return;
	if (strncmp(line, "get ", 4) == 0) {
		send_content(fd, number(line + 4));
	} else if (strcmp(line, "echo") == 0) {
		serve_echo(fd);
	} else if (strcmp(line, "put") == 0 || strcmp(line, "turn") == 0) {
		bytes = receive_content(fd, &good);
		snprintf(answer, sizeof answer, "%llu %s\n", (unsigned long long)bytes,
			 good ? "good" : "bad");
		if (line[0] == 'p')
			send_line(fd, answer);
		else if (good)
			send_content(fd, bytes);
	} else if (strcmp(line, "quit") == 0) {
		kill(getppid(), SIGTERM);
	}
	shutdown(fd, SHUT_WR);
}

/* Small datagrams come back; of all others it is counted how many came, which is told
 * to whoever asks. */
static void serve_datagram(int fd)
{
	static uint64_t count;
	struct sockaddr_in from;
	socklen_t from_len = sizeof from;
	char bytes[2048];
	const ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &from_len);

	if (n < 0)
		return;
	if ((size_t)n == strlen(COUNT_QUESTION) && memcmp(bytes, COUNT_QUESTION, (size_t)n) == 0)
		sendto(fd, &count, sizeof count, 0, (struct sockaddr *)&from, from_len);
	else if (n < 8)
		sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, from_len);
	else
		count++;
}

static int serve(char **word)
{
	const int tcp = listen_on("0.0.0.0", word[0], SOCK_STREAM);
	const int udp = listen_on("0.0.0.0", word[0], SOCK_DGRAM);
	struct pollfd fds[2] = { { .fd = tcp, .events = POLLIN }, { .fd = udp, .events = POLLIN } };

	signal(SIGCHLD, SIG_IGN); /* no zombies */
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			die("poll");
		if (fds[1].revents)
			serve_datagram(udp);
		if (fds[0].revents) {
			const int fd = accept(tcp, NULL, NULL);

			if (fd >= 0 && fork() == 0) {
				const struct timeval limit = { .tv_sec = WAIT_MS / 1000 };

				setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
				serve_connection(fd);
				_exit(0);
			}
			close(fd);
		}
	}
}

static int quit(char **word)
{
	return send_line(connect_to(word[0], word[1], SOCK_STREAM), "quit\n") ? 0 : 1;
}

/* ---- one connection ----------------------------------------------------------------- */

static int get(char **word)
{
	const int fd = connect_to(word[0], word[1], SOCK_STREAM);
	bool good = true;
	char line[64];
	uint64_t bytes;

	snprintf(line, sizeof line, "get %s\n", word[2]);
	send_line(fd, line);
	bytes = receive_content(fd, &good);
	return verdict(bytes, good && bytes == number(word[2]));
}

static int put(char **word)
{
	const int fd = connect_to(word[0], word[1], SOCK_STREAM);
	char line[64];

	if (!send_line(fd, "put\n") || !send_content(fd, number(word[2])) ||
	    shutdown(fd, SHUT_WR) < 0 || !receive_line(fd, line, sizeof line))
		die("put");
	puts(line);
	return 0;
}

static int turn(char **word)
{
	const int fd = connect_to(word[0], word[1], SOCK_STREAM);
	bool good = true;
	uint64_t bytes;

	if (!send_line(fd, "turn\n") || !send_content(fd, number(word[2])) ||
	    shutdown(fd, SHUT_WR) < 0)
		die("turn");
	bytes = receive_content(fd, &good);
	return verdict(bytes, good && bytes == number(word[2]));
}

static int connect_only(char **word)
{
	const struct sockaddr_in a = address(word[0], word[1]);
	const int fd = open_socket(SOCK_STREAM);
	const struct timeval limit = { .tv_sec = 10 };

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, (const struct sockaddr *)&a, sizeof a) == 0)
		puts("connected");
	else if (errno == ECONNREFUSED)
		puts("refused");
	else if (errno == EINPROGRESS || errno == ETIMEDOUT)
		puts("no answer");
	else if (errno == EHOSTUNREACH || errno == ENETUNREACH || errno == EACCES)
		puts("unreachable");
	else
		puts(strerror(errno));
	return 0;
}

/* ---- many --------------------------------------------------------------------------- */

struct one {
	uint64_t at;
	bool good, ended;
};

/* All are open before the first byte is asked for. */
static int many(char **word)
{
	static struct pollfd fds[MANY_MAX];
	static struct one ones[MANY_MAX];
	static uint8_t block[BLOCK_BYTES];
	const unsigned count = (unsigned)number(word[2]);
	const uint64_t bytes = number(word[3]);
	unsigned open = count, good = 0;
	char line[64];

	if (count > MANY_MAX)
		return 1;
	for (unsigned i = 0; i < count; i++) {
		fds[i] = (struct pollfd){ connect_to(word[0], word[1], SOCK_STREAM), POLLIN, 0 };
		ones[i].good = true;
	}
	snprintf(line, sizeof line, "get %s\n", word[3]);
	for (unsigned i = 0; i < count; i++)
		send_line(fds[i].fd, line);
	while (open > 0 && poll(fds, count, WAIT_MS) > 0) {
		for (unsigned i = 0; i < count; i++) {
			struct one *o = &ones[i];
			ssize_t n;

			if (!fds[i].revents)
				continue;
			n = recv(fds[i].fd, block, sizeof block, MSG_DONTWAIT);
			if (n > 0) {
				o->good = o->good && is_content(block, o->at, (size_t)n);
				o->at += (uint64_t)n;
				continue;
			}
			good += n == 0 && o->good && o->at == bytes;
			close(fds[i].fd);
			fds[i].fd = -1;
			open--;
		}
	}
	printf("%u\n", good);
	return good == count ? 0 : 1;
}

static int row(char **word)
{
	const unsigned count = (unsigned)number(word[2]);
	unsigned good = 0;
	char line[64];

	snprintf(line, sizeof line, "get %s\n", word[3]);
	for (unsigned i = 0; i < count; i++) {
		const int fd = connect_to(word[0], word[1], SOCK_STREAM);
		bool one_good = true;

		send_line(fd, line);
		good += receive_content(fd, &one_good) == number(word[3]) && one_good;
		close(fd);
	}
	printf("%u\n", good);
	return good == count ? 0 : 1;
}

/* ---- how fast ----------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median_rtt(int fd, unsigned count)
{
	static uint64_t took[ROUNDS_MAX];
	unsigned got = 0;
	char byte = 'r';

	for (unsigned i = 0; i < count; i++) {
		const uint64_t begun = now_ns();

		if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1)
			break;
		took[got++] = now_ns() - begun;
	}
	qsort(took, got, sizeof took[0], by_size);
	return got == count ? took[got / 2] : 0;
}

static int rtt(char **word)
{
	const unsigned count = (unsigned)number(word[2]);
	const int tcp = connect_to(word[0], word[1], SOCK_STREAM);
	const int udp = connect_to(word[0], word[1], SOCK_DGRAM);

	if (count > ROUNDS_MAX || !send_line(tcp, "echo\n"))
		return 1;
	printf("%llu %llu\n", (unsigned long long)median_rtt(tcp, count),
	       (unsigned long long)median_rtt(udp, count));
	return 0;
}

/* How many datagrams have arrived there; asked until it is answered. */
static uint64_t count_arrived(int fd)
{
	const struct timeval soon = { .tv_usec = 500000 };
	uint64_t count;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
	for (int i = 0; i < 60; i++) {
		send(fd, COUNT_QUESTION, strlen(COUNT_QUESTION), MSG_NOSIGNAL);
		if (recv(fd, &count, sizeof count, 0) == (ssize_t)sizeof count)
			return count;
	}
	errno = ETIMEDOUT;
	die("count");
}

static int rate(char **word)
{
	const int fd = connect_to(word[0], word[1], SOCK_DGRAM);
	const uint64_t end_ns = now_ns() + number(word[2]) * 1000000u;
	const size_t len = (size_t)number(word[3]);
	uint64_t sent = 0, before = count_arrived(fd);
	char bytes[2048] = "x";

	if (len < 16 || len > sizeof bytes)
		return 1;
	while (now_ns() < end_ns)
		for (int i = 0; i < 64; i++) /* a full queue only means to wait */
			sent += send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
	/* What is still on its way. */
	usleep(200000);
	printf("%llu %llu\n", (unsigned long long)sent,
	       (unsigned long long)(count_arrived(fd) - before));
	return 0;
}

/* ---- names -------------------------------------------------------------------------- */

/* RFC 1035, 4.1: a query of one question becomes its answer.  Returns its length. */
static size_t answer_query(uint8_t *m, size_t len, size_t room)
{
	static const uint8_t record[] = { 0xc0, 12, 0, 1, 0, 1, /* that name, A, IN */
					  0,	0,  0, 1, 0, 4, 192, 0, 2, 7 };
	size_t end = 12;
	bool known;

	if (len < 17 || m[4] != 0 || m[5] != 1)
		return 0;
	while (end < len && m[end] != 0)
		end += 1u + m[end];
	if (end + 5 > len || end < 17)
		return 0;
	known = memcmp(m + end - 5, "\4test", 5) == 0;
	m[2] = 0x81;			       /* an answer; recursion was desired */
	m[3] = (uint8_t)(known ? 0x80 : 0x83); /* NXDOMAIN */
	memset(m + 6, 0, 6);
	known = known && m[end + 2] == 1; /* A */
	m[7] = known;
	end += 5;
	if (!known || end + sizeof record > room)
		return end;
	memcpy(m + end, record, sizeof record);
	return end + sizeof record;
}

static bool receive_exactly(int fd, void *bytes, size_t len)
{
	for (size_t at = 0; at < len;) {
		const ssize_t n = recv(fd, (char *)bytes + at, len - at, 0);

		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

/* Over TCP a length comes before each message (4.2.2). */
static void answer_tcp(int fd)
{
	uint8_t m[2 + 512];
	size_t len;

	while (receive_exactly(fd, m, 2)) {
		len = (size_t)m[0] << 8 | m[1];
		if (len > 400 || !receive_exactly(fd, m + 2, len))
			return;
		len = answer_query(m + 2, len, sizeof m - 2);
		m[0] = (uint8_t)(len >> 8);
		m[1] = (uint8_t)len;
		if (len == 0 || !send_all(fd, m, 2 + len))
			return;
	}
}

static int dns(char **word)
{
	const int tcp = listen_on(word[0], "53", SOCK_STREAM);
	const int udp = listen_on(word[0], "53", SOCK_DGRAM);
	struct pollfd fds[2] = { { .fd = tcp, .events = POLLIN }, { .fd = udp, .events = POLLIN } };

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			die("poll");
		if (fds[1].revents) {
			struct sockaddr_in from;
			socklen_t from_len = sizeof from;
			uint8_t m[512];
			ssize_t n = recvfrom(udp, m, 400, 0, (struct sockaddr *)&from, &from_len);
			const size_t len = n > 0 ? answer_query(m, (size_t)n, sizeof m) : 0;

			if (len > 0)
				sendto(udp, m, len, 0, (struct sockaddr *)&from, from_len);
		}
		if (fds[0].revents) {
			const int fd = accept(tcp, NULL, NULL);

			if (fd >= 0 && fork() == 0) {
				answer_tcp(fd);
				_exit(0);
			}
			close(fd);
		}
	}
}

static size_t write_query(uint8_t *m, const char *name)
{
	static const uint8_t head[12] = { 0x12, 0x34, 1, 0, 0, 1 };
	static const uint8_t tail[5] = { 0, 0, 1, 0, 1 };
	size_t at = sizeof head;

	memcpy(m, head, sizeof head);
	while (*name) {
		const size_t len = strcspn(name, ".");

		m[at++] = (uint8_t)len;
		memcpy(m + at, name, len);
		at += len;
		name += len + (name[len] == '.');
	}
	memcpy(m + at, tail, sizeof tail);
	return at + sizeof tail;
}

/* Only whole answers of the resolver above, with its one record at the end. */
static int resolve(char **word)
{
	const bool tcp = strcmp(word[0], "tcp") == 0;
	const int fd = connect_to(word[1], "53", tcp ? SOCK_STREAM : SOCK_DGRAM);
	const struct timeval limit = { .tv_sec = 10 };
	uint8_t m[2 + 512];
	size_t len = strlen(word[2]) < 200 ? write_query(m + 2, word[2]) : 0;
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	m[0] = (uint8_t)(len >> 8);
	m[1] = (uint8_t)len;
	if (!(tcp ? send_all(fd, m, 2 + len) : send_all(fd, m + 2, len)))
		die("send");
	if (tcp && !receive_exactly(fd, m, 2)) {
		puts("no answer");
		return 1;
	}
	n = recv(fd, m + 2, 512, 0);
	if (n < 12)
		puts("no answer");
	else if ((m[2 + 3] & 15) != 0)
		printf("error %d\n", m[2 + 3] & 15);
	else if (m[2 + 7] != 1)
		puts("none");
	else
		printf("%u.%u.%u.%u\n", m[n - 2], m[n - 1], m[n], m[n + 1]);
	return 0;
}

/* ---- the words ---------------------------------------------------------------------- */

static const struct {
	const char *name;
	int words;
	int (*run)(char **word);
} verbs[] = {
	{ "serve", 1, serve },	   { "dns", 1, dns },
	{ "get", 3, get },	   { "put", 3, put },
	{ "turn", 3, turn },	   { "many", 4, many },
	{ "row", 4, row },	   { "rtt", 3, rtt },
	{ "rate", 4, rate },	   { "connect", 2, connect_only },
	{ "resolve", 3, resolve }, { "quit", 2, quit },
};

int main(int argc, char *argv[])
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (argc == 2 + verbs[i].words && strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argv + 2);
	fprintf(stderr, "usage: see tests/boot/peer.c\n");
	return 2;
}
