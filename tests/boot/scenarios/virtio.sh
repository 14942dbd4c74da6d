# shellcheck shell=bash disable=SC2154,SC2034,SC2016 # names of guest.sh; the guest expands
# Virtio devices that are no disks, under a stock kernel.

scenario_virtio_console_rng_balloon() {
	local used

	guest_start -k "$cloud" "${initrds[@]}" -a quiet --stats --console file="$scenario_dir/hvc" \
		--console file="$scenario_dir/agent",name=org.bantam.agent \
		--balloon 64M,stats=1s,deflate-on-oom=off
	hear 'a shell on Bantam'
	# The driver hears of its ports after it is there.
	ask 'until grep -q . /sys/class/virtio-ports/*/name; do sleep 0.2; done; cat /sys/class/virtio-ports/*/name'
	is a_named_port_has_its_name org.bantam.agent "$answer"
	ask 'for p in /sys/class/virtio-ports/*; do grep -q agent $p/name && seq 1 20000 >/dev/${p##*/}; done; echo $?'
	is a_named_port_can_be_written 0 "$answer"
	ask 'echo from hvc0 >/dev/hvc0; echo $?'
	is the_virtio_console_can_be_written 0 "$answer"
	ask 'dd if=/dev/hwrng bs=512 count=64 2>/dev/null | wc -c'
	is the_random_device_gives_bytes 32768 "$answer"
	ask 'cat /sys/class/misc/hw_random/rng_current'
	is the_random_device_is_virtio virtio_rng.0 "$answer"
	# 512 MiB less 64 MiB of balloon; a kernel keeps some for itself.
	ask 'i=0; while [ $(awk "/^MemTotal/ {print \$2}" /proc/meminfo) -gt 440000 ] && [ $i -lt 20 ]; do sleep 1; i=$((i + 1)); done; awk "/^MemTotal/ {print \$2}" /proc/meminfo'
	between the_balloon_takes_its_size 300000 440000 "$answer"
	wait_for events '"event":"balloon","actual":67108864'
	ok the_guests_memory_statistics_are_events
	ask 'dmesg -r | grep "^<[0-4]>" | grep -c -i -E "virtio|balloon|pci"'
	is no_virtio_device_makes_the_kernel_complain 0 "$answer"
	say poweroff
	guest_wait
	is a_guest_with_many_devices_powers_off_with_status_0 0 "$status"
	is what_went_through_a_named_port_is_complete "$(seq 1 20000 | sha256sum)" "$(sha256sum <agent)"
	has what_the_console_got_is_there hvc 'from hvc0'
	used=$(sed -n 's/^stats: virtio-console console queue [0-9]*: kicks [0-9]*, chains \([0-9]*\).*/\1/p' stderr | sort -n | tail -n 1)
	between queues_are_counted 1 1000000 "${used:-none}"
}
