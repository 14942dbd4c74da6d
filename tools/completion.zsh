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
		'*'{-n,--net}'[a network card]:what:(user tap= bridge= socket= network= none)' \
		'*'{-p,--publish}'[a port of this host for one of the guest]:ports:' \
		'*--net-dump[all frames]:file:_files' \
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

_bantam_img() {
	if (( CURRENT == 2 )); then
		_values command create info check convert map compare resize snapshot rebase commit read write bench \
			ls cat df filesystems
		return
	fi
	local verb=$words[2]
	shift words
	(( CURRENT-- ))
	case $verb in
	create)
		_arguments -s \
			'(-f --format)'{-f,--format}'[raw ]:format:(raw qcow2)' \
			'(-o --options)'{-o,--options}'[how the image is to be made]:key-value:' \
			'(-b --backing)'{-b,--backing}'[what the image is a layer over]:file:_files' \
			'(-F --backing-format)'{-F,--backing-format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-u --backing-unsafe)'{-u,--backing-unsafe}'[do not look whether the backing file is there]' \
			'(-q --quiet)'{-q,--quiet}'[print errors only]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	info)
		_arguments -s \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'--backing-chain[its backing files too]' \
			'--output[how to print]:value:(human json)' \
			'(-U --force-share)'{-U,--force-share}'[even if somebody writes to it meanwhile]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	check)
		_arguments -s \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-r --repair)'{-r,--repair}'[put right]:value:(leaks all)' \
			'--output[how to print]:value:(human json)' \
			'(-q --quiet)'{-q,--quiet}'[print errors only]' \
			'(-p --progress)'{-p,--progress}'[show how far it is]' \
			'(-T --source-cache)'{-T,--source-cache}'[the same for reading]:mode:(none writeback writethrough directsync unsafe)' \
			'(-U --force-share)'{-U,--force-share}'[even if somebody writes to it meanwhile]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	convert)
		_arguments -s \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-l --snapshot)'{-l,--snapshot}'[an internal snapshots content]:snapshot:' \
			'(-T --source-cache)'{-T,--source-cache}'[the same for reading]:mode:(none writeback writethrough directsync unsafe)' \
			'(-U --force-share)'{-U,--force-share}'[even if somebody writes to it meanwhile]' \
			'--salvage[zeros]' \
			'(-O --target-format)'{-O,--target-format}'[raw ]:format:(raw qcow2)' \
			'(-o --options)'{-o,--options}'[how it is to be made]:key-value:' \
			'(-c --compress)'{-c,--compress}'[compressed clusters ]' \
			'(-B --backing)'{-B,--backing}'[over this backing file]:file:_files' \
			'(-F --backing-format)'{-F,--backing-format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-S --sparse-size)'{-S,--sparse-size}'[do not write runs of zeros of at least that length]:size:' \
			'(-n --no-create)'{-n,--no-create}'[into an image that is there already]' \
			'--target-is-zero[with -n]' \
			'(-t --cache)'{-t,--cache}'[none]:mode:(none writeback writethrough directsync unsafe)' \
			'(-m --parallel)'{-m,--parallel}'[so many requests at once]:count:' \
			'(-W --out-of-order)'{-W,--out-of-order}'[do not keep the disks order in the file]' \
			'(-r --rate-limit)'{-r,--rate-limit}'[at most so many bytes a second]:size:' \
			'(-p --progress)'{-p,--progress}'[show how far it is]' \
			'(-q --quiet)'{-q,--quiet}'[print errors only]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	map)
		_arguments -s \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-s --start-offset)'{-s,--start-offset}'[begin there]:offset:' \
			'(-l --max-length)'{-l,--max-length}'[look at so much of the disk]:size:' \
			'--output[how to print]:value:(human json)' \
			'(-U --force-share)'{-U,--force-share}'[even if somebody writes to it meanwhile]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	compare)
		_arguments -s \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-F --second-format)'{-F,--second-format}'[the seconds]:format:(raw qcow2)' \
			'(-s --strict)'{-s,--strict}'[sizes]' \
			'(-T --source-cache)'{-T,--source-cache}'[the same for reading]:mode:(none writeback writethrough directsync unsafe)' \
			'(-p --progress)'{-p,--progress}'[show how far it is]' \
			'(-q --quiet)'{-q,--quiet}'[print errors only]' \
			'(-U --force-share)'{-U,--force-share}'[even if somebody writes to it meanwhile]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	resize)
		_arguments -s \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'--shrink[yes]' \
			'--preallocation[how to fill what it gains]:value:(off metadata falloc full)' \
			'(-p --progress)'{-p,--progress}'[show how far it is]' \
			'(-q --quiet)'{-q,--quiet}'[print errors only]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	snapshot)
		_arguments -s \
			'(-l --list)'{-l,--list}'[print the snapshots in the image ]' \
			'(-c --create)'{-c,--create}'[keep the disk as it is now under that name]:name:' \
			'(-a --apply)'{-a,--apply}'[make the disk what it was]:snapshot:' \
			'(-d --delete)'{-d,--delete}'[forget it]:snapshot:' \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-q --quiet)'{-q,--quiet}'[print errors only]' \
			'(-U --force-share)'{-U,--force-share}'[even if somebody writes to it meanwhile]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	rebase)
		_arguments -s \
			'(-b --backing)'{-b,--backing}'[the new backing file]:file:_files' \
			'(-F --backing-format)'{-F,--backing-format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-u --backing-unsafe)'{-u,--backing-unsafe}'[only write the new name]' \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-t --cache)'{-t,--cache}'[none]:mode:(none writeback writethrough directsync unsafe)' \
			'(-T --source-cache)'{-T,--source-cache}'[the same for reading]:mode:(none writeback writethrough directsync unsafe)' \
			'(-p --progress)'{-p,--progress}'[show how far it is]' \
			'(-q --quiet)'{-q,--quiet}'[print errors only]' \
			'(-U --force-share)'{-U,--force-share}'[even if somebody writes to it meanwhile]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	commit)
		_arguments -s \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-d --keep)'{-d,--keep}'[leave the image full]' \
			'(-b --base)'{-b,--base}'[its backing file]:file:_files' \
			'(-t --cache)'{-t,--cache}'[none]:mode:(none writeback writethrough directsync unsafe)' \
			'(-p --progress)'{-p,--progress}'[show how far it is]' \
			'(-q --quiet)'{-q,--quiet}'[print errors only]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	read)
		_arguments -s \
			'--snapshot[an internal snapshots content]:snapshot:' \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-s --offset)'{-s,--offset}'[begin there]:offset:' \
			'(-l --length)'{-l,--length}'[so many bytes]:size:' \
			'(-P --pattern)'{-P,--pattern}'[a byte]:byte:' \
			'(-T --source-cache)'{-T,--source-cache}'[the same for reading]:mode:(none writeback writethrough directsync unsafe)' \
			'(-q --quiet)'{-q,--quiet}'[print errors only]' \
			'(-U --force-share)'{-U,--force-share}'[even if somebody writes to it meanwhile]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	write)
		_arguments -s \
			'(-z --zero)'{-z,--zero}'[zeros]' \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-s --offset)'{-s,--offset}'[begin there]:offset:' \
			'(-l --length)'{-l,--length}'[so many bytes]:size:' \
			'(-P --pattern)'{-P,--pattern}'[a byte]:byte:' \
			'(-t --cache)'{-t,--cache}'[none]:mode:(none writeback writethrough directsync unsafe)' \
			'(-q --quiet)'{-q,--quiet}'[print errors only]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	bench)
		_arguments -s \
			'(-c --count)'{-c,--count}'[requests]:count:' \
			'(-d --depth)'{-d,--depth}'[at once]:count:' \
			'(-s --buffer-size)'{-s,--buffer-size}'[bytes of each]:size:' \
			'(-S --step-size)'{-S,--step-size}'[from one to the next]:size:' \
			'(-o --offset)'{-o,--offset}'[where to begin]:offset:' \
			'(-w --write)'{-w,--write}'[write]' \
			'--pattern[what to write]:byte:' \
			'--flush-interval[flush after every so many writes]:count:' \
			'--no-drain[do not wait for the others before a flush]' \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-t --cache)'{-t,--cache}'[none]:mode:(none writeback writethrough directsync unsafe)' \
			'(-i --aio)'{-i,--aio}'[threads]:mode:(threads native io_uring)' \
			'(-n --native)'{-n,--native}'[the same]' \
			'(-q --quiet)'{-q,--quiet}'[print errors only]' \
			'(-U --force-share)'{-U,--force-share}'[even if somebody writes to it meanwhile]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	ls)
		_arguments -s \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-s --snapshot)'{-s,--snapshot}'[what a snapshot holds]:snapshot:' \
			'(-U --force-share)'{-U,--force-share}'[even if somebody writes to it meanwhile]' \
			'(-R --recursive)'{-R,--recursive}'[directories below, too]' \
			'--json[a JSON array]' \
			'--output[how to print]:value:(human json)' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	cat)
		_arguments -s \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-s --snapshot)'{-s,--snapshot}'[what a snapshot holds]:snapshot:' \
			'(-U --force-share)'{-U,--force-share}'[even if somebody writes to it meanwhile]' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	df)
		_arguments -s \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-s --snapshot)'{-s,--snapshot}'[what a snapshot holds]:snapshot:' \
			'(-U --force-share)'{-U,--force-share}'[even if somebody writes to it meanwhile]' \
			'(-h --human-readable)'{-h,--human-readable}'[sizes as 1.5G]' \
			'--json[a JSON array]' \
			'--output[how to print]:value:(human json)' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'--help[this text]' \
			'*:file:_files'
		;;
	filesystems)
		_arguments -s \
			'(-f --format)'{-f,--format}'[raw or qcow2]:format:(raw qcow2)' \
			'(-s --snapshot)'{-s,--snapshot}'[what a snapshot holds]:snapshot:' \
			'(-U --force-share)'{-U,--force-share}'[even if somebody writes to it meanwhile]' \
			'--json[a JSON array]' \
			'--output[how to print]:value:(human json)' \
			'--image-opts[not supported]' \
			'--object[not supported]:object:' \
			'(-h --help)'{-h,--help}'[this text]' \
			'*:file:_files'
		;;
	esac
}

_bantam() {
	if (( CURRENT == 2 )); then
		_values command run img net doctor help version
		return
	fi
	local command=$words[2]
	shift words
	(( CURRENT-- ))
	case $command in
	run) _bantam_run ;;
	img) _bantam_img ;;
	net)
		if (( CURRENT == 2 )); then
			_values command leases
		else
			_arguments '--json[a JSON array]' '(-h --help)'{-h,--help}'[the flags]'
		fi
		;;
	doctor)
		_arguments '--json[one JSON object]' \
			'(-q --quiet)'{-q,--quiet}'[exit status only]' \
			'(-h --help)'{-h,--help}'[the flags]'
		;;
	help) _values command run img net doctor help version ;;
	esac
}

_bantam "$@"
