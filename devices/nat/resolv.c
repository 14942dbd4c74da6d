#include "nat/resolv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nat/dns_wire.h"

#define FILE_BYTES KIB(16) /* what is behind them is not looked at */

static void add_ip4(struct resolv *r, struct in_addr ip)
{
	struct resolv_server *s = &r->servers[r->server_count++];
	const struct sockaddr_in a = { .sin_family = AF_INET,
				       .sin_port = htons(DNS_PORT),
				       .sin_addr = ip };

	memcpy(&s->address, &a, sizeof(a));
	s->len = sizeof(a);
}

static void add_ip6(struct resolv *r, const struct in6_addr *ip, const char *zone)
{
	struct resolv_server *s = &r->servers[r->server_count++];
	const struct sockaddr_in6 a = { .sin6_family = AF_INET6,
					.sin6_port = htons(DNS_PORT),
					.sin6_addr = *ip,
					.sin6_scope_id = zone ? if_nametoindex(zone) : 0 };

	memcpy(&s->address, &a, sizeof(a));
	s->len = sizeof(a);
}

/* An address, for IPv6 maybe with "%zone". */
static void add_server(struct resolv *r, char *word)
{
	char *zone = strchr(word, '%');
	struct in6_addr ip6;
	struct in_addr ip4;

	if (r->server_count == RESOLV_SERVERS_MAX)
		return;
	if (inet_pton(AF_INET, word, &ip4) == 1) {
		add_ip4(r, ip4);
		return;
	}
	if (zone)
		*zone++ = '\0';
	if (inet_pton(AF_INET6, word, &ip6) == 1)
		add_ip6(r, &ip6, zone);
}

/* The last of "domain" and "search" counts; of several names the first. */
static void take_domain(struct resolv *r, const char *word)
{
	const size_t len = strlen(word);

	if (len < sizeof(r->domain) && strcmp(word, ".") != 0)
		memcpy(r->domain, word, len + 1);
}

static void take_line(struct resolv *r, char *line)
{
	char *rest = NULL;
	const char *key = strtok_r(line, " \t\r", &rest);
	char *word = strtok_r(NULL, " \t\r", &rest);

	if (!key || !word)
		return;
	if (strcmp(key, "nameserver") == 0)
		add_server(r, word);
	else if (strcmp(key, "domain") == 0 || strcmp(key, "search") == 0)
		take_domain(r, word);
}

void resolv_parse(const char *text, size_t len, struct resolv *out)
{
	const struct in_addr here = { htonl(NAT_LOOPBACK) };
	char line[1024];

	memset(out, 0, sizeof(*out));
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		const size_t n = end ? (size_t)(end - text) : len;
		const size_t step = end ? n + 1 : n;

		if (n < sizeof(line)) {
			memcpy(line, text, n);
			line[n] = '\0';
			take_line(out, line);
		}
		text += step;
		len -= step;
	}
	if (out->server_count == 0)
		add_ip4(out, here);
}

/* ---- the file ------------------------------------------------------------------------------ */

static bool is_same(const struct resolv_file *f, const struct stat *st)
{
	return f->known && f->inode == st->st_ino && f->size_bytes == (uint64_t)st->st_size &&
	       f->changed.tv_sec == st->st_mtim.tv_sec && f->changed.tv_nsec == st->st_mtim.tv_nsec;
}

static void read_again(struct resolv_file *f)
{
	char text[FILE_BYTES];
	const int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return;
	n = fstat(fd, &st) == 0 ? read(fd, text, sizeof(text)) : -1;
	close(fd);
	if (n < 0)
		return;
	resolv_parse(text, (size_t)n, &f->now);
	f->inode = st.st_ino;
	f->size_bytes = (uint64_t)st.st_size;
	f->changed = st.st_mtim;
	f->known = true;
}

const struct resolv *resolv_look(struct resolv_file *f)
{
	struct stat st;

	if (stat(f->path, &st) == 0 && !is_same(f, &st))
		read_again(f);
	if (f->now.server_count == 0)
		resolv_parse("", 0, &f->now);
	return &f->now;
}
