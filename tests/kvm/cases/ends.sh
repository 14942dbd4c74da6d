# How guests end: exit status, stderr, events.

test_power_off_is_status_0() {
	typed o
	status_is 0
	out_is 'ready\n'
	err_is ''
	events_are 'started ended'
	reason_is poweroff
}

resets_by() { # LETTER SOURCE
	typed "$1"
	status_is 0
	out_is 'ready\n'
	err_is ''
	events_are 'started reset ended'
	has events "\"event\":\"reset\",\"source\":\"$2\"}"
	reason_is reset
}
test_reset_by_i8042_is_status_0() { resets_by k i8042; }
test_reset_by_port_cf9_is_status_0() { resets_by c 'port 0xcf9'; }
test_reset_by_port_92_is_status_0() { resets_by a 'port 0x92'; }

test_restart_clears_ram_and_devices_and_keeps_cmos() {
	flat restart --on-reboot restart
	status_is 0
	out_is 'start 00 ram 00000000 ier 00
start 01 ram 00000000 ier 00
start 02 ram 00000000 ier 00\n'
	events_are 'started reset started reset started ended'
}

test_restarts_stop_at_the_timeout() {
	typed kkkkk --on-reboot restart --timeout 1s
	status_is 124
	has events '"event":"reset"'
}

test_debug_exit_gives_twice_the_value_plus_1() {
	typed q --debug-exit
	status_is 33
	err_is ''
	events_are 'started exit ended'
	has events '"event":"exit","status":33'
	reason_is debug-exit
	typed w --debug-exit
	status_is 105
	typed z --debug-exit
	status_is 1
}

test_without_debug_exit_its_port_is_nothing() {
	typed qwzo
	status_is 0
	out_is 'ready\nstill here\nstill here\nstill here\n'
}

test_panic_told_by_pvpanic_is_255() {
	typed p
	status_is 255
	err_is "bantam: the guest's kernel panicked: told by pvpanic\n"
	events_are 'started panic ended'
	reason_is panic
}

test_panic_dump_is_an_elf_core() {
	typed p -m 32M --on-panic dump=core
	status_is 255
	[ "$(od -An -tx1 -N4 core)" = " 7f 45 4c 46" ] || fail "an ELF file" "$(od -An -tx1 -N4 core)"
	[ "$(od -An -tu2 -j16 -N2 core)" -eq 4 ] || fail "a core file" "another type"
	near "size of the core" "$(stat -c %s core)" $((32 << 20)) $((33 << 20))
}

test_triple_fault_is_255_with_registers() {
	typed t
	status_is 255
	autopsy "0*$(address_of ends faults)"
	has err '^  \| ready$'
	has err '^bantam: the guest ended by a triple fault$'
	events_are 'started triple-fault ended'
	reason_is triple-fault
}

# address_of GUEST LABEL: where a flat guest's label is, in hexadecimal
address_of() { printf %x $((0x7c00 + 0x$(nm "$guests/$1.o" | sed -n "s/ t $2$//p"))); }

test_jump_to_memory_that_is_not_there_is_255_with_registers() {
	multi nowhere
	status_is 255
	autopsy '0*e0000000'
	has err '^  code at rip: not mapped$'
	has events '"event":"(error|triple-fault)"'
	has_not events '"status":0'
}

test_instruction_that_kvm_cannot_run_is_255_with_registers() {
	if grep -q -w -E 'vmx|svm' /proc/cpuinfo; then
		skip "this KVM runs SSE"
		return
	fi
	typed s
	status_is 255
	autopsy '[0-9a-f]+'
	has err '^  code at rip: 0f 51 c1 '
	has err "^bantam: KVM cannot run the guest any further: emulation failure"
	events_are 'started error ended'
	reason_is error
}

times_out() { # LETTER ARGS...
	local before=$EPOCHREALTIME

	typed "$1" "${@:2}"
	near "milliseconds" $(((${EPOCHREALTIME/./} - ${before/./}) / 1000)) 900 3500
	status_is 124
	events_are 'started timeout ended'
	reason_is timeout
}

test_timeout_names_the_place_of_a_spinning_guest() {
	times_out l --timeout 1s
	autopsy "0*$(address_of ends spinning)"
	has err '^  rax [0-9a-f]{16} rbx 000000001234abcd '
	has err ' rbp 0000000000007777 '
	has err '^  \| ready$'
	has err '^bantam: --timeout expired'
	has events '"event":"timeout","flag":"--timeout"}'
}

test_timeout_ends_a_guest_that_halts_for_ever() {
	times_out h --timeout 1s
	autopsy '[0-9a-f]+'
	has err '^vCPU 0: .*waiting for an interrupt'
}

test_timeout_stays_a_timeout_when_the_guest_resets_on_its_nmi() {
	typed n --timeout 1s
	status_is 124
	reason_is timeout
}

test_idle_timeout_counts_from_the_last_output() {
	times_out h --idle-timeout 1s
	has err '^bantam: --idle-timeout expired'
	has events '"event":"timeout","flag":"--idle-timeout"}'
}

test_idle_timeout_spares_a_guest_that_talks() {
	flat spew --idle-timeout 500ms
	status_is 0
}

told_by() { # SIGNAL STATUS
	start "flat:$guests/ends"
	wait_for out ready
	signal "$1"
	finish
	status_is "$2"
	err_is "bantam: ended by SIG$1\n"
	events_are 'started ended'
	reason_is signal
}
test_sigterm_ends_a_guest_without_power_button_at_once() { told_by TERM 143; }
test_sigint_ends_a_guest_without_power_button_at_once() { told_by INT 130; }
test_sighup_ends_a_guest_without_power_button_at_once() { told_by HUP 129; }

button() { # SIGNAL STATUS
	start "flat:$guests/button"
	wait_for out listening
	signal "$1"
	finish
	status_is "$2"
	out_is 'listening\npower button, then 0000\n'
	events_are 'started ended'
	reason_is signal
}
test_sigterm_presses_the_power_button_and_is_143() { button TERM 143; }
test_sigint_presses_the_power_button_and_is_130() { button INT 130; }

# A guest that wants to know of its power button and does nothing about it.
deaf_guest() {
	mkfifo keys
	timeout -k 1 "$limit" "$bantam" run -k "flat:$guests/ends" --events events \
		>out 2>err <keys &
	started=$!
	printf b >keys
	wait_for out listening
}

# Milliseconds from the program's start to its last event.
life_ms() { echo $(($(sed -n '$s/{"t_ns":\([0-9]*\).*/\1/p' events) / 1000000)); }

test_guest_deaf_to_its_power_button_loses_its_plug_after_5_s() {
	deaf_guest
	signal TERM
	finish
	status_is 143
	err_is 'bantam: ended by SIGTERM: the guest did not power off in time\n'
	near "milliseconds of its life" "$(life_ms)" 5000 8000
}

test_second_sigterm_pulls_the_plug() {
	deaf_guest
	signal TERM
	sleep 0.5
	[ -d "/proc/$started" ] || fail "a guest that has time to shut down" "its end"
	signal TERM
	finish
	status_is 143
	near "milliseconds of its life" "$(life_ms)" 500 4000
}
