#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "net/mac.h"
#include "tools/run_options.h"

/* A file that the guest's run reads or writes, to see that none is both: its
 * inode or, when it is still to be made, its folder's and its name. */
struct used_file {
	const char *flag;
	dev_t dev;
	ino_t ino;
	const char *name; /* NULL for an existing file */
};

#define USED_FILES_MAX \
	(BOOT_INITRDS_MAX + SERIAL_PORTS + MACHINE_DISKS_MAX + MACHINE_NETS_MAX + MACHINE_CONSOLES_MAX + 6)

struct used_files {
	unsigned count;
	struct used_file files[USED_FILES_MAX];
};

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A regular file that we may read. */
static int check_input(const char *flag, const char *path, struct used_files *used, struct err *err)
{
	char text[QUOTED_BYTES];
	struct stat st;

	quoted(text, path);
	if (stat(path, &st) < 0)
		return err_errno(err, -errno, "--%s: %s", flag, text);
	if (S_ISDIR(st.st_mode))
		return err_set(err, -EISDIR, "--%s: %s is a directory: give a file", flag, text);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "--%s: %s is not a regular file: copy it into one",
			       flag, text);
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0)
		return err_errno(err, -errno, "--%s: %s: cannot be read", flag, text);
	used->files[used->count++] = (struct used_file){ flag, st.st_dev, st.st_ino, NULL };
	return 0;
}

/* The folder of path: path cut in place at the last slash. */
static const char *folder_of(char path[PATH_MAX])
{
	char *slash = strrchr(path, '/');

	if (!slash)
		return ".";
	if (slash == path)
		return "/";
	*slash = '\0';
	return path;
}

static bool same_file(const struct used_file *a, const struct used_file *b)
{
	if (a->dev != b->dev || a->ino != b->ino || !a->name != !b->name)
		return false;
	return !a->name || strcmp(a->name, b->name) == 0;
}

/* Refuse a file that another flag uses. */
static int use_file(struct used_files *used, const struct used_file *file, struct err *err)
{
	for (unsigned i = 0; i < used->count; i++) {
		if (same_file(&used->files[i], file))
			return err_set(err, -EBUSY, "--%s: the same file as for --%s: give another",
				       file->flag, used->files[i].flag);
	}
	used->files[used->count++] = *file;
	return 0;
}

/* A file that does not exist: its folder must be there and writable. */
static int check_new_file(const char *flag, const char *path, struct used_files *used,
			  struct err *err)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX], text[QUOTED_BYTES];
	struct used_file file = { .flag = flag, .name = slash ? slash + 1 : path };
	struct stat st;
	const char *dir;

	if (strlen(path) >= sizeof(folder))
		return err_set(err, -ENAMETOOLONG, "--%s: %s: name too long", flag,
			       quoted(text, path));
	memcpy(folder, path, strlen(path) + 1);
	dir = folder_of(folder);
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0 || stat(dir, &st) < 0)
		return err_errno(err, -errno, "--%s: folder '%s'", flag, quoted(text, dir));
	file.dev = st.st_dev;
	file.ino = st.st_ino;
	return use_file(used, &file, err);
}

/* A file that we shall make or overwrite. */
static int check_output(const char *flag, const char *path, struct used_files *used,
			struct err *err)
{
	char text[QUOTED_BYTES];
	struct stat st;

	quoted(text, path);
	if (stat(path, &st) < 0)
		return errno == ENOENT ? check_new_file(flag, path, used, err)
				       : err_errno(err, -errno, "--%s: %s", flag, text);
	if (S_ISDIR(st.st_mode))
		return err_set(err, -EISDIR, "--%s: %s is a directory: give a file", flag, text);
	if (S_ISSOCK(st.st_mode))
		return err_set(err, -EINVAL, "--%s: %s is a socket: give a file", flag, text);
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0)
		return err_errno(err, -errno, "--%s: %s: cannot be written", flag, text);
	if (!S_ISREG(st.st_mode))
		return 0; /* devices and terminals may be shared */
	return use_file(used, &(struct used_file){ flag, st.st_dev, st.st_ino, NULL }, err);
}

/* A socket that we shall listen on. */
static int check_socket(const char *flag, const char *path, struct used_files *used,
			struct err *err)
{
	const size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);
	char text[QUOTED_BYTES];
	struct stat st;

	quoted(text, path);
	if (strlen(path) >= room)
		return err_set(err, -ENAMETOOLONG,
			       "--%s: %s: a socket's name has at most %zu bytes: use a shorter one",
			       flag, text, room - 1);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return err_set(err, -EEXIST, "--%s: %s exists and is no socket: give another name",
			       flag, text);
	return check_new_file(flag, path, used, err);
}

static int check_serial(const char *flag, const struct serial_config *s, struct used_files *used,
			struct err *err)
{
	if (s->present && s->kind == CHARDEV_FILE)
		return check_output(flag, s->path, used, err);
	if (s->present && s->kind == CHARDEV_UNIX)
		return check_socket(flag, s->path, used, err);
	return 0;
}

/* What a disk is on must be there; disk_open() proves the rest.  A regular file that
 * the guest writes is nobody else's. */
static int check_disk(const struct disk_config *d, struct used_files *used, struct err *err)
{
	const bool written = !d->read_only && !d->snapshot && !d->overlay;
	char text[QUOTED_BYTES];
	struct used_file file = { .flag = "disk" };
	struct stat st;

	if (stat(d->path, &st) < 0)
		return err_errno(err, -errno, "--disk: %s", quoted(text, d->path));
	if (!S_ISREG(st.st_mode))
		return 0;
	file.dev = st.st_dev;
	file.ino = st.st_ino;
	if (written)
		return use_file(used, &file, err);
	used->files[used->count++] = file;
	return 0;
}

static bool is_stdio(const struct serial_config *s)
{
	return s->present && s->kind == CHARDEV_STDIO;
}

/* Ports are found by their names, so no two have the same. */
static int check_consoles(const struct machine_config *c, struct used_files *used, struct err *err)
{
	for (unsigned i = 0; i < c->console_count; i++) {
		const int rc = check_serial("console", &c->consoles[i].at, used, err);

		if (rc < 0)
			return rc;
		for (unsigned k = 0; k < i && c->consoles[i].name; k++)
			if (c->consoles[k].name &&
			    strcmp(c->consoles[k].name, c->consoles[i].name) == 0)
				return err_set(err, -EEXIST, "--console: name=%s is given twice",
					       c->consoles[i].name);
	}
	return 0;
}

/* Who has stdin and stdout: at most one of them.  NULL: nobody so far. */
static const char *stdio_user(const struct machine_config *c)
{
	if (is_stdio(&c->debugcon))
		return "debugcon";
	for (unsigned i = 0; i < c->console_count; i++)
		if (is_stdio(&c->consoles[i].at))
			return "console";
	return NULL;
}

static unsigned count_stdio(const struct machine_config *c)
{
	unsigned count = is_stdio(&c->debugcon);

	for (unsigned i = 0; i < c->console_count; i++)
		count += is_stdio(&c->consoles[i].at);
	for (unsigned i = 0; i < SERIAL_PORTS; i++)
		count += is_stdio(&c->serial[i]);
	return count;
}

/* COM1 is always there: on stdio, unless another terminal took that. */
static int resolve_terminals(struct run_options *o, struct used_files *used, struct err *err)
{
	struct machine_config *c = &o->config;
	const char *user = stdio_user(c);
	int rc = 0;

	if (o->serial_count == 0)
		c->serial[0] = (struct serial_config){
			.present = true,
			.kind = user ? CHARDEV_NULL : CHARDEV_STDIO,
		};
	for (unsigned i = 0; i < SERIAL_PORTS && rc == 0; i++)
		rc = check_serial("serial", &c->serial[i], used, err);
	if (rc == 0)
		rc = check_serial("debugcon", &c->debugcon, used, err);
	if (rc == 0)
		rc = check_consoles(c, used, err);
	if (rc == 0 && count_stdio(c) > 1)
		return err_set(err, -EINVAL, "--%s: stdio is taken: only one terminal can have it",
			       user ? user : "serial");
	return rc;
}

/* The newest of a build tree's images, best first. */
static int find_in_tree(struct run_options *o, const char *tree, struct err *err)
{
	static const char *const images[] = { "arch/x86/boot/bzImage", "vmlinux" };
	char text[QUOTED_BYTES];

	for (size_t i = 0; i < ARRAY_LEN(images); i++) {
		const int n = snprintf(o->kernel_path, PATH_MAX, "%s/%s", tree, images[i]);

		if (n < PATH_MAX && access(o->kernel_path, F_OK) == 0)
			return 0;
	}
	return err_set(err, -ENOENT,
		       "--kernel: %s has neither %s nor %s: build the kernel there, or give a file",
		       quoted(text, tree), images[0], images[1]);
}

static int find_host_kernel(struct run_options *o, struct err *err)
{
	struct utsname u;

	if (uname(&u) < 0)
		return err_errno(err, -errno, "--kernel: host: uname");
	snprintf(o->kernel_path, PATH_MAX, "/boot/vmlinuz-%s", u.release);
	if (access(o->kernel_path, F_OK) < 0)
		return err_set(err, -errno, "--kernel: host: there is no %s: give a kernel file",
			       o->kernel_path);
	return 0;
}

static int resolve_kernel(struct run_options *o, struct used_files *used, struct err *err)
{
	static const char flat[] = "flat:";
	const char *spec = o->kernel_spec;
	struct machine_config *c = &o->config;
	int rc = 0;

	if (!spec)
		return err_set(err, -EINVAL,
			       "--kernel: missing: give a bzImage, a vmlinux or 'host'");
	c->kernel_path = spec;
	if (strcmp(spec, flat) == 0)
		return err_set(err, -EINVAL, "--kernel: flat: needs a file: flat:FILE");
	if (strncmp(spec, flat, sizeof(flat) - 1) == 0) {
		c->kernel_flat = true;
		c->kernel_path = spec + sizeof(flat) - 1;
	} else if (strcmp(spec, "host") == 0) {
		rc = find_host_kernel(o, err);
		c->kernel_path = o->kernel_path;
	} else if (is_dir(spec)) {
		rc = find_in_tree(o, spec, err);
		c->kernel_path = o->kernel_path;
	}
	return rc < 0 ? rc : check_input("kernel", c->kernel_path, used, err);
}

static int resolve_cmdline(struct run_options *o, struct err *err)
{
	if (cmdline_append(o->cmdline, o->cmdline_base ? o->cmdline_base : cmdline_default) < 0)
		return err_set(err, -EINVAL, "--cmdline: too long: a kernel takes at most %d bytes",
			       CMDLINE_BYTES_MAX - 1);
	if (cmdline_append(o->cmdline, o->append) < 0)
		return err_set(err, -EINVAL,
			       "--append: too long behind the built-in words: a kernel takes at "
			       "most %d bytes in all",
			       CMDLINE_BYTES_MAX - 1);
	o->config.cmdline = o->cmdline;
	return 0;
}

static int check_events_fd(int fd, struct err *err)
{
	const int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return err_set(
			err, -EBADF,
			"--events: descriptor %d is not open: add for example %d>events.json", fd,
			fd);
	if ((flags & O_ACCMODE) == O_RDONLY)
		return err_set(err, -EBADF, "--events: descriptor %d is open for reading only", fd);
	return 0;
}

static bool has_user_net(const struct machine_config *c)
{
	for (unsigned i = 0; i < c->net_count; i++)
		if (c->nets[i].kind == NET_USER)
			return true;
	return false;
}

/* Two guests on one network must not have one address, and a guest likes to find the
 * NIC that it had: both follow from names. */
static int resolve_macs(struct machine_config *c, struct err *err)
{
	for (unsigned i = 0; i < c->net_count; i++) {
		struct net_config *n = &c->nets[i];

		if (!n->has_mac)
			net_mac_from_name(c->name, i, n->mac);
		for (unsigned k = 0; k < i; k++)
			if (memcmp(c->nets[k].mac, n->mac, sizeof(n->mac)) == 0)
				return err_set(err, -EEXIST,
					       "--net: two have the same mac: give another");
	}
	return 0;
}

static int resolve_nets(struct run_options *o, struct used_files *used, struct err *err)
{
	struct machine_config *c = &o->config;
	int rc;

	/* Published ports are reached through a user network: with nothing said
	 * there is one. */
	if (c->published_count > 0 && c->net_count == 0 && !o->no_net)
		c->nets[c->net_count++] = (struct net_config){ .kind = NET_USER, .queues = 1 };
	if (c->published_count > 0 && !has_user_net(c))
		return err_set(err, -EINVAL,
			       "--publish: needs a user network: add --net user");
	if (c->net_dump_count > c->net_count)
		return err_set(err, -EINVAL,
			       "--net-dump: there is no such network card: add --net user");
	rc = resolve_macs(c, err);
	for (unsigned i = 0; rc == 0 && i < c->net_dump_count; i++)
		rc = check_output("net-dump", c->net_dump_paths[i], used, err);
	return rc;
}

int run_resolve(struct run_options *o, struct err *err)
{
	struct machine_config *c = &o->config;
	struct used_files used = { 0 };
	int rc;

	if (!c->name) {
		snprintf(o->name, sizeof(o->name), "bantam-%d", getpid());
		c->name = o->name;
	}
	rc = resolve_kernel(o, &used, err);
	for (unsigned i = 0; i < c->initrd_count && rc == 0; i++)
		rc = check_input("initrd", c->initrd_paths[i], &used, err);
	if (rc == 0)
		rc = resolve_cmdline(o, err);
	for (unsigned i = 0; i < c->disk_count && rc == 0; i++)
		rc = check_disk(&c->disks[i], &used, err);
	if (rc == 0)
		rc = resolve_nets(o, &used, err);
	if (rc == 0)
		rc = resolve_terminals(o, &used, err);
	if (rc == 0 && c->balloon.size_bytes >= c->memory_bytes)
		return err_set(err, -EINVAL, "--balloon: takes all of the guest's --memory: give less");
	if (rc == 0 && c->log_path)
		rc = check_output("log", c->log_path, &used, err);
	if (rc == 0 && c->events_path)
		rc = check_output("events", c->events_path, &used, err);
	if (rc == 0 && c->events_fd >= 0)
		rc = check_events_fd(c->events_fd, err);
	if (rc == 0 && c->dump_path)
		rc = check_output("on-panic", c->dump_path, &used, err);
	return rc;
}
