# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the .bats files share. Everything they need has been built by `make
# tests image`; PMPOOL_BUILD says where, if not in build/.
#
# $output and $status are set by bats' `run`:
# shellcheck disable=SC2154

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BUILD=${PMPOOL_BUILD:-$ROOT/build}
VM=$ROOT/tests/vm/vm

# Run a test program in a minimal guest and keep its output for `group`.
# usage: mini NAME [option of vm mini...] -- PROGRAM [argument...]
mini() {
	local name=$1 status=0
	shift
	"$VM" mini --module "$BUILD/module/pmpool.ko" --no-load "$@" \
		>"$BATS_FILE_TMPDIR/$name.tap" 2>"$BATS_FILE_TMPDIR/$name.err" || status=$?
	echo "$status" >"$BATS_FILE_TMPDIR/$name.status"
}

# Every check of a group in a test program's output passed, and there were some.
# usage: group NAME GROUP [how many at least]
group() {
	local tap=$BATS_FILE_TMPDIR/$1.tap passed failed
	passed=$(grep -c "^ok [0-9]* - $2: " "$tap" || true)
	# With what they had to say.
	failed=$(awk -v group=" - $2: " '/^(not )?ok / { bad = /^not/ && index($0, group) } bad' "$tap")
	if [ -n "$failed" ] || [ "$passed" -lt "${3:-1}" ]; then
		echo "$passed checks of '$2' passed, at least ${3:-1} should; failed:"
		echo "${failed:-none}"
		tail -n 5 "$tap" "$BATS_FILE_TMPDIR/$1.err"
		return 1
	fi
}

# The guest ended well: no splat, no missing status.
ended_well() {
	if [ "$(cat "$BATS_FILE_TMPDIR/$1.status")" != 0 ]; then
		echo "exit status $(cat "$BATS_FILE_TMPDIR/$1.status"); the end of what it said:"
		tail -n 20 "$BATS_FILE_TMPDIR/$1.tap" "$BATS_FILE_TMPDIR/$1.err"
		return 1
	fi
}

# Debian's kexec-tools, unpacked and not installed: kexec itself, and libraries that it
# needs and few machines have in lib/, below $KEXEC_TOOLS. Fails, and says why, when it can not
# be had from apt.
kexec_tools() {
	KEXEC_TOOLS=${PMPOOL_CACHE:-$HOME/.cache/pmpool}/kexec-tools
	[ ! -e "$KEXEC_TOOLS" ] || return 0
	local work packages
	work=$(mktemp -d "$KEXEC_TOOLS.XXXXXX") || return 1
	mapfile -t packages < <(apt-cache depends --recurse --important kexec-tools 2>"$work/log" |
		grep -E '^(kexec-tools|libxen.*)$')
	(cd "$work" && mkdir tree &&
		apt-get -q -o APT::Sandbox::User=root download "${packages[@]}" >>log 2>&1 &&
		for deb in *.deb; do dpkg-deb -x "$deb" tree || exit 1; done &&
		mkdir lib && cp tree/sbin/kexec . &&
		LD_LIBRARY_PATH=$work/tree/usr/lib/x86_64-linux-gnu ldd kexec |
			awk -v tree="$work/" 'index($3, tree) == 1 { print $3 }' | xargs cp -L -t lib &&
		rm -r tree ./*.deb) && mv -T "$work" "$KEXEC_TOOLS" 2>/dev/null
	[ -x "$KEXEC_TOOLS/kexec" ] || {
		echo "kexec-tools can not be had from apt, or unpacked: ./bootstrap setup fetches the lists of packages"
		cat "$work/log"
	} >&2
	rm -rf "$work"
	[ -x "$KEXEC_TOOLS/kexec" ]
}

# What follows is for a full guest, whose name is in $GUEST.

# Run a command in the guest, as bats' `run` does: its output in $output, its
# status in $status.
guest() {
	run "$VM" exec "$GUEST" --timeout "${SECONDS_IN_GUEST:-240}" -- "$@"
}

# The same, and it must succeed.
must() {
	guest "$@"
	if [ "$status" -ne 0 ]; then
		echo "in the guest: $*"
		echo "exit status $status: $output"
		return 1
	fi
}

# The command must become true in the guest, within a minute of the guest's own time.
until_true() {
	SECONDS_IN_GUEST=60 must sh -c "until $1; do sleep 0.2; done"
}

boot_id() {
	must cat /proc/sys/kernel/random/boot_id
	echo "$output"
}

# Another kernel runs than that of this boot.
until_other_boot() {
	"$VM" wait "$GUEST" --after "$1" >&2
}

# The output is exactly this.
says() {
	if [ "$output" != "$1" ]; then
		printf 'it says:  %s\nit should: %s\n' "$output" "$1"
		return 1
	fi
}

# The output has this in it.
says_that() {
	if [[ "$output" != *"$1"* ]]; then
		printf 'it says: %s\nwhich has not: %s\n' "$output" "$1"
		return 1
	fi
}

# Put a driver into the guest that says it has the backing cma, though it has not: for
# who looks at what drivers say. usage: says_cma PATH
says_cma() {
	local info=$BATS_FILE_TMPDIR/modinfo
	objcopy --dump-section ".modinfo=$info" "$BUILD/module/pmpool.ko" "$info.ko"
	LC_ALL=C sed -zi '/^pmpool_backings=/d' "$info"
	printf 'pmpool_backings=reserved cma\0' >>"$info"
	objcopy --update-section ".modinfo=$info" "$info.ko"
	"$VM" copy "$GUEST" "$info.ko" "$1" >&2
}

# Attaches of the pool, this one included.
generation() {
	must cat /sys/class/misc/pmpool/generation
	echo "$output"
}

# What pmpoold is on the bus.
MANAGER="org.pmpool1 /org/pmpool1 org.pmpool1.Manager"

# usage: property NAME; property NAME TYPE-AND-VALUE waits until it is that
property() {
	if [ $# -eq 1 ]; then
		must sh -c "busctl get-property $MANAGER $1"
	else
		until_true "test \"\$(busctl get-property $MANAGER $1)\" = '$2'"
	fi
}
