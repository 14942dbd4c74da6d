# shellcheck shell=bash disable=SC2154 # sourced by run, whose names these are
# qcow2 without a guest: beside our own raw, and beside qemu-img.

# ours FILE FORMAT OPTIONS...: seconds of our device, alone on its thread
ours() { "$out/blockbench" "$1" "format=$2" mode=alone "${@:3}"; }

# theirs FILE FORMAT CACHE DEPTH COUNT WAY [OPTIONS...]: seconds of qemu-img bench
theirs() {
	local -a way=()
	[ "$6" = read ] || way=(-w)
	qemu-img bench -f "$2" -i io_uring -t "$3" -d "$4" -c "$5" "${way[@]}" "${@:7}" "$1" |
		sed -n 's/^Run completed in \([0-9.]*\) seconds.*/\1/p'
}

# Medians of what $out/a and $out/b gathered.
medians() { a=$(median <"$out/a") b=$(median <"$out/b"); }

# hits FOLDER CACHE: reads and writes where all is allocated already.
hits() {
	local raw=$1/bench.raw image=$1/bench.qcow2 depth way count a b c
	make_image "$raw"
	qemu-img convert -O qcow2 "$raw" "$image"
	sync "$raw" "$image"
	for depth in 1 32; do
		for way in read write; do
			count=40000
			[ "$2" = writeback ] || count=10000
			: >"$out/a" ; : >"$out/b" ; : >"$out/c"
			for _ in $(seq "$runs"); do
				ours "$image" qcow2 depth="$depth" count="$count" way=$way cache="$2" >>"$out/a"
				ours "$raw" raw depth="$depth" count="$count" way=$way cache="$2" >>"$out/c"
				theirs "$image" qcow2 "$2" "$depth" "$count" $way -s 4096 >>"$out/b"
			done
			medians
			c=$(median <"$out/c")
			row_least "qcow2 hits, 4 KiB $way, depth $depth, $2, of own raw" "$(ratio "$c" "$a")" 0.95 \
				"qcow2 $a s, raw $c s, $count requests, $runs pairs"
			# Past the page cache the disk under the file is most of it.
			[ "$2" = writeback ] || continue
			row "the same, time of qemu-img's qcow2" "$(ratio "$a" "$b")" \
				"$([ "$depth" = 1 ] && echo 0.6 || echo 0.5)" "qemu-img bench $b s"
		done
	done
	rm -f "$raw" "$image"
}

# fresh FOLDER TEXT LEAST SIZE STEP COUNT DEPTH: writes to an image that has nothing yet.
fresh() {
	local image=$1/bench.qcow2 a b
	: >"$out/a" ; : >"$out/b"
	for _ in $(seq "$runs"); do
		qemu-img create -q -f qcow2 "$image" 16G
		ours "$image" qcow2 way=write size="$4" step="$5" count="$6" depth="$7" >>"$out/a"
		rm -f "$image"
		qemu-img create -q -f qcow2 "$image" 16G
		theirs "$image" qcow2 writeback "$7" "$6" write -s "$4" -S "$5" >>"$out/b"
		rm -f "$image"
	done
	medians
	row_least "qcow2 $2, rate of qemu-img's" "$(ratio "$b" "$a")" "$3" \
		"Bantam $a s, qemu-img bench $b s, $6 requests, $runs pairs"
}

# How many fdatasync() a guest's flush costs that has new clusters to make durable.
flushes() {
	local image=$1/bench.qcow2 count
	if ! command -v strace >/dev/null; then
		echo "skip - qcow2 flush: no strace"
		return
	fi
	qemu-img create -q -f qcow2 "$image" 16G
	# By worker threads, where strace sees them.
	strace -f -qq -e trace=fdatasync,fsync -o "$out/strace" \
		"$out/blockbench" "$image" format=qcow2 mode=alone engine=threads way=write \
		step=1115136 count=200 depth=2 flush=2 >/dev/null
	count=$(grep -cE 'f(data)?sync\(' "$out/strace")
	rm -f "$image"
	# Counted with them: what goes on beside the guest now and then, and the closing.
	row "fdatasync a guest's flush after allocation" "$(ratio "$count" 100)" 1.1 "100 flushes"
}

# spent NAME TEXT LIMIT_KIB -- OURS... -- THEIRS...: both alternate; neither slower nor
# without bound.
spent() {
	local text=$1 limit_kib=$2 a b kib
	local -a mine=() peer=()
	shift 3
	while [ "$1" != -- ]; do mine+=("$1"); shift; done
	shift
	peer=("$@")
	: >"$out/a" ; : >"$out/b" ; : >"$out/kib"
	for _ in $(seq "$runs"); do
		"$out/spend" "${mine[@]}" | tee -a "$out/kib" | cut -d ' ' -f 1 >>"$out/a"
		"$out/spend" "${peer[@]}" | cut -d ' ' -f 1 >>"$out/b"
	done
	medians
	kib=$(awk '{ print $2 }' "$out/kib" | median)
	row "$text, time of qemu-img" "$(ratio "$a" "$b")" 1.0 "Bantam $a s, qemu-img $b s, $runs pairs"
	row "$text, peak memory, KiB" "$kib" "$limit_kib" "of bantam img"
}

# Images of 4 GiB, a quarter of it data.
whole_images() {
	local raw=$1/big.raw image=$1/big.qcow2 copy=$1/copy

	truncate -s 4G "$raw"
	for i in 0 1 2 3; do
		make_image "$1/part"
		dd if="$1/part" of="$raw" bs=1M seek=$((i * 1024)) conv=notrunc status=none
	done
	rm -f "$1/part"
	qemu-img convert -O qcow2 "$raw" "$image"
	spent "convert 4 GiB raw to qcow2" 65536 -- "$B/bantam" img convert -O qcow2 "$raw" "$copy" -- \
		qemu-img convert -O qcow2 "$raw" "$copy"
	spent "convert 4 GiB qcow2 to raw" 65536 -- "$B/bantam" img convert -O raw "$image" "$copy" -- \
		qemu-img convert -O raw "$image" "$copy"
	spent "check 4 GiB qcow2" 65536 -- "$B/bantam" img check "$image" -- qemu-img check "$image"
	spent "compare 4 GiB raw with qcow2" 65536 -- "$B/bantam" img compare "$raw" "$image" -- \
		qemu-img compare "$raw" "$image"
	rm -f "$raw" "$image" "$copy"
}

bench_qcow2() {
	local memory=/dev/shm/bantam-bench.$$
	mkdir -p "$memory"
	hits "$memory" writeback
	hits "$out" none
	fresh "$memory" "allocating 4 KiB random writes, depth 1" 2.0 4096 1115136 10000 1
	fresh "$memory" "allocating 4 KiB random writes, depth 32" 2.0 4096 1115136 10000 32
	fresh "$memory" "fresh sequential writes of 64 KiB, depth 16" 1.3 65536 65536 10000 16
	# Nearly all of it is the kernel's work on new pages, whoever asks for them.
	fresh "$memory" "fresh sequential writes of 1 MiB, depth 4" 1.3 1048576 1048576 1000 4
	flushes "$out"
	whole_images "$memory"
	rm -rf "$memory"
}
