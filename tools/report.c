#include "tools/report.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"

static const char *const verdict_names[] = {
	[CHECK_OK] = "ok",
	[CHECK_WARN] = "warn",
	[CHECK_FAIL] = "fail",
};

struct check *report_add(struct report *r, const char *name, enum check_verdict verdict,
			 const char *detail_fmt, ...)
{
	struct check *c = &r->checks[r->count];
	va_list ap;

	assert(r->count < REPORT_CHECKS_MAX);
	r->count++;
	*c = (struct check){
		.name = name,
		.verdict = verdict,
		.blocks_run = verdict == CHECK_FAIL,
	};
	va_start(ap, detail_fmt);
	vsnprintf(c->detail, sizeof(c->detail), detail_fmt, ap);
	va_end(ap);
	return c;
}

void check_fix(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->fix, sizeof(c->fix), fmt, ap);
	va_end(ap);
}

const struct check *report_blocker(const struct report *r)
{
	for (unsigned i = 0; i < r->count; i++) {
		if (r->checks[i].blocks_run)
			return &r->checks[i];
	}
	return NULL;
}

enum check_verdict report_verdict(const struct report *r)
{
	enum check_verdict worst = CHECK_OK;

	if (report_blocker(r))
		return CHECK_FAIL;
	for (unsigned i = 0; i < r->count; i++) {
		if (r->checks[i].verdict > worst)
			worst = r->checks[i].verdict;
	}
	return worst;
}

void report_print(const struct report *r, bool colour)
{
	static const char *const colours[] = {
		[CHECK_OK] = "\033[32m",
		[CHECK_WARN] = "\033[33m",
		[CHECK_FAIL] = "\033[31m",
	};
	const struct check *blocker = report_blocker(r);

	for (unsigned i = 0; i < r->count; i++) {
		const struct check *c = &r->checks[i];

		printf("%s%-4s%s  %-14s %s\n", colour ? colours[c->verdict] : "",
		       verdict_names[c->verdict], colour ? "\033[0m" : "", c->name, c->detail);
		if (c->fix[0])
			printf("      %-14s %s: %s\n", "", c->verdict == CHECK_OK ? "tip" : "fix",
			       c->fix);
	}
	if (blocker)
		printf("\n'bantam run' does not work here: see %s above.\n", blocker->name);
	else
		printf("\n'bantam run' works here.\n");
}

int report_json(const struct report *r, char *buf, size_t room)
{
	struct json j;

	json_begin(&j, buf, room);
	json_object(&j, NULL);
	json_string(&j, "verdict", verdict_names[report_verdict(r)]);
	json_array(&j, "checks");
	for (unsigned i = 0; i < r->count; i++) {
		const struct check *c = &r->checks[i];

		json_object(&j, NULL);
		json_string(&j, "name", c->name);
		json_string(&j, "verdict", verdict_names[c->verdict]);
		json_string(&j, "detail", c->detail);
		json_string(&j, "fix", c->fix);
		json_close_object(&j);
	}
	json_close_array(&j);
	json_close_object(&j);
	return json_end(&j);
}
