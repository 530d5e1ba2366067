#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The next kernel: which one is chosen, when it is staged anew, what is refused,
# and that nobody's image but a checked one is started. One full guest for the
# whole file; each test goes on from where the last one left it. What a bare
# `systemctl kexec` keeps is in system.bats.
#
# What stands in single quotes is expanded in the guest:
# shellcheck disable=SC2016

load guest

setup_file() {
	export GUEST=kexec-$$
	"$VM" start "$GUEST" --mem 2G --cpus 2 --pool 256M >&2
	"$VM" exec "$GUEST" -- sh -c '
		pmpoolctl create precious 6M
		pmkv --extent precious --socket /run/precious & echo $! >/run/holder
		pmkv-load write --connect /run/precious --wait 600 --keys 100
		kill $(cat /run/holder)' >&2
}

teardown_file() {
	"$VM" stop "$GUEST" >&2 || true
}

# The release that runs, and a newer one, which is the same under another name.
releases() {
	must uname -r
	old=$output
	new=${old/6.12./6.13.}
	[ "$old" != "$new" ]
}

# What a package of the newer one would bring.
newer_kernel() {
	must sh -c "LC_ALL=C sed 's/$old /$new /' /boot/vmlinuz-$old >/boot/vmlinuz-$new"
}

newer_initrd() {
	must cp "/boot/initrd.img-$old" "/boot/initrd.img-$new"
}

# usage: newer_module [RANGE of format versions]
newer_module() {
	must mkdir -p "/lib/modules/$new/updates"
	must sh -c "LC_ALL=C sed 's/vermagic=$old /vermagic=$new /; s/pmpool_format=1-1/pmpool_format=${1:-1-1}/' \
		/lib/modules/$old/updates/pmpool.ko >/lib/modules/$new/updates/pmpool.ko && depmod $new"
}

# The daemon has staged that release, soon.
stages() {
	property StagedRelease "s \"$1\""
	property Safe "b true"
	until_true "grep -qx 1 /sys/kernel/kexec_loaded"
}

# Nothing is staged, soon, and the reasons have this in them.
refuses() {
	property Safe "b false"
	until_true "grep -qx 0 /sys/kernel/kexec_loaded"
	property Reasons
	says_that "$1"
}

# What is on the daemon's command line for the next kernel has this in it.
cmdline_has() {
	property StagedCommandLine
	says_that "$1"
}

# As Debian's kernel packages do when they are configured, and removed.
hooks() {
	must run-parts --exit-on-error "--arg=$2" "--arg=/boot/vmlinuz-$2" "/etc/kernel/$1.d"
}

# What the kernel's count of loads is: it goes down with every one.
COUNT=/proc/sys/kernel/kexec_load_limit_reboot

# How often the daemon has found that somebody else had loaded or unloaded an image.
FOUND="journalctl -b -u pmpoold -o cat | grep -c 'somebody else has loaded or unloaded a kexec image'"

# Somebody else does that, and the daemon finds it and acts.
replaced() {
	guest sh -c "$FOUND"
	local before=$output
	must "$@"
	until_true "test \"\$($FOUND)\" -gt $before"
}

@test "a dry run says what would be loaded and each verdict, a line each, and loads nothing" {
	releases
	must cat "$COUNT"
	before=$output
	must pmpoold --dry-run
	for line in 'ok   pool: ' 'ok   region: ' 'ok   module: ' 'ok   reservation: ' 'ok   memory: ' \
		"ok   kernel: /boot/vmlinuz-$old is $old, the newest of 1 installed" \
		"ok   initrd: /boot/initrd.img-$old" 'command line: '; do
		grep -q "^$line" <<<"$output" || { echo "no '$line' in: $output"; return 1; }
	done
	must pmpoolctl kexec --dry-run
	says_that "/boot/vmlinuz-$old"
	must cat "$COUNT"
	says "$before"
}

@test "a newer kernel is passed over until it has an initrd and the driver, then it is chosen" {
	releases
	newer_kernel
	hooks postinst "$new"
	stages "$old"
	must pmpoold --dry-run
	says_that "$new is passed over: /boot/initrd.img-$new cannot be opened"
	newer_initrd
	must pmpoold --dry-run
	says_that "$new is passed over: there is no pmpool.ko for $new"
	newer_module
	must pmpoold --dry-run
	says_that "/boot/vmlinuz-$new is $new, the newest of 2 installed"
	hooks postinst "$new"
	stages "$new"
}

@test "what changes without a package is noticed: an initrd, modules" {
	releases
	must mv "/boot/initrd.img-$new" /root/initrd
	stages "$old"
	must mv /root/initrd "/boot/initrd.img-$new"
	stages "$new"
	must sh -c "mv /lib/modules/$new/updates/pmpool.ko /root/ && depmod $new"
	stages "$old"
	must sh -c "mv /root/pmpool.ko /lib/modules/$new/updates/ && depmod $new"
	stages "$new"
}

@test "a kernel whose driver does not attach the pool's format is passed over; asked for, it is refused" {
	releases
	newer_module 2-3
	stages "$old"
	guest pmpoolctl stage --kernel "/boot/vmlinuz-$new"
	[ "$status" -eq 3 ]
	says_that "module: /lib/modules/$new/updates/pmpool.ko: it attaches pools of format version 2-3, and this pool has version 1"
	refuses "format version 2-3"
	guest systemctl kexec
	[ "$status" -ne 0 ]
	must systemctl reload pmpoold
	stages "$old"
	newer_module
	stages "$new"
}

@test "asked for once: kernel, initrd and command line; it holds until the next reload" {
	releases
	must pmpoolctl stage --kernel "/boot/vmlinuz-$old" --append 'test.asked=1'
	stages "$old"
	cmdline_has " test.asked=1"
	replaced stage-kexec --unload
	stages "$old"
	cmdline_has " test.asked=1"
	hooks postinst "$new"
	stages "$new"
	guest pmpoolctl stage --kernel /boot/gone
	[ "$status" -ne 0 ]
	says_that "/boot/gone"
	stages "$new"
}

@test "boot loader entries: kernel, initrd and options; a wrong one is told and skipped" {
	releases
	must sh -c "mkdir -p /boot/loader/entries && cat >/boot/loader/entries/newer.conf <<-END
		title Newer
		linux /vmlinuz-$new
		initrd /initrd.img-$new
		options root=/dev/nvme0n1 rw test.entry=1
		END"
	property StagedCommandLine "s \"root=/dev/nvme0n1 rw test.entry=1 memmap=256M\$0x40000000 pmpool.region=256M@0x40000000\""
	stages "$new"
	must pmpoold --dry-run
	says_that "by /boot/loader/entries/newer.conf"
	must pmpoolctl stage --reuse-cmdline
	cmdline_has "console=ttyS0"
	must sh -c "echo 'linux /../etc/shadow' >/boot/loader/entries/newer.conf"
	until_true 'pmpoold --dry-run | grep -q "newer.conf:1: linux has a \"..\""'
	stages "$new"
	must rm -r /boot/loader
	until_true "busctl get-property $MANAGER StagedCommandLine | grep -q console=ttyS0"
}

# Nothing of that is on the daemon's command line for the next kernel, soon.
cmdline_has_not() {
	until_true "busctl get-property $MANAGER StagedCommandLine | grep -qv -e '$1'"
}

@test "a kernel whose driver has the backing cma is told pmpool= as well, and one that has not is not" {
	releases
	says_cma /root/cma.ko
	must sh -c "LC_ALL=C sed 's/vermagic=$old /vermagic=$new /' /root/cma.ko >/lib/modules/$new/updates/pmpool.ko && depmod $new"
	must pmpoolctl kexec --dry-run
	says_that "/lib/modules/$new/updates/pmpool.ko, for $new, attaches format version 1, and has the backing cma"
	says_that "memmap=256M\$0x40000000 reserves the pool; pmpool=256M@0x40000000 lets that kernel use what is free of it"
	until_true "busctl get-property $MANAGER StagedCommandLine | grep -q ' pmpool=256M@0x40000000'"
	guest pmpoolctl stage --append pmpool=256M@0x30000000
	[ "$status" -eq 3 ]
	says_that "pmpool=256M@0x40000000 and pmpool=256M@0x30000000 contradict each other"
	must pmpoolctl stage
	generation
	before=$output
	# What starts is a stock kernel, which does not know it.
	run "$VM" kexec "$GUEST"
	[ "$status" -eq 0 ]
	generation
	says $((before + 1))
	must grep -q ' pmpool=256M@0x40000000' /proc/cmdline
	must cat /sys/class/misc/pmpool/backing
	says reserved
	newer_module
	stages "$new"
	cmdline_has_not pmpool=
	must pmpoolctl list --json
	[ "$(jq -r '.[].name' <<<"$output")" = precious ]
}

@test "the removed kernel is not staged any more" {
	releases
	must rm -r "/boot/vmlinuz-$new" "/boot/initrd.img-$new" "/lib/modules/$new"
	hooks postrm "$new"
	stages "$old"
}

@test "another reservation than the pool's is refused, as soon as it is configured" {
	must sh -c 'echo "CommandLine=root=/dev/nvme0n1 memmap=256M\$0x30000000 pmpool.region=256M@0x30000000" >/etc/pmpool/pmpoold.conf'
	refuses "it lacks the reservation of the pool: add memmap=256M"
	says_that "pmpool.region=256M@0x30000000 is not where the pool is"
	guest systemctl is-enabled kexec.target
	says masked-runtime
	guest pmpoolctl kexec
	[ "$status" -eq 3 ]
}

@test "while nothing may be staged an image by somebody else is unloaded, however it was loaded" {
	releases
	boot_id
	boot=$output
	replaced stage-kexec --segment
	refuses "lacks the reservation"
	replaced stage-kexec --kernel "/boot/vmlinuz-$old" --cmdline root=/dev/nvme0n1
	refuses "lacks the reservation"
	guest systemctl kexec
	[ "$status" -ne 0 ]
	guest systemctl start kexec.target
	[ "$status" -ne 0 ]
	boot_id
	says "$boot"
}

@test "an image by somebody else is replaced by ours, however it was loaded" {
	releases
	must rm /etc/pmpool/pmpoold.conf
	stages "$old"
	replaced stage-kexec --segment
	stages "$old"
	replaced stage-kexec --kernel "/boot/vmlinuz-$old" --cmdline root=/dev/nvme0n1
	stages "$old"
}

@test "an image that is loaded when the daemon is gone is replaced before the kexec" {
	generation
	before=$output
	must systemctl stop pmpoold
	# A kernel that would hang for ever.
	must stage-kexec --segment
	run "$VM" kexec "$GUEST"
	[ "$status" -eq 0 ]
	generation
	says $((before + 1))
	must systemctl stop pmpoold
	must stage-kexec --segment
	run "$VM" kexec "$GUEST" -- systemctl --force kexec
	[ "$status" -eq 0 ]
	generation
	says $((before + 2))
	must pmpoolctl list --json
	[ "$(jq -r '.[].name' <<<"$output")" = precious ]
}

# Starts the daemon, which is killed when it has opened the kernel and waits to open the
# initrd: a lease keeps it from that. Meanwhile somebody else loads an image.
killed_while_staging='
import fcntl, os, signal, subprocess, sys

def systemctl(*args):
    return subprocess.run(["systemctl", *args], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

initrd, kernel = sys.argv[1:]
with open("/proc/sys/fs/lease-break-time", "w") as f:
    f.write("3600")
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
fcntl.fcntl(os.open(initrd, os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_WRLCK)
systemctl("reset-failed", "pmpoold")
systemctl("start", "--no-block", "pmpoold")
signal.sigwait({signal.SIGIO})
fds = "/proc/" + systemctl("show", "-P", "MainPID", "pmpoold") + "/fd"
opened = [os.readlink(f"{fds}/{fd}") for fd in os.listdir(fds)]
assert kernel in opened and initrd not in opened, opened
assert systemctl("show", "-P", "ActiveState", "pmpoold") == "activating"
subprocess.run(["stage-kexec", "--segment"], check=True)
# It is not to be started again: the stop is there first.
systemctl("stop", "--no-block", "pmpoold")
systemctl("kill", "--signal=KILL", "pmpoold")
systemctl("stop", "pmpoold")
'

@test "killed at any moment the daemon leaves a readable catalog, and a safe image or none" {
	must sh -c '
		staging=0
		for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
			systemctl reset-failed pmpoold 2>/dev/null
			systemctl start --no-block pmpoold
			pmpoolctl create "round-$round" 2M
			# Any moment of the first 2 seconds, in which it stages.
			sleep "$(od -A n -N 2 -t u2 /dev/urandom | awk "{ print \$1 / 32768 }")"
			[ "$(systemctl is-active pmpoold)" != activating ] || staging=$((staging + 1))
			systemctl kill --signal=KILL pmpoold
			pmpoolctl remove "round-$round"
			pmpoold --print-catalog | jq -e ".extents | any(.name == \"precious\")" >/dev/null || exit 1
			! ls /var/lib/pmpool/*.bad 2>/dev/null || exit 1
		done
		systemctl stop pmpoold
		echo "killed while staging: $staging of 30"
		[ "$staging" -ge 5 ]'
	# Somebody else as well, in the middle of it.
	releases
	must python3 -c "$killed_while_staging" "/boot/initrd.img-$old" "/boot/vmlinuz-$old"
	must cat /sys/kernel/kexec_loaded
	says 1
	generation
	before=$output
	run "$VM" kexec "$GUEST"
	[ "$status" -eq 0 ]
	generation
	says $((before + 1))
	must sh -c 'pmkv --extent precious --socket /run/precious >/run/precious.log 2>&1 & echo $! >/run/holder'
	must pmkv-load verify --connect /run/precious --wait 600 --keys 100
	says "100 keys read back, 0 lost, 0 wrong"
	must sh -c 'kill $(cat /run/holder)'
	must pmpoolctl check
}

@test "a degraded pool is refused, and says so; repaired, it is not" {
	releases
	must systemctl stop pmpoold
	until_true "rmmod pmpool"
	# Both copies of the first record.
	must sh -c 'dd if=/dev/mem of=/root/record bs=512 skip=$(((0x40000000 + 4096) / 512)) count=1 &&
		tr "\000-\377" "\377" </root/record | dd of=/dev/mem bs=512 seek=$(((0x40000000 + 4096) / 512)) conv=notrunc'
	must modprobe pmpool
	must cat /sys/class/misc/pmpool/state
	says degraded
	must systemctl start pmpoold
	refuses "is degraded: part of its metadata is damaged"
	guest pmpoolctl kexec
	[ "$status" -eq 3 ]
	must systemctl stop pmpoold
	until_true "rmmod pmpool"
	must dd if=/root/record of=/dev/mem bs=512 seek=$(((0x40000000 + 4096) / 512)) conv=notrunc
	must modprobe pmpool
	must systemctl start pmpoold
	stages "$old"
}

@test "forced, it says what will be lost, does it although kexec.target is masked, and that is lost" {
	must sh -c 'sed "s/ memmap=[^ ]*//; s/ pmpool.region=[^ ]*//; s/^/CommandLine=/" /proc/cmdline >/etc/pmpool/pmpoold.conf'
	refuses "lacks the reservation"
	guest systemctl is-enabled kexec.target
	says masked-runtime
	guest pmpoolctl stage
	[ "$status" -eq 3 ]
	says_that "extent precious, 6291456 bytes, is lost: the next kernel may use its memory as its own"
	run "$VM" kexec "$GUEST" -- pmpoolctl kexec --force
	[ "$status" -eq 0 ]
	guest pmpoolctl list
	[ "$status" -eq 4 ]
	guest grep -q memmap= /proc/cmdline
	[ "$status" -eq 1 ]
}
