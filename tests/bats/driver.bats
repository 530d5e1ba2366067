#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The driver alone, in minimal guests: tests/driver/*.c do the work, in as few
# boots as possible, and each test here is one group of their checks.

load guest

setup_file() {
	local lib libs=()

	{
		mini driver --cpus 1 --pool 192M --timeout 240 \
			--file "$BUILD/guest/test-driver:/bin/test-driver" -- /bin/test-driver
		mini driver32 --cpus 1 --pool 192M --timeout 240 \
			--file "$BUILD/guest/test-driver32:/bin/test-driver" -- /bin/test-driver
		truncate -s 1M "$BATS_FILE_TMPDIR/disk"
		mini map --mem 5G --cpus 2 --pool 2304M --timeout 600 --no-kexec \
			--disk "$BATS_FILE_TMPDIR/disk" -- "$BUILD/guest/test-map" 1000 300 \
			${PMPOOL_SEED:+"$PMPOOL_SEED"}
		mini repair --cpus 1 --pool 64M --timeout 240 \
			--file "$ROOT/userspace/pmpoolctl/test/test-repair.sh:/bin/test-repair" \
			--file "$ROOT/userspace/pmpoolctl/test/checks.sh:/bin/checks.sh" \
			--file "$BUILD/guest/damage:/bin/damage" \
			--file "$BUILD/pmpoolctl-static:/bin/pmpoolctl" \
			--file "$BUILD/test-libpmpool-pool:/bin/test-libpmpool-pool" \
			-- /bin/test-repair
		mini lend-force --mem 2G --pool 768M --cpus 1 --timeout 400 --reboots 1 \
			--allow-splat 'sysrq triggered crash' -- "$BUILD/guest/test-lend-force"
		mini slow --mem 2G --pool 768M --cpus 2 --timeout 400 -- "$BUILD/guest/test-slow"
		mini lend --mem 2G --pool 768M --cpus 2 --timeout 400 \
			--file "$BUILD/guest/test-lend:/bin/test-lend" -- /bin/test-lend
	} 3>&- &
	{
		mini kexec --firmware efi --cpus 1 --pool 128M --timeout 600 \
			--file "$BUILD/guest/test-kexec:/bin/test-kexec" -- /bin/test-kexec
		# Without it the test of that says so.
		if kexec_tools 2>"$BATS_FILE_TMPDIR/kexec-load.err"; then
			# Not where they are here: in the guest that may be below another mount.
			for lib in "$KEXEC_TOOLS"/lib/*; do
				libs+=(--file "$lib:/lib/kexec-tools/${lib##*/}")
			done
			LD_LIBRARY_PATH=$KEXEC_TOOLS/lib mini kexec-load --mem 2G --cpus 1 \
				--pool 768M --timeout 300 --file "$KEXEC_TOOLS/kexec" "${libs[@]}" \
				-- "$BUILD/guest/test-kexec-load" /lib/kexec-tools
		fi
		mini lend-kexec --nodes 2 --mem 2G --cpus 1 --pool 1G --timeout 600 \
			--file "$BUILD/guest/test-lend-kexec:/bin/test-lend-kexec" -- /bin/test-lend-kexec
	} 3>&- &
	wait
}

@test "a region that is System RAM, misaligned, too small or malformed is refused" {
	group driver load 20
}

@test "an attached region is named in /proc/iomem and in no System RAM range" {
	group driver attach 12
}

@test "ioctls: sizes, flags, padding and unknown commands" {
	group driver abi 90
}

@test "create: a bad name, size 0, too large, an existing name, every other error" {
	group driver create 25
}

@test "an extent is what was asked for, in sysfs and under /dev too" {
	group driver extent 8
}

@test "mmap: both devices, page faults, every error" {
	group driver mmap 35
}

@test "remove: a missing one, a mapped one; the next owner sees zeroes" {
	group driver remove 12
}

@test "when an extent was first opened is known, by whichever device" {
	group driver "first open" 8
	group driver32 "first open" 8
}
@test "listing is in order, complete, and no two extents overlap" {
	group driver next 6
}

@test "the pool filled with extents and emptied again" {
	group driver many 2
}

@test "another user's extent can not be opened, mapped or removed" {
	group driver owners 12
}

@test "rename: every error, and nothing but the name changes" {
	group driver rename 16
}

@test "resize: in place, with the largest length told; zeroes in what is added" {
	group driver resize 18
}

@test "set: mode, owner, group and tag, by those who may" {
	group driver set 17
}

@test "seal: clean until the next write, by whatever mapping" {
	group driver seal 21
}

@test "limits: on bytes and extents, per user and for everybody, kept in the pool" {
	group driver limit 22
}

@test "a file that is open for long keeps nothing of extents that were removed" {
	group driver grants 2
}

@test "a caller whose memory is slow keeps nobody waiting, nor the next kernel" {
	group slow slow 23
	group slow slow-late 12
	group slow slow-kexec 4
	ended_well slow
}

@test "the metadata is read by root alone, and written by nobody" {
	group driver metadata 3
}

@test "a damaged record is decided on, and only soundly" {
	group driver repair 12
}

@test "unloading is refused while in use; unloading and loading loses nothing" {
	group driver unload 10
}

@test "newer, damaged and foreign formats are refused or degraded, never overwritten" {
	group driver format 30
}

@test "what users inside the kernel have is kept from extents, told, and never lost" {
	group driver hold 35
}

@test "pmpoolctl finds damage in the pool that is attached, and mends it" {
	group repair repair 31
	ended_well repair
}

@test "a 32-bit program gets the same results" {
	ended_well driver32
	diff <(sed 's/^\(not \)*ok [0-9]* - //' "$BATS_FILE_TMPDIR/driver.tap") \
		<(sed 's/^\(not \)*ok [0-9]* - //' "$BATS_FILE_TMPDIR/driver32.tap")
	[ "$(grep -c ^ok "$BATS_FILE_TMPDIR/driver32.tap")" -gt 300 ]
}

@test "long extents are mapped by blocks, and sealed so" {
	group map large 12
}

@test "1 GiB that was used before: a hole of one page, and moved" {
	group map split 13
}

@test "random system calls on mappings: every page is what a model says" {
	group map map 16
}

@test "sealed while a page is written and read: the mark is never wrong" {
	group map race 4
	group map fork 5
}

@test "a debugger reads and writes an extent; msync and fsync succeed" {
	group map debugger 21
	group map sync 7
}

@test "without struct pages: what works and what fails is what pmpool(4) says" {
	group map "no pages" 16
}

@test "the guest with the mappings ended well" {
	ended_well map
}

@test "lending: who may, what is told, every error" {
	group lend lend-abi 11
}

@test "the system has the memory that is lent, and the resource tree says so" {
	group lend lend-system 10
}

@test "an extent that needs lent memory gets it, zeroed; what was there is moved" {
	group lend lend-back 12
}

@test "an extent grows into lent memory" {
	group lend lend-grow 9
}

@test "memory that can not be emptied: an answer in time, nobody else waits, and a retry" {
	group lend lend-stuck 15
}

@test "all of it taken back, the driver can be unloaded" {
	group lend lend-unload 6
	ended_well lend
}

@test "unloaded by force with memory that can not be emptied: that stays the system's, and nothing else" {
	group lend-force lend-force 35
	ended_well lend-force
}

@test "kexec_load, when nothing holds it back, writes over the end of the pool" {
	[ -e "$BATS_FILE_TMPDIR/kexec-load.tap" ] || { cat "$BATS_FILE_TMPDIR/kexec-load.err"; return 1; }
	group kexec-load kexec-load 9
	ended_well kexec-load
}

@test "kexec with memory lent: nothing of the next kernel is there, nor told to it" {
	group lend-kexec lend-kexec 50
	ended_well lend-kexec
}

@test "the driver's guest ended well" {
	ended_well driver
}

@test "three kexecs in a row keep every byte, the clean marks and the generation" {
	group kexec row 27
}

@test "a kernel without the driver leaves the region alone, whatever memory it uses" {
	group kexec without 3
}

@test "the kernel after it finds everything" {
	group kexec back 10
}

@test "the kexec guest ended well" {
	ended_well kexec
}
