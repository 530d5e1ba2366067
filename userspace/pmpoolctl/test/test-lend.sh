#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# pmpoolctl lend, in a minimal guest with a pool of some memory blocks. It finds
# /lib/pmpool.ko, pmpoolctl, checks.sh, and from the host jq.
#
# What check() is given is called by it, and jq has variables of its own:
# shellcheck disable=SC2317,SC2016

# shellcheck source=userspace/pmpoolctl/test/checks.sh
. /bin/checks.sh

total() { sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo; }
value() { pmpoolctl lend --json | jq ".$1"; }
state() { cat "/sys/devices/system/memory/memory$(($1))/state"; }

group=lend
check "the pool attaches" load
unit=$(value unit)
most=$(value lendable)
before=$(total)
check "nothing is lent at first" [ "$(value lent)" = 0 ]
check "and some could be" [ "$most" -ge "$((2 * unit))" ]
check "less than a memory block is nothing" run 0 pmpoolctl lend $((unit - 1)) --bytes
check "which is said" says "lent: 0 of $most that could be, in memory blocks of $unit"
check "one memory block" run 0 pmpoolctl lend "$unit"
check "is lent" [ "$(value lent)" = "$unit" ]
check "and used: there is more memory" [ "$(total)" -gt "$((before + unit * 98 / 102400))" ]
block=$((($(sed "s,-.*,," /sys/class/misc/pmpool/resource) + $(value offset)) / unit))
check "its memory block is online" [ "$(state $block)" = online ]
check "all" run 0 pmpoolctl lend all
check "is all that can be" [ "$(value lent)" = "$most" ]
check "all, once more, is no error" run 0 pmpoolctl lend all
check "info tells of it" [ "$(pmpoolctl info --json | jq .lent)" = "$most" ]
check "metrics too" sh -c "pmpoolctl metrics | grep -qx 'pmpool_lent_bytes $most'"
check "none of it is being taken back" sh -c "pmpoolctl metrics | grep -qx 'pmpool_emptying_bytes 0'"
pmpoolctl status >/tmp/status
check "status too" grep -qx "lent:         $((most >> 20)).0 MiB of what is free, to the system" /tmp/status
check "the map shows it" [ "$(pmpoolctl map --json | jq '.parts[] | select(.kind == "lent").size')" = "$most" ]
check "with a character of its own" sh -c "pmpoolctl map | grep -q '~ lent'"
check "an extent that needs it is made" run 0 pmpoolctl create needy $(($(pmpoolctl info --json | jq .free) - unit))
check "of what was lent the rest is" [ "$(value lent)" -lt "$most" ]
check "nothing" run 0 pmpoolctl lend off
check "is lent" [ "$(value lent)" = 0 ]
check "and the memory is gone" [ "$(total)" = "$before" ]
check "what is not a size" run 2 pmpoolctl lend much
check "is said" says "cannot lend 'much': not a size"
check "a timeout of nothing" run 2 pmpoolctl lend off --timeout 0
check "is said" says "it is a number of seconds from 1 to 86400"
check "the extent is there" run 0 pmpoolctl remove needy
finish
