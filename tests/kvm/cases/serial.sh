# Serial ports and where they go.

test_64_kib_of_input_come_back_untouched() {
	head -c 65536 /dev/urandom >in
	boot "flat:$guests/echo" < <(cat in)
	status_is 0
	cmp -s in out || fail "the same bytes back" "$(cmp in out 2>&1), $(stat -c %s out) bytes"
}

test_input_from_a_file_comes_back_untouched() {
	head -c 65536 /dev/urandom >in
	boot "flat:$guests/echo" <in
	status_is 0
	cmp -s in out || fail "the same bytes back" "$(cmp in out 2>&1), $(stat -c %s out) bytes"
}

test_closed_stdin_does_not_end_the_guest() {
	boot "flat:$guests/ticks" <&-
	status_is 0
	has out '^end$'
}

test_closed_stdout_does_not_end_the_guest() {
	timeout -k 1 "$limit" "$bantam" run -k "flat:$guests/coms" --events events >&- 2>err </dev/null
	status=$?
	status_is 0
	events_are 'started ended'
}

spewed() { # FILE: all 3200 lines, each right
	near "bytes" "$(stat -c %s "$1")" 204800 204800
	seq 0 3199 | while read -r n; do
		printf '%04x abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123\n' "$n"
	done | cmp -s - "$1" || fail "every line" "$(shown "$1")"
}

test_200_kb_of_output_pass_a_pipe_without_loss() {
	timeout -k 1 "$limit" "$bantam" run -k "flat:$guests/spew" 2>err </dev/null | cat >out
	status=${PIPESTATUS[0]}
	status_is 0
	err_is ''
	spewed out
}

test_reader_that_left_does_not_end_the_guest() {
	timeout -k 1 "$limit" "$bantam" run -k "flat:$guests/spew" --events events 2>err </dev/null |
		head -n 1 >out
	status=${PIPESTATUS[0]}
	status_is 0
	events_are 'started ended'
	reason_is poweroff
}

# Its 200 KB fit into pipe and backlog: the guest is through long before the
# reader wakes up.
test_reader_that_stops_reading_does_not_stall_the_guest() {
	local before=$EPOCHREALTIME

	timeout -k 1 "$limit" "$bantam" run -k "flat:$guests/spew" --events events \
		2>err </dev/null > >(sleep 19; cat >/dev/null)
	status=$?
	near "milliseconds" $(((${EPOCHREALTIME/./} - ${before/./}) / 1000)) 100 18000
	status_is 0
	events_are 'started ended'
	reason_is poweroff
}

test_each_serial_port_goes_where_it_is_told() {
	flat coms --serial stdio --serial file=com2 --serial null --serial file=com4
	status_is 0
	out_is 'one\nlsr 60 60 60\n'
	file_is com2 'two\n'
	file_is com4 'four\n'
}

test_port_that_is_not_asked_for_is_nothing() {
	flat coms
	status_is 0
	out_is 'one\nlsr ff ff ff\n'
}

test_com1_goes_into_a_file() {
	flat coms --serial file=com1
	status_is 0
	out_is ''
	file_is com1 'one\nlsr ff ff ff\n'
}

test_unix_socket_carries_both_directions() {
	head -c 65536 /dev/urandom >in
	start "flat:$guests/echo" --serial unix=sock
	timeout -k 1 "$limit" "$guests/unixcat" sock <in >back
	finish
	status_is 0
	out_is ''
	cmp -s in back || fail "the same bytes back" "$(cmp in back 2>&1), $(stat -c %s back) bytes"
	[ ! -e sock ] || fail "no socket left behind" "$(ls -l sock)"
}

test_client_that_comes_late_sees_earlier_output() {
	start "flat:$guests/ends" --serial unix=sock
	sleep 0.5
	{ sleep 0.2; printf o; sleep 1; } | timeout -k 1 "$limit" "$guests/unixcat" sock >back
	finish
	status_is 0
	file_is back 'ready\n'
}

test_pty_carries_both_directions() {
	local pty

	start "flat:$guests/ends" --serial pty
	wait_for err '^bantam: COM1 is on /dev/pts/[0-9]+$'
	pty=$(sed -n 's/^bantam: COM1 is on //p' err)
	[ -c "$pty" ] || { fail "a terminal" "'$pty'"; signal TERM; finish; return; }
	exec 5<>"$pty"
	read -r -t 3 line <&5
	[ "$line" = ready ] || fail "'ready' on the pty" "'$line'"
	printf qo >&5
	read -r -t 3 line <&5
	[ "$line" = "still here" ] || fail "'still here' on the pty" "'$line'"
	exec 5>&-
	finish
	status_is 0
	out_is ''
}
