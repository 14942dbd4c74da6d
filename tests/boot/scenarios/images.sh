# shellcheck shell=bash disable=SC2154 # names of guest.sh
# Kernels and initrds in other forms, and several guests.

scenario_vmlinux_and_initrds() {
	mkdir -p files
	echo 'one says hello' >files/one
	find files | cpio --quiet -o -H newc >one.cpio
	rm files/one
	echo 'two says hello' >files/two
	find files | cpio --quiet -o -H newc | gzip >two.cpio.gz
	boot_run "$vmlinux" -i one.cpio -i two.cpio.gz -m 256M -v -a bantam.run=/guest/do \
		-a t.do=files -a quiet
	is vmlinux_boots 0 "$status"
	has vmlinux_starts_by_its_pvh_note events '"event":"started".*"protocol":"[^"]*PVH'
	has files_of_the_first_initrd_are_there console '^one says hello'
	has files_of_the_last_initrd_are_there console '^two says hello'
}

scenario_truncated_kernel() {
	head -c 3000000 "$cloud" >truncated
	guest_run -k truncated
	is truncated_kernel_is_refused_with_status_125 125 "$status"
	is truncated_kernel_is_refused_by_one_line 1 "$(wc -l <stderr)"
	has truncated_kernel_is_refused_by_name stderr 'truncated'
	is truncated_kernel_starts_nothing '' "$(cat console)"
}

scenario_three_guests_at_once() {
	local i pids=() statuses=

	for i in 1 2 3; do
		"$bantam" run "${guard[@]}" -k "$cloud" "${initrds[@]}" -m 256M -a quiet \
			-a bantam.run=/guest/do -a t.do=name -a "t.name=number-$i" \
			</dev/null >"console.$i" 2>"stderr.$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
		statuses+="$? "
	done
	is three_guests_at_once_end_with_status_0 '0 0 0 ' "$statuses"
	is three_guests_at_once_keep_to_themselves 'number-1 number-2 number-3 ' \
		"$(cat console.* | tr -d '\r' | sed -n 's/^this is //p' | tr '\n' ' ')"
}
