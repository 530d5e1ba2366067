#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What pmpoold lends of the pool to the system, in a full guest. One guest for the
# whole file: each test goes on from where the last one left it.
#
# What stands in single quotes is expanded in the guest:
# shellcheck disable=SC2016

load guest

UNIT=$((128 << 20))

setup_file() {
	export GUEST=lend-$$
	"$VM" start "$GUEST" --mem 2G --cpus 2 --pool 768M >&2
}

teardown_file() {
	"$VM" stop "$GUEST" >&2 || true
}

value() {
	must sh -c "pmpoolctl lend --json | jq .$1"
	echo "$output"
}

# Memory blocks are lent, so many, and the system has them.
lent() {
	until_true "test \"\$(pmpoolctl lend --json | jq .lent)\" = $(($1 * UNIT))"
	must sh -c 'grep -c "System RAM (pmpool)" /proc/iomem || true'
	says "$(($1 > 0))"
	must awk '/^MemTotal:/ { print $2 }' /proc/meminfo
	[ $((output - total)) -ge $(($1 * UNIT * 98 / 102400)) ]
	# The kernel after a kexec keeps a little more or less for itself.
	[ $((output - total)) -le $(($1 * UNIT / 1024 + 4096)) ]
}

@test "nothing is lent unless it is asked for" {
	until_true "systemctl is-active -q pmpoold"
	must awk '/^MemTotal:/ { print $2 }' /proc/meminfo
	echo "$output" >"$BATS_FILE_TMPDIR/total"
	total=$output
	lent 0
	property LendPolicy 's "unmanaged"'
	[ "$(value unit)" = "$UNIT" ]
	[ "$(value lendable)" = $((5 * UNIT)) ]
}

@test "Lend=auto: all but a headroom is the system's" {
	total=$(cat "$BATS_FILE_TMPDIR/total")
	must sh -c 'echo Lend=auto >/etc/pmpool/pmpoold.conf && systemctl reload pmpoold'
	# 766 MiB are free, less a memory block.
	lent 4
	property LendPolicy 's "auto"'
	property Lent "t $((4 * UNIT))"
	must sh -c 'cat /sys/devices/system/memory/memory*/valid_zones | grep -cx Movable'
	says 4
	guest rmmod pmpool
	[ "$status" -ne 0 ]
}

@test "an extent takes what it needs; when it is gone, that is lent again" {
	total=$(cat "$BATS_FILE_TMPDIR/total")
	must dd if=/dev/urandom of=/dev/shm/used bs=1M count=300 status=none
	must sh -c 'sha256sum /dev/shm/used >/root/sum'
	must pmpoolctl create big 450M
	# 316 MiB are left, of which one memory block is to stay free.
	lent 1
	must sha256sum --status -c /root/sum
	must pmpoolctl check
	must pmpoolctl remove big
	lent 4
	must sha256sum --status -c /root/sum
	must rm /dev/shm/used
}

# Pages all over what is lent are in a pipe, by reference, until the program is killed.
hold_pages() {
	cat >"$BATS_TEST_TMPDIR/hold.py" <<-'END'
		import ctypes, fcntl, mmap, os, time
		libc = ctypes.CDLL(None, use_errno=True)
		memory = mmap.mmap(-1, 480 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
		base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
		end, start = os.pipe()
		fcntl.fcntl(start, fcntl.F_SETPIPE_SZ, 1 << 20)
		for at in range(0, len(memory), 4 << 20):
		    piece = (ctypes.c_size_t * 2)(base + at, 4096)
		    if libc.vmsplice(start, piece, ctypes.c_size_t(1), 0) != 4096:
		        raise OSError(ctypes.get_errno(), "vmsplice")
		open("/run/held", "w")
		time.sleep(600)
	END
	"$VM" copy "$GUEST" "$BATS_TEST_TMPDIR/hold.py" /run/hold.py >&2
	must systemd-run --quiet --unit=hold python3 /run/hold.py
	until_true "test -e /run/held"
}

@test "after a create that was given up, what was emptied is lent again" {
	total=$(cat "$BATS_FILE_TMPDIR/total")
	hold_pages
	# It needs three memory blocks, and is killed while it waits for them.
	must sh -c 'pmpoolctl create big 600M & create=$!
		until [ "$(pmpoolctl lend --json | jq .emptying)" -gt 0 ]; do sleep 0.1; done
		kill -9 $create; wait $create; [ $? -eq 137 ]'
	must systemctl stop hold
	until_true "test \"\$(cat /sys/class/misc/pmpool/lent)\" = $UNIT"
	lent 4
	must sh -c '! pmpoolctl list --json | grep big'
}

@test "what is lent and not used is brought online by a daemon that starts" {
	total=$(cat "$BATS_FILE_TMPDIR/total")
	must sh -c 'systemctl show -P MainPID pmpoold >/run/pid && kill -STOP "$(cat /run/pid)"
		cd /sys/devices/system/memory && grep -lx Movable memory*/valid_zones | head -n 2 |
			while read -r zones; do echo offline >"${zones%/*}/state"; done
		grep -lx offline memory*/state | wc -l'
	says 2
	must sh -c 'kill -KILL "$(cat /run/pid)"'
	until_true '! grep -qx offline /sys/devices/system/memory/memory*/state'
	lent 4
}

# How often the daemon has said that it waits.
held_off() {
	must sh -c "journalctl -b -u pmpoold -o cat | grep -c 'memory is short: 512 MiB of the pool stay lent to the system until it is not, instead of 384 MiB' || true"
	says "$1"
}

@test "short of memory the headroom is not restored, and is when that is over" {
	total=$(cat "$BATS_FILE_TMPDIR/total")
	held_off 0
	# Less is available than the memory block that should be taken back, and a fourth.
	must sh -c 'mkdir /run/hog && mount -t tmpfs -o size=4G hog /run/hog &&
		dd if=/dev/zero of=/run/hog/fill bs=1M status=none \
			count=$(awk "/^MemAvailable:/ { print int(\$2 / 1024) - 110 }" /proc/meminfo)'
	must pmpoolctl create some 200M
	until_true "journalctl -b -u pmpoold -o cat | grep -q 'memory is short'"
	held_off 1
	# Also when it has looked again.
	must pmpoolctl create more 2M
	must pmpoolctl remove more
	lent 4
	held_off 1
	must umount /run/hog
	lent 3
	must pmpoolctl remove some
	lent 4
}

@test "so it is when programs wait for memory, whatever is available" {
	total=$(cat "$BATS_FILE_TMPDIR/total")
	must grep -q some /proc/pressure/memory
	must systemd-run --quiet --unit=hog -p MemoryHigh=8M -p MemorySwapMax=0 -p OOMPolicy=continue tail /dev/zero
	until_true "awk '{ split(\$2, avg, \"=\"); exit !(avg[2] > 25) }' /proc/pressure/memory"
	must pmpoolctl create some 200M
	until_true "test \"\$(journalctl -b -u pmpoold -o cat | grep -c 'memory is short')\" = 2"
	held_off 2
	lent 4
	must systemctl stop hog
	until_true "awk '{ split(\$2, avg, \"=\"); exit !(avg[2] < 10) }' /proc/pressure/memory"
	# It looks again when something changes, or half a minute later.
	must pmpoolctl create more 2M
	lent 3
	must pmpoolctl remove more
	must pmpoolctl remove some
	lent 4
}

@test "kexec with memory lent: the pool is whole, and lent again" {
	total=$(cat "$BATS_FILE_TMPDIR/total")
	must pmpoolctl create kept 20M
	must sh -c 'pmkv --extent kept --socket /run/kept >/run/kept.log 2>&1 & echo $! >/run/holder'
	must pmkv-load write --connect /run/kept --wait 600 --keys 1000
	must sh -c 'kill $(cat /run/holder)'
	lent 4
	run "$VM" kexec "$GUEST"
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	until_true "systemctl is-active -q pmpoold"
	generation
	says 2
	must pmpoolctl status
	must sh -c 'pmkv --extent kept --socket /run/kept >/run/kept.log 2>&1 & echo $! >/run/holder'
	must pmkv-load verify --connect /run/kept --wait 600 --keys 1000
	says "1000 keys read back, 0 lost, 0 wrong"
	must sh -c 'kill $(cat /run/holder)'
	lent 4
}

@test "kexec_load while memory is lent: noticed, replaced or unloaded; the pool is whole" {
	total=$(cat "$BATS_FILE_TMPDIR/total")
	kexec_tools
	must mkdir -p /root/kexec-tools
	for file in "$KEXEC_TOOLS/kexec" "$KEXEC_TOOLS"/lib/*; do
		"$VM" copy "$GUEST" "$file" /root/kexec-tools >&2
	done
	must truncate -s 200M /root/initrd
	# Into the pool, and with a command line that would keep it.
	load='LD_LIBRARY_PATH=/root/kexec-tools /root/kexec-tools/kexec -d -c -l /vmlinuz --initrd=/root/initrd --reuse-cmdline 2>&1'
	must sh -c "$load | sed -n 's/^segment.[0-9]*..mem *= 0x//p'"
	echo "$output"
	top=$(sort <<<"$output" | awk '/^[4-6]/' | tail -n 1)
	[ -n "$top" ]
	until_true "journalctl -b -u pmpoold -o cat | grep -q 'somebody else has loaded or unloaded a kexec image'"
	property Safe "b true"
	must cat /sys/kernel/kexec_loaded
	says 1
	# And with one that may not be replaced by ours.
	must sh -c 'echo Kernel=/boot/gone >>/etc/pmpool/pmpoold.conf && systemctl reload pmpoold'
	property Safe "b false"
	must sh -c "$load >/dev/null"
	until_true "grep -qx 0 /sys/kernel/kexec_loaded"
	must sh -c "journalctl -b -u pmpoold -o cat | tail -n 20"
	says_that "the kexec image that was loaded is unloaded: it could have lost the pool"
	says_that "kexec would lose the pool: kernel: /boot/gone"
	must sed -i '/^Kernel=/d' /etc/pmpool/pmpoold.conf
	must systemctl reload pmpoold
	property Safe "b true"
	lent 4
	# By nobody noticed but at the end.
	must systemctl stop pmpoold
	must sh -c "$load >/dev/null"
	run "$VM" kexec "$GUEST"
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	until_true "systemctl is-active -q pmpoold"
	generation
	says 3
	must sh -c 'pmkv --extent kept --socket /run/kept >/run/kept.log 2>&1 & echo $! >/run/holder'
	must pmkv-load verify --connect /run/kept --wait 600 --keys 1000
	says "1000 keys read back, 0 lost, 0 wrong"
	must sh -c 'kill $(cat /run/holder)'
	must pmpoolctl check
	lent 4
}

@test "pmpoolctl lend changes it until the configuration is read again" {
	total=$(cat "$BATS_FILE_TMPDIR/total")
	must pmpoolctl lend 256M
	lent 2
	property LendPolicy "s \"$((256 << 20))\""
	must pmpoolctl create small 2M
	must pmpoolctl remove small
	lent 2
	must pmpoolctl lend off
	lent 0
	must pmpoolctl lend auto
	lent 4
	# pmpoolctl and the daemon do it at the same time, and are not in each other's way.
	must sh -c "! journalctl -b -u pmpoold -o cat | grep -E 'cannot be (lent|brought online)'"
	must sh -c 'echo Lend=128M >/etc/pmpool/pmpoold.conf && systemctl reload pmpoold'
	lent 1
	must sh -c 'rm /etc/pmpool/pmpoold.conf && systemctl reload pmpoold'
	lent 0
	property LendPolicy 's "off"'
}

@test "who may not, and what can not be: an error, and nothing changes" {
	total=$(cat "$BATS_FILE_TMPDIR/total")
	guest runuser -u nobody -G pmpool -- pmpoolctl lend 128M
	[ "$status" -eq 1 ]
	says "pmpoolctl: cannot lend 128M: only root may"
	guest runuser -u nobody -G pmpool -- pmpoolctl lend auto
	[ "$status" -eq 1 ]
	says "pmpoolctl: cannot lend auto: only root may"
	property LendPolicy 's "off"'
	guest sh -c "runuser -u nobody -- busctl call $MANAGER Lend s auto"
	[ "$status" -ne 0 ]
	says_that "Access denied"
	guest sh -c "busctl call $MANAGER Lend s much"
	[ "$status" -ne 0 ]
	says_that 'Lend "much": it is "auto", "off" or a size like 512M'
	must sh -c 'echo Lend=200% >/etc/pmpool/pmpoold.conf && systemctl reload pmpoold'
	until_true "pmpoolctl status | grep -qF '/etc/pmpool/pmpoold.conf:1: Lend=200%: it is \"auto\", \"off\" or a size like 512M'"
	must sh -c 'rm /etc/pmpool/pmpoold.conf && systemctl reload pmpoold'
	must systemctl stop pmpoold
	guest pmpoolctl lend auto
	[ "$status" -eq 1 ]
	says "pmpoolctl: cannot lend auto: that is for pmpoold to do, which does not run: systemctl start pmpoold"
	must pmpoolctl lend 128M
	lent 1
	must systemctl start pmpoold
	lent 1
	must pmpoolctl lend off
	lent 0
}

@test "a Lend= that is not understood: what is lent stays, and the journal says so" {
	total=$(cat "$BATS_FILE_TMPDIR/total")
	must sh -c 'echo Lend=auto >/etc/pmpool/pmpoold.conf && systemctl reload pmpoold'
	lent 4
	must sh -c 'echo Lend=aoto >/etc/pmpool/pmpoold.conf && systemctl reload pmpoold'
	until_true "journalctl -b -u pmpoold -o cat | grep -qF 'what is lent of the pool stays \"auto\": /etc/pmpool/pmpoold.conf:1: Lend=aoto: it is'"
	property LendPolicy 's "auto"'
	must sh -c 'echo Lent=off >/etc/pmpool/pmpoold.conf && systemctl reload pmpoold'
	until_true "journalctl -b -u pmpoold -o cat | grep -qF 'stays \"auto\": /etc/pmpool/pmpoold.conf:1: there is no setting \"Lent\"'"
	must sh -c 'ln -s /run /etc/pmpool/link && mv -T /etc/pmpool/link /etc/pmpool/pmpoold.conf && systemctl reload pmpoold'
	until_true "journalctl -b -u pmpoold -o cat | grep -qF 'stays \"auto\": /etc/pmpool/pmpoold.conf cannot be read'"
	property LendPolicy 's "auto"'
	# Also when the pool is looked at.
	must pmpoolctl create small 2M
	must pmpoolctl remove small
	lent 4
	must rm /etc/pmpool/pmpoold.conf
	property LendPolicy 's "off"'
	lent 0
}

@test "a file that has changed, and the Reload method, set what is lent; other files do not" {
	total=$(cat "$BATS_FILE_TMPDIR/total")
	must sh -c 'echo Lend=256M >/etc/pmpool/pmpoold.conf'
	lent 2
	must pmpoolctl lend 128M
	lent 1
	noticed="journalctl -b -u pmpoold -o cat | grep -c 'the configuration or a boot loader entry has changed'"
	must sh -c "$noticed"
	before=$output
	must sh -c 'echo >/etc/pmpool/other.conf'
	until_true "test \"\$($noticed)\" -gt $before"
	property LendPolicy "s \"$UNIT\""
	# When what a link leads to is changed nobody notices.
	must sh -c 'cp /etc/pmpool/pmpoold.conf /run/elsewhere && ln -s /run/elsewhere /etc/pmpool/link &&
		mv -T /etc/pmpool/link /etc/pmpool/pmpoold.conf'
	must pmpoolctl lend 384M
	lent 3
	must sh -c 'echo Lend=auto >/run/elsewhere'
	must sh -c "busctl call $MANAGER Reload"
	lent 4
	property LendPolicy 's "auto"'
}

@test "why nothing is lent: in the journal once, and pmpoolctl lend says it" {
	total=$(cat "$BATS_FILE_TMPDIR/total")
	must sh -c 'pmpoolctl info --json | jq .free'
	why="nothing is lent: $((output >> 20)) MiB are free, of which 720 MiB are to stay free (LendHeadroom=); the rest is less than a memory block of 128 MiB"
	must sh -c 'printf "Lend=auto\nLendHeadroom=720M\n" >/etc/pmpool/pmpoold.conf && systemctl reload pmpoold'
	lent 0
	must pmpoolctl create small 2M
	must pmpoolctl remove small
	until_true "pmpoolctl lend | grep -qxF 'pmpoold: $why'"
	must sh -c "journalctl -b -u pmpoold -o cat | grep -cF '$why'"
	says 1
}
