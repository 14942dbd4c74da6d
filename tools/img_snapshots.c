#include "tools/img_snapshots.h"

#include <stdio.h>
#include <time.h>

#include "base/bytes.h"
#include "tools/img_file.h"
#include "tools/img_print.h"

/* docs/interop/qcow2: behind the sizes of vm state and disk is the instruction count,
 * where there is one; all ones: none. */
static uint64_t icount(const struct qcow2_snapshot *s)
{
	return s->extra_bytes >= 8 ? be64_load(s->extra) : UINT64_MAX;
}

static void print_one(const struct qcow2_snapshot *s)
{
	const uint64_t seconds = s->vm_clock_ns / NS_PER_S;
	const time_t date = (time_t)s->date_s;
	char size[IMG_SIZE_TEXT], when[32] = "", clock[48], count[24] = "";
	struct tm tm;

	if (localtime_r(&date, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(clock, sizeof(clock), "%02llu:%02llu:%02llu.%03llu",
		 (unsigned long long)(seconds / 3600), (unsigned long long)(seconds / 60 % 60),
		 (unsigned long long)(seconds % 60),
		 (unsigned long long)(s->vm_clock_ns % NS_PER_S / NS_PER_MS));
	if (icount(s) != UINT64_MAX)
		snprintf(count, sizeof(count), "%llu", (unsigned long long)icount(s));
	print_text_column(stdout, s->id, 10);
	print_text_column(stdout, s->name, 17);
	printf("%8s%20s%13s%11s\n",
	       img_size_text(size, s->vm_state_bytes), when, clock, count);
}

void img_snapshots_print(const struct qcow2_meta *m)
{
	printf("Snapshot list:\n%-10s%-17s%8s%20s%13s%11s\n", "ID", "TAG", "VM SIZE", "DATE",
	       "VM CLOCK", "ICOUNT");
	for (uint32_t i = 0; i < m->h.snapshot_count; i++)
		print_one(&m->snapshots[i]);
}

static void print_json_one(const struct qcow2_snapshot *s, const char *in)
{
	printf("%s        {\n", in);
	if (icount(s) != UINT64_MAX)
		printf("%s            \"icount\": %llu,\n", in, (unsigned long long)icount(s));
	printf("%s            \"vm-clock-nsec\": %llu,\n%s            \"name\": ", in,
	       (unsigned long long)(s->vm_clock_ns % NS_PER_S), in);
	img_print_json_string(stdout, s->name);
	printf(",\n%s            \"date-sec\": %u,\n%s            \"date-nsec\": %u,\n", in, s->date_s,
	       in, s->date_ns);
	printf("%s            \"vm-clock-sec\": %llu,\n%s            \"id\": ", in,
	       (unsigned long long)(s->vm_clock_ns / NS_PER_S), in);
	img_print_json_string(stdout, s->id);
	printf(",\n%s            \"vm-state-size\": %llu\n%s        }", in,
	       (unsigned long long)s->vm_state_bytes, in);
}

void img_snapshots_print_json(const struct qcow2_meta *m, const char *in)
{
	printf(",\n%s    \"snapshots\": [\n", in);
	for (uint32_t i = 0; i < m->h.snapshot_count; i++) {
		print_json_one(&m->snapshots[i], in);
		printf("%s\n", i + 1 < m->h.snapshot_count ? "," : "");
	}
	printf("%s    ]", in);
}
