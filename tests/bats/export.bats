#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# pmpoolctl export and import, in a minimal guest:
# userspace/pmpoolctl/test/test-export.sh does the work.

load guest

setup_file() {
	mini export --cpus 1 --pool 256M --timeout 240 \
		--file "$ROOT/userspace/pmpoolctl/test/test-export.sh:/bin/test-export" \
		--file "$ROOT/userspace/pmpoolctl/test/checks.sh:/bin/checks.sh" \
		--file "$BUILD/guest/damage:/bin/damage" \
		--file "$BUILD/guest/extent:/bin/extent" \
		--file "$BUILD/pmpoolctl-static:/bin/pmpoolctl" \
		-- /bin/test-export
}

@test "export: all attributes, nothing but what was touched, one file that is whole" {
	group export export 32
}

@test "export: what a program writes is refused, or marked; sealed is good" {
	group export live 13
}

@test "import: into another pool, in place of others, without losing those" {
	group export import 26
}

@test "import: a damaged, short or foreign file changes nothing" {
	group export damage 11
}

@test "import: a user's limit holds, and the extents are the user's" {
	group export limit 5
}

@test "import: killed, it leaves one extent that the next one removes" {
	group export killed 10
}

@test "the export guest ended well" {
	ended_well export
}
