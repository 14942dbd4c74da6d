# shellcheck shell=bash disable=SC2154,SC2034 # names of guest.sh
# Disks under a stock kernel: what it finds, and whether its data is safe.  The
# guest's side is guest/disk, whose facts are looked at here.

# The rest of the scenario needs the Debian root: end it with a skip otherwise.
need_debian() {
	[ ! -s "$debian_root" ] || return 0
	skip "$scenario_name" "guest-images/make-root could not make a Debian root (see its words)"
	exit 0
}

# disk_run KERNEL JOBS FLAGS...: a guest with the Debian root as vda that does the
# jobs of guest/disk.
disk_run() {
	boot_run "$1" -d "$debian_root,ro" -a quiet -a bantam.run=/guest/disk -a "t.disk=$2" "${@:3}"
}

disk_start() {
	guest_start -k "$1" "${initrds[@]}" -d "$debian_root,ro" -a quiet \
		-a bantam.run=/guest/disk -a "t.disk=$2" "${@:3}"
}

# same NAME FILE OTHER [BYTES]: their content is.
same() {
	if cmp -s ${4:+-n "$4"} "$2" "$3"; then
		ok "$1"
	else
		not_ok "$1" "expected the same, got $(cmp ${4:+-n "$4"} "$2" "$3" 2>&1 | head -n 1)"
	fi
}

# KiB that FILE takes on the host.
taken_kib() {
	du -k "$1" | cut -f 1
}

random_image() { # FILE MIB
	head -c $(($2 << 20)) /dev/urandom >"$1"
}

# ---- a whole system ----------------------------------------------------------------

scenario_debian_root() {
	local before

	need_debian
	before=$(stat -c '%Y %b' "$debian_root")
	guest_start -k "$cloud" -i "$top/build/guest/demo.cpio.gz" -c 2 \
		-d "$debian_root,snapshot" -a root=/dev/vda -a quiet -a systemd.show_status=0
	hear 'bantam-root: up after'
	ok debian_boots_from_its_disk_to_a_login
	# Degraded would be: a unit failed.
	ask 'systemctl is-system-running --wait; systemctl --failed --plain --no-legend --no-pager'
	is debian_runs_without_a_failed_unit running "$answer"
	ask 'findmnt -n -o SOURCE,FSTYPE / | tr -s " "'
	is debians_root_is_the_disk '/dev/vda ext4' "$answer"
	ask 'touch /written && sync && stat -c %s /written'
	is debian_can_write_its_root 0 "$answer"
	ask 'cat /sys/class/misc/hw_random/rng_current'
	is debian_has_the_random_device virtio_rng.0 "$answer"
	ask 'journalctl -q -b -t kernel -p warning -o cat | sed "s/^/warned: /" >/dev/ttyS0; echo'
	is debians_kernel_log_is_clean '' "$(tr -d '\r' <console | sed -n 's/^warned: //p' |
		grep -v -E "$(sh "$top/guest-images/check" --harmless)")"
	say poweroff
	guest_wait
	is debian_powers_off_with_status_0 0 "$status"
	is debians_end_is_a_power_off poweroff "$(ended_as)"
	is debians_disk_is_as_it_was_by_snapshot "$before" "$(stat -c '%Y %b' "$debian_root")"
}

# ---- sixteen disks -------------------------------------------------------------------

# vdb to vdp as files b to p.  Each begins with its name, but for those whose
# content is the point.
make_sixteen() {
	local disk

	for disk in c e g h i j k l m n o p; do
		truncate -s 32M $disk
		printf 'disk %s ' $disk | dd of=$disk conv=notrunc status=none
	done
	random_image b 64
	truncate -s 256M c
	truncate -s 2T f
	# A file system with a file that will go.
	mkdir ballast
	random_image ballast/ballast 48
	mkfs.ext4 -q -F -E nodiscard -d ballast d 96M
	rm -r ballast
	cp e e.before
	cp n n.before
}

# How many of the lines of --stats lie in a doorbell that lspci shows.
doorbell_exits() {
	local at offset size count=0 line

	while read -r _ at offset size; do
		while read -r line; do
			[ $((line)) -lt $((0x$at + 0x$offset)) ] ||
				[ $((line)) -ge $((0x$at + 0x$offset + 0x$size)) ] || count=$((count + 1))
		done < <(sed -n 's/^stats: mmio \(0x[0-9a-f]*\) .*/\1/p' stderr)
	done < <(tr -d '\r' <console | grep '^doorbells ')
	echo "$count"
}

scenario_sixteen_disks() {
	local d_before_kib uring='' disk

	need_debian
	make_sixteen
	d_before_kib=$(taken_kib d)
	[ "$(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null || echo 0)" != 0 ] || uring=,aio=io_uring
	guard=(--timeout 300s)
	disk_run "$cloud" shape,sha,write,write_ro,snapshot,readback,huge,trim,each_cpu,read64,limits,interrupts,pci,check \
		-c 4 -a bantam.cpus=4 -a bantam.mib=512 -a t.last=vdp --stats \
		-d b,ro,serial=BANTAM-64 -d c -d d -d e,snapshot -d f -d g,queues=4 \
		-d h,cache=writethrough -d i,discard=off -d j,queue-size=64 -d k,aio=threads \
		-d l,iops=100 -d m,bps=8M -d "n,overlay=mem" -d "o$uring" -d p
	is guest_with_16_disks_ends_with_status_0 0 "$status"
	is disks_are_all_there abcdefghijklmnop "$(fact disks)"
	is disks_are_in_the_order_of_their_flags ceghijklmnop "$(fact labels)"
	is serial_number_reaches_the_guest BANTAM-64 "$(fact serial)"
	is read_only_disk_is_one_for_the_guest '1 0' "$(fact read_only)"
	is write_cache_is_as_asked 'write back, write through' "$(fact write_cache)"
	is discard_off_offers_none 0 "$(fact discard_off)"
	is discard_is_offered yes "$([ "$(fact discard_on)" -gt 0 ] && echo yes)"
	is queue_size_is_as_asked 64 "$(fact queue_size)"
	is random_device_is_there_by_itself 'virtio_rng.0 64' "$(fact rng) $(fact rng_bytes)"

	is image_of_64_mib_reads_the_same_in_the_guest "$(sha256sum <b | cut -d ' ' -f 1)" "$(fact sha)"
	is guest_writes_and_syncs_200_mib 0 "$(fact written)"
	same image_has_the_200_mib_that_the_guest_wrote <(cat b b b b) c $((200 << 20))
	is read_only_disk_refuses_writes refused "$(fact write_ro)"
	is snapshot_keeps_what_the_guest_wrote 'kept kept' "$(fact snapshot_vde) $(fact snapshot_vdn)"
	same snapshot_leaves_the_file_alone e.before e
	same snapshot_in_memory_leaves_the_file_alone n.before n
	is disks_of_every_kind_read_back_what_was_written ghijkop "$(fact readback)"
	for disk in g h i j k o p; do
		cmp -s -n $((2 << 20)) -i $((1 << 20)):0 $disk b || echo "$disk differs"
	done >differs
	is files_of_every_kind_have_what_was_written '' "$(cat differs)"
	is disk_of_2_tib_has_its_size $((2 << 31)) "$(fact huge_sectors)"
	is disk_of_2_tib_works_near_its_end 'kept 0' "$(fact huge_end) $(fact huge_begin)"
	same file_of_2_tib_has_it_near_its_end <(tail -c 1M f) b $((1 << 20))
	between file_of_2_tib_stays_sparse_kib 1024 4096 "$(taken_kib f)"
	between trim_gives_space_back_kib $((47 * 1024)) "$d_before_kib" \
		$((d_before_kib - $(taken_kib d)))
	is trimmed_file_system_is_clean 0 "$(e2fsck -f -n d >e2fsck.d 2>&1; echo $?)"

	is four_queues_are_four 4 "$(fact queues_four)"
	is four_queues_interrupt_by_msix_each 'msix 4' "$(fact interrupts_four)"
	is one_queue_interrupts_by_msix 'msix 1' "$(fact interrupts_one)"
	is lspci_shows_16_disks_with_msix '16 16' "$(fact blk_functions) $(fact blk_functions_msix)"
	is lspci_has_nothing_to_complain 0 "$(fact pci_complaints)"
	is direct_reads_of_64_mib_work 0 "$(fact read64)"
	is doorbells_are_known 16 "$(grep -c -a '^doorbells ' console)"
	is doorbells_never_leave_the_kernel 0 "$(doorbell_exits)"
	has machine_with_disks_passes_its_self_check console '^self-check: [1-9][0-9]* passed, 0 failed'
	# Three seconds' worth, one of them at once.
	between iops_limit_holds_cs 150 500 "$(fact iops_100_300_reads_cs)"
	between bps_limit_holds_cs 150 500 "$(fact bps_8m_24m_read_cs)"
}

# ---- interrupts without MSI-X, and without ACPI -----------------------------------------

# fallback WHAT KERNEL FLAGS...: data by INTx.
fallback() {
	need_debian
	random_image b 8
	disk_run "$2" sha,interrupts_b -c 2 -d b "${@:3}"
	is "$1_ends_with_status_0" 0 "$status"
	is "$1_interrupts_by_intx" 'intx 1' "$(fact interrupts)"
	is "$1_reads_right" "$(sha256sum <b | cut -d ' ' -f 1)" "$(fact sha)"
}

scenario_disk_without_msi() {
	need_debian
	fallback disk_without_msi "$cloud" -a pci=nomsi
}

# By the MP table's entries.
scenario_disk_without_msi_and_acpi() {
	need_debian
	fallback disk_without_msi_and_acpi "$amd64" -a pci=nomsi -a acpi=off
}

# By the PIC: the cloud kernel reads no MP table; the other is told to leave the IOAPIC.
scenario_disk_by_the_pic() {
	need_debian
	fallback disk_by_the_pic_without_acpi "$cloud" -a pci=nomsi -a acpi=off
	fallback disk_by_the_pic_with_acpi "$amd64" -a pci=nomsi -a noapic
}

# ---- wear -----------------------------------------------------------------------------

scenario_disk_wear() {
	local mib=4 steps=1500 seed=$((SRANDOM % 100000))

	need_debian
	guard=(--timeout 300s)
	if [ -n "${LONG:-}" ]; then
		mib=48 steps=40000
		guard=(--timeout 1500s)
	fi
	truncate -s 256M b c
	disk_run "$cloud" fio -c 4 -m 1G -d b,queues=4 -d c,queues=4 -a "t.fio_mib=$mib" \
		-a "t.fsx_steps=$steps" -a "t.seed=$seed"
	echo "# random seed $seed"
	is worn_guest_ends_with_status_0 0 "$status"
	is random_writes_verify_on_the_disk 0 "$(fact fio_raw)"
	is random_trims_and_writes_work 0 "$(fact fio_trims)"
	is random_writes_verify_on_ext4_with_discard 0 "$(fact fio_files)"
	is random_file_steps_agree_with_a_copy_in_memory 0 "$(fact fsx)"
	is worn_file_system_is_clean_on_the_host 0 "$(e2fsck -f -n c >e2fsck.c 2>&1; echo $?)"
}
