#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tools/device_options.h"

static char text[256];

static char *copy(const char *value)
{
	assert_true(strlen(value) < sizeof(text));
	return strcpy(text, value);
}

static struct disk_config disk(const char *value)
{
	struct disk_config d;
	struct err err = { "" };

	if (disk_option_parse(copy(value), &d, &err) < 0)
		fail_msg("%s: %s", value, err.text);
	return d;
}

#define assert_refused(parse, type, value, message)                              \
	do {                                                                     \
		type out_;                                                       \
		struct err err_ = { "" };                                        \
		assert_true(parse(copy(value), &out_, &err_) < 0);               \
		assert_string_equal(err_.text, message);                         \
	} while (0)

#define assert_disk_refused(value, message) \
	assert_refused(disk_option_parse, struct disk_config, value, message)

static void a_disk_alone_gets_the_documented_defaults(void **state)
{
	const struct disk_config d = disk("a.raw");

	(void)state;
	assert_string_equal(d.path, "a.raw");
	assert_int_equal(d.format, DISK_FORMAT_PROBE);
	assert_false(d.read_only || d.snapshot);
	assert_null(d.overlay);
	assert_int_equal(d.cache, DISK_CACHE_WRITEBACK);
	assert_int_equal(d.engine, IO_ENGINE_AUTO);
	assert_true(d.discard);
	assert_string_equal(d.serial, "");
	assert_int_equal(d.queues, 1);
	assert_int_equal(d.queue_size, 0);
	assert_int_equal(d.iops + d.iops_burst + d.bps + d.bps_burst, 0);
}

static void every_disk_key_reaches_the_configuration(void **state)
{
	const struct disk_config d =
		disk("a,,b.raw,format=raw,ro,serial=SN 1,cache=none,aio=threads,discard=off,"
		     "queues=16,queue-size=1024,iops=100,iops-burst=200,bps=1M,bps-burst=2M");

	(void)state;
	assert_string_equal(d.path, "a,b.raw");
	assert_int_equal(d.format, DISK_FORMAT_RAW);
	assert_true(d.read_only);
	assert_string_equal(d.serial, "SN 1");
	assert_int_equal(d.cache, DISK_CACHE_NONE);
	assert_int_equal(d.engine, IO_ENGINE_THREADS);
	assert_false(d.discard);
	assert_int_equal(d.queues, 16);
	assert_int_equal(d.queue_size, 1024);
	assert_int_equal(d.iops, 100);
	assert_int_equal(d.iops_burst, 200);
	assert_int_equal(d.bps, MIB(1));
	assert_int_equal(d.bps_burst, MIB(2));
	assert_true(disk("a,snapshot").snapshot);
	assert_string_equal(disk("a,overlay=mem").overlay, "mem");
	assert_int_equal(disk("a,cache=writethrough").cache, DISK_CACHE_WRITETHROUGH);
	assert_int_equal(disk("a,aio=io_uring").engine, IO_ENGINE_URING);
	assert_int_equal(disk("a,format=qcow2").format, DISK_FORMAT_QCOW2);
	assert_string_equal(disk("a,backing=allow:/x:/y").backing_allowed, "/x:/y");
	assert_int_equal(disk("a,overlay=o").keep, DISK_KEEP_ALWAYS);
	assert_int_equal(disk("a,overlay=o,keep=ok").keep, DISK_KEEP_OK);
	assert_int_equal(disk("a,overlay=o,keep=never").keep, DISK_KEEP_NEVER);
}

static void a_wrong_disk_key_says_what_would_be_right(void **state)
{
	(void)state;
	assert_disk_refused("", "needs the name of an image file or block device");
	assert_disk_refused("a,fromat=raw", "'fromat' is not known: did you mean format?");
	assert_disk_refused("a,format=vmdk", "format: 'vmdk' is not known: use raw or qcow2");
	assert_disk_refused("a,overlay=o,keep=no",
			    "keep: 'no' is not known: use ok, always or never");
	assert_disk_refused("a,keep=ok", "keep is for an overlay in a file: overlay=FILE");
	assert_disk_refused("a,overlay=mem,keep=ok",
			    "keep is for an overlay in a file: overlay=FILE");
	assert_disk_refused("a,backing=/x", "backing: '/x' is not known: use allow:DIR for backing "
					    "files outside the image's folder");
	assert_disk_refused("a,snapshot,overlay=o",
			    "snapshot and overlay exclude each other: the one is thrown away, the "
			    "other as it says");
	assert_disk_refused("a,queues=0", "queues: '0' is not a number of queues: use 1 to 16");
	assert_disk_refused("a,queues=17", "queues: '17' is not a number of queues: use 1 to 16");
	assert_disk_refused("a,queue-size=100", "queue-size: '100' is not a queue's size: use a "
						"power of two from 4 to 1024");
	assert_disk_refused("a,queue-size=2048", "queue-size: '2048' is not a queue's size: use a "
						 "power of two from 4 to 1024");
	assert_disk_refused("a,serial=123456789012345678901",
			    "serial: '123456789012345678901' is too long: 20 bytes are the most");
	assert_disk_refused("a,serial=\x01", "serial: '?' has odd characters: use printable ASCII");
	assert_disk_refused("a,cache=unsafe", "cache: 'unsafe' is not known: use writeback, "
					      "writethrough or none");
	assert_disk_refused("a,aio=native", "aio: 'native' is not known: use io_uring or threads");
	assert_disk_refused("a,bps=fast",
			    "bps: 'fast' is not a size: use for example 10M, or 0 for no limit");
	assert_disk_refused("a,iops=1K",
			    "iops: '1K' is not a number: use for example 1000, or 0 for no limit");
	assert_disk_refused("a,discard=maybe",
			    "discard is a switch: use discard, discard=on or discard=off");
}

static void disk_keys_that_exclude_one_another_are_refused(void **state)
{
	(void)state;
	assert_disk_refused("a,ro,snapshot",
			    "ro and snapshot exclude each other: an overlay is for writes");
	assert_disk_refused("a,ro,overlay=mem",
			    "ro and overlay exclude each other: an overlay is for writes");
	assert_disk_refused("a,iops-burst=5", "iops-burst needs iops");
	assert_disk_refused("a,bps-burst=5", "bps-burst needs bps");
}

static void a_serial_of_20_bytes_fits(void **state)
{
	(void)state;
	assert_string_equal(disk("a,serial=12345678901234567890").serial, "12345678901234567890");
}

static void a_console_has_a_place_and_perhaps_a_name(void **state)
{
	struct console_config c;

	(void)state;
	assert_int_equal(console_option_parse(copy("unix=/run/x,name=org.test.0"), &c, NULL), 0);
	assert_int_equal(c.at.kind, CHARDEV_UNIX);
	assert_string_equal(c.at.path, "/run/x");
	assert_string_equal(c.name, "org.test.0");
	assert_int_equal(console_option_parse(copy("pty"), &c, NULL), 0);
	assert_int_equal(c.at.kind, CHARDEV_PTY);
	assert_null(c.name);
	assert_refused(console_option_parse, struct console_config, "tcp=1",
		       "'tcp=1' is not a place for a terminal: use stdio, pty, file=PATH, "
		       "unix=PATH or null");
	assert_refused(console_option_parse, struct console_config, "pty,name=a/b",
		       "name: 'a/b' is not a port's name: use up to 64 characters without '/'");
}

static void the_rng_is_switched_and_limited(void **state)
{
	struct rng_config r;

	(void)state;
	assert_int_equal(rng_option_parse(copy("off"), &r, NULL), 0);
	assert_false(r.present);
	assert_int_equal(rng_option_parse(copy("on,rate=64K"), &r, NULL), 0);
	assert_true(r.present);
	assert_int_equal(r.rate_bytes, KIB(64));
	assert_refused(rng_option_parse, struct rng_config, "yes",
		       "'yes' is not known: use on or off");
}

static void a_balloon_has_a_size_and_switches(void **state)
{
	struct balloon_config b;

	(void)state;
	assert_int_equal(balloon_option_parse(copy("256M"), &b, NULL), 0);
	assert_true(b.present && b.deflate_on_oom && b.free_page_reporting);
	assert_int_equal(b.size_bytes, MIB(256));
	assert_int_equal(b.stats_period_ns, 0);
	assert_int_equal(balloon_option_parse(copy("0,deflate-on-oom=off,free-page-reporting=off,"
						   "stats=10s"),
					      &b, NULL),
			 0);
	assert_false(b.deflate_on_oom || b.free_page_reporting);
	assert_int_equal(b.stats_period_ns, 10 * NS_PER_S);
	assert_refused(balloon_option_parse, struct balloon_config, "100",
		       "'100' is not a multiple of 4K: use whole pages");
	assert_refused(balloon_option_parse, struct balloon_config, "1M,stats=1ms",
		       "stats: '1ms' is not a time between statistics: use 1s to 24h");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_alone_gets_the_documented_defaults),
		cmocka_unit_test(every_disk_key_reaches_the_configuration),
		cmocka_unit_test(a_wrong_disk_key_says_what_would_be_right),
		cmocka_unit_test(disk_keys_that_exclude_one_another_are_refused),
		cmocka_unit_test(a_serial_of_20_bytes_fits),
		cmocka_unit_test(a_console_has_a_place_and_perhaps_a_name),
		cmocka_unit_test(the_rng_is_switched_and_limited),
		cmocka_unit_test(a_balloon_has_a_size_and_switches),
	};

	return cmocka_run_group_tests_name("device_options", tests, NULL, NULL);
}
