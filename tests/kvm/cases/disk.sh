# Disks by a driver of a few hundred instructions, one that keeps the rules of virtio
# and one that breaks them.

# sectors FILE COUNT: each sector begins with its name.
sectors() {
	local i

	for ((i = 0; i < $2; i++)); do
		printf '%-512s' "sector $(printf %04d $i)"
	done >"$1"
}

# A read that failed promises no data: of the chain's beginning, nothing is written.
test_disks_serve_reads_writes_and_refuse_what_is_out_of_bounds() {
	sectors a 64
	sectors b 64
	cp b before
	multi blk -m 64M --debug-exit -d a,serial=bantam-disk-serial-x -d b,ro
	status_is 33
	out_is 'sectors 64
read: status 00, written 513
  sector 0007
read of the last: status 00, written 513
  sector 0063
read again and again: status 00, written 513
  sector 0003
write: status 00, written 1
flush: status 00, written 1
read of what was written: status 00, written 513
  the guest'"'"'s
serial number: status 00, written 21
  bantam-disk-serial-x
read behind the end: status 01, written 0
read over the end: status 01, written 0
write far behind the end: status 01, written 1
read of half a sector: status 01, written 0
request of no known type: status 02, written 0
read of a read-only disk: status 00, written 513
  sector 0002
write of a read-only disk: status 01, written 1\n'
	[ "$(dd if=a bs=512 skip=5 count=1 status=none | head -c 11)" = "the guest's" ] ||
		fail "the guest's words in the file" "$(dd if=a bs=512 skip=5 count=1 status=none | head -c 20)"
	cmp -s b before || fail "a read-only file as it was" "$(cmp b before)"
}

test_broken_rules_of_a_queue_cost_a_reset_and_nothing_else() {
	sectors a 2048
	sectors b 64
	multi blkbad -m 64M --debug-exit -d a -d b
	status_is 33
	sed 's/: needs a reset, works again$//' out >rest
	file_is rest 'descriptors in a loop
descriptor over the device'"'"'s own registers
descriptor over the end of RAM
descriptor that wraps around
head twice in flight
head that does not exist
descriptor that does not exist
available index that jumped
readable after writable
indirect table of 17 bytes
indirect table in an indirect table
ring outside RAM
queue changed while in use: no change, works again
reset with reads in flight: memory is left alone, works again\n'
	# The first few are told, with the disk's name and the rule.
	has err 'vda.*loop'
}
