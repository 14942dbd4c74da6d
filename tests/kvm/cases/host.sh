# When the host or the command line says no: status 125, one line.

refused() { # PATTERN: one line that matches, nothing on stdout
	status_is 125
	out_is ''
	has err "$1"
	near "lines on stderr" "$(wc -l <err)" 1 1
}

test_unknown_flag_is_125() {
	flat coms --no-such-flag
	refused '^bantam: --no-such-flag'
	[ ! -e events ] || fail "nothing made" "'$(ls)'"
}

test_missing_kernel_is_125() {
	boot flat:gone </dev/null
	refused '^bantam: --kernel: (flat:)?gone: No such file or directory$'
}

test_empty_kernel_is_125() {
	: >empty
	boot flat:empty </dev/null
	refused '^bantam: .*empty'
}

# for_nobody COMMAND...: as a user without rights, on a copy that it can read.
for_nobody() {
	local place
	local -a nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)

	if [ "$(id -u)" != 0 ] || ! "${nobody[@]}" true 2>/dev/null; then
		skip "only root can become nobody"
		return 1
	fi
	place=$(mktemp -d /tmp/bantam-kvm-XXXXXX)
	chmod 755 "$place"
	cp "$bantam" "$guests/coms" "$place"
	"${nobody[@]}" timeout -k 1 "$limit" "$place/bantam" run -k "flat:$place/coms" \
		>out 2>err </dev/null
	status=$?
	rm -r "$place"
}

test_kvm_without_permission_is_125_and_says_so() {
	if [ "$(($(stat -c 0%a /dev/kvm) & 6))" = 6 ]; then
		skip "/dev/kvm is open to all here"
		return
	fi
	for_nobody || return
	refused '^bantam: .*/dev/kvm is not permitted to this user: '
}

test_absent_kvm_is_125_and_says_so() {
	if ! unshare -m mount -t tmpfs none /dev 2>/dev/null; then
		skip "no mount namespace here"
		return
	fi
	exec 4</dev/null
	unshare -m bash -c 'mount -t tmpfs none /dev && exec "$@"' - \
		timeout -k 1 "$limit" "$bantam" run -k "flat:$guests/coms" >out 2>err <&4
	status=$?
	refused '^bantam: .*/dev/kvm is not there: '
}
