#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# All parts together in a full guest: Debian 12, its stock kernel, systemd and
# udev. One guest for the whole file: each test goes on from where the last one
# left it, and says in its name what it needs to have happened.
#
# What stands in single quotes is expanded in the guest:
# shellcheck disable=SC2016

load guest

setup_file() {
	export GUEST=system-$$
	"$VM" start "$GUEST" --mem 2G --cpus 2 --pool 256M >&2
}

teardown_file() {
	"$VM" stop "$GUEST" >&2 || true
}

# What the catalog and what the driver say of all extents, in one form.
catalog_equals_driver() {
	local catalog driver
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		catalog=$("$VM" exec "$GUEST" -- pmpoold --print-catalog |
			jq -S '[.extents[] | {name, offset, size, id, uuid, uid, gid, mode}] | sort_by(.name)')
		driver=$("$VM" exec "$GUEST" -- pmpoolctl list --json |
			jq -S '[.[] | {name, offset, size, id, uuid, uid, gid, mode}] | sort_by(.name)')
		[ "$catalog" = "$driver" ] && [ -n "$driver" ] && return 0
		# The daemon hears of a change from udev, a moment later.
		"$VM" exec "$GUEST" -- udevadm settle
	done
	printf 'the catalog:\n%s\nthe driver:\n%s\n' "$catalog" "$driver"
	return 1
}

# usage: exposure UNIT MOST: what systemd-analyze makes of it, in tenths, as installed
exposure() {
	local score

	must systemd-analyze security --no-pager "$1"
	score=$(sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p' <<<"$output")
	echo "# systemd-analyze security $1: $score" >&3
	must systemd-analyze security --no-pager --threshold="$2" "$1"
}

# Replace the kernel by a bare `systemctl kexec`.
kexec_guest() {
	run "$VM" kexec "$GUEST"
	if [ "$status" -ne 0 ]; then
		echo "$output"
		return 1
	fi
	until_true "systemctl is-active -q pmpoold"
}

@test "after boot the pool is attached, its group may use it, the daemon is up" {
	must stat -c '%U:%G %a' /dev/pmpool
	says "root:pmpool 660"
	until_true "systemctl is-active -q pmpoold"
	must systemctl is-active dev-pmpool.device
	says "active"
	must cat /sys/class/misc/pmpool/state
	says "ok"
	generation
	says 1
}

@test "the region is in no System RAM range and named in /proc/iomem" {
	must sh -c 'grep -c "Persistent Memory Pool" /proc/iomem'
	says 1
	# Every parent of the pool's line: nothing but the reservation.
	must awk -F ' : ' '
		{ depth = match($1, /[^ ]/) / 2; name[depth] = $2 }
		$2 == "Persistent Memory Pool" { for (i = 0; i < depth; i++) if (i in name) print name[i] }
		' /proc/iomem
	[[ "$output" != *"System RAM"* ]]
	must cat /sys/class/misc/pmpool/size
	says $((256 << 20))
}

@test "create: every wrong argument has its own error" {
	guest pmpoolctl create 'a b' 2M
	[ "$status" -eq 2 ]
	says "pmpoolctl: cannot create 'a b': a name is 1 to 63 characters of [A-Za-z0-9._-], not '.' or '..'"
	guest pmpoolctl create empty 0
	[ "$status" -eq 2 ]
	says "pmpoolctl: cannot create 'empty': size '0': an extent has at least 1 byte"
	guest pmpoolctl create big 2G
	[ "$status" -eq 1 ]
	says "pmpoolctl: cannot create 'big': no free run of 2.0 GiB; the largest is 254.0 MiB"
	must pmpoolctl create first 5M --mode 0640
	guest pmpoolctl create first 2M
	[ "$status" -eq 1 ]
	says "pmpoolctl: cannot create 'first': an extent of that name exists; remove it first or choose another name"
	must pmpoolctl list --json
	[ "$(jq -r '.[].name' <<<"$output")" = first ]
}

@test "remove: a missing and a mapped extent" {
	guest pmpoolctl remove nobody
	[ "$status" -eq 1 ]
	says "pmpoolctl: cannot remove 'nobody': there is no such extent; see pmpoolctl list"
	must sh -c 'pmkv --extent first --socket /run/first >/run/first.log 2>&1 & echo $! >/run/holder'
	must pmkv-load write --connect /run/first --wait 600 --keys 100
	says "100 keys written"
	guest pmpoolctl remove first
	[ "$status" -eq 1 ]
	says "pmpoolctl: cannot remove 'first': it is mapped; stop the program that uses it first"
	guest rmmod pmpool
	[ "$status" -ne 0 ]
	says_that "in use"
	must sh -c 'kill $(cat /run/holder)'
	until_true "grep -qx 0 /sys/class/pmpool/first/mappings"
	must pmpoolctl create second 2M
	must pmpoolctl remove second
}

@test "a user outside the group may not create, list or open" {
	guest runuser -u nobody -- pmpoolctl create mine 2M
	[ "$status" -eq 1 ]
	says "pmpoolctl: cannot open /dev/pmpool: permission denied; run as root or join group pmpool"
	guest runuser -u nobody -- cat /dev/pmpool-extents/first
	[ "$status" -ne 0 ]
	says_that "Permission denied"
}

@test "a store comes up on its own extent when the extent's device is there" {
	must systemctl enable pmkv@cache.service
	guest systemctl is-active pmkv@cache.service
	says "inactive"
	must runuser -u pmkv -- pmpoolctl create cache 64M --mode 0640 --tag pmkv
	until_true "systemctl is-active -q pmkv@cache"
	must stat -c '%U:%G %a' /dev/pmpool-extents/cache
	says "pmkv:pmkv 640"
	must memcping --servers=127.0.0.1:11211
	must sh -c 'echo hello >/tmp/greeting; cd /tmp && memccp --servers=127.0.0.1:11211 greeting && memccat --servers=127.0.0.1:11211 greeting'
	says "hello"
}

@test "the catalog equals what the driver lists, after creates and removes" {
	catalog_equals_driver
	must pmpoolctl create third 3M
	catalog_equals_driver
	must pmpoolctl remove third
	catalog_equals_driver
}

@test "attributes set later: the kernel goes by them, the node shows them, the store stays up" {
	must systemctl show -P MainPID pmkv@cache
	pid=$output
	must pmpoolctl set cache --mode 0600
	until_true 'test "$(stat -c %a /dev/pmpool-extents/cache)" = 600'
	must pmpoolctl set cache --mode 0640
	until_true 'test "$(stat -c %a /dev/pmpool-extents/cache)" = 640'
	must systemctl show -P MainPID pmkv@cache
	says "$pid"
}

@test "a renamed extent has the device unit of its new name, and no other" {
	must pmpoolctl create before 2M
	until_true "systemctl is-active -q 'dev-pmpool\\x2dextents-before.device'"
	must pmpoolctl rename before after
	until_true "systemctl is-active -q 'dev-pmpool\\x2dextents-after.device'"
	until_true "! systemctl is-active -q 'dev-pmpool\\x2dextents-before.device'"
	catalog_equals_driver
	guest pmpoolctl resize after 2G
	[ "$status" -eq 1 ]
	says_that "cannot resize 'after'"
	must pmpoolctl resize after 6M
	catalog_equals_driver
	must pmpoolctl remove after
}

@test "a limited user gets no more than the limit, before a kexec and after" {
	must pmpoolctl limit nobody --size 4M --extents 1
	must runuser -u nobody -G pmpool -- pmpoolctl create mine 2M
	guest runuser -u nobody -G pmpool -- pmpoolctl create more 1
	[ "$status" -eq 1 ]
	says "pmpoolctl: cannot create 'more': you would have more than your limit; see pmpoolctl limit"
}

@test "every file in sysfs is described in Documentation/ABI, and every description has a file" {
	must sh -c 'cd /sys/class/misc/pmpool/ && find . -maxdepth 1 -type f | sed "s|^\.|/sys/class/misc/pmpool|"
		cd /sys/class/pmpool/first/ && find . -maxdepth 1 -type f | sed "s|^\.|/sys/class/pmpool/NAME|"'
	# What the driver core gives to every device is none of ours.
	found=$(grep -vE '/(dev|uevent)$' <<<"$output" | sort)
	described=$(sed -nE 's/^What:[[:space:]]+//p' "$ROOT"/Documentation/ABI/testing/sysfs-class-pmpool | sort)
	diff -u <(echo "$described") <(echo "$found")
}

@test "udev's rules: group and mode of the pool, units for the pool and for an extent" {
	must udevadm test --action=add /sys/class/misc/pmpool
	says_that "60-pmpool.rules"
	[[ "$output" != *"nvalid"* ]]
	says_that "SYSTEMD_WANTS=pmpoold.service"
	says_that "MODE 0660"
	must udevadm info --query=property /sys/class/misc/pmpool
	says_that "CURRENT_TAGS=:systemd:"
	says_that "SYSTEMD_WANTS=pmpoold.service"
	must udevadm info --query=property /sys/class/pmpool/first
	says_that "CURRENT_TAGS=:systemd:"
	says_that "DEVNAME=/dev/pmpool-extents/first"
}

@test "the units are hardened" {
	exposure pmpoold.service 30
	exposure pmkv@cache.service 20
	exposure pmpool-kexec.service 30
}

@test "the metadata is sound, says pmpoolctl check" {
	must pmpoolctl check
}

@test "a safe image is staged, and status says so" {
	until_true "grep -qx 1 /sys/kernel/kexec_loaded"
	must pmpoolctl status
	must pmpoolctl status --json
	[ "$(jq .safe <<<"$output")" = true ]
	[[ "$(jq -r .daemon.status.staged.cmdline <<<"$output")" == *'memmap=256M$'*' '* ]]
}

@test "metrics tell of the daemon, the next kernel and the store's mapping" {
	must pmpoolctl metrics
	says_that $'\npmpool_daemon_up 1\n'
	says_that $'\npmpool_kexec_safe 1\n'
	says_that $'\npmpool_problems 0\n'
	says_that $'\npmpool_extent_clean{name="cache"} 0\n'
	[[ "$output" =~ pmpool_extent_mappings\{name=\"cache\"\}\ [1-9] ]]
}

@test "kill -9 of the store under load, then kexec: every acknowledged change is there" {
	must sh -c 'pmkv-load churn --keys 2000 --rounds 1000000 --journal /var/tmp/churn >/var/tmp/churn.out 2>&1 & echo $! >/run/churn'
	until_true 'test $(wc -c </var/tmp/churn) -gt 100000'
	must sh -c 'kill -9 $(systemctl show -P MainPID pmkv@cache)'
	until_true '! kill -0 $(cat /run/churn) 2>/dev/null'
	must cat /var/tmp/churn.out
	says_that "then the server went away"
	until_true "systemctl is-active -q pmkv@cache"
	must pmkv-load verify --journal /var/tmp/churn --keys 2000
	says_that " 0 lost, 0 wrong"
	must sync
	kexec_guest
	generation
	says 2
	until_true "systemctl is-active -q pmkv@cache"
	must pmkv-load verify --journal /var/tmp/churn --keys 2000
	says_that " 0 lost, 0 wrong"
}

@test "after the kexec owner, mode, contents and catalog are what they were" {
	must stat -c '%U:%G %a' /dev/pmpool-extents/cache /dev/pmpool-extents/first
	says $'pmkv:pmkv 640\nroot:root 640'
	must sh -c 'pmkv --extent first --socket /run/first >/run/first.log 2>&1 & echo $! >/run/holder'
	must pmkv-load verify --connect /run/first --wait 600 --keys 100
	says "100 keys read back, 0 lost, 0 wrong"
	must sh -c 'kill $(cat /run/holder)'
	catalog_equals_driver
	guest runuser -u nobody -G pmpool -- pmpoolctl create more 1
	[ "$status" -eq 1 ]
	says_that "you would have more than your limit"
	must pmpoolctl limit nobody --none
	must pmpoolctl remove mine
	must sh -c 'journalctl -b -u pmkv@cache -o cat | grep -c "^pmkv: reattached"'
	says 1
}

@test "two more kexecs in a row lose nothing" {
	kexec_guest
	kexec_guest
	generation
	says 4
	until_true "systemctl is-active -q pmkv@cache"
	must pmkv-load verify --journal /var/tmp/churn --keys 2000
	says_that " 0 lost, 0 wrong"
	catalog_equals_driver
	must pmpoolctl status
}

@test "a store started when its extent is gone fails, and the extent's removal stops it" {
	guest pmpoolctl remove cache
	[ "$status" -eq 1 ]
	says "pmpoolctl: cannot remove 'cache': it is mapped; stop the program that uses it first"
	must runuser -u pmkv -- pmpoolctl create spare 8M
	must sh -c 'mkdir -p /etc/pmpool/pmkv && echo "PMKV_OPTIONS=--socket /run/pmkv/spare/socket" >/etc/pmpool/pmkv/spare.conf'
	must systemctl start pmkv@spare
	must systemctl stop pmkv@spare
	must pmpoolctl remove spare
	guest systemctl start --job-mode=fail --no-block pmkv@spare
	until_true '! systemctl is-active -q pmkv@spare'
}

@test "a store does not start on somebody else's extent" {
	must pmpoolctl create taken 8M --mode 0666
	must pmpoolctl set taken --owner nobody
	must sh -c 'mkdir -p /etc/pmpool/pmkv && echo "PMKV_OPTIONS=--socket /run/pmkv/taken/socket" >/etc/pmpool/pmkv/taken.conf'
	must systemctl start pmkv@taken
	must systemctl show -P ActiveState pmkv@taken
	says inactive
	must pmpoolctl set taken --owner pmkv
	until_true 'test "$(stat -c %U /dev/pmpool-extents/taken)" = pmkv'
	must systemctl start pmkv@taken
	must systemctl is-active pmkv@taken
	must systemctl stop pmkv@taken
	must pmpoolctl remove taken
}

@test "a command line without the reservation is not staged; systemctl kexec fails, all stays up" {
	must cat /proc/sys/kernel/random/boot_id
	boot=$output
	must sh -c 'mkdir -p /etc/pmpool && echo "CommandLine=root=/dev/vda rw console=ttyS0" >/etc/pmpool/pmpoold.conf && systemctl reload pmpoold'
	until_true "grep -qx 0 /sys/kernel/kexec_loaded"
	guest pmpoolctl status
	[ "$status" -eq 3 ]
	says_that "memmap="
	guest pmpoolctl kexec
	[ "$status" -eq 3 ]
	says_that "refused: a kexec now could lose the pool:"
	says_that "reservation: CommandLine= in the configuration would lose the pool"
	guest systemctl kexec
	[ "$status" -ne 0 ]
	guest systemctl start kexec.target
	[ "$status" -ne 0 ]
	until_true "systemctl is-active -q pmkv@cache"
	must pmkv-load verify --journal /var/tmp/churn --keys 2000
	must cat /proc/sys/kernel/random/boot_id
	says "$boot"
	must sh -c 'journalctl -b -u pmpoold -o cat | grep -c "would lose the pool"'
	[ "$output" -ge 1 ]
	must sh -c 'rm /etc/pmpool/pmpoold.conf && systemctl reload pmpoold'
	# The image is there a moment before the daemon says so.
	until_true "pmpoolctl status >/dev/null"
	must grep -qx 1 /sys/kernel/kexec_loaded
}

@test "without the module for the next kernel nothing is staged" {
	must sh -c 'mv /lib/modules/$(uname -r)/updates/pmpool.ko /root/ && depmod && systemctl reload pmpoold'
	until_true "grep -qx 0 /sys/kernel/kexec_loaded"
	guest pmpoolctl kexec
	[ "$status" -eq 3 ]
	says_that "module: "
	must sh -c 'mv /root/pmpool.ko /lib/modules/$(uname -r)/updates/ && depmod && systemctl reload pmpoold'
	until_true "grep -qx 1 /sys/kernel/kexec_loaded"
}

@test "the module unloaded and loaded again: the store is back with its keys" {
	must systemctl stop pmkv@cache
	must systemctl stop pmpoold
	must rmmod pmpool
	guest pmpoolctl list
	[ "$status" -eq 4 ]
	says "pmpoolctl: no pool: is the pmpool module loaded? see dmesg"
	must modprobe pmpool
	until_true "systemctl is-active -q pmpoold"
	until_true "systemctl is-active -q pmkv@cache"
	must pmkv-load verify --journal /var/tmp/churn --keys 2000
	says_that " 0 lost, 0 wrong"
	catalog_equals_driver
}

@test "a firmware reset keeps the pool where the firmware leaves memory alone" {
	before=$(generation)
	run "$VM" reset "$GUEST"
	[ "$status" -eq 0 ]
	until_true "systemctl is-active -q pmkv@cache"
	generation
	says $((before + 1))
	must pmkv-load verify --journal /var/tmp/churn --keys 2000
	says_that " 0 lost, 0 wrong"
	must pmpoolctl check
}
