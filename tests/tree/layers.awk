# Reads "FILE:#include "HEADER"" lines; prints the graph of folders and fails on
# an arrow that the list below does not allow.  FOLDER = [what it may include].
BEGIN {
	allow["vmm/base"] = ""
	allow["vmm/host"] = "vmm/base"
	allow["vmm/kvm"] = "vmm/base vmm/host"
	allow["vmm/core"] = "vmm/base vmm/host"
	allow["vmm/boot"] = "vmm/base vmm/core"
	allow["vmm/machine"] = "vmm/base vmm/host vmm/kvm vmm/core vmm/boot devices devices/chipset devices/pci devices/char devices/virtio devices/block devices/net devices/nat"
	allow["devices"] = "vmm/core devices/chipset devices/pci devices/virtio"
	allow["devices/chipset"] = "vmm/base vmm/core devices/char"
	allow["devices/pci"] = "vmm/base vmm/core"
	allow["devices/char"] = "vmm/base vmm/host"
	allow["devices/block"] = "vmm/base vmm/host devices/codec"
	allow["devices/codec"] = "vmm/base"
	allow["devices/fsread"] = "vmm/base"
	allow["devices/net"] = "vmm/base vmm/host"
	allow["devices/nat"] = "vmm/base vmm/host devices/net"
	allow["devices/virtio"] = "vmm/base vmm/host vmm/core devices/pci devices/block devices/char devices/net"
	allow["tools"] = "vmm/base vmm/host vmm/kvm vmm/core vmm/boot vmm/machine devices devices/chipset devices/pci devices/char devices/virtio devices/block devices/codec devices/fsread devices/net devices/nat"
}

{
	split($0, part, ":")
	from = part[1]
	sub(/\/[^\/]*$/, "", from)
	if (!match($0, /"[^"]+"/))
		next
	header = substr($0, RSTART + 1, RLENGTH - 2)
	to = header
	if (!sub(/\/[^\/]*$/, "", to))
		to = "devices" # catalog.h, the one header without a folder
	else if (to !~ /^tools/)
		to = (to ~ /^(chipset|char|pci|virtio|block|codec|net|nat|fs|fsread)$/ ? "devices/" : "vmm/") to
	if (from == to)
		next
	edge = from " -> " to
	if (!(edge in seen))
		order[++count] = edge
	seen[edge]++
	if (!(from in allow) || index(" " allow[from] " ", " " to " ") == 0) {
		print "not allowed: " part[1] " includes " header > "/dev/stderr"
		bad = 1
	}
}

END {
	for (i = 1; i <= count; i++)
		printf "%-40s %d\n", order[i], seen[order[i]]
	exit bad
}
