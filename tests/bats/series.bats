#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel of patches/6.12, in minimal guests: tests/series/*.c do the work, in
# as few boots as possible, and each test here is one group of their checks. It is
# the debug kernel: KASAN and lockdep watch, and a warning ends the guest.

load guest

WATCH="panic_on_warn=1 oops=panic"

# usage: series NAME [option of vm mini...] -- PROGRAM [argument...]
series() {
	local name=$1
	shift
	mini "$name" --kernel "$KERNEL" --module "$BUILD/debug/module/pmpool.ko" --pool none --cpus 1 \
		--file "$BUILD/series/pmpool_poke.ko:/lib/pmpool_poke.ko" "$@"
}

setup_file() {
	local sample naive stock61 stock

	KERNEL=$("$VM" debug-kernel) || return 1
	naive=$("$VM" debug-kernel --naive) || return 1
	sample=$("$VM" debug-kernel --built deposit) || return 1
	stock=$("$VM" stock-kernel) || return 1
	stock61=$("$VM" stock-kernel 6.1) || return 1
	make -s -C "$ROOT" BUILD="$BUILD" debug-module series-module || return 1

	{
		series row --mem 1536M --timeout 400 --append "$WATCH kunit.enable=0 pmpool=128M" \
			--file "$BUILD/guest/test-row" -- /bin/test-row 100
		series efi --firmware efi --mem 1536M --timeout 500 --append "$WATCH kunit.enable=0 pmpool=96M efi=debug" \
			--file "$BUILD/guest/test-row" -- /bin/test-row
		series held --timeout 200 --append "$WATCH kunit.enable=0 pmpool=128M" --reboots 2 \
			--allow-splat 'sysrq triggered crash|Trigger a crash' \
			--file "$BUILD/guest/test-held" -- /bin/test-held
		series deposit --timeout 200 --append "$WATCH kunit.enable=0 pmpool=128M" \
			--file "$sample:/lib/deposit.ko" \
			--file "$BUILD/guest/test-deposit" -- /bin/test-deposit
		series kunit --no-kexec --timeout 120 --append "$WATCH pmpool=64M" \
			--file "$BUILD/debug/module/pmpool_kunit.ko:/lib/pmpool_kunit.ko" \
			--file "$BUILD/guest/test-kernel" -- /bin/test-kernel builtin
		series cma --firmware seabios --timeout 300 --append "$WATCH kunit.enable=0 pmpool=256M" \
			--file "$sample:/lib/pmpool-sample.ko" \
			--file "$BUILD/guest/test-cma" -- /bin/test-cma
	} 3>&- &
	{
		series trip --timeout 300 --append "$WATCH kunit.enable=0 pmpool=128M" \
			--kexec-file "$stock:stock" --kexec-file "$stock61:stock-6.1" \
			--file "$BUILD/guest/test-trip" -- /bin/test-trip stock stock-6.1 stock-6.1
		series lies --timeout 700 --append "$WATCH kunit.enable=0 pmpool=128M" \
			--file "$BUILD/series/pmpool_lie.ko:/lib/pmpool_lie.ko" \
			--file "$BUILD/guest/test-lies" -- /bin/test-lies
		series good --timeout 200 --append "$WATCH kunit.enable=0 pmpool=256M" \
			--file "$BUILD/guest/test-order" -- /bin/test-order kept
		KERNEL=$naive series naive --timeout 200 --append "kunit.enable=0 pmpool=256M" \
			--file "$BUILD/guest/test-order" -- /bin/test-order lost
		mini both --pool 128M --cpus 1 --timeout 300 --kexec-file "$KERNEL:series" \
			--file "$BUILD/debug/module/pmpool.ko:/lib/pmpool-series.ko" \
			--file "$BUILD/series/pmpool_poke.ko:/lib/pmpool_poke.ko" \
			--append "kunit.enable=0" --file "$BUILD/guest/test-both" -- /bin/test-both
	} 3>&- &
	wait
}

@test "KUnit: every test of the series and of the driver passes" {
	# The suites that there must be are named in test-kernel.c.
	group kunit kunit 60
	ended_well kunit
}

@test "three kexecs in a row, with no argument from the second on: all that is held stays, whatever memory is used" {
	group row row 50
	ended_well row
}

@test "the same on UEFI firmware, of which nothing is in the pool" {
	group efi row 50
	grep -q '^ok .*the firmware has [1-9][0-9]* pieces of memory' "$BATS_FILE_TMPDIR/efi.tap"
	ended_well efi
}

@test "ours, stock 6.12, ours, stock 6.1, ours, stock 6.1, ours: all boot, use all memory, leave every byte alone, and the map does not grow" {
	group trip trip 30
	ended_well trip
}

@test "a node that lies is refused and said, the region is kept, and nothing is given out" {
	group lies lies 60
	ended_well lies
}

@test "the proposal's order loses bytes, and this test sees it" {
	group naive order 5
	grep -q '^# [1-9][0-9]* bytes' "$BATS_FILE_TMPDIR/naive.tap"
}

@test "the order of the series loses none, with the same program" {
	group good order 5
	grep -q '^# 0 bytes' "$BATS_FILE_TMPDIR/good.tap"
	ended_well good
}

@test "after a panic everything is held until the manager has spoken" {
	group held before 4
	group held held 10
	ended_well held
}

@test "a header that tells of a larger pool: all of that is kept" {
	group held larger 3
}

@test "pages deposited to a hypervisor: grown, over kexec, verified, withdrawn" {
	group deposit deposit 20
	ended_well deposit
}

@test "a pool made on a stock kernel with memmap= is attached on ours, and back again" {
	group both stock 10
	group both series 10
	ended_well both
}

@test "the driver on the kernel's pool" {
	[ "$(grep -c ^ok "$BATS_FILE_TMPDIR/cma.tap")" -gt 20 ]
	ended_well cma
}
