#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The kexec loop, short: `make soak CYCLES=300` is the same for longer.

load guest

# Its status in $status, its last line in $last; what it said is shown if a test
# fails.
soak() {
	status=0
	PMPOOL_BUILD=$BUILD "$ROOT/tests/soak/run" "$@" >"$BATS_TEST_TMPDIR/out" \
		2>"$BATS_TEST_TMPDIR/err" 3>&- || status=$?
	last=$(tail -n 1 "$BATS_TEST_TMPDIR/out")
	cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err"
	echo "exit status $status"
}

@test "10 kexecs in the middle of a workload: nothing acknowledged is lost" {
	soak 10
	[ "$status" -eq 0 ]
	[[ $last =~ ^"kexec loop: 10 cycles, "[1-9][0-9]*" records verified, 0 lost"$ ]]
}

@test "the loop finds what is lost: five things spoilt on purpose" {
	soak --spoil 2
	[ "$status" -eq 1 ]
	[[ $last =~ ^"kexec loop: 1 cycles, "[1-9][0-9]*" records verified, 5 lost"$ ]]
}
