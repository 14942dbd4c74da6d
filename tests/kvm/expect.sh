# expect.sh: what a test says.  In the test's directory: out and err are what
# bantam wrote, events its event lines, `status` its exit status.  The first
# expectation that fails is the test's answer.

limit=20 # seconds for one run of bantam, then it is killed

# flat NAME ARGS..., multi NAME ARGS...: run that guest with stdin from /dev/null.
flat() { boot "flat:$guests/$1" "${@:2}" </dev/null; }
multi() { boot "$guests/$1" "${@:2}" </dev/null; }

# typed LETTERS ARGS...: the guest ends.S (ends.S lists the letters).
typed() { boot "flat:$guests/ends" "${@:2}" < <(printf %s "$1"); }

boot() {
	timeout -k 1 "$limit" "$bantam" run -k "$1" --events events "${@:2}" >out 2>err
	status=$?
}

# start KERNEL ARGS...: the same in the background, stdin from /dev/null; then
# wait_for and finish.
start() {
	timeout -k 1 "$limit" "$bantam" run -k "$1" --events events "${@:2}" \
		>out 2>err </dev/null &
	started=$!
}

# signal NAME: to bantam itself, which is timeout's child.
signal() { kill -s "$1" "$(cat "/proc/$started/task/$started/children")"; } 2>/dev/null

finish() {
	wait "$started"
	status=$?
}

# wait_for FILE PATTERN: until FILE has a line like it, for 5 s at most.
wait_for() {
	local i

	for ((i = 0; i < 250; i++)); do
		grep -q -s -E -- "$2" "$1" && return
		sleep 0.02
	done
	fail "in $1 a line like '$2' within 5 s" "$(shown "$1")"
}

# fail EXPECTED CAME: on one line
fail() { [ -n "$why" ] || why="expected ${1//$'\n'/\\n}, came ${2//$'\n'/\\n}"; }

skip() { echo "$1" >skip; }

# The beginning of a file on one line, control characters made visible.
shown() { head -c 300 "$1" 2>/dev/null | cat -v | sed -z 's/\n/\\n/g'; }

status_is() {
	[ "$status" = "$1" ] || fail "status $1" "$status with stderr '$(shown err)'"
}

# file_is FILE TEXT: byte for byte; TEXT has backslash escapes.
file_is() {
	printf %b "$2" | cmp -s - "$1" || fail "in $1 '$2'" "'$(shown "$1")'"
}
out_is() { file_is out "$1"; }
err_is() { file_is err "$1"; }

# has FILE PATTERN, has_not FILE PATTERN: a line that matches.
has() { grep -q -s -E -- "$2" "$1" || fail "in $1 a line like '$2'" "'$(shown "$1")'"; }
has_not() { ! grep -q -s -E -- "$2" "$1" || fail "in $1 no line like '$2'" "'$(shown "$1")'"; }

# near NAME VALUE LOW HIGH
near() {
	[ -n "$2" ] && [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] ||
		fail "$1 from $3 to $4" "'$2'"
}

# events_are NAMES: in this order and no others; each line is a JSON object with a
# stamp that does not go back; the last one carries this status.
events_are() {
	local came json='^\{"t_ns":[0-9]+,"event":"[a-z-]+"(,"[a-z_]+":("([^"\\]|\\.)*"|-?[0-9]+))*\}$'

	came=$(sed 's/.*"event":"\([^"]*\)".*/\1/' events | tr '\n' ' ')
	[ "${came% }" = "$1" ] || fail "events '$1'" "'${came% }'"
	! grep -v -q -E "$json" events || fail "events of the right form" "'$(shown events)'"
	sed 's/^{"t_ns":\([0-9]*\).*/\1/' events | sort -n -c 2>/dev/null ||
		fail "stamps in order" "'$(shown events)'"
	tail -n 1 events | grep -q "\"event\":\"ended\",\"reason\":\"[a-z-]*\",\"status\":$status[,}]" ||
		fail "a last event with status $status" "'$(tail -n 1 events)'"
}

# reason_is WORD: of the last event
reason_is() { has events "\"event\":\"ended\",\"reason\":\"$1\""; }

# autopsy RIP: registers of one vCPU on stderr, RIP a pattern
autopsy() {
	has err '^vCPU 0: (real|protected|64-bit) mode, cpl 0'
	has err "^  rip [0-9a-f]{4}:$1 rflags "
	has err '^  code at rip:'
}

# Up to three tries: for rates, which a loaded machine spoils.
tries() {
	local i

	for i in 1 2 3; do
		why=
		"$@"
		[ -z "$why" ] && return
	done
}
