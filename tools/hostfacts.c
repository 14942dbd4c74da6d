#include "tools/hostfacts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"

int read_line_file(const char *path, char *buf, size_t room)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (used < room - 1 && n > 0) {
		n = read(fd, buf + used, room - 1 - used);
		if (n > 0)
			used += (size_t)n;
	}
	close(fd);
	if (used > 0 && buf[used - 1] == '\n')
		used--;
	buf[used] = '\0';
	return 0;
}

bool has_word(const char *text, const char *word)
{
	const size_t len = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p += len) {
		if ((p == text || p[-1] == ' ' || p[-1] == '\t') &&
		    (p[len] == ' ' || p[len] == '\n' || p[len] == '\0'))
			return true;
	}
	return false;
}

uint64_t meminfo_kib(const char *text, const char *key)
{
	const size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0)
			return strtoull(line + len, NULL, 10);
	}
	return 0;
}

/* Cut the next field, which ends at a colon, off *line. */
static char *next_field(char **line)
{
	char *field = *line;
	char *colon = strchr(field, ':');

	if (colon)
		*colon = '\0';
	*line = colon ? colon + 1 : field + strlen(field);
	return field;
}

static bool in_member_list(const char *members, const char *user)
{
	const size_t len = strlen(user);

	for (const char *p = members; *p; p += strcspn(p, ","), p += *p == ',') {
		if (strcspn(p, ",") == len && strncmp(p, user, len) == 0)
			return true;
	}
	return false;
}

/* Not getgrgid(): a static program has no business with NSS.
 * group(5): name:password:gid:member,member */
bool group_lookup(const char *group_text, gid_t gid, const char *user, char name[33])
{
	uint64_t number;

	snprintf(name, 33, "%u", gid);
	for (const char *p = group_text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		char line[512], *rest = line, *group;
		const size_t len = min_u64(strcspn(p, "\n"), sizeof(line) - 1);

		memcpy(line, p, len);
		line[len] = '\0';
		group = next_field(&rest);
		next_field(&rest);
		if (parse_uint(next_field(&rest), UINT32_MAX, &number) < 0 || number != gid)
			continue;
		snprintf(name, 33, "%s", group);
		return in_member_list(rest, user);
	}
	return false;
}

/* The login name of our user in /etc/passwd, else the number.
 * passwd(5): name:password:uid:... */
static void find_user(char user[33])
{
	char text[16384];

	snprintf(user, 33, "%u", geteuid());
	if (read_line_file("/etc/passwd", text, sizeof(text)) < 0)
		return;
	for (char *line = text, *end; line; line = end) {
		char *rest = line, *name;
		uint64_t uid;

		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		name = next_field(&rest);
		next_field(&rest);
		if (parse_uint(next_field(&rest), UINT32_MAX, &uid) == 0 && uid == geteuid()) {
			snprintf(user, 33, "%s", name);
			return;
		}
	}
}

/* Docker and Podman leave a mark; systemd-nspawn, LXC and Podman set a variable. */
static bool in_container(void)
{
	return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 ||
	       getenv("container") != NULL || getenv("KUBERNETES_SERVICE_HOST") != NULL;
}

void host_facts_read(struct host_facts *f)
{
	/* The first processor's lines: all of them are alike in this. */
	char cpuinfo[8192];

	*f = (struct host_facts){ .container = in_container() };
	find_user(f->user);
	if (read_line_file("/proc/cpuinfo", cpuinfo, sizeof(cpuinfo)) < 0)
		return;
	f->vmx = has_word(cpuinfo, "vmx");
	f->svm = has_word(cpuinfo, "svm");
	f->nested_pages = has_word(cpuinfo, "ept") || has_word(cpuinfo, "npt");
	f->hypervisor = has_word(cpuinfo, "hypervisor");
}
