# shellcheck shell=bash disable=SC2154 # top, bantam and scenario_* are tests/boot/run's
# tests/boot/guest.sh: how a scenario of tests/boot starts a guest, talks with it
# and gives its verdicts.  Runs in the scenario's own folder.
#
#   console  what came from the guest's serial port
#   stderr   what Bantam said
#   events   its --events

# shellcheck disable=SC2034 # used by the scenarios
{
	amd64=$top/build/guest/amd64/vmlinuz
	cloud=$top/build/guest/cloud-amd64/vmlinuz
	vmlinux=$top/build/guest/boot-tests.vmlinux
	debian_root=$top/build/guest/root.raw
}
# Two archives: the kernel sees the files of both.
initrds=(-i "$top/build/guest/demo.cpio.gz" -i "$top/build/guest/boot-tests.cpio")
# No test lets a guest live for ever.
guard=(--timeout 180s)
hear_s=150

# ---- verdicts --------------------------------------------------------------------

ok() {
	echo "ok - $1"
}

not_ok() { # NAME WHY
	echo "not ok - $1: $2"
}

skip() { # NAME WHY
	echo "skip - $1: $2"
}

# is NAME EXPECTED GOT
is() {
	if [ "$3" = "$2" ]; then ok "$1"; else not_ok "$1" "expected '$2', got '$3'"; fi
}

# has NAME FILE PATTERN: a line of FILE matches.
has() {
	if grep -q -a -E -- "$3" "$2"; then
		ok "$1"
	else
		not_ok "$1" "expected a line of $2 like '$3', got $(wc -l <"$2") others"
	fi
}

# between NAME LOWEST HIGHEST GOT
between() {
	if [[ $4 =~ ^-?[0-9]+$ ]] && [ "$4" -ge "$2" ] && [ "$4" -le "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "expected $2 to $3, got '$4'"
	fi
}

# ---- a guest that needs no talk --------------------------------------------------

# guest_run FLAGS...: from start to end; sets status.
guest_run() {
	"$bantam" run "${guard[@]}" --events events "$@" </dev/null >console 2>stderr
	status=$?
}

# boot_run KERNEL FLAGS...: the same with the usual initramfs.
boot_run() {
	guest_run -k "$1" "${initrds[@]}" "${@:2}"
}

# The reason in the last event.
ended_as() {
	tail -n 1 events | sed -n 's/.*"event":"ended".*"reason":"\([^"]*\)".*/\1/p'
}

count_events() { # NAME
	grep -c "\"event\":\"$1\"" events
}

# The names of all events, in order.
name_events() {
	sed 's/.*"event":"\([^"]*\)".*/\1/' events | paste -s -d ' '
}

# fact NAME: what guest/facts said of it.
fact() {
	tr -d '\r' <console | sed -n "s/^fact $1 //p" | head -n 1
}

# ---- a guest to talk with --------------------------------------------------------

guest_pid=

# guest_start FLAGS...: in the background, stdin and stdout ours to talk by.
guest_start() {
	mkfifo "$scenario_dir/to" "$scenario_dir/from"
	"$bantam" run "${guard[@]}" --events events "$@" <to >from 2>stderr &
	guest_pid=$!
	exec 5>to 6<from
	rest=
	: >console
}

# hear PATTERN: read the console up to a line, or an unfinished one, like that.
# Gives the scenario up if it does not come.
hear() {
	local part got end=$((SECONDS + hear_s))

	while [ "$SECONDS" -lt "$end" ]; do
		got=0
		IFS= read -r -t 1 -u 6 part || got=$?
		rest+=${part%$'\r'}
		if [ "$got" -eq 0 ]; then
			echo "$rest" >>console
			heard=$rest
			rest=
			[[ ! $heard =~ $1 ]] || return 0
		elif [[ $rest =~ $1 ]]; then
			heard=$rest
			return 0
		elif [ "$got" -le 128 ]; then
			break # the guest has ended
		fi
	done
	echo "$rest" >>console
	not_ok "$scenario_name" "expected the guest to say '$1', got '${heard:-nothing}' last"
	exit 0
}

# say LINE: type it.
say() {
	printf '%s\n' "$1" >&5
}

# ask COMMAND: type it at the guest's shell; sets answer, its last line of output.
ask() {
	asked=$((${asked:-0} + 1))
	# The typed line, which the terminal repeats, does not match.
	say "answer=\$($1); echo \"<\$answer>=$asked\""
	hear "^<.*>=$asked\$"
	answer=${heard#<}
	answer=${answer%">=$asked"}
}

# Wait for the guest's end; sets status.
guest_wait() {
	cat <&6 >>console
	wait "$guest_pid"
	status=$?
	guest_pid=
}

# wait_for FILE PATTERN: up to a minute, for a line.
wait_for() {
	local i

	for ((i = 0; i < 300; i++)); do
		! grep -q -s -a -E -- "$2" "$1" || return 0
		sleep 0.2
	done
	# What the guest said meanwhile is shown with the verdict.
	[ -z "$guest_pid" ] || timeout 1 cat <&6 >>console
	not_ok "$scenario_name" "expected a line of $1 like '$2' within a minute, got none"
	exit 0
}

# Whatever ends the scenario ends its guest, and a file system of its own.
guest_cleanup() {
	[ -z "$guest_pid" ] || kill -KILL "$guest_pid" 2>/dev/null
	! mountpoint -q "$scenario_dir/small" || umount -l "$scenario_dir/small"
}
