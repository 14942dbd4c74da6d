#include "tools/run_devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/device_options.h"
#include "tools/net_options.h"
#include "tools/run_options.h"

int run_set_serial(void *target, const char *value, struct err *err)
{
	struct run_options *o = target;
	int rc;

	if (o->serial_count == SERIAL_PORTS)
		return err_set(err, -EINVAL, "given too often: there are COM1 to COM%d",
			       SERIAL_PORTS);
	rc = place_parse(value, &o->config.serial[o->serial_count], err);
	if (rc == 0)
		o->serial_count++;
	return rc;
}

int run_set_debugcon(void *target, const char *value, struct err *err)
{
	return place_parse(value, &((struct run_options *)target)->config.debugcon, err);
}

/* A copy of a value that its parser cuts into parts; freed by
 * run_options_release(). */
static char *keep(struct run_options *o, const char *value)
{
	const size_t bytes = strlen(value) + 1;
	struct kept_text *k = malloc(sizeof(*k) + bytes);

	if (!k)
		return NULL;
	k->next = o->kept;
	o->kept = k;
	return memcpy(k->text, value, bytes);
}

int run_set_disk(void *target, const char *value, struct err *err)
{
	struct run_options *o = target;
	struct machine_config *c = &o->config;
	char *text;

	if (c->disk_count == MACHINE_DISKS_MAX)
		return err_set(err, -EINVAL, "given too often: %d are the most", MACHINE_DISKS_MAX);
	text = keep(o, value);
	if (!text)
		return err_errno(err, -ENOMEM, "disk");
	return disk_option_parse(text, &c->disks[c->disk_count++], err);
}

int run_set_console(void *target, const char *value, struct err *err)
{
	struct run_options *o = target;
	struct machine_config *c = &o->config;
	char *text;

	if (c->console_count == MACHINE_CONSOLES_MAX)
		return err_set(err, -EINVAL, "given too often: %d are the most",
			       MACHINE_CONSOLES_MAX);
	text = keep(o, value);
	if (!text)
		return err_errno(err, -ENOMEM, "console");
	return console_option_parse(text, &c->consoles[c->console_count++], err);
}

/* "none" takes back what was said before, by --config for example. */
int run_set_net(void *target, const char *value, struct err *err)
{
	struct run_options *o = target;
	struct machine_config *c = &o->config;
	char *text = keep(o, value);
	struct net_config net;
	int rc;

	if (!text)
		return err_errno(err, -ENOMEM, "net");
	rc = net_option_parse(text, &net, &o->no_net, err);
	if (rc < 0)
		return rc;
	if (o->no_net) {
		c->net_count = 0;
		return 0;
	}
	if (c->net_count == MACHINE_NETS_MAX)
		return err_set(err, -EINVAL, "given too often: %d are the most", MACHINE_NETS_MAX);
	c->nets[c->net_count++] = net;
	return 0;
}

int run_set_publish(void *target, const char *value, struct err *err)
{
	struct machine_config *c = &((struct run_options *)target)->config;

	if (c->published_count == NAT_PUBLISHES_MAX)
		return err_set(err, -EINVAL, "given too often: %u are the most", NAT_PUBLISHES_MAX);
	return publish_parse(value, &c->published[c->published_count++], err);
}

int run_set_net_dump(void *target, const char *value, struct err *err)
{
	struct machine_config *c = &((struct run_options *)target)->config;

	if (c->net_dump_count == MACHINE_NETS_MAX)
		return err_set(err, -EINVAL, "given too often: there is one for each --net");
	if (*value == '\0')
		return err_set(err, -EINVAL, "needs the name of a file");
	c->net_dump_paths[c->net_dump_count++] = value;
	return 0;
}

int run_set_rng(void *target, const char *value, struct err *err)
{
	struct run_options *o = target;
	char *text = keep(o, value);

	return text ? rng_option_parse(text, &o->config.rng, err) : err_errno(err, -ENOMEM, "rng");
}

int run_set_balloon(void *target, const char *value, struct err *err)
{
	struct run_options *o = target;
	char *text = keep(o, value);

	return text ? balloon_option_parse(text, &o->config.balloon, err)
		    : err_errno(err, -ENOMEM, "balloon");
}
