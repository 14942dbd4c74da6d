# shellcheck shell=bash disable=SC2154 # names of guest.sh
# The machine as a stock kernel finds it: processors, memory, clocks.

# shape WHAT KERNEL CPUS MIB FLAGS...: boot, have the guest look at itself.
shape() {
	local what=$1 cpus=$3 mib=$4 before_s=$SECONDS host_s

	boot_run "$2" -c "$cpus" -m "${mib}M" -a bantam.run=/guest/facts \
		-a "bantam.cpus=$cpus" -a "bantam.mib=$mib" "${@:5}"
	host_s=$(date +%s)
	is "${what}_ends_with_status_0" 0 "$status"
	has "${what}_passes_its_self_check" console '^self-check: [1-9][0-9]* passed, 0 failed'
	is "${what}_has_as_many_cpus_as_asked" "$cpus" "$(fact cpus)"
	is "${what}_has_one_package_with_one_thread_a_core" "1 $cpus $cpus" \
		"$(fact packages) $(fact cores) $(fact siblings)"
	is "${what}_keeps_time_by_kvm_clock" kvm-clock "$(fact clocksource)"
	between "${what}_finds_its_rtc_without_delay" 0 999 "$(fact rtc_delay_ms)"
	between "${what}_knows_the_hosts_time" -3 $((SECONDS - before_s + 3)) \
		$((host_s - $(fact time_s)))
}

scenario_amd64_4_cpus_5G() {
	shape amd64_4_cpus_5G "$amd64" 4 5120 -a quiet
	# 3 GiB of it lie below the hole for devices; all else is above 4 GiB.
	between memory_beyond_the_hole_is_above_4G $((1024 * 1024)) $((2560 * 1024)) \
		"$(fact ram_above_4g_kib)"
}

scenario_amd64_1_cpu_512M() {
	shape amd64_1_cpu_512M "$amd64" 1 512 -a quiet
}

scenario_amd64_2_cpus_256M_without_acpi() {
	shape amd64_2_cpus_256M_without_acpi "$amd64" 2 256 -a quiet -a acpi=off
}

# Debian's kernel for clouds cannot read MP tables: one CPU without ACPI, and no
# local APIC: the timer comes by the PIC.
# This kernel knows neither MP tables nor, so, the IOAPIC: PCI interrupts by the PIC.
# It warns of every device with MSI-X then, on any machine, unless told not to try.
scenario_cloud_1_cpu_512M_without_acpi() {
	shape cloud_1_cpu_512M_without_acpi "$cloud" 1 512 -a quiet -a acpi=off -a pci=nomsi
}

scenario_cloud_4_cpus_512M() {
	shape cloud_4_cpus_512M "$cloud" 4 512 -a quiet
}

scenario_cloud_8_cpus_5G() {
	shape cloud_8_cpus_5G "$cloud" 8 5120 -a quiet
}

# This one with the kernel's whole log, and a reader that is not a terminal.
scenario_cloud_2_cpus_512M() {
	# shellcheck disable=SC2317
	through_a_pipe() {
		"$real_bantam" "$@" | cat
	}
	local real_bantam=$bantam
	bantam=through_a_pipe
	shape cloud_2_cpus_512M "$cloud" 2 512 --log log
	is guest_without_a_network_is_ready_when_init_runs 'started booted ready ended' "$(name_events)"
	has whole_kernel_log_comes_through_a_pipe console 'Linux version 6'
	has whole_kernel_log_comes_through_a_pipe_to_its_end console 'reboot: Power down'
	# The log has a stamp before each line, no carriage returns, tabs made visible.
	if diff <(sed 's/^\[ *[0-9.]*\] //' log) \
		<(tr -d '\r' <console | sed 's/\t/\\x09/g') >difference; then
		ok log_has_what_the_pipe_has
	else
		not_ok log_has_what_the_pipe_has "expected no difference, got $(head -n 3 difference)"
	fi
}

scenario_shell_on_the_serial_console() {
	local sum=0 i before

	guest_start -k "$cloud" "${initrds[@]}" -m 256M -a quiet
	hear 'a shell on Bantam'
	ask 'uname -r'
	is shell_runs_commands_typed_into_the_serial_console \
		"$(cat "$top/build/guest/cloud-amd64/.complete")" "$answer"
	ask nproc
	is one_cpu_is_the_default 1 "$answer"
	ask "sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"
	between memory_is_as_asked $((180 * 1024)) $((256 * 1024)) "$answer"

	# All at once, much more than the port's FIFO takes.
	for ((i = 1; i <= 60; i++)); do
		say "sum=\$((\${sum:-0} + $i)) # $(printf '%60d' "$i")"
		sum=$((sum + i))
	done
	# shellcheck disable=SC2016
	ask 'echo $sum'
	is no_input_is_lost_when_much_comes_at_once "$sum" "$answer"

	before=$(date +%Y)
	ask 'date -u -s 2001-02-03 >/dev/null && hwclock -u -w && hwclock -u -r'
	is guest_can_set_its_rtc yes "$([[ $answer == *'Feb  3'*2001* ]] && echo yes || echo "$answer")"
	is guests_rtc_does_not_move_the_hosts_clock "$before" "$(date +%Y)"

	say poweroff
	guest_wait
	is poweroff_ends_with_status_0 0 "$status"
	is poweroff_is_the_reason_in_events poweroff "$(ended_as)"
	is poweroff_says_nothing_on_stderr '' "$(cat stderr)"
}
