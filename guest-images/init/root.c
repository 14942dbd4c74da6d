/* guest-images/init/root.c: see root.h. */
#include "root.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

#define NEW_ROOT "/sysroot"
#define WAIT_STEP_NS 10000000L
#define WAIT_STEPS 1000 /* 10 s */

/* Mounts that go with us; what lies below them comes along. */
static const char *const moved[] = { "/dev", "/proc", "/sys", "/run" };

/* The value if word is NAME=VALUE, else NULL. */
static const char *value_of(const char *word, const char *name)
{
	const size_t len = strlen(name);

	return strncmp(word, name, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

bool root_parse(struct root *r, const char *word)
{
	const char *value;

	if ((value = value_of(word, "root")) != NULL)
		r->device = value;
	else if ((value = value_of(word, "rootfstype")) != NULL)
		r->type = value;
	else if ((value = value_of(word, "init")) != NULL)
		r->init = value;
	else if (strcmp(word, "rw") == 0)
		r->writable = true;
	else if (strcmp(word, "ro") == 0)
		r->writable = false;
	else
		return false;
	return true;
}

/* Say what could not be done, by errno, and end process 1. */
static _Noreturn void give_up(const char *what, const char *name)
{
	say("cannot %s %s: %s", what, name, strerror(errno));
	_exit(1);
}

/* A driver finds its disk some time after its module was loaded. */
static void wait_for_device(const char *device)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_NS };
	struct stat st;

	for (int i = 0; i < WAIT_STEPS; i++) {
		if (stat(device, &st) == 0 && S_ISBLK(st.st_mode))
			return;
		nanosleep(&step, NULL);
	}
	errno = ENODEV;
	give_up("find", device);
}

_Noreturn void root_enter(const struct root *r)
{
	char *argv[] = { "busybox", "switch_root", NEW_ROOT, (char *)r->init, NULL };
	char target[64];
	sigset_t none;

	wait_for_device(r->device);
	if (mkdir(NEW_ROOT, 0755) < 0 && errno != EEXIST)
		give_up("make", NEW_ROOT);
	if (mount(r->device, NEW_ROOT, r->type, r->writable ? 0 : MS_RDONLY, "") < 0)
		give_up("mount", r->device);
	for (size_t i = 0; i < sizeof moved / sizeof moved[0]; i++) {
		snprintf(target, sizeof target, NEW_ROOT "%s", moved[i]);
		if (mount(moved[i], target, NULL, MS_MOVE, NULL) < 0)
			give_up("move", moved[i]);
	}
	say("%s is the root, going on with its %s", r->device, r->init);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(BUSYBOX, argv);
	give_up("run", BUSYBOX);
}
