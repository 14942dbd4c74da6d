# shellcheck shell=bash disable=SC2154 # names of guest.sh
# How a guest ends, and what Bantam makes of it.

# do_run WHAT FLAGS...: a guest that does WHAT, see guest/do.
do_run() {
	boot_run "$cloud" -m 256M -a bantam.run=/guest/do -a "t.do=$1" "${@:2}"
}

do_start() {
	guest_start -k "$cloud" "${initrds[@]}" -m 256M -a bantam.run=/guest/do -a "t.do=$1" "${@:2}"
}

# ---- reset -----------------------------------------------------------------------

scenario_reboot() {
	do_run reboot -a quiet -c 2
	is reboot_ends_with_status_0 0 "$status"
	is reboot_is_an_event 1 "$(count_events reset)"
	is reboot_is_the_reason_in_events reset "$(ended_as)"
}

scenario_reboot_with_restart() {
	guest_start -k "$cloud" "${initrds[@]}" -m 256M -a quiet -c 2 --on-reboot restart
	hear 'a shell on Bantam'
	say reboot
	hear 'up after'
	hear 'a shell on Bantam'
	ok on_reboot_restart_boots_again
	ask nproc
	is restarted_guest_has_all_its_cpus 2 "$answer"
	say poweroff
	guest_wait
	is restarted_guest_powers_off_with_status_0 0 "$status"
	is each_start_is_an_event '2 1' "$(count_events started) $(count_events reset)"
}

# By triple fault; a processor in software may find an error of its own instead.
scenario_triple_fault() {
	do_run reboot -a quiet -a reboot=t
	is triple_fault_ends_with_status_255 255 "$status"
	has triple_fault_is_named_on_stderr stderr '^bantam: .*(triple fault|KVM cannot run)'
	has triple_fault_is_the_reason_in_events events \
		'"event":"ended","reason":"(triple-fault|error)","status":255'
}

# ---- panic -----------------------------------------------------------------------

scenario_panic() {
	do_run panic -a quiet -c 2
	is panic_ends_with_status_255 255 "$status"
	has panic_is_named_with_its_reason_on_stderr stderr \
		'^bantam: .*panicked: Kernel panic - not syncing: sysrq triggered crash'
	is panic_is_one_line_on_stderr 1 "$(wc -l <stderr)"
	has panic_is_an_event events '"event":"panic".*sysrq triggered crash'
	is panic_is_the_reason_in_events panic "$(ended_as)"
}

scenario_panic_with_pause() {
	do_start panic -a quiet --on-panic pause
	cat <&6 >>console &
	wait_for stderr 'panicked .*paused'
	ok on_panic_pause_says_that_it_is_paused
	sleep 1
	is paused_guest_stays running "$(kill -0 "$guest_pid" 2>/dev/null && echo running)"
	kill -TERM "$guest_pid"
	wait "$guest_pid"
	status=$?
	guest_pid=
	is paused_guest_ends_by_sigterm_with_status_143 143 "$status"
}

# A kernel that stands still after its panic, for the user to read.
scenario_panic_that_halts() {
	local start=$SECONDS

	do_run panic --cmdline "console=ttyS0 panic=0 quiet" --on-panic dump=core -c 2
	is panic_that_halts_ends_with_status_255 255 "$status"
	between panic_that_halts_ends_soon 0 60 $((SECONDS - start))
	# shellcheck disable=SC2094
	readelf -n -l -h core >readelf 2>complaints_of_readelf
	is dump_is_an_elf_file '' "$(cat complaints_of_readelf)"
	has dump_says_core readelf 'Type: *CORE'
	is dump_has_the_registers_of_each_cpu 2 "$(grep -c NT_PRSTATUS readelf)"
	between dump_has_memory 1 4 "$(grep -c '^ *LOAD' readelf)"
	is dump_holds_the_kernels_banner yes \
		"$(grep -q -a -m 1 "Linux version $(cat "$top/build/guest/cloud-amd64/.complete") " \
			core && echo yes)"
	between dump_is_sparse_mib 1 200 "$(du -m core | cut -f 1)"
}

scenario_no_root() {
	guest_run -k "$cloud" -m 256M -a quiet
	is kernel_without_a_root_ends_with_status_255 255 "$status"
	has kernel_without_a_root_is_a_panic stderr '^bantam: .*panicked: .*Unable to mount root'
}

# ---- limits and signals ----------------------------------------------------------

scenario_timeout() {
	local start=$SECONDS

	# shellcheck disable=SC2034 # guest_run() takes it
	guard=(--timeout 8s)
	do_run spin -c 2
	is timeout_ends_with_status_124 124 "$status"
	between timeout_is_kept 8 15 $((SECONDS - start))
	has timeout_shows_the_registers_of_a_cpu stderr '^ *rip [0-9a-f]{4}:[0-9a-f]{16}'
	has timeout_shows_those_of_the_other stderr '^vCPU 1: '
	has timeout_shows_the_last_lines stderr '^  \| .'
	is timeout_is_an_event 1 "$(count_events timeout)"
	is timeout_is_the_reason_in_events timeout "$(ended_as)"
}

scenario_sigterm() {
	local start

	do_start listen -a quiet
	hear '^listening'
	start=$SECONDS
	kill -TERM "$guest_pid"
	guest_wait
	has sigterm_presses_the_power_button console '^bantam-init: power button'
	is sigterm_ends_with_status_143 143 "$status"
	is guest_that_listens_is_not_unplugged '' "$(grep 'did not power off' stderr)"
	between guest_that_listens_ends_quickly 0 5 $((SECONDS - start))
}

# Before the guest can listen: the plug at once.
scenario_sigint() {
	local start

	do_start spin
	hear 'Linux version'
	start=$SECONDS
	kill -INT "$guest_pid"
	guest_wait
	is sigint_ends_with_status_130 130 "$status"
	between guest_that_does_not_listen_is_unplugged 0 2 $((SECONDS - start))
}
