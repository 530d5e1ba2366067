#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The library, and pmpoolctl check --repair, on a pool that the driver has, in a
# minimal guest with a pool. It finds /lib/pmpool.ko, pmpoolctl,
# test-libpmpool-pool, damage (test/damage.c) and checks.sh.
#
# What check() is given is called by it:
# shellcheck disable=SC2317

# shellcheck source=userspace/pmpoolctl/test/checks.sh
. /bin/checks.sh
group=repair

state() { [ "$(cat /sys/class/misc/pmpool/state)" = "$1" ]; }
lists() { [ "$(pmpoolctl list | awk 'NR > 1 { printf "%s ", $1 }')" = "$1" ]; }

load
check "the library works on it" run 0 test-libpmpool-pool
check "an extent is made" run 0 pmpoolctl create a 5M
pmpoolctl create b 1M >/dev/null
pmpoolctl create c 1M >/dev/null
pmpoolctl create gone 1M >/dev/null
pmpoolctl remove gone
pmpoolctl limit 77 --size 8M
check "nothing is wrong with it" run 0 pmpoolctl check
check "and that is said" says "3 extents, 1 limit: nothing is wrong"
check "a dump has all of it" run 0 pmpoolctl dump
check "with the limit" says '"uid": 77'

# Both places of one, one of others.
rmmod pmpool
damage catalog /tmp/catalog
for at in 0x1028 0x1128 0x1328 0x1428; do
	damage flip $at
done
load
check "a damaged pool is degraded" state degraded
check "check fails" run 1 pmpoolctl check
check "names the extent and its place" says "fault: 'a'?, slot 0, offset 0x1000: no place is valid"
check "the first place of a record" says "fault: 'c', slot 2, offset 0x1400: first place"
check "the second place of a record" says "fault: 'b', slot 1, offset 0x1300: second place"
check "a dry run" run 1 pmpoolctl check --dry-run --catalog /tmp/catalog
check "changes nothing" state degraded
check "without a catalog, something is left" run 1 pmpoolctl check --repair
check "which is said" says "left: 'a'?, slot 0: there is no catalog"
check "with one, nothing is" run 0 pmpoolctl check --repair --catalog /tmp/catalog
check "the pool is not degraded any more" state ok
check "the extent is back" lists "a b c "
check "and nothing is wrong" run 0 pmpoolctl check

# Contradictions.
rmmod pmpool
damage overlap 9 d
damage limit 11 77
load
check "a pool with contradictions is degraded" state degraded
check "none of two that overlap is there" lists "b c "
check "the catalog decides" run 1 pmpoolctl check --repair --catalog /tmp/catalog
check "for the one that it lists" says "repaired: 'd', slot 9: given up"
check "but not about limits" says "left: limit of user 77, slot 11"
check "one of them is given up" run 0 pmpoolctl check --repair --give-up 11
check "the pool is whole again" state ok
check "with what the catalog lists" lists "a b c "

rmmod pmpool
damage name 10
load
check "two of a name: one is renamed" run 0 pmpoolctl check --repair --catalog /tmp/catalog
check "and both are there" lists "a b c a.slot10 "

rmmod pmpool
load
check "all that lasts" run 0 pmpoolctl check
check "for the next driver too" state ok

finish
