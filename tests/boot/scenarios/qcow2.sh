# shellcheck shell=bash disable=SC2154,SC2034 # names of guest.sh, disk.sh
# qcow2 disks under a stock kernel: a whole system, overlays, wear.

# checked NAME FILE: our check and, where it is at hand, qemu-img's find nothing.
checked() {
	local ours=0 theirs=0

	"$bantam" img check "$2" >said 2>&1 || ours=$?
	if command -v qemu-img >/dev/null; then
		qemu-img check "$2" >>said 2>&1 || theirs=$?
	fi
	[ "$ours$theirs" = 00 ] || sed 's/^/# /' said
	is "$1" '0 0' "$ours $theirs"
}

# debian_on DISK JOB [FLAGS...]: boot it, do what is typed, power off; sets answer,
# status.
debian_on() {
	rm -f to from
	guest_start -k "$cloud" -i "$top/build/guest/demo.cpio.gz" -c 2 -d "$1" -a root=/dev/vda \
		-a quiet -a systemd.show_status=0 "${@:3}"
	hear 'bantam-root: up after'
	ask "$2"
	say poweroff
	guest_wait
}

scenario_debian_root_on_qcow2() {
	local before

	need_debian
	"$bantam" img convert -O qcow2 "$debian_root" base.qcow2
	before=$(sha256sum <base.qcow2)
	debian_on base.qcow2,overlay=top.qcow2,keep=always \
		'echo kept >/kept && sync && findmnt -n -o SOURCE,FSTYPE / | tr -s " "'
	is debian_boots_from_an_overlay_on_qcow2 '/dev/vda ext4' "$answer"
	is debian_on_qcow2_powers_off_with_status_0 0 "$status"
	checked overlay_that_debian_used_is_clean top.qcow2
	is base_below_an_overlay_is_untouched "$before" "$(sha256sum <base.qcow2)"
	debian_on top.qcow2 'cat /kept && rm /kept'
	is overlay_keeps_what_debian_wrote kept "$answer"
	checked overlay_is_clean_after_a_second_life top.qcow2
	debian_on base.qcow2,overlay=gone.qcow2,keep=never 'ls /kept 2>&1 | wc -l'
	is overlay_that_shall_not_be_kept_is_gone no "$([ -e gone.qcow2 ] && echo yes || echo no)"
	is base_is_untouched_to_the_end "$before" "$(sha256sum <base.qcow2)"
}

# The package comes as the content of a second disk.
scenario_package_on_qcow2() {
	local package=$top/build/guest/hello.deb bytes

	need_debian
	if [ ! -s "$package" ]; then
		skip "$scenario_name" "no Debian package at hand: none could be fetched"
		exit 0
	fi
	bytes=$(stat -c %s "$package")
	cp "$package" package
	truncate -s %512 package
	"$bantam" img convert -O qcow2 "$debian_root" root.qcow2
	debian_on root.qcow2 \
		"head -c $bytes /dev/vdb >/tmp/p.deb && dpkg -i /tmp/p.deb >/dev/null && sync && hello" \
		-d package,format=raw,ro
	is debian_on_qcow2_installs_a_package 'Hello, world!' "$answer"
	is debian_powers_off_after_a_package 0 "$status"
	checked image_with_a_new_package_is_clean root.qcow2
	debian_on root.qcow2 \
		"hello && (cd / && grep bin/hello /var/lib/dpkg/info/hello.md5sums | md5sum -c --quiet)"
	is package_on_qcow2_is_there_next_time 'Hello, world!' "$answer"
	"$bantam" img cat root.qcow2 /var/lib/dpkg/status >packages 2>&1
	has package_on_qcow2_can_be_seen_from_outside packages '^Package: hello$'
}

scenario_qcow2_wear() {
	local mib=4 steps=1500 seed=$((SRANDOM % 100000))

	need_debian
	guard=(--timeout 300s)
	if [ -n "${LONG:-}" ]; then
		mib=48 steps=40000
		guard=(--timeout 1500s)
	fi
	truncate -s 256M base
	"$bantam" img create -q -f qcow2 b 256M
	"$bantam" img create -q -f qcow2 -b base -F raw c
	disk_run "$cloud" fio -c 4 -m 1G -d b,queues=4 -d c,queues=4 -a "t.fio_mib=$mib" \
		-a "t.fsx_steps=$steps" -a "t.seed=$seed"
	echo "# random seed $seed"
	is worn_guest_on_qcow2_ends_with_status_0 0 "$status"
	is random_writes_verify_on_qcow2 0 "$(fact fio_raw)"
	is random_trims_and_writes_work_on_qcow2 0 "$(fact fio_trims)"
	is random_writes_verify_on_ext4_with_discard_on_qcow2 0 "$(fact fio_files)"
	is random_file_steps_agree_on_qcow2 0 "$(fact fsx)"
	checked worn_image_is_clean b
	checked worn_overlay_is_clean c
	"$bantam" img convert -O raw c c.raw
	is worn_file_system_on_qcow2_is_clean 0 "$(e2fsck -f -n c.raw >e2fsck.c 2>&1; echo $?)"
}

# Two runs on one image: the second one is told who has it.
scenario_qcow2_in_use() {
	need_debian
	"$bantam" img create -q -f qcow2 b 64M
	disk_start "$cloud" shell -m 256M -d b
	hear 'job shell'
	"$bantam" run -k "$cloud" -d b </dev/null >second 2>&1
	is second_run_on_an_image_ends_with_status_125 125 "$?"
	has second_run_is_told_who_has_the_image second "b is in use by bantam \\(pid $guest_pid\\)"
	say exit
	guest_wait
	is first_run_on_an_image_goes_on 0 "$status"
}
