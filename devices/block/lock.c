#include "block/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/options.h"

/* QEMU's BLK_PERM_*, as bit numbers. */
enum perm { CONSISTENT_READ, WRITE, WRITE_UNCHANGED, RESIZE, PERM_COUNT };

#define USED_BYTE     100 /* + perm: somebody uses it */
#define UNSHARED_BYTE 200 /* + perm: somebody cannot have others use it */

#define BIT(perm) (1u << (perm))

static int lock_bytes(int fd, unsigned perms, off_t first_byte)
{
	for (unsigned p = 0; p < PERM_COUNT; p++) {
		struct flock lock = {
			.l_type = F_RDLCK,
			.l_whence = SEEK_SET,
			.l_start = first_byte + (off_t)p,
			.l_len = 1,
		};

		if ((perms & BIT(p)) && fcntl(fd, F_OFD_SETLK, &lock) < 0)
			return -errno;
	}
	return 0;
}

/* Whether anybody else has locked one of them. */
static bool others_locked(int fd, unsigned perms, off_t first_byte)
{
	for (unsigned p = 0; p < PERM_COUNT; p++) {
		struct flock lock = {
			.l_type = F_WRLCK, /* any lock is against that */
			.l_whence = SEEK_SET,
			.l_start = first_byte + (off_t)p,
			.l_len = 1,
		};

		if ((perms & BIT(p)) && fcntl(fd, F_OFD_GETLK, &lock) == 0 &&
		    lock.l_type != F_UNLCK)
			return true;
	}
	return false;
}

/* ---- who it is --------------------------------------------------------------------
 *
 * The kernel does not tell the owner of an OFD lock, but /proc/PID/fdinfo/FD lists
 * an open file's locks with the file's identity:
 *
 *      lock:   1: OFDLCK ADVISORY  READ -1 fe:00:10994757 100 101
 *
 * Our own descriptor's line says what to look for.  All best effort: we may not
 * look into other users' processes, and they come and go. */

#define IDENTITY_BYTES 64

/* The identity in a line like the one above: the word behind the owner's "-1". */
static bool lock_line_identity(char *line, char identity[IDENTITY_BYTES])
{
	static const unsigned identity_word = 6; /* from 0: "lock:", "1:", "OFDLCK", ... */
	char *rest, *word = strtok_r(line, " \t\n", &rest);

	if (!word || strcmp(word, "lock:") != 0 || !strstr(rest, "OFDLCK"))
		return false;
	for (unsigned n = 0; word && n < identity_word; n++)
		word = strtok_r(NULL, " \t\n", &rest);
	if (!word || strlen(word) >= IDENTITY_BYTES)
		return false;
	memcpy(identity, word, strlen(word) + 1);
	return true;
}

/* The first OFD lock in an fdinfo file: the identity of what is locked. */
static bool fdinfo_identity(const char *path, char identity[IDENTITY_BYTES])
{
	FILE *f = fopen(path, "re");
	bool found = false;
	char line[256];

	if (!f)
		return false;
	for (unsigned n = 0; n < 1000 && !found && fgets(line, sizeof(line), f); n++)
		found = lock_line_identity(line, identity);
	fclose(f);
	return found;
}

/* Whether the process holds locks on it by a descriptor other than `but`. */
static bool process_holds(const char *pid, const char *wanted, int but)
{
	char path[300], identity[IDENTITY_BYTES];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == but)
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", pid, entry->d_name);
		found = fdinfo_identity(path, identity) && strcmp(identity, wanted) == 0;
	}
	closedir(dir);
	return found;
}

static void process_name(const char *pid, char *name, size_t size)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	f = fopen(path, "re");
	if (!f || !fgets(name, (int)size, f))
		snprintf(name, size, "a program");
	if (f)
		fclose(f);
	name[strcspn(name, "\n")] = '\0';
}

static int refuse(int fd, const char *image, const char *verb, struct err *err)
{
	char path[64], wanted[IDENTITY_BYTES], comm[32], program[QUOTED_BYTES];
	struct dirent *entry;
	int rc;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	dir = fdinfo_identity(path, wanted) ? opendir("/proc") : NULL;
	if (dir && process_holds("self", wanted, fd)) {
		closedir(dir);
		return err_set(err, -EBUSY,
			       "%s is given twice; a disk that is written has one user: add ,ro "
			       "to all of them, or ,snapshot",
			       image);
	}
	rc = err_set(err, -EBUSY, "%s is in use by another program, which %s it", image, verb);
	while (dir && (entry = readdir(dir)) != NULL) {
		if (atoi(entry->d_name) <= 0 || atoi(entry->d_name) == getpid() ||
		    !process_holds(entry->d_name, wanted, -1))
			continue;
		process_name(entry->d_name, comm, sizeof(comm));
		rc = err_set(err, -EBUSY, "%s is in use by %s (pid %.16s), which %s it", image,
			     quoted(program, comm), entry->d_name, verb);
		break;
	}
	if (dir)
		closedir(dir);
	return rc;
}

int image_lock(int fd, bool writer, const char *name, struct err *err)
{
	const unsigned used = BIT(CONSISTENT_READ) | (writer ? BIT(WRITE) : 0);
	const unsigned unshared = BIT(WRITE) | BIT(RESIZE);
	int rc;

	rc = lock_bytes(fd, used, USED_BYTE);
	if (rc == 0)
		rc = lock_bytes(fd, unshared, UNSHARED_BYTE);
	if (rc == -ENOLCK || rc == -EINVAL || rc == -EOPNOTSUPP || rc == -ENOSYS) {
		log_warn("%s: its file system has no locks (%s): nothing keeps others from "
			 "writing it meanwhile",
			 name, strerror(-rc));
		return 0;
	}
	/* Somebody holds an exclusive lock on those bytes. */
	if (rc == -EAGAIN || rc == -EACCES)
		return refuse(fd, name, "uses", err);
	if (rc < 0)
		return err_errno(err, rc, "%s: no lock", name);
	if (others_locked(fd, unshared, USED_BYTE))
		return refuse(fd, name, "writes", err);
	if (others_locked(fd, used, UNSHARED_BYTE))
		return refuse(fd, name, "reads", err);
	return 0;
}
