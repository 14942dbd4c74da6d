# Completion of bantam for bash.  Install as
# /usr/share/bash-completion/completions/bantam, or source it.
# tests/unit/tools/test_docs.c holds it against the option tables.

_bantam_paths() {
	compopt -o filenames
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_bantam_words() {
	mapfile -t COMPREPLY < <(compgen -W "$2" -- "$1")
}

_bantam_run() {
	local flags="--kernel --initrd --append --cmdline --memory --cpus --name --disk --net --publish --net-dump
		--rng --balloon --serial --console --debugcon --log --timeout --idle-timeout --on-reboot --on-panic --debug-exit
		--events --config --dry-run --timeline --stats --verbose --help"

	case $2 in
	-k|--kernel|-i|--initrd|-d|--disk|--log|--events|--config|--net-dump) _bantam_paths "$1" ;;
	--serial|--console|--debugcon) _bantam_words "$1" "stdio pty file= unix= null" ;;
	-n|--net) _bantam_words "$1" "user tap= bridge= socket= network= none" ;;
	--rng) _bantam_words "$1" "on off on,rate=" ;;
	--on-reboot) _bantam_words "$1" "exit restart" ;;
	--on-panic) _bantam_words "$1" "exit pause dump=" ;;
	-a|--append|--cmdline|-m|--memory|-c|--cpus|--name|-p|--publish|--balloon|--timeout|--idle-timeout) ;;
	*) _bantam_words "$1" "$flags" ;;
	esac
}

_bantam_img() {
	local verbs="create info check convert map compare resize snapshot rebase commit read write bench
		ls cat df filesystems" flags

	if [ "$COMP_CWORD" -eq 2 ]; then
		_bantam_words "$1" "$verbs --help"
		return
	fi
	case $2 in
	-f|-F|-O|--format|--backing-format|--target-format|--second-format)
		_bantam_words "$1" "raw qcow2"
		return
		;;
	-t|-T|--cache|--source-cache)
		_bantam_words "$1" "none writeback writethrough directsync unsafe"
		return
		;;
	--output) _bantam_words "$1" "human json" && return ;;
	--preallocation) _bantam_words "$1" "off metadata falloc full" && return ;;
	esac
	case ${COMP_WORDS[2]} in
	create) flags="--format --options --backing --backing-format --backing-unsafe --quiet
		--image-opts --object --help" ;;
	info) flags="--format --backing-chain --output --force-share --image-opts --object --help" ;;
	check) flags="--format --repair --output --quiet --progress --source-cache --force-share
		--image-opts --object --help" ;;
	convert) flags="--format --snapshot --source-cache --force-share --salvage --target-format
		--options --compress --backing --backing-format --sparse-size --no-create
		--target-is-zero --cache --parallel --out-of-order --rate-limit --progress
		--quiet --image-opts --object --help" ;;
	map) flags="--format --start-offset --max-length --output --force-share --image-opts
		--object --help" ;;
	compare) flags="--format --second-format --strict --source-cache --progress --quiet
		--force-share --image-opts --object --help" ;;
	resize) flags="--format --shrink --preallocation --progress --quiet --image-opts --object
		--help" ;;
	snapshot) flags="--list --create --apply --delete --format --quiet --force-share --image-opts
		--object --help" ;;
	rebase) flags="--backing --backing-format --backing-unsafe --format --cache --source-cache
		--progress --quiet --force-share --image-opts --object --help" ;;
	commit) flags="--format --keep --base --cache --progress --quiet --image-opts --object --help" ;;
	read) flags="--snapshot --format --offset --length --pattern --source-cache --quiet
		--force-share --image-opts --object --help" ;;
	write) flags="--zero --format --offset --length --pattern --cache --quiet --image-opts
		--object --help" ;;
	bench) flags="--count --depth --buffer-size --step-size --offset --write --pattern
		--flush-interval --no-drain --format --cache --aio --native --quiet
		--force-share --image-opts --object --help" ;;
	ls) flags="--format --snapshot --force-share --recursive --json --output --image-opts
		--object --help" ;;
	cat) flags="--format --snapshot --force-share --image-opts --object --help" ;;
	df) flags="--format --snapshot --force-share --human-readable --json --output --image-opts
		--object --help" ;;
	filesystems) flags="--format --snapshot --force-share --json --output --image-opts --object
		--help" ;;
	*) return ;;
	esac
	case $1 in
	-*) _bantam_words "$1" "$flags" ;;
	*) _bantam_paths "$1" ;;
	esac
}

_bantam() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		_bantam_words "$current" "run img net doctor help version --help --version"
		return
	fi
	case ${COMP_WORDS[1]} in
	run) _bantam_run "$current" "$previous" ;;
	img) _bantam_img "$current" "$previous" ;;
	net)
		if [ "$COMP_CWORD" -eq 2 ]; then
			_bantam_words "$current" "leases --help"
		else
			_bantam_words "$current" "--json --help"
		fi
		;;
	doctor) _bantam_words "$current" "--json --quiet --help" ;;
	help)
		if [ "$COMP_CWORD" -eq 3 ] && [ "$previous" = img ]; then
			_bantam_words "$current" "create info check convert map compare resize snapshot rebase commit read write bench"
		else
			_bantam_words "$current" "run img net doctor help version"
		fi
		;;
	esac
}

complete -F _bantam bantam
