#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The Debian packages: what is in them, and what becomes of a machine on which they
# are installed, that gets another kernel, and from which they are removed. One
# guest for the whole file: each test goes on from where the last one left it.
#
# What stands in single quotes is expanded in the guest:
# shellcheck disable=SC2016

load guest

DEB=$BUILD/deb

setup_file() {
	local image

	export GUEST=packages-$$
	# It says itself what is missing when it can not be made: what apt has to offer,
	# bootstrap sees to.
	image=$("$VM" build --packages "$DEB")
	"$VM" start "$GUEST" --image "$image" --mem 2G --cpus 2 --pool none --lifetime 1800 >&2
}

teardown_file() {
	"$VM" stop "$GUEST" >&2 || true
}

# What takes the guest longer than others: a compiler, mostly.
must_in_the_end() {
	SECONDS_IN_GUEST=580 must "$@"
}

# The files of a package and its directories, with the names that they have in a
# merged /usr.
contents() {
	dpkg-deb --fsys-tarfile "$1" | tar -t | sed -E 's|^\./||; s|^lib/|usr/lib/|; /^$/d'
}

releases() {
	must sh -c 'ls -v /lib/modules'
	# shellcheck disable=SC2034
	{ OLD=${lines[0]}; NEW=${lines[1]}; }
	[ -n "$NEW" ]
}

# The daemon has staged that kernel.
staged() {
	until_true "pmpoolctl status --json 2>/dev/null | jq -e '.safe and .daemon.status.staged.release == \"$1\"' >/dev/null"
}

@test "make deb gives the packages, of the version that the tree has" {
	version=$(sed -n 's/^VERSION := //p' "$ROOT/Makefile")
	run sh -c "cd '$DEB' && ls ./*.deb"
	says "./libpmpool-dev_${version}_amd64.deb
./libpmpool1_${version}_amd64.deb
./pmpool-dkms_${version}_all.deb
./pmpool_${version}_amd64.deb
./python3-pmpool_${version}_all.deb"
}

@test "lintian finds no error, nor anything to warn of" {
	run lintian --fail-on error,warning "$DEB"/*.changes
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
}

@test "the packages have the files of make install" {
	tree=$BATS_TEST_TMPDIR/root
	make -s -C "$ROOT" BUILD="$BUILD" DESTDIR="$tree" install-userspace
	# Manual pages are compressed in packages.
	(cd "$tree" && find . -mindepth 1 \( -type d -printf '%P/\n' -o -printf '%P\n' \)) |
		sed -E 's|^(usr/share/man/man./.*[^/])$|\1.gz|' | LC_ALL=C sort >"$BATS_TEST_TMPDIR/installed"
	# Every package has its documentation, and what lintian is to overlook; DKMS
	# builds the module that make install-module installs.
	for deb in "$DEB"/*.deb; do
		case $deb in
		*/pmpool-dkms_*) ;;
		*) contents "$deb" ;;
		esac
	done | grep -vE '^usr/share/(doc|lintian)/' | LC_ALL=C sort -u >"$BATS_TEST_TMPDIR/packaged"
	diff -u "$BATS_TEST_TMPDIR/installed" "$BATS_TEST_TMPDIR/packaged"
	[ "$(grep -c '[^/]$' "$BATS_TEST_TMPDIR/packaged")" -gt 15 ]
}

@test "built in another place, the packages are the same to the byte" {
	run "$ROOT/packaging/build" "$BATS_TEST_TMPDIR/elsewhere/and/deeper/deb"
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	for deb in "$DEB"/*.deb; do
		cmp "$deb" "$BATS_TEST_TMPDIR/elsewhere/and/deeper/deb/${deb##*/}"
	done
}

@test "the programs of the pages and the README build with what libpmpool-dev has" {
	dir=$BATS_TEST_TMPDIR/examples
	mkdir -p "$dir/root"
	for deb in "$DEB"/libpmpool1_*.deb "$DEB"/libpmpool-dev_*.deb; do
		dpkg -x "$deb" "$dir/root"
	done
	run "$ROOT/userspace/libpmpool/test/examples" "$dir"
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	for page in README libpmpool pmpool_watch_new; do
		objdump -p "$dir/gcc/$page" | grep -q 'NEEDED *libpmpool\.so\.1$'
	done
}

@test "installed by apt: DKMS has built for each kernel, the daemon is up and waits" {
	releases
	must uname -r
	says "$OLD"
	must dkms status
	says_that "pmpool/0.1.0, $OLD, x86_64: installed"
	says_that "pmpool/0.1.0, $NEW, x86_64: installed"
	until_true "systemctl is-active -q pmpoold"
	must systemctl is-enabled pmpoold
	says "enabled"
	# All files are there and as they were packed; pages were left out of the image.
	must sh -c 'dpkg -V pmpool pmpool-dkms libpmpool1 libpmpool-dev python3-pmpool |
		grep -v " /usr/share/\(doc\|man\|lintian\)/" || true'
	says ""
}

@test "pmpoolctl reserve and one kexec: the pool is there" {
	releases
	run "$VM" kexec "$GUEST" -- pmpoolctl reserve 256M --now
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	must uname -r
	says "$OLD"
	until_true "systemctl is-active -q pmpoold"
	must cat /sys/class/misc/pmpool/state
	says "ok"
	must stat -c '%U:%G %a' /dev/pmpool
	says "root:pmpool 660"
	staged "$NEW"
}

@test "Python finds its module, and that finds the library" {
	must python3 -c 'import pmpool; print(pmpool.__name__)'
	says "pmpool"
}

@test "a kernel that is installed without its headers gets no module, and is not staged" {
	releases
	must dkms uninstall "pmpool/0.1.0" -k "$NEW"
	must dkms unbuild "pmpool/0.1.0" -k "$NEW"
	must mv "/lib/modules/$NEW/build" /root/build
	must_in_the_end env DEBIAN_FRONTEND=noninteractive dpkg-reconfigure "linux-image-$NEW"
	must dkms status
	says_that "pmpool/0.1.0, $OLD, x86_64: installed"
	[[ "$output" != *"$NEW"* ]]
	staged "$OLD"
	must mv /root/build "/lib/modules/$NEW/build"
}

@test "a kernel that is installed with its headers: DKMS builds for it, and it is staged" {
	releases
	must_in_the_end env DEBIAN_FRONTEND=noninteractive dpkg-reconfigure "linux-image-$NEW"
	must dkms status
	says_that "pmpool/0.1.0, $NEW, x86_64: installed"
	staged "$NEW"
}

@test "kexec into it: the pool is there with what was in it" {
	releases
	must runuser -u pmkv -- pmpoolctl create cache 16M --mode 0640 --tag pmkv
	must systemctl start pmkv@cache
	must pmkv-load write --keys 100 --wait 600
	says "100 keys written"
	run "$VM" kexec "$GUEST"
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	must uname -r
	says "$NEW"
	must cat /sys/class/misc/pmpool/generation
	says 2
	must systemctl start pmkv@cache
	must pmkv-load verify --keys 100 --wait 600
	says "100 keys read back, 0 lost, 0 wrong"
}

@test "the driver's package removed while the pool is mapped: the driver stays, and says so" {
	must sh -c 'cp /lib/modules/$(uname -r)/updates/dkms/pmpool.ko.xz /root/'
	must_in_the_end sh -c 'apt-get remove -y pmpool-dkms 2>&1'
	says_that "pmpool-dkms: the pool is in use, so the driver stays loaded until this kernel ends; it keeps its extents (1) at 0x"
	must pmkv-load verify --keys 100
	says "100 keys read back, 0 lost, 0 wrong"
	until_true "grep -qx 0 /sys/kernel/kexec_loaded"
	guest pmpoolctl status
	[ "$status" -eq 3 ]
	says_that "module: "
	guest systemctl kexec
	[ "$status" -ne 0 ]
}

@test "installed again without the kernel's headers: one line that says what to install" {
	releases
	must sh -c 'for d in /lib/modules/*; do mv $d/build $d/no-build; done'
	must_in_the_end sh -c 'apt-get install -y --no-install-recommends /var/cache/product/pmpool-dkms_*.deb 2>&1'
	says_that "pmpool-dkms: no module for kernel $NEW, for its headers are missing: apt install linux-headers-$NEW"
	[ "$(grep -c '^pmpool-dkms: ' <<<"$output")" -eq 1 ]
	must pmkv-load verify --keys 100
}

@test "the daemon's package removed: data, catalog and settings stay, and it says where" {
	must sh -c 'echo "# nothing yet" >/etc/pmpool/pmpoold.conf'
	must_in_the_end sh -c 'apt-get remove -y pmpool 2>&1'
	says_that "pmpool: the pool's extents stay in memory, its catalog in /var/lib/pmpool, settings in /etc/pmpool"
	must test -e /var/lib/pmpool/catalog.dtb
	must test -e /etc/pmpool/pmpoold.conf
	guest systemctl is-active pmkv@cache
	[ "$status" -ne 0 ]
	guest pgrep -x 'pmkv|pmpoold'
	[ "$status" -ne 0 ]
	must systemctl show -P LoadState kexec.target
	says "loaded"
	# The kernel's hook stays as well, and has nothing to do.
	must sh -c '/etc/kernel/postinst.d/zz-pmpool 2>&1'
	says ""
}

@test "purged: driver, catalog and settings are gone, and the pool is untouched" {
	must_in_the_end sh -c 'apt-get purge -y pmpool pmpool-dkms 2>&1'
	says_that "pmpool-dkms: the pool is detached and keeps its extents (1) at 0x"
	says_that "pmpool: settings and catalog are removed, the pool's extents stay in memory"
	guest ls -d /sys/module/pmpool /etc/pmpool /var/lib/pmpool /usr/src/pmpool-* /var/lib/dkms/pmpool
	[ "$status" -eq 2 ]
	[[ "$output" != "/"* ]]
	# The module as it was built above: without headers nothing is built now.
	must sh -c 'insmod /root/pmpool.ko.xz "$(grep -o "region=[^ ]*" /proc/cmdline)"'
	must_in_the_end sh -c 'apt-get install -y --no-install-recommends /var/cache/product/pmpool_*.deb 2>&1'
	until_true "systemctl is-active -q pmpoold"
	must stat -c '%U:%G %a' /dev/pmpool
	says "root:pmpool 660"
	must systemctl start pmkv@cache
	must pmkv-load verify --keys 100 --wait 600
	says "100 keys read back, 0 lost, 0 wrong"
}
