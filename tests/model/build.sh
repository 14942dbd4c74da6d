# What suites of qcow2 share: build_model NAME SOURCES... makes $B/test/NAME of test
# programs' own sources, the model guest, the fakes and the library.
# shellcheck shell=bash

B=${B:-build}
tests/setup qemu-utils libcmocka-dev || exit 1

build_model() {
	local name=$1 source objects=()
	shift
	for source in "$@" tests/model/guest.c tests/model/image.c; do
		objects+=("$B/obj/${source%.c}.o")
	done
	make -s -j"$(nproc)" B="$B" lib fakes "${objects[@]}" >&2 || return 1
	mkdir -p "$B/test"
	"${CC:-cc}" -pthread -o "$B/test/$name" "${objects[@]}" "$B"/obj/tests/fake/{fake_file,fake_block,qcow2_judge}.o "$B/libbantam.a"
}
