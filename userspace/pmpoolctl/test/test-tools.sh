#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What pmpoolctl shows, and its manners, in a minimal guest with a pool of 64 MiB.
# It finds /lib/pmpool.ko, pmpoolctl, damage, checks.sh, the completion for bash,
# and from the host bash, jq and the locale C.UTF-8.
#
# What check() is given is called by it, and jq has variables of its own:
# shellcheck disable=SC2317,SC2016

# shellcheck source=userspace/pmpoolctl/test/checks.sh
. /bin/checks.sh

name63=abcdefghijklmnopqrstuvwxyz.ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789
name63=${name63%??}

# json STATUS FILTER COMMAND...: what it writes is JSON, of which FILTER is true.
json() {
	status=$1
	filter=$2
	shift 2
	"$@" >/tmp/out 2>/tmp/err
	# Of nothing at all, jq would think well.
	[ $? = "$status" ] && [ -s /tmp/out ] && jq -e "$filter" /tmp/out >/dev/null
}

# keys WHAT COMMAND...: for the host, which looks for them in pmpoolctl(1)
keys() {
	what=$1
	shift
	echo "# keys $what: $("$@" | jq -r '[if type == "array" then .[] else . end | keys[]] |
		unique | join(" ")')"
}

is() { [ "$(cat /tmp/out)" = "$1" ]; }
lines() { [ "$(wc -l </tmp/out)" = "$1" ]; }

# With its output or input closed or full.
full() { "$@" >/dev/full; }
closed() { "$@" >&-; }
closed_all() { "$@" <&- >&- 2>&-; }

# What bash offers for the last of these words.
complete() {
	bash -c 'source /bin/pmpoolctl.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
		_pmpoolctl "$1" "${!#}"; echo "${COMPREPLY[*]}"' bash "$@"
}

group="no pool"
for verb in list info map metrics limit status "create a 1M" "remove a" "rename a b" "resize a 1M" \
	"set a --mode 0600" check dump; do
	# shellcheck disable=SC2086
	check "$verb" run 4 pmpoolctl $verb
	check "$verb: why" says "no pool: is the pmpool module loaded? see dmesg"
done

group=usage
for verb in $(pmpoolctl --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	check "$verb: an unknown option" run 2 pmpoolctl "$verb" --nonsense
	check "$verb: which" says "unrecognized option '--nonsense'"
	# A file of any name could be.
	[ "$verb" = import ] ||
		check "$verb: arguments that can not be right" run 2 pmpoolctl "$verb" / b c d e
done
check "no verb" run 2 pmpoolctl
check "an unknown verb" run 2 pmpoolctl nonsense
check "which" says "there is no verb 'nonsense'"
check "a wrong colour" run 2 pmpoolctl map --color=blue
check "and what is right" says "--color 'blue': not one of auto, always and never"

load
# bash wants it for <(command).
ln -s /proc/self/fd /dev/fd

group=empty
check "list" run 0 pmpoolctl list
check "has headings" is "NAME  SIZE  OFFSET  OWNER  MODE  STATE  GEN"
check "list --json" run 0 pmpoolctl list --json
check "has nothing" is "[]"
check "map" run 0 pmpoolctl map
check "draws what is free" says "       0 B  =..............................."
check "without a table" lines 3
check "map --json" json 0 '[.parts[].kind] == ["metadata", "free"]' pmpoolctl map --json
check "metrics" run 0 pmpoolctl metrics
check "have no extents" says "pmpool_extents 0"
check "status, without a daemon" run 3 pmpoolctl status
check "says what is there" says "extents 0 of 2048"

group=json
check "create" json 0 '.name == "cache" and .size == 5242880 and .mode == "0640" and .tag == "a\"b\\c"' \
	pmpoolctl create cache 5M --mode 640 --tag 'a"b\c' --json
check "create, of 63 characters" json 0 ".name == \"$name63\"" pmpoolctl create "$name63" 1 --json
pmpoolctl create tmp 2M >/dev/null
check "rename" json 0 '.name == "last" and .size == 2097152' pmpoolctl rename tmp last --json
check "resize" json 0 '.name == "last" and .size == 3145729' pmpoolctl resize last 3145729 --json
check "set" json 0 '.mode == "0604" and .uid == 77' pmpoolctl set last -m 604 -o 77 --json
check "list" json 0 '[.[] | .offset] == ([.[] | .offset] | sort) and length == 3' pmpoolctl list --json
check "info" json 0 '.extents == 3 and .size == 67108864 and .state == "ok"' pmpoolctl info --json
check "info of an extent" json 0 '.uid == 77 and .clean and (.mapped | not)' pmpoolctl info last --json
check "limit" json 0 '[.[] | .uid] == [0, 77, null] and .[0].max_size == null' pmpoolctl limit --json
check "check" json 0 '.extents == 3 and .faults == []' pmpoolctl check --json
check "dump" json 0 '[.slots[].places[0].name] | sort | length == 3' pmpoolctl dump --json
check "status" json 3 '(.safe | not) and .pool.extents == 3 and .daemon.running == false' \
	pmpoolctl status --json
check "map: parts follow each other and are all of it" json 0 \
	'.size as $size | reduce .parts[] as $p (0; if . == $p.offset then . + $p.size else -1 end) == $size' \
	pmpoolctl map --json
check "map: an extent takes whole blocks" json 0 \
	'[.parts[] | select(.extent.name == "cache") | .size, .extent.size] == [6291456, 5242880]' \
	pmpoolctl map --json
for verb in list info "info cache" limit check dump map "check --dry-run" status; do
	# shellcheck disable=SC2086
	keys "$verb" pmpoolctl $verb --json
done

group=sizes
check "list" run 0 pmpoolctl list
check "in units" says "  5.0 MiB  2.0 MiB   root:root  0640  clean  1"
check "list --bytes" run 0 pmpoolctl list --bytes
check "exact" says "  5242880  2097152  "
check "info --bytes" run 0 pmpoolctl info -b
check "has the size" says "size:          67108864"
check "info of an extent" run 0 pmpoolctl info last --bytes
check "has its size" says "size:        3145729"
check "map --bytes" run 0 pmpoolctl map --bytes
check "has sizes" says "one character: 2097152,"
check "limit" run 0 pmpoolctl limit
check "in units" says "  4.0 MiB/-  1/-"
check "limit --bytes" run 0 pmpoolctl limit --bytes
check "exact, whole blocks" says "  4194304/-  1/-"
check "create --bytes" run 0 pmpoolctl create some 1.5M --bytes
check "says sizes" is "created 'some': 1572864 at offset 14680064"
check "resize --bytes" run 0 pmpoolctl resize some 2M --bytes
check "says the size" is "resized 'some': 2097152"
check "status --bytes" run 3 pmpoolctl status --bytes
check "has sizes" says "size:         67108864,"
check "remove" run 0 pmpoolctl remove some
check "says nothing" is ""

group=failed
check "create: the name is taken" run 1 pmpoolctl create cache 1M
check "create: too large" run 1 pmpoolctl create large 1G
check "info: there is none" run 1 pmpoolctl info nobody
check "remove: there is none, but the other goes" run 1 pmpoolctl remove nobody last
check "which" is "pmpoolctl: cannot remove 'nobody': there is no such extent; see pmpoolctl list"
check "and is gone" json 0 'length == 2' pmpoolctl list --json
check "create: a name that can not be" run 2 pmpoolctl create a/b 1M
check "create: a size that can not be" run 2 pmpoolctl create a 1X
check "set: nothing to set" run 2 pmpoolctl set cache
check "kexec: no daemon" run 3 pmpoolctl kexec --dry-run

group=map
check "map" run 0 env LC_ALL=C.UTF-8 COLUMNS=40 NO_COLOR=1 pmpoolctl map
check "in UTF-8" says "       0 B  ▓1██2░░░░░░░░░░░░░░░░░░░"
check "as wide as COLUMNS" says "  48.0 MiB  ░░░░░░░░"
check "with a table" says "1  cache "
check "and a long name" says "2  $name63  1 B "
check "in ASCII" run 0 env LC_ALL=C COLUMNS=40 pmpoolctl map
check "draws so" says "       0 B  =1##2..................."
check "no colours without a terminal" [ "$(grep -c '.\[' /tmp/out)" = 0 ]
check "unless asked for" run 0 env LC_ALL=C NO_COLOR=1 pmpoolctl map --color=always
check "draws in colour" says "$(printf '\033[0;32;7m1\033[0;32m##\033[0;33;7m2')"

group=output
for verb in --help "list --help" list info "info cache" limit map metrics check dump "list --json" \
	"map --json" "info --json" "create new 1M" "resize new 2M" "rename --json new newer" \
	"set --json newer --mode 600"; do
	# shellcheck disable=SC2086
	check "full: $verb" run 1 full pmpoolctl $verb
	check "full: $verb: why" says "pmpoolctl: cannot write the output: No space left on device"
done
check "what was done before is done" json 0 '.size == 2097152 and .mode == "0600"' \
	pmpoolctl info newer --json
check "full: status" run 3 full pmpoolctl status
for verb in --help list map "dump --json" "create --json other 1M"; do
	# shellcheck disable=SC2086
	check "closed: $verb" run 1 closed pmpoolctl $verb
	check "closed: $verb: why" says "pmpoolctl: cannot write the output: Bad file descriptor"
done
check "all closed" run 1 closed_all pmpoolctl list
check "all closed, where nothing is written" run 0 closed_all pmpoolctl remove newer other
check "a pipe that nobody reads" run 0 sh -c 'pmpoolctl dump | head -n 1'
check "says no more" is "{"
i=0
while [ $i -lt 24 ]; do
	pmpoolctl create "x$i" 2M >/dev/null || break
	i=$((i + 1))
done
check "more than fits into a buffer, full" run 1 full pmpoolctl list --json
check "why" says "pmpoolctl: cannot write the output: No space left on device"
for i in $(seq 0 23); do
	pmpoolctl remove "x$i"
done

group=complete
check "extents" run 0 complete pmpoolctl info ""
check "all of them" is "$name63 cache"
check "those that begin so" run 0 complete pmpoolctl remove ca
check "one" is "cache"
check "verbs" run 0 complete pmpoolctl ma
check "one" is "map"

pmpoolctl metrics | sed 's/^/# metrics: /'

group=degraded
rmmod pmpool
damage flip 0x1028
damage flip 0x1128
load
check "map" run 0 env LC_ALL=C pmpoolctl map
check "what is not known is not free" says "       0 B  =???1???????????????????????????"
check "and that is said" says "the pool is degraded: see pmpoolctl check"
check "map --json" json 0 '[.parts[].kind] == ["metadata", "unknown", "extent", "unknown"]' \
	pmpoolctl map --json
check "metrics" run 0 pmpoolctl metrics
check "say so" says 'pmpool_state{state="degraded"} 1'
check "check" run 1 pmpoolctl check
check "status" run 3 pmpoolctl status

finish
