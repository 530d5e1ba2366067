#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What pmpoolctl shows, and its manners, in one minimal guest:
# userspace/pmpoolctl/test/test-tools.sh does the work, and each test here is one
# group of its checks, or looks at what it wrote.

load guest

setup_file() {
	mini tools --cpus 1 --pool 64M --timeout 240 \
		--file "$ROOT/userspace/pmpoolctl/test/test-tools.sh:/bin/test-tools" \
		--file "$ROOT/userspace/pmpoolctl/test/checks.sh:/bin/checks.sh" \
		--file "$ROOT/completions/pmpoolctl.bash:/bin/pmpoolctl.bash" \
		--file "$BUILD/guest/damage:/bin/damage" \
		--file "$BUILD/pmpoolctl-static:/bin/pmpoolctl" \
		--file /usr/lib/locale/C.utf8/LC_CTYPE:/usr/lib/locale/C.utf8/LC_CTYPE \
		--file /bin/bash --file "$(command -v jq):/bin/jq" \
		-- /bin/test-tools
	mini lend --mem 1536M --cpus 1 --pool 512M --timeout 240 \
		--file "$ROOT/userspace/pmpoolctl/test/test-lend.sh:/bin/test-lend" \
		--file "$ROOT/userspace/pmpoolctl/test/checks.sh:/bin/checks.sh" \
		--file "$BUILD/pmpoolctl-static:/bin/pmpoolctl" --file "$(command -v jq):/bin/jq" \
		-- /bin/test-lend
}

@test "without a pool every verb says so, with an exit status of its own" {
	group tools "no pool" 24
}

@test "what can not be right is refused, with an exit status of its own" {
	group tools usage 40
}

@test "a pool without extents" {
	group tools empty 12
}

@test "JSON, from each verb that prints or makes something" {
	group tools json 14
}

@test "sizes in units, and in bytes" {
	group tools sizes 20
}

@test "what fails says why, with an exit status of its own" {
	group tools failed 10
}

@test "a map, in UTF-8 and in ASCII, with and without colours" {
	group tools map 10
}

@test "a full device, a closed output, and a pipe that nobody reads" {
	group tools output 45
}

@test "bash completes the names of extents" {
	group tools complete 6
}

@test "a degraded pool is not drawn or counted as a good one" {
	group tools degraded 8
}

@test "all keys of JSON are in pmpoolctl(1)" {
	local page=$ROOT/man/pmpoolctl.1 verbs=0 what list missing=()

	# From the description of JSON, what is a word by itself.
	page=$(sed -n '/^\.Ss JSON/,/^\.Sh/p' "$page")
	while IFS=: read -r what list; do
		verbs=$((verbs + 1))
		for key in $list; do
			grep -qE "^\.(It )?Va (.* )?$key( |$)" <<<"$page" || missing+=("$what:$key")
		done
	done < <(sed -n 's/^# keys //p' "$BATS_FILE_TMPDIR/tools.tap")
	echo "not in pmpoolctl(1): ${missing[*]}"
	[ ${#missing[@]} -eq 0 ]
	[ "$verbs" -ge 9 ]
}

@test "metrics are OpenMetrics, and of the form that node_exporter reads" {
	sed -n 's/^# metrics: //p' "$BATS_FILE_TMPDIR/tools.tap" >"$BATS_TEST_TMPDIR/metrics"
	/usr/bin/python3 - "$BATS_TEST_TMPDIR/metrics" <<-'END'
		import sys
		from prometheus_client.openmetrics.parser import text_string_to_metric_families as new
		from prometheus_client.parser import text_string_to_metric_families as old

		text = open(sys.argv[1]).read()
		families = {f.name: f for f in new(text)}
		assert text.endswith('\n# EOF\n')
		samples = {(s.name, *sorted(s.labels.items())): s.value
		           for f in families.values() for s in f.samples}
		for family in families.values():
		    assert family.name.startswith('pmpool_') and family.documentation, family
		    assert family.type in ('gauge', 'counter'), family
		    assert family.samples, family
		    assert family.unit == {'bytes': 'bytes', 'seconds': 'seconds'}.get(
		        family.name.rsplit('_', 1)[1], ''), family
		assert samples['pmpool_size_bytes',] == 64 << 20
		assert samples['pmpool_attaches_total',] == 1
		assert samples['pmpool_extents',] == 2
		assert samples['pmpool_state', ('state', 'ok')] == 1
		assert samples['pmpool_extent_size_bytes', ('name', 'cache')] == 5 << 20
		assert samples['pmpool_extent_mappings', ('name', 'cache')] == 0
		assert samples['pmpool_daemon_up',] == 0
		assert families['pmpool_extent_info'].samples[0].labels['tag'] == 'a"b\\c'
		assert 'pmpool_kexec_safe' not in families
		# The older form has the same samples.
		assert samples == {(s.name, *sorted(s.labels.items())): s.value
		                   for f in old(text) for s in f.samples}
	END
}

@test "the guest ended well" {
	ended_well tools
}

@test "memory is lent and taken back, and shown wherever the pool is" {
	group lend lend 26
	ended_well lend
}
