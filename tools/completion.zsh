#compdef bantam
# Completion of bantam for zsh.  Install as _bantam in a folder of $fpath.
# tests/unit/tools/test_docs.c holds it against the option tables.

_bantam_run() {
	_arguments -s \
		'(-k --kernel)'{-k,--kernel}'[what to boot]:kernel or build tree:_files' \
		'*'{-i,--initrd}'[initial file system]:file:_files' \
		'*'{-a,--append}'[add to the kernel command line]:words:' \
		'--cmdline[replace the built-in kernel command line]:words:' \
		'(-m --memory)'{-m,--memory}'[size of memory]:size:(512M 1G 2G 4G)' \
		'(-c --cpus)'{-c,--cpus}'[number of CPUs]:number:' \
		'--name[what messages call this guest]:name:' \
		'*'{-d,--disk}'[disk image or block device]:file:_files' \
		'--rng[random numbers]:switch:(on off on,rate=)' \
		'--balloon[memory to take back]:size:' \
		'*--console[where a virtio console goes]:where:(stdio pty file= unix= null)' \
		'*--serial[where a serial port goes]:where:(stdio pty file= unix= null)' \
		'--debugcon[where debug ports go]:where:(stdio pty file= unix= null)' \
		'--log[serial output with time stamps]:file:_files' \
		'--timeout[end after this time]:duration:' \
		'--idle-timeout[end after this time without output]:duration:' \
		'--on-reboot[when the guest resets itself]:what:(exit restart)' \
		'--on-panic[when the kernel panics]:what:(exit pause dump=)' \
		'--debug-exit[port 0xf4 ends the run]' \
		'--events[JSON lines]:descriptor or file:_files' \
		'--config[settings in a file]:file:_files' \
		'--dry-run[show settings, start nothing]' \
		'--timeline[how long the start took]' \
		'--stats[what the guest exited for]' \
		'*'{-v,--verbose}'[say what is done]' \
		'(-h --help)'{-h,--help}'[the flags]'
}

_bantam() {
	if (( CURRENT == 2 )); then
		_values command run doctor help version
		return
	fi
	local command=$words[2]
	shift words
	(( CURRENT-- ))
	case $command in
	run) _bantam_run ;;
	doctor)
		_arguments '--json[one JSON object]' \
			'(-q --quiet)'{-q,--quiet}'[exit status only]' \
			'(-h --help)'{-h,--help}'[the flags]'
		;;
	help) _values command run doctor help version ;;
	esac
}

_bantam "$@"
