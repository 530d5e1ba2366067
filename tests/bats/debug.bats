#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The driver in a kernel that watches it: KASAN, UBSAN, lockdep, kmemleak, fault
# injection, KUnit. Five guests: one loses an allocation at every step and is
# searched for lost memory, another one is kept busy, one does both to lending, one
# loses the driver while memory is lent, and one does everything to mappings.
# PMPOOL_SEED=N repeats what test-fuzz, test-stress and test-map did, PMPOOL_LONG=N has
# the busy guest and that with mappings do N times as much.

load guest

WATCH="panic_on_warn=1 oops=panic"

# Run a program after the other, whether or not they fail.
# shellcheck disable=SC2016 # expanded in the guest
IN_TURN='status=0; for command; do $command || status=1; done; exit $status'

# usage: watched NAME [option of vm mini...] -- COMMAND...
watched() {
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	mini "$name" --kernel "$KERNEL" --module "$BUILD/debug/module/pmpool.ko" --no-kexec \
		--append "$WATCH" "${options[@]}" -- /bin/sh -c "$IN_TURN" sh "$@"
}

setup_file() {
	KERNEL=$("$VM" debug-kernel) || return 1
	make -s -C "$ROOT" BUILD="$BUILD" debug-module || return 1

	{
		watched leaks --pool 64M --timeout 900 --append "$WATCH kmemleak=on" \
			--allow-splat 'warn_alloc\+0x' \
			--file "$BUILD/debug/module/pmpool_kunit.ko:/lib/pmpool_kunit.ko" \
			--file "$BUILD/guest/test-kernel" --file "$BUILD/guest/test-failnth" \
			--file "$BUILD/guest/test-fuzz" --file "$BUILD/guest/test-stress" \
			-- "test-kernel start" "test-kernel kunit" "test-failnth" "test-fuzz 500" \
			"test-stress 40" "test-kernel end"
		truncate -s 1M "$BATS_FILE_TMPDIR/disk"
		watched map --mem 5G --pool 2304M --timeout $((900 * ${PMPOOL_LONG:-1})) --disk "$BATS_FILE_TMPDIR/disk" \
			--file "$BUILD/guest/test-map" -- "test-map $((300 * ${PMPOOL_LONG:-1})) 100 ${PMPOOL_SEED-}"
	} 3>&- &
	{
		watched busy --pool 256M --timeout $((900 * ${PMPOOL_LONG:-1})) \
			--file "$BUILD/guest/test-driver" --file "$BUILD/guest/test-fuzz" \
			--file "$BUILD/guest/test-stress" \
			-- "test-driver" "test-fuzz $((3000 * ${PMPOOL_LONG:-1})) ${PMPOOL_SEED-}" \
			"test-stress $((250 * ${PMPOOL_LONG:-1})) ${PMPOOL_SEED-}"
		watched lend --mem 1280M --pool 512M --timeout 900 --append "$WATCH kmemleak=on" \
			--allow-splat 'warn_alloc\+0x' \
			--file "$BUILD/guest/test-kernel" --file "$BUILD/guest/test-failnth" \
			-- "test-kernel start" "test-failnth lend" "test-kernel end"
		mini force --kernel "$KERNEL" --module "$BUILD/debug/module/pmpool.ko" --mem 2G --cpus 1 \
			--pool 768M --timeout 900 --reboots 1 --append "$WATCH" \
			--allow-splat 'sysrq triggered crash' \
			--file "$BUILD/debug/letgo/letgo.ko:/lib/letgo.ko" -- "$BUILD/guest/test-lend-force"
	} 3>&- &
	wait
}

@test "the ABI tests, one negative test an errno, in the debug kernel" {
	group busy load 20
	group busy abi 40
	group busy create 25
	group busy mmap 35
	group busy remove 12
	group busy owners 12
	group busy format 30
	# And every other group that there is.
	[ "$(grep "^not ok" "$BATS_FILE_TMPDIR/busy.tap" | grep -vc ' - \(fuzz\|stress\): ')" = 0 ]
}

@test "random ioctls: every answer is in the contract, and the pool stays sound" {
	group busy fuzz 16
}

@test "eight workers do everything to everything" {
	group busy stress 24
}

@test "the busy guest ended well: nothing on its console" {
	ended_well busy
}

@test "KUnit: free space and format" {
	group leaks kunit 15
}

@test "each allocation of each operation fails in turn, and nothing is half done" {
	group leaks failnth 24
}

@test "lending and taking back: each step fails in turn; nothing leaks, nothing is in two places" {
	group lend failnth 7
	group lend leak 2
	ended_well lend
}

@test "unloaded by force with memory that can not be emptied: nothing points to what is gone" {
	group force lend-force 35
	ended_well force
}

@test "everything that system calls do to mappings, and a seal against a write" {
	group map map 16
	group map race 4
	group map split 13
	ended_well map
}

@test "no memory is lost, and lockdep has watched to the end" {
	group leaks leak 2
}

@test "the guest with failures ended well: nothing on its console" {
	ended_well leaks
}
