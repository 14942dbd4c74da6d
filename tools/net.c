#include "tools/net.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "machine/leases.h"

/* ---- leases ------------------------------------------------------------------------ */

/* Each byte of a lease may become six in JSON, and its keys are some 70. */
#define JSON_LEASE_BYTES (6 * sizeof(struct lease) + 128)

struct lease_list {
	struct lease *leases; /* owned */
	size_t count, room;
	bool incomplete; /* out of memory */
};

static void keep_lease(void *arg, const struct lease *lease)
{
	struct lease_list *l = arg;

	if (l->count == l->room) {
		const size_t room = l->room ? 2 * l->room : 16;
		struct lease *more = realloc(l->leases, room * sizeof(*more));

		if (!more) {
			l->incomplete = true;
			return;
		}
		l->leases = more;
		l->room = room;
	}
	l->leases[l->count++] = *lease;
}

static int by_guest(const void *a, const void *b)
{
	const struct lease *x = a, *y = b;
	const int order = strcmp(x->guest, y->guest);

	if (order != 0)
		return order;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->nic < y->nic ? -1 : x->nic > y->nic;
}

static void print_table(const struct lease_list *l)
{
	printf("%-16s %8s  %-5s %-17s  %-15s  %s\n", "GUEST", "PID", "NIC", "MAC", "ADDRESS",
	       "HOSTNAME");
	for (size_t i = 0; i < l->count; i++) {
		const struct lease *e = &l->leases[i];

		printf("%-16s %8u  net%-2u %-17s  %-15s  %s\n", e->guest, e->pid, e->nic, e->mac,
		       e->address, e->hostname[0] ? e->hostname : "-");
	}
}

static bool print_json(const struct lease_list *l)
{
	const size_t room = (l->count + 1) * JSON_LEASE_BYTES;
	char *text = malloc(room);
	struct json j;

	if (!text)
		return false;
	json_begin(&j, text, room);
	json_array(&j, NULL);
	for (size_t i = 0; i < l->count; i++) {
		const struct lease *e = &l->leases[i];

		json_object(&j, NULL);
		json_string(&j, "guest", e->guest);
		json_uint(&j, "pid", e->pid);
		json_uint(&j, "nic", e->nic);
		json_string(&j, "mac", e->mac);
		json_string(&j, "address", e->address);
		json_string(&j, "hostname", e->hostname[0] ? e->hostname : NULL);
		json_close_object(&j);
	}
	json_close_array(&j);
	if (json_end(&j) < 0) {
		free(text);
		return false;
	}
	puts(text);
	free(text);
	return true;
}

struct leases_options {
	bool json, help;
};

static int set_json(void *target, const char *value, struct err *err)
{
	(void)value, (void)err;
	((struct leases_options *)target)->json = true;
	return 0;
}

static int set_help(void *target, const char *value, struct err *err)
{
	(void)value, (void)err;
	((struct leases_options *)target)->help = true;
	return 0;
}

static const struct option_row leases_rows[] = {
	{ "json", 0, NULL, "Flags", "print a JSON array", set_json },
	{ "help", 'h', NULL, NULL, "this text", set_help },
};

static const struct option_table leases_options = { leases_rows, ARRAY_LEN(leases_rows),
						    "bantam help net leases" };
static const struct command net_leases_command;

static int leases(int argc, char *argv[])
{
	struct leases_options o = { 0 };
	struct lease_list list = { 0 };
	struct err err = { "" };
	int rest, rc, status;

	rc = options_parse(&leases_options, argc, argv, &o, &rest, &err);
	if (rc == 0 && rest < argc && !o.help) {
		char text[QUOTED_BYTES];

		rc = err_set(&err, -1, "'%s': leases takes flags only", quoted(text, argv[rest]));
	}
	if (rc == 0 && o.help)
		return command_help(&net_leases_command);
	if (rc == 0)
		rc = leases_list(keep_lease, &list, &err);
	if (rc == 0 && list.incomplete)
		rc = err_set(&err, -1, "out of memory");
	if (rc == 0 && list.count > 0)
		qsort(list.leases, list.count, sizeof(list.leases[0]), by_guest);
	if (rc == 0 && !o.json)
		print_table(&list);
	else if (rc == 0 && !print_json(&list))
		rc = err_set(&err, -1, "out of memory");
	free(list.leases);
	if (rc < 0)
		fprintf(stderr, "error: %s\n", err.text);
	status = command_flush();
	return rc < 0 ? 1 : status;
}

static const struct command net_leases_command = {
	.name = "leases",
	.within = "net",
	.synopsis = "[FLAGS]",
	.summary = "List the addresses that running guests of this user were given.",
	.options = &leases_options,
	.run = leases,
};

/* ---- the verbs ----------------------------------------------------------------------- */

static const struct command *const rows[] = { &net_leases_command };

static const struct command_table verbs = { rows, ARRAY_LEN(rows) };

static int net(int argc, char *argv[])
{
	const struct command *verb;

	if (argc < 2) {
		log_error("net: say what to do: 'bantam help net' lists the commands");
		return 1;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return command_help(&net_command);
	verb = command_find(&verbs, argv[1]);
	if (verb)
		return verb->run(argc - 1, argv + 1);
	command_unknown(&verbs, "net ", argv[1]);
	return 1;
}

const struct command net_command = {
	.name = "net",
	.synopsis = "COMMAND [FLAGS]",
	.summary = "Look at the guests' networks.",
	.table = &verbs,
	.epilogue = "'bantam help net COMMAND' lists a command's flags.",
	.run = net,
};
