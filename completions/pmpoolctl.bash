# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion of pmpoolctl's command lines in bash. Verbs and options are those
# that --help lists, and how it names an argument says what can stand there.

# _pmpoolctl_options COMMAND VERB: "--mode=MODE" or "-m=MODE", one a line
_pmpoolctl_options() {
	local line option='^ +(-([a-zA-Z]), )?(--[a-z-]+)(=[A-Z]+)?( |$)'

	while IFS= read -r line; do
		[[ $line =~ $option ]] || continue
		printf '%s\n' "${BASH_REMATCH[3]}${BASH_REMATCH[4]}"
		[[ -z ${BASH_REMATCH[2]} ]] || printf '%s\n' "-${BASH_REMATCH[2]}${BASH_REMATCH[4]}"
	done < <("$1" ${2:+"$2"} --help 2>/dev/null)
}

# _pmpoolctl_verbs COMMAND
_pmpoolctl_verbs() {
	local line verb='^  ([a-z]+) '

	while IFS= read -r line; do
		[[ ! $line =~ $verb ]] || printf '%s\n' "${BASH_REMATCH[1]}"
	done < <("$1" --help 2>/dev/null)
}

# _pmpoolctl_arguments COMMAND VERB: what its usage names, "NAME" and "FILE"
_pmpoolctl_arguments() {
	local line word

	while IFS= read -r line; do
		[[ $line == *"pmpoolctl $2 "* ]] || continue
		for word in ${line#*"pmpoolctl $2 "}; do
			# What an option takes is not for here.
			[[ $word == *-[a-z]*=* ]] || tr -c 'A-Z\n' '\n' <<<"${word/OPTION/}"
		done
	done < <("$1" "$2" --help 2>/dev/null)
}

# _pmpoolctl_values CUR KIND...: adds to COMPREPLY what begins with CUR
_pmpoolctl_values() {
	local cur=$1 kind extent
	shift

	for kind; do
		case $kind in
		NAME | OLD | WHICH)
			for extent in /sys/class/pmpool/"$cur"*; do
				[[ ! -e $extent ]] || COMPREPLY+=("${extent##*/}")
			done
			;;
		FILE | PATH)
			compopt -o filenames 2>/dev/null
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
			;;
		USER)
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -u -- "$cur")
			;;
		GROUP)
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -g -- "$cur")
			;;
		WHEN)
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "auto always never" -- "$cur")
			;;
		esac
	done
}

_pmpoolctl() {
	local command=$1 cur=$2 option='' verb='' line words i

	COMPREPLY=()
	type -t "$command" >/dev/null || command=pmpoolctl

	# The verb is the first word that is no option; none of these takes a value.
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -* ]] || { verb=${COMP_WORDS[i]}; break; }
	done

	# bash splits --mode=0640 at the "=".
	if [[ ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then
		option=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == -* ]]; then
		option=${COMP_WORDS[COMP_CWORD - 1]}
	fi

	if [[ -n $verb && -n $option ]]; then
		while IFS= read -r line; do
			if [[ $line == "$option="* ]]; then
				_pmpoolctl_values "$cur" "${line#*=}"
				return
			fi
		done < <(_pmpoolctl_options "$command" "$verb")
	fi

	if [[ $cur == -* ]]; then
		mapfile -t words < <(_pmpoolctl_options "$command" "$verb" | grep '^--' | sed 's/=.*/=/')
		mapfile -t COMPREPLY < <(compgen -W "${words[*]}" -- "$cur")
		[[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
	elif [[ -z $verb ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_pmpoolctl_verbs "$command")" -- "$cur")
	elif [[ $verb != create ]]; then
		# What is created has a name that nothing has yet.
		mapfile -t words < <(_pmpoolctl_arguments "$command" "$verb" | sort -u)
		_pmpoolctl_values "$cur" "${words[@]}"
	fi
}

complete -F _pmpoolctl pmpoolctl
