#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# pmpoolctl reserve in a full guest that was started without a pool. Each test
# goes on from where the last one left the guest.
#
# What stands in single quotes is expanded in the guest:
# shellcheck disable=SC2016

load guest

setup_file() {
	export GUEST=reserve-$$
	"$VM" start "$GUEST" --mem 2G --cpus 2 --pool none >&2
}

teardown_file() {
	"$VM" stop "$GUEST" >&2 || true
}

@test "without a pool nothing is reserved, and no boot loader is known" {
	guest pmpoolctl list
	[ "$status" -eq 4 ]
	guest pmpoolctl reserve 256M
	[ "$status" -eq 1 ]
	says "pmpoolctl: there is neither /etc/default/grub nor /etc/kernel/cmdline: let your boot loader add 'memmap=256M\$0x40000000 pmpool.region=256M@0x40000000' to the kernel's command line"
	guest runuser -u nobody -- pmpoolctl reserve 256M
	[ "$status" -eq 1 ]
	says_that "only root sees where it is"
}

@test "a size or place that does not fit is refused with one that does" {
	guest pmpoolctl reserve 8G
	[ "$status" -eq 1 ]
	says_that "cannot reserve 8.0 GiB: the largest that fits is 1.4 GiB at 0x"
	guest pmpoolctl reserve 256M --base 0x6e000000
	[ "$status" -eq 1 ]
	says_that "less than 64 MiB before the end of System RAM"
	guest pmpoolctl reserve 3M
	[ "$status" -eq 2 ]
}

@test "when update-grub fails nothing has changed" {
	must sh -c 'mkdir -p /etc/default && echo GRUB_CMDLINE_LINUX= >/etc/default/grub'
	guest pmpoolctl reserve 256M
	[ "$status" -eq 1 ]
	says_that "cannot run grub-mkconfig -o /boot/grub/grub.cfg: No such file or directory"
	says_that "the boot loader's configuration is as it was"
	must sh -c '! test -e /etc/default/grub.d/pmpool.cfg'
	must rm /etc/default/grub
}

@test "a dry run says what would be done, and does nothing" {
	must sh -c 'mkdir -p /boot/loader/entries /boot/$(cat /etc/machine-id)'
	must pmpoolctl reserve 256M --dry-run
	says_that "would reserve 256.0 MiB at 0x40000000"
	says_that "would write /etc/kernel/cmdline:"
	says_that "would run kernel-install add "
	must sh -c '! test -e /etc/kernel/cmdline'
	must pmpoolctl reserve 256M --dry-run --json
	[ "$(jq -r '.arguments | join(" ")' <<<"$output")" = 'memmap=256M$0x40000000 pmpool.region=256M@0x40000000' ]
}

@test "with a driver that has the backing cma, kernels are told pmpool= as well" {
	must mkdir -p /lib/modules/6.12.0-cma/updates
	says_cma /lib/modules/6.12.0-cma/updates/pmpool.ko
	must depmod 6.12.0-cma
	must pmpoolctl reserve 256M --dry-run
	says_that "memmap=256M\$0x40000000 pmpool.region=256M@0x40000000 pmpool=256M@0x40000000"
	says_that "pmpool=256M@0x40000000 is for kernels with the backing cma, which use what is free of the pool"
	must pmpoolctl reserve 256M --dry-run --json
	[ "$(jq -r '.arguments[2], .in_force' <<<"$output")" = $'pmpool=256M@0x40000000\nfalse' ]
	must rm -r /lib/modules/6.12.0-cma
	must pmpoolctl reserve 256M --dry-run
	[[ "$output" != *pmpool=* ]]
}

@test "--now: the running kernel is started anew with a pool, and finds it" {
	boot=$(boot_id)
	guest pmpoolctl reserve 256M --now
	until_other_boot "$boot"
	until_true "systemctl is-active -q pmpoold"
	must cat /sys/class/misc/pmpool/state
	says "ok"
	must cat /sys/class/misc/pmpool/size
	says $((256 << 20))
	must sh -c 'cat /boot/loader/entries/*.conf'
	says_that 'memmap=256M$0x40000000 pmpool.region=256M@0x40000000'
	must pmpoolctl create keep 4M
	until_true "pmpoolctl status >/dev/null"
}

@test "what was made there is kept by a bare systemctl kexec" {
	run "$VM" kexec "$GUEST"
	[ "$status" -eq 0 ]
	must cat /sys/class/misc/pmpool/generation
	says 2
	must pmpoolctl info keep
}

@test "the same reservation again changes nothing" {
	must pmpoolctl reserve 256M --now
	says $'reserved 256.0 MiB at 0x40000000\nthe boot loader\'s configuration says so already\nit is in force'
}

@test "one that would lose a pool with extents is refused, unless forced" {
	guest pmpoolctl reserve 128M
	[ "$status" -eq 3 ]
	says_that "refused: the pool of 256.0 MiB at 0x40000000 has 1 extent, which the next boot would lose; see pmpoolctl export, or give --force"
	guest pmpoolctl reserve --remove
	[ "$status" -eq 3 ]
	must cat /etc/kernel/cmdline
	says_that 'pmpool.region=256M@0x40000000'
	must pmpoolctl reserve --remove --force
	says_that "the next boot loses the pool of 256.0 MiB at 0x40000000 with its 1 extent"
	must cat /etc/kernel/cmdline
	[[ "$output" != *memmap=* && "$output" != *pmpool* ]]
	must sh -c 'cat /boot/loader/entries/*.conf'
	[[ "$output" != *memmap=* ]]
}
