# shellcheck shell=bash disable=SC2154 # names of guest.sh, disk_start of disk.sh
# Disks when things go wrong: Bantam killed, the host's file system full, an image
# cut short, resets and pauses under I/O.

# ---- killed ---------------------------------------------------------------------------

# Numbers that follow each other from 1 on: the last one.
last_in_a_row() {
	awk '$1 == last + 1 { last = $1 } END { print last + 0 }'
}

# killed_once FORMAT: Bantam dies right after the guest was told of a sync; sets
# promised, kept_disk, kept_files and clean.
killed_once() {
	local after=$((5 + SRANDOM % 30)) i

	rm -f b c
	truncate -s 4M b
	truncate -s 24M c
	mkfs.ext4 -q -F c
	[ "$1" = raw ] || to_qcow2 b c
	rm -f to from
	disk_start "$cloud" promise -m 256M -d b -d c
	hear "^synced $after\$"
	kill -KILL "$guest_pid"
	wait "$guest_pid" 2>/dev/null
	guest_pid=
	cat <&6 >>console
	exec 5>&- 6<&-
	promised=$(tr -d '\r' <console | sed -n 's/^synced \([0-9]*\)$/\1/p' | tail -n 1)
	[ "$1" = raw ] || from_qcow2 b c
	kept_disk=$(tr -d '\0' <b | last_in_a_row)
	e2fsck -f -p c >e2fsck.c 2>&1 # replays the journal: 0 or 1
	clean=$?
	for ((i = 1; i <= promised; i++)); do
		echo "cat $i"
	done >commands
	kept_files=$(debugfs -f commands c 2>/dev/null | grep -v '^debugfs' | last_in_a_row)
}

# The same disks in images of another format, by the same names; what is amiss with
# them goes to a file "amiss".
to_qcow2() { # FILE...
	local file

	for file; do
		"$bantam" img convert -O qcow2 "$file" "$file.qcow2" && mv "$file.qcow2" "$file"
	done
}

from_qcow2() { # FILE...
	local file checked

	for file; do
		checked=0
		"$bantam" img check "$file" >said 2>&1 || checked=$?
		# 3: clusters that nobody uses, as a crash may leave.
		[ "$checked" -eq 0 ] || [ "$checked" -eq 3 ] || echo "$file: check $checked" >>amiss
		"$bantam" img convert -f qcow2 -O raw "$file" "$file.raw" && mv "$file.raw" "$file"
	done
}

# killed FORMAT: in the end lost says what was.
killed() {
	local round rounds=2

	lost=
	: >amiss
	need_debian
	[ -z "${LONG:-}" ] || rounds=20
	for ((round = 1; round <= rounds; round++)); do
		killed_once "$1"
		echo "# round $round: $promised promised, $kept_disk and $kept_files kept"
		[ "$kept_disk" -ge "$promised" ] || lost+="disk $kept_disk of $promised, "
		[ "$kept_files" -ge "$promised" ] || lost+="files $kept_files of $promised, "
		[ "$clean" -le 1 ] || lost+="e2fsck $clean, "
	done
}

scenario_killed_under_io() {
	killed raw
	is nothing_that_was_synced_is_lost_by_kill_9 '' "$lost"
	between syncs_before_the_kill_are_some 5 400 "$promised"
}

scenario_killed_under_io_on_qcow2() {
	killed qcow2
	is nothing_that_was_synced_to_qcow2_is_lost_by_kill_9 '' "$lost"
	is qcow2_images_are_sound_after_kill_9 '' "$(cat amiss)"
	between syncs_to_qcow2_before_the_kill_are_some 5 400 "$promised"
}

# ---- a host in trouble ------------------------------------------------------------------

# Only root can have a file system that is full for one.
small_file_system() { # SIZE
	mkdir small
	if [ "$(id -u)" -ne 0 ] || ! mount -t tmpfs -o "size=$1" tmpfs small 2>/dev/null; then
		skip "$scenario_name" "a small tmpfs cannot be mounted here"
		exit 0
	fi
}

# dd_in_guest WORDS...: sets answer to its status and what went wrong.
dd_in_guest() {
	ask "chroot /mnt dd status=none $* 2>/tmp/why; echo \$? \$(sed 's/.*: //' /tmp/why)"
}

scenario_disk_on_a_full_host() {
	need_debian
	small_file_system 24M
	truncate -s 64M small/c
	random_image b 16
	head -c 16M /dev/zero >small/ballast
	random_image d 8
	cp d d.before
	disk_start "$cloud" shell -m 256M -d b -d small/c -d d -a t.last=vdd
	hear 'job shell'
	dd_in_guest if=/dev/vdb of=/dev/vdc bs=256k oflag=direct
	is full_host_is_an_error_for_the_guest '1 Input/output error' "$answer"
	dd_in_guest if=/dev/vdd of=/dev/null bs=256k count=8 iflag=direct
	is full_host_leaves_other_disks_alone 0 "$answer"
	rm small/ballast
	dd_in_guest if=/dev/vdb of=/dev/vdc bs=256k oflag=direct conv=fsync
	is disk_works_again_when_there_is_room 0 "$answer"
	same disk_that_was_full_has_all_data b small/c $((16 << 20))

	truncate -s 1M d
	dd_in_guest if=/dev/vdd of=/dev/null bs=256k count=1 skip=16 iflag=direct
	is file_cut_short_is_an_error_for_the_guest '1 Input/output error' "$answer"
	dd_in_guest if=/dev/vdd of=/dev/null bs=256k count=4 iflag=direct
	is file_cut_short_reads_where_it_is 0 "$answer"
	cat d.before >d
	dd_in_guest if=/dev/vdd of=/dev/null bs=256k count=1 skip=16 iflag=direct
	is file_that_is_whole_again_reads_again 0 "$answer"
	say exit
	guest_wait
	is guest_ends_with_status_0_after_disk_errors 0 "$status"
}

# Full is where clusters are needed; what is there already can be written over.
scenario_qcow2_on_a_full_host() {
	need_debian
	small_file_system 24M
	random_image b 16
	"$bantam" img create -q -f qcow2 small/c 64M
	head -c 16M /dev/zero >small/ballast
	disk_start "$cloud" shell -m 256M -d b -d small/c
	hear 'job shell'
	dd_in_guest if=/dev/vdb of=/dev/vdc bs=256k count=8 oflag=direct conv=fsync
	is image_takes_what_it_has_room_for 0 "$answer"
	dd_in_guest if=/dev/vdb of=/dev/vdc bs=256k oflag=direct
	is full_host_under_an_image_is_an_error_for_the_guest '1 Input/output error' "$answer"
	dd_in_guest if=/dev/vdb of=/dev/vdc bs=256k count=8 oflag=direct conv=fsync,notrunc
	is full_image_takes_writes_where_it_has_clusters 0 "$answer"
	rm small/ballast
	dd_in_guest if=/dev/vdb of=/dev/vdc bs=256k oflag=direct conv=fsync
	is image_goes_on_when_there_is_room 0 "$answer"
	say exit
	guest_wait
	is guest_ends_with_status_0_after_a_full_image 0 "$status"
	checked image_that_was_full_is_clean small/c
	"$bantam" img convert -O raw small/c c.raw
	same image_that_was_full_has_all_data b c.raw $((16 << 20))
}

# ---- reset and pause --------------------------------------------------------------------

scenario_disk_across_restarts() {
	need_debian
	truncate -s 8M b
	disk_run "$cloud" count_boots -c 2 -m 256M -d b --on-reboot restart
	is disk_restarted_guest_ends_with_status_0 0 "$status"
	is disk_is_there_after_each_restart 'boot 1 boot 2 boot 3 ' \
		"$(tr -d '\r' <console | grep '^boot [0-9]*$' | tr '\n' ' ')"
	is disk_keeps_data_across_restarts 3 "$(head -c 8 b | tr -dc 0-9)"
}

# Only a terminal has the key.
scenario_pause_under_io() {
	local before after flags tries

	need_debian
	truncate -s 16M b
	mkfifo keys
	flags=(run "${guard[@]}" -k "$cloud" "${initrds[@]}" -c 2 -m 256M -d "$debian_root,ro" -d b
		-a quiet -a bantam.run=/guest/disk -a t.disk=long_io)
	printf '%q ' "$bantam" "${flags[@]}" >command-line
	exec 7<>keys
	timeout 200 script -qec '. ./command-line' /dev/null <keys >console 2>&1 &
	wait_for console 'I/O begins'
	for ((tries = 0; tries < 300 && $(taken_kib b) < 512; tries++)); do
		sleep 0.1
	done
	printf '\001p' >&7
	sleep 1
	before=$(sha256sum <b)
	sleep 3
	after=$(sha256sum <b)
	is paused_machine_does_no_io "$before" "$after"
	is paused_io_is_not_finished '' "$(fact long_io)"
	printf '\001p' >&7
	wait_for console 'fact long_io'
	wait
	exec 7>&-
	is io_goes_on_after_a_pause_and_verifies 0 "$(fact long_io)"
}
