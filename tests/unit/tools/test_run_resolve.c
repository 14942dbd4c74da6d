#include "unit/tools/run_fixture.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static void only_one_terminal_has_stdio(void **state)
{
	struct run_options o;

	(void)state;
	assert_wrong("--serial: stdio is taken: only one terminal can have it", "--serial", "stdio",
		     "--serial", "stdio");
	assert_wrong("--debugcon: stdio is taken: only one terminal can have it", "--serial",
		     "stdio", "--debugcon", "stdio");
	/* Not asked for by the user, COM1 gives way. */
	parse(&o, "-k", "kernel", "--debugcon", "stdio");
	assert_int_equal(o.config.serial[0].kind, CHARDEV_NULL);
	assert_int_equal(o.config.debugcon.kind, CHARDEV_STDIO);
}

static void a_virtio_console_on_stdio_takes_it_from_com1(void **state)
{
	struct run_options o;

	(void)state;
	parse(&o, "-k", "kernel", "--console", "stdio", "--console", "pty,name=agent");
	assert_int_equal(o.config.serial[0].kind, CHARDEV_NULL);
	assert_int_equal(o.config.console_count, 2);
	assert_string_equal(o.config.consoles[1].name, "agent");
	run_options_release(&o);
	assert_wrong("--console: stdio is taken: only one terminal can have it", "--console",
		     "stdio", "--console", "stdio");
	assert_refused("--console: name=a is given twice", "-k", "kernel", "--console",
		       "pty,name=a", "--console", "null,name=a");
}

static void a_disk_must_be_there_and_be_nobody_elses(void **state)
{
	struct run_options o;

	(void)state;
	write_file("disk", "d");
	parse(&o, "-k", "kernel", "-d", "disk,ro", "--disk", "disk,snapshot");
	assert_int_equal(o.config.disk_count, 2);
	assert_string_equal(o.config.disks[0].path, "disk");
	assert_true(o.config.disks[0].read_only);
	run_options_release(&o);
	assert_refused("--disk: gone: No such file or directory", "-k", "kernel", "-d", "gone");
	assert_refused("--disk: the same file as for --kernel: give another", "-k", "kernel", "-d",
		       "kernel");
	assert_refused("--disk: the same file as for --disk: give another", "-k", "kernel", "-d",
		       "disk", "-d", "disk");
	assert_refused("--log: the same file as for --disk: give another", "-k", "kernel", "-d",
		       "disk,ro", "--log", "disk");
	assert_wrong("--disk: queues: 'x' is not a number of queues: use 1 to 16", "-d",
		     "disk,queues=x");
}

static void a_balloon_leaves_the_guest_some_memory(void **state)
{
	(void)state;
	assert_wrong("--balloon: takes all of the guest's --memory: give less", "--balloon", "512M");
}

static void a_published_port_makes_a_user_network_by_itself(void **state)
{
	struct run_options o;

	(void)state;
	parse(&o, "-k", "kernel", "-p", "8080:80");
	assert_int_equal(o.config.net_count, 1);
	assert_int_equal(o.config.nets[0].kind, NET_USER);
	assert_int_equal(o.config.nets[0].queues, 1);
	run_options_release(&o);
	parse(&o, "-k", "kernel", "-n", "tap=t", "-n", "user,mtu=1400", "-p", "1:2", "-p", "3:4/udp");
	assert_int_equal(o.config.net_count, 2);
	assert_int_equal(o.config.published_count, 2);
	run_options_release(&o);
	parse(&o, "-k", "kernel");
	assert_int_equal(o.config.net_count, 0);
	run_options_release(&o);
	assert_wrong("--publish: needs a user network: add --net user", "-n", "tap=t", "-p", "1:2");
	assert_wrong("--publish: needs a user network: add --net user", "-n", "none", "-p", "1:2");
}

static void none_takes_back_the_networks_before_it(void **state)
{
	struct run_options o;

	(void)state;
	parse(&o, "-k", "kernel", "-n", "user", "-n", "none");
	assert_int_equal(o.config.net_count, 0);
	run_options_release(&o);
	parse(&o, "-k", "kernel", "-n", "user", "-n", "none", "-n", "tap=t");
	assert_int_equal(o.config.net_count, 1);
	assert_int_equal(o.config.nets[0].kind, NET_TAP);
	run_options_release(&o);
}

static void nics_have_addresses_that_follow_from_the_guests_name(void **state)
{
	struct run_options a, b;

	(void)state;
	parse(&a, "-k", "kernel", "--name", "web", "-n", "user", "-n", "user");
	parse(&b, "-k", "kernel", "--name", "web", "-n", "user");
	assert_memory_equal(a.config.nets[0].mac, b.config.nets[0].mac, NET_MAC_BYTES);
	assert_memory_not_equal(a.config.nets[0].mac, a.config.nets[1].mac, NET_MAC_BYTES);
	run_options_release(&b);
	parse(&b, "-k", "kernel", "--name", "db", "-n", "user");
	assert_memory_not_equal(a.config.nets[0].mac, b.config.nets[0].mac, NET_MAC_BYTES);
	run_options_release(&a);
	run_options_release(&b);
	assert_refused("--net: two have the same mac: give another", "-k", "kernel", "-n",
		       "user,mac=52:54:00:00:00:01", "-n", "tap=t,mac=52-54-00-00-00-01");
}

static void a_record_of_frames_is_a_file_for_each_network_card(void **state)
{
	struct run_options o;

	(void)state;
	parse(&o, "-k", "kernel", "-n", "user", "-n", "user", "--net-dump", "a", "--net-dump", "b");
	assert_int_equal(o.config.net_dump_count, 2);
	assert_string_equal(o.config.net_dump_paths[1], "b");
	run_options_release(&o);
	assert_wrong("--net-dump: there is no such network card: add --net user", "--net-dump", "a");
	assert_refused("--net-dump: the same file as for --kernel: give another", "-k", "kernel",
		       "-n", "user", "--net-dump", "kernel");
}

static void images_must_be_readable_regular_files(void **state)
{
	(void)state;
	assert_int_equal(mkdir("dir", 0755), 0);
	assert_int_equal(mkfifo("fifo", 0644), 0);
	assert_refused("--kernel: missing: give a bzImage, a vmlinux or 'host'", "-v");
	assert_refused("--kernel: needs a kernel file, a build tree or 'host'", "-k", "");
	assert_refused("--kernel: nowhere: No such file or directory", "-k", "nowhere");
	assert_refused("--kernel: kernel/x: Not a directory", "-k", "kernel/x");
	assert_refused("--kernel: flat: needs a file: flat:FILE", "-k", "flat:");
	assert_refused("--kernel: dir is a directory: give a file", "-k", "flat:dir");
	assert_refused("--kernel: fifo is not a regular file: copy it into one", "-k", "fifo");
	assert_refused("--initrd: dir is a directory: give a file", "-k", "kernel", "-i", "dir");
	assert_refused("--initrd: gone: No such file or directory", "-k", "kernel", "-i", "initrd",
		       "-i", "gone");
	if (geteuid() != 0) { /* root reads everything */
		write_file("secret", "s");
		assert_int_equal(chmod("secret", 0), 0);
		assert_refused("--initrd: secret: cannot be read: Permission denied", "-k",
			       "kernel", "-i", "secret");
	}
}

static void a_build_tree_gives_its_bzimage_else_its_vmlinux(void **state)
{
	struct run_options o;

	(void)state;
	assert_int_equal(mkdir("tree", 0755), 0);
	assert_refused("--kernel: tree has neither arch/x86/boot/bzImage nor vmlinux: build the "
		       "kernel there, or give a file",
		       "-k", "tree");
	write_file("tree/vmlinux", "v");
	parse(&o, "-k", "tree");
	assert_string_equal(o.config.kernel_path, "tree/vmlinux");
	assert_int_equal(system("mkdir -p tree/arch/x86/boot; echo b >tree/arch/x86/boot/bzImage"),
			 0);
	parse(&o, "-k", "tree");
	assert_string_equal(o.config.kernel_path, "tree/arch/x86/boot/bzImage");
}

static void output_files_need_a_writable_folder(void **state)
{
	struct run_options o;

	(void)state;
	assert_int_equal(mkdir("there", 0755), 0);
	assert_refused("--log: folder 'no/where': No such file or directory", "-k", "kernel",
		       "--log", "no/where/log");
	assert_refused("--events: there is a directory: give a file", "-k", "kernel", "--events",
		       "there");
	assert_refused("--on-panic: folder 'no': No such file or directory", "-k", "kernel",
		       "--on-panic", "dump=no/core");
	assert_refused("--serial: folder 'no': No such file or directory", "-k", "kernel",
		       "--serial", "file=no/out");
	parse(&o, "-k", "kernel", "--log", "there/log", "--on-panic", "dump=/tmp/bantam-no-core");
	parse(&o, "-k", "kernel", "--log", "/dev/null", "--events", "/dev/null");
}

static void a_file_that_is_read_is_never_overwritten(void **state)
{
	(void)state;
	assert_int_equal(link("kernel", "alias"), 0);
	assert_refused("--log: the same file as for --kernel: give another", "-k", "kernel",
		       "--log", "alias");
	assert_refused("--serial: the same file as for --initrd: give another", "-k", "kernel",
		       "-i", "initrd", "--serial", "file=initrd");
	assert_refused("--events: the same file as for --log: give another", "-k", "kernel",
		       "--log", "both", "--events", "./both");
}

static void a_socket_name_must_fit_and_be_free(void **state)
{
	const struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "stale" };
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char path[200] = "unix=";
	struct run_options o;
	struct err err;

	(void)state;
	memset(path + 5, 's', 108);
	assert_int_equal(parse_words(&o, &err, "-k", "kernel", "--serial", path, NULL),
			 -ENAMETOOLONG);
	assert_non_null(strstr(err.text, "a socket's name has at most 107 bytes"));
	assert_refused("--serial: initrd exists and is no socket: give another name", "-k",
		       "kernel", "--serial", "unix=initrd");
	/* What an earlier run left is taken over. */
	assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	parse(&o, "-k", "kernel", "--serial", "unix=stale");
	assert_refused("--log: stale is a socket: give a file", "-k", "kernel", "--log", "stale");
}

static void events_go_to_an_open_descriptor_or_a_file(void **state)
{
	const int fd = open("/dev/null", O_WRONLY);
	struct run_options o;
	char number[16], expected[160];

	(void)state;
	snprintf(number, sizeof(number), "%d", fd);
	parse(&o, "-k", "kernel", "--events", number);
	assert_int_equal(o.config.events_fd, fd);
	assert_null(o.config.events_path);
	close(fd);
	snprintf(expected, sizeof(expected),
		 "--events: descriptor %d is not open: add for example %d>events.json", fd, fd);
	assert_refused(expected, "-k", "kernel", "--events", number);
	parse(&o, "-k", "kernel", "--events", "./3");
	assert_string_equal(o.config.events_path, "./3");
	/* The last one counts. */
	parse(&o, "-k", "kernel", "--events", "9", "--events", "file");
	assert_int_equal(o.config.events_fd, -1);
	assert_string_equal(o.config.events_path, "file");
	parse(&o, "-k", "kernel", "--events", "file", "--events", "2");
	assert_int_equal(o.config.events_fd, 2);
	assert_null(o.config.events_path);
}

static void a_descriptor_that_cannot_be_written_is_refused(void **state)
{
	const int fd = open("kernel", O_RDONLY);
	char number[16], expected[160];

	(void)state;
	snprintf(number, sizeof(number), "%d", fd);
	snprintf(expected, sizeof(expected), "--events: descriptor %d is open for reading only",
		 fd);
	assert_refused(expected, "-k", "kernel", "--events", number);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_IN_FOLDER(only_one_terminal_has_stdio),
		TEST_IN_FOLDER(a_virtio_console_on_stdio_takes_it_from_com1),
		TEST_IN_FOLDER(a_disk_must_be_there_and_be_nobody_elses),
		TEST_IN_FOLDER(a_balloon_leaves_the_guest_some_memory),
		TEST_IN_FOLDER(a_published_port_makes_a_user_network_by_itself),
		TEST_IN_FOLDER(none_takes_back_the_networks_before_it),
		TEST_IN_FOLDER(nics_have_addresses_that_follow_from_the_guests_name),
		TEST_IN_FOLDER(a_record_of_frames_is_a_file_for_each_network_card),
		TEST_IN_FOLDER(images_must_be_readable_regular_files),
		TEST_IN_FOLDER(a_build_tree_gives_its_bzimage_else_its_vmlinux),
		TEST_IN_FOLDER(output_files_need_a_writable_folder),
		TEST_IN_FOLDER(a_file_that_is_read_is_never_overwritten),
		TEST_IN_FOLDER(a_socket_name_must_fit_and_be_free),
		TEST_IN_FOLDER(a_descriptor_that_cannot_be_written_is_refused),
		TEST_IN_FOLDER(events_go_to_an_open_descriptor_or_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
