/* resolv.conf, as it is written by people and programs. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nat/resolv.h"

static const char *text_of(const struct resolv_server *s, char text[INET6_ADDRSTRLEN])
{
	struct sockaddr_in a;
	struct sockaddr_in6 a6;

	if (s->address.ss_family == AF_INET) {
		memcpy(&a, &s->address, sizeof(a));
		assert_int_equal(s->len, sizeof(a));
		assert_int_equal(ntohs(a.sin_port), 53);
		return inet_ntop(AF_INET, &a.sin_addr, text, INET6_ADDRSTRLEN);
	}
	memcpy(&a6, &s->address, sizeof(a6));
	assert_int_equal(s->len, sizeof(a6));
	assert_int_equal(ntohs(a6.sin6_port), 53);
	return inet_ntop(AF_INET6, &a6.sin6_addr, text, INET6_ADDRSTRLEN);
}

/* servers: addresses with blanks between. */
static void check(const char *conf, const char *servers, const char *domain)
{
	char all[256] = "", one[INET6_ADDRSTRLEN];
	struct resolv r;

	resolv_parse(conf, strlen(conf), &r);
	for (unsigned i = 0; i < r.server_count; i++) {
		if (i > 0)
			strcat(all, " ");
		strcat(all, text_of(&r.servers[i], one));
	}
	assert_string_equal(all, servers);
	assert_string_equal(r.domain, domain);
}

static void servers_and_domain_are_found(void **state)
{
	(void)state;
	check("nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lan\n", "127.0.0.53", "lan");
	check("# nameserver 9.9.9.9\n;x\nnameserver\t1.1.1.1 \r\nnameserver 2001:db8::1",
	      "1.1.1.1 2001:db8::1", "");
	check("domain one\nsearch two three\n", "127.0.0.1", "two");
	check("nameserver fe80::1%lo\n", "fe80::1", "");
	check("nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4\n",
	      "1.1.1.1 2.2.2.2 3.3.3.3", "");
}

static void without_a_server_it_is_this_host(void **state)
{
	(void)state;
	check("", "127.0.0.1", "");
	check("nameserver\nnameserver x\nnameserver 1.2.3\nnameserver 1.2.3.4.5\nsearch .\n\n",
	      "127.0.0.1", "");
}

static void long_lines_are_passed_over(void **state)
{
	char *conf = malloc(5000);

	(void)state;
	memset(conf, 'x', 5000);
	memcpy(conf, "nameserver 9.9.9.9 ", 19);
	strcpy(conf + 4000, "\nnameserver 1.1.1.1\n");
	check(conf, "1.1.1.1", "");
	free(conf);
}

static void write_file(const char *path, const char *text)
{
	char other[64];
	FILE *f;

	snprintf(other, sizeof(other), "%s.new", path);
	f = fopen(other, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	/* However coarse the file system's clock is. */
	assert_int_equal(utimensat(AT_FDCWD, other, (const struct timespec[2]){ { 0 } }, 0), 0);
	assert_int_equal(rename(other, path), 0);
}

static void a_file_that_changes_is_read_again_and_one_that_goes_is_remembered(void **state)
{
	char path[] = "/tmp/resolv-XXXXXX", one[INET6_ADDRSTRLEN];
	struct resolv_file f = { .path = path };

	(void)state;
	close(mkstemp(path));
	write_file(path, "nameserver 1.1.1.1\n");
	assert_string_equal(text_of(&resolv_look(&f)->servers[0], one), "1.1.1.1");
	write_file(path, "nameserver 2.2.2.2\n"); /* as long and as old */
	assert_string_equal(text_of(&resolv_look(&f)->servers[0], one), "2.2.2.2");
	unlink(path);
	assert_string_equal(text_of(&resolv_look(&f)->servers[0], one), "2.2.2.2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_and_domain_are_found),
		cmocka_unit_test(without_a_server_it_is_this_host),
		cmocka_unit_test(long_lines_are_passed_over),
		cmocka_unit_test(a_file_that_changes_is_read_again_and_one_that_goes_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
