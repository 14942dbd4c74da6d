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
	local flags="--kernel --initrd --append --cmdline --memory --cpus --name --disk --rng
		--balloon --serial --console --debugcon --log --timeout --idle-timeout --on-reboot --on-panic --debug-exit
		--events --config --dry-run --timeline --stats --verbose --help"

	case $2 in
	-k|--kernel|-i|--initrd|-d|--disk|--log|--events|--config) _bantam_paths "$1" ;;
	--serial|--console|--debugcon) _bantam_words "$1" "stdio pty file= unix= null" ;;
	--rng) _bantam_words "$1" "on off on,rate=" ;;
	--on-reboot) _bantam_words "$1" "exit restart" ;;
	--on-panic) _bantam_words "$1" "exit pause dump=" ;;
	-a|--append|--cmdline|-m|--memory|-c|--cpus|--name|--balloon|--timeout|--idle-timeout) ;;
	*) _bantam_words "$1" "$flags" ;;
	esac
}

_bantam() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		_bantam_words "$current" "run doctor help version --help --version"
		return
	fi
	case ${COMP_WORDS[1]} in
	run) _bantam_run "$current" "$previous" ;;
	doctor) _bantam_words "$current" "--json --quiet --help" ;;
	help) _bantam_words "$current" "run doctor help version" ;;
	esac
}

complete -F _bantam bantam
