# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What scripts that test pmpoolctl in a minimal guest share. They are TAP, of
# groups whose name is in $group.

group=
n=0
failed=0

# check WHAT COMMAND...: whether it is so
check() {
	what=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $group: $what"
	else
		echo "not ok $n - $group: $what"
		sed 's/^/# /' /tmp/out
		failed=1
	fi
}

# run STATUS COMMAND...: what it says is in /tmp/out
run() {
	status=$1
	shift
	"$@" >/tmp/out 2>&1
	[ $? = "$status" ]
}

says() { grep -qF -- "$1" /tmp/out; }

load() {
	# Only modprobe would find it there.
	insmod /lib/pmpool.ko "$(sed -n 's/.*pmpool\.\(region=[^ ]*\).*/\1/p' /proc/cmdline)"
}

finish() {
	echo "1..$n"
	exit $failed
}
