#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The library, its documentation and the Python module in a full guest, with the
# real driver and a real udev. One guest for the whole file.
#
# What stands in single quotes is expanded in the guest:
# shellcheck disable=SC2016

load guest

setup_file() {
	export GUEST=library-$$
	"$VM" start "$GUEST" --mem 2G --cpus 2 --pool 128M >&2
	BUILD=$BUILD "$ROOT/userspace/libpmpool/test/examples" "$BATS_FILE_TMPDIR/examples" >&2
	# Where the guest's shell finds programs, and Python what it is told to run.
	tar -C "$BATS_FILE_TMPDIR/examples/gcc" --exclude='*.c' -cf "$BATS_FILE_TMPDIR/tests.tar" .
	tar -rf "$BATS_FILE_TMPDIR/tests.tar" -C "$BUILD/guest" \
		test-libpmpool-{watch,threads,pool32} -C "$ROOT/userspace/python/test" test_pmpool.py
	"$VM" copy "$GUEST" "$BATS_FILE_TMPDIR/tests.tar" /root/tests.tar >&2
	"$VM" exec "$GUEST" -- tar -C /usr/local/bin -xf /root/tests.tar >&2
}

teardown_file() {
	"$VM" stop "$GUEST" >&2 || true
}

# Run a test program in the guest: it prints TAP, and so many checks at least.
# usage: passes COUNT COMMAND...
passes() {
	local count=$1
	shift
	must "$@"
	if [ "$(grep -c '^ok ' <<<"$output")" -lt "$count" ]; then
		printf 'fewer than %s checks:\n%s\n' "$count" "$output"
		return 1
	fi
}

# A program that reads its input runs in the background: its output is in
# /run/NAME.log, and it has no more input when /run/NAME.in is closed.
# usage: in_background NAME
in_background() {
	must mkfifo "/run/$1.in"
	must sh -c '{ $1 </run/$1.in; echo "status $?"; } >/run/$1.log 2>&1 &
		sleep 1000 >/run/$1.in & echo $! >/run/$1.pid' - "$1"
}

log_is() {
	must cat "/run/$1.log"
	says "$2"
}

input_ends() {
	must sh -c 'kill $(cat /run/$1.pid)' - "$1"
	until_true "grep -q ^status /run/$1.log"
}

@test "events: what is there, what comes, changes and goes, and what was lost" {
	passes 34 test-libpmpool-watch
}

@test "threads share objects, and ThreadSanitizer sees nothing wrong" {
	# The sanitizer knows no addresses as random as this kernel's.
	passes 6 setarch -R test-libpmpool-threads
}

@test "a program for 32 bits gets the same" {
	must test-libpmpool-pool32
	says "test-libpmpool-pool: ok"
}

@test "Python: create, open, change, watch, every error, nothing unmapped under a memoryview" {
	must sh -c 'cd /usr/local/bin && python3 -W error -B -m unittest test_pmpool'
	says_that "OK"
	[[ "$output" =~ Ran\ ([0-9]+)\ tests ]]
	[ "${BASH_REMATCH[1]}" -ge 23 ]
	must pmpoolctl list --json
	says "[]"
}

@test "pages: what the pool is, an extent made once, found and changed" {
	must pmpool_get_info
	says "126 of 128 MiB free, in generation 1"
	must pmpool_create
	says "sessions: created"
	must pmpool_create
	says "sessions: still there"
	must pmpool_next
	says "sessions: 4194304 bytes"
	must pmpool_get_limit
	says "4194304 bytes in 1 extents"
	must pmpoolctl set sessions --mode 0600
	must pmpool_set
	must udevadm settle
	must stat -c %a /dev/pmpool-extents/sessions
	says 640
	must pmpool_resize
	says "sessions: $((126 << 20)) bytes"
	must pmpoolctl resize sessions 4M
	guest runuser -u nobody pmpool_extent_open
	[ "$status" -eq 1 ]
	says "sessions: Permission denied"
}

@test "pages and README: a counter counts on" {
	guest libpmpool
	[ "$status" -eq 1 ]
	says "counter: No such file or directory"
	must pmpoolctl create counter 2M
	must libpmpool
	says "run 1"
	must libpmpool
	says "run 2"
	must README
	says "run 3"
	must pmpoolctl remove counter
}

@test "pages: a list with pointers at a fixed address" {
	must pmpoolctl create list 2M
	must pmpool_extent_map
	says "1"
	must pmpool_extent_map
	says "2 1"
	must pmpool_extent_map
	says "3 2 1"
	must pmpoolctl remove list
}

@test "pages: sealed when idle, dirty when not, and told so" {
	must pmpool_extent_open
	says "sessions: as they were left"
	in_background pmpool_extent_seal
	until_true "grep -q sealed /run/pmpool_extent_seal.log"
	must pmpool_extent_open
	says "sessions: as they were left"
	must sh -c 'echo >/run/pmpool_extent_seal.in'
	until_true "pmpool_extent_open | grep -q 'to be checked'"
	until_true "[ \$(grep -c sealed /run/pmpool_extent_seal.log) -eq 2 ]"
	must pmpool_extent_open
	says "sessions: as they were left"
	input_ends pmpool_extent_seal
	log_is pmpool_extent_seal $'sealed\nsealed\nstatus 0'
	must pmpoolctl remove sessions
}

@test "pages: a program waits for its extent" {
	must sh -c '{ pmpool_extent_wait; echo "status $?"; } >/run/wait.log 2>&1 &'
	must pmpoolctl create sessions 2M
	until_true "grep -q ^status /run/wait.log"
	must cat /run/wait.log
	says $'sessions: there\nstatus 0'
	guest pmpool_extent_wait a/b
	[ "$status" -eq 1 ]
	says "a/b: Invalid argument"
	guest unshare -m sh -c 'mount -t tmpfs none /run/udev && pmpool_extent_wait'
	[ "$status" -eq 1 ]
	says "sessions: Operation not supported"
	must pmpoolctl remove sessions
}

@test "pages: a program watches the pool come and go" {
	must pmpoolctl create before 2M
	must udevadm settle
	in_background pmpool_watch_new
	until_true "grep -q before /run/pmpool_watch_new.log"
	must pmpoolctl create after 2M
	until_true "grep -q 'after added' /run/pmpool_watch_new.log"
	must pmpoolctl remove before
	must systemctl stop pmpoold
	must rmmod pmpool
	until_true "grep -q 'the pool removed' /run/pmpool_watch_new.log"
	must modprobe pmpool
	until_true "[ \$(grep -c 'after added' /run/pmpool_watch_new.log) -eq 2 ]"
	input_ends pmpool_watch_new
	# udev is done with some devices before others.
	must sh -c 'sed "/the pool changed/d" /run/pmpool_watch_new.log | sort'
	says "after added
after added
after removed
before added
before removed
status 0
the pool added
the pool added
the pool removed"
}
