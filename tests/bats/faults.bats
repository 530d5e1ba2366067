#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Kernels that end badly, and the pool at wrong times: minimal guests that panic,
# into the firmware's reset and into a crash kernel. tests/driver/*.c do the
# work, and each test here is one group of their checks.

load guest

# The panics that the tests cause; whatever else the kernel says is a failure.
PANIC='sysrq triggered crash'

setup_file() {
	# Memory besides the pool: 8 MiB right below it.
	local pool outside
	pool=$("$VM" pool-args --mem 1G --pool 128M)
	outside=$(printf '%#x' $((${pool##*@} - 8 * 1024 * 1024)))

	mini panic --cpus 1 --pool 128M --append "memmap=8M\$$outside" --reboots 1 --allow-splat "$PANIC" \
		--timeout 300 --file "$BUILD/pmkv-static:/bin/pmkv" \
		--file "$BUILD/pmkv-load-static:/bin/pmkv-load" \
		-- "$BUILD/guest/test-panic" "$outside" 3>&- &
	# RAM is below 2 GiB and from 4 GiB up to 0x135400000. Four more regions: reserved, where no RAM is; reserved,
	# and half of it RAM; where PCI devices can be; and persistent memory.
	# shellcheck disable=SC2016
	mini wrong --mem 2900M --cpus 1 --pool 128M --reboots 1 --allow-splat "$PANIC" --timeout 300 --append \
		'crashkernel=192M memmap=4M$0x90000000 memmap=4M$0x135200000 memmap=4M!0x20000000' \
		-- "$BUILD/guest/test-wrong" 4M@0x90000000 4M@0x135200000 4M@0xa0000000 4M@0x20000000 3>&- &
	wait
}

@test "before the panic: extents mapped, sealed and not mapped; pmkv being changed" {
	group panic before 6
}

@test "after a panic and a warm reset: mapped extents are dirty, every byte is there" {
	group panic after 18
}

@test "after it pmkv has the old or the new value of every key" {
	group panic pmkv 4
}

@test "the guest that panicked ended well" {
	ended_well panic
}

@test "hibernation is refused while the pool is attached, and the log says why" {
	group wrong hibernate 7
}

@test "of two loads at once one wins, and the pool is attached once" {
	group wrong twice 5
}

@test "a region that is not where the pool is is not formatted: moved, shorter, longer" {
	group wrong moved 32
}

@test "a region that holds no memory, or is not reserved, is refused, and the log says where" {
	group wrong nowhere 13
}

@test "a region that another driver has is refused, naming /proc/iomem" {
	group wrong in-use 7
}

@test "a crash kernel is loaded, and the kernel panics into it" {
	group wrong crash 3
}

@test "the crash kernel does not attach the pool" {
	group wrong crash-kernel 4
}

@test "the kernel after the crash kernel finds the pool as the crash left it" {
	group wrong crashed 5
}

@test "the guest that crashed ended well" {
	ended_well wrong
}
