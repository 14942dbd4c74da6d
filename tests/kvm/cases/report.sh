# What Bantam writes about a run: --log, --stats, --timeline, --events, --dry-run.

test_log_has_stamps_and_visible_control_characters() {
	flat control --log log
	status_is 0
	out_is 'plain\r\n\0033[1mbold\t\0000\0007\0177\0303\0244\n\nno end'
	sed 's/^\[ *[0-9]*\.[0-9]\{6\}\] /STAMP /' log >plain
	file_is plain 'STAMP plain
STAMP \\x1b[1mbold\\x09\\x00\\x07\\x7f\0303\0244
STAMP 
STAMP no end\n'
}

test_stats_count_exits_by_kind_and_place() {
	multi mmio -m 64M --stats
	status_is 0
	has err '^stats: vCPU 0 exits: .*port [0-9]+'
	has err '^stats: vCPU 0 exits: .*mmio [0-9]+'
	has err '^stats: +address +reads +writes +device$'
	has err '^stats: port 0x3f8 +0 +[0-9]+ +'
	has err '^stats: port 0x604 +0 +1 +ACPI PM$'
	has err '^stats: mmio 0xe0000000 +[0-9]+ +[0-9]+ +\(nothing there\)$'
}

test_stats_tell_of_networks() {
	XDG_RUNTIME_DIR=$PWD multi mmio -m 64M --stats -n user,drop=1% -n network=lan \
		--net-dump frames.pcap
	status_is 0
	has err '^stats: net0 faults, from the guest: lost 0, '
	has err '^stats: net0 faults, to the guest: lost 0, '
	has err '^stats: net0 user: flows 0, '
	has err '^stats: net1 network lan: lost 0 while nobody served; switched here 0, dropped 0$'
}

test_stats_count_each_byte_written() {
	flat thre --stats
	has err "^stats: port 0x3f8 +0 +$(stat -c %s out) +"
}

test_stats_count_each_element_of_a_string_instruction() {
	boot "flat:$guests/strings" --stats < <(printf abcd)
	status_is 0
	has err '^stats: port 0x5000 +3 +0 +\(nothing there\)$'
	has err '^stats: port 0xe9 +0 +10 +Bochs debug$'
}

test_timeline_shows_each_step_in_order() {
	local step ms='[0-9]+\.[0-9]{3} ms'

	flat coms --timeline
	status_is 0
	! grep '^timeline: ' err | grep -v -q -E "^timeline: +$ms  \\+ +$ms  .+\$" ||
		fail "lines of the right form" "'$(shown err)'"
	for step in 'options read' 'images open, memory mapped' 'images loaded' 'vCPUs made' \
		'memory slots set' 'host side open, devices made' 'first KVM_RUN' 'first serial output' 'ended'; do
		has err "^timeline: .* ms  $step\$"
	done
	sed 's/^timeline: *\([0-9.]*\) ms.*/\1/' err | sort -n -c 2>/dev/null ||
		fail "a timeline in order" "'$(shown err)'"
}

test_events_go_to_an_inherited_descriptor() {
	timeout -k 1 "$limit" "$bantam" run -k "flat:$guests/coms" --events 7 >out 2>err \
		</dev/null 7>events
	status=$?
	status_is 0
	events_are 'started ended'
}

test_verbose_says_how_the_guest_ended() {
	typed o -v
	status_is 0
	has err '^bantam: the guest powered itself off: by ACPI S5$'
}

test_dry_run_starts_nothing() {
	flat coms --dry-run -m 64M --log log
	status_is 0
	has out '^kernel: flat:'
	has out '^memory: 64M$'
	has out '^boot: flat 16-bit image$'
	has out '0x0*7c00 0x[0-9a-f]+ flat image$'
	err_is ''
	[ ! -e events ] && [ ! -e log ] || fail "no file made" "'$(ls)'"
	has_not out '^one$'
}
