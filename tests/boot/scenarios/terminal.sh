# shellcheck shell=bash disable=SC2154,SC2016 # names of guest.sh; $ for the inner shell
# The user's terminal is as it was, whatever ended the machine.  The guest is a
# few bytes of 16-bit code, so that these are quick.

# Says "R", waits for a key K on COM1, and ends with status 2 * K + 1 (mod 256).
make_key_guest() {
	# mov dx,0x3f8; mov al,'R'; out dx,al; mov al,'\n'; out dx,al
	# mov dx,0x3fd; 1: in al,dx; test al,1; jz 1b
	# mov dx,0x3f8; in al,dx; mov dx,0xf4; out dx,al; 2: hlt; jmp 2b
	printf '\xba\xf8\x03\xb0\x52\xee\xb0\x0a\xee\xba\xfd\x03\xec\xa8\x01\x74\xfb' >key-guest
	printf '\xba\xf8\x03\xec\xba\xf4\x00\xee\xf4\xeb\xfd' >>key-guest
}

# on_terminal NAME STATUS ACTION [WRAPPER]: run it on a terminal of its own, do
# ACTION when the terminal is raw, and look at the terminal afterwards.
# In ACTION, $pid is Bantam; its words go to bash.
on_terminal() {
	local name=$1 wanted=$2 action=$3 wrapper=${4:-'"$@"'}

	rm -f keys got pid raw
	mkfifo keys
	cat >inner <<-END
	set -- bash -c 'echo \$\$ >pid; exec "\$@"' bash \
		"$bantam" run -m 32M -k flat:key-guest --debug-exit
	stty rows 24 cols 80
	before=\$(stty -g)
	(
		for i in \$(seq 200); do
			[ "\$(stty -g)" = "\$before" ] || break
			sleep 0.05
		done
		[ "\$(stty -g)" = "\$before" ] || echo yes >raw
		sleep 0.2
		pid=\$(cat pid)
		$action
	) </dev/tty &
	$wrapper
	status=\$?
	[ "\$(stty -g)" = "\$before" ] && same=same || same=changed
	wait
	echo "\$(cat raw) \$status \$same" >got
	END
	# Held open: at its end, script would type an end of file.
	exec 7<>keys
	timeout 60 script -qec 'bash inner' /dev/null <keys >"console.$name" 2>&1
	exec 7>&-
	is "terminal_is_restored_after_$name" "yes $wanted same" "$(cat got)"
}

scenario_terminal() {
	make_key_guest
	# 'q' is 0x71, and 2 * 0x71 + 1 is 227.
	on_terminal the_guests_end 227 "printf q >keys"
	on_terminal ctrl_a_x 130 "printf '\\001x' >keys"
	on_terminal sigterm 143 'kill -TERM $pid'
	on_terminal sighup 129 'kill -HUP $pid'
	on_terminal sigsegv 139 'kill -SEGV $pid'
	# Nobody can do anything about SIGKILL but the shell around it.
	on_terminal sigkill_by_a_wrapper 137 'kill -KILL $pid' \
		's=$(stty -g); "$@"; status=$?; stty "$s"; (exit $status)'
}

scenario_idle_timeout() {
	make_key_guest
	guest_run -k flat:key-guest --idle-timeout 1s
	is idle_timeout_ends_with_status_124 124 "$status"
}
