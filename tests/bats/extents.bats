#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Extents that files declare, and what is told of all extents after a kexec, in
# one full guest: each test goes on from where the last one left it.
#
# What stands in single quotes is expanded in the guest:
# shellcheck disable=SC2016

load guest

setup_file() {
	export GUEST=extents-$$
	"$VM" start "$GUEST" --mem 2G --cpus 2 --pool 256M >&2
}

teardown_file() {
	"$VM" stop "$GUEST" >&2 || true
}

# Write a file in the guest: its content is standard input.
put() {
	local text
	text=$(cat)
	must sh -c 'mkdir -p "${1%/*}" && printf "%s\n" "$2" >"$1.new" && mv "$1.new" "$1"' sh "$1" "$text"
}

# pmpoolctl status --json, and which of its values must be what.
status_says() {
	must sh -c 'pmpoolctl status --json || true'
	if [ "$(jq -cS "$1" <<<"$output")" != "$2" ]; then
		printf '%s is %s, not %s\n' "$1" "$(jq -cS "$1" <<<"$output")" "$2"
		return 1
	fi
}

# pmpoolctl status ends with that exit status, within some seconds.
status_is() {
	until_true "pmpoolctl status >/run/status; [ \$? -eq $1 ]"
	must cat /run/status
}

# The daemon's problems with declared extents have that in them, or none has it.
complains() {
	until_true "grep -qF -- \"$1\" /run/pmpool/status.json"
}

content() {
	until_true "! grep -qF -- \"$1\" /run/pmpool/status.json"
}

# Of the extents called $1..., how each was found, as a JSON object.
found() {
	status_says '[.daemon.status.extents[] | {(.name): .verdict}] | add' "$1"
}

# The catalog has these extents, sorted by name, and no others.
in_catalog() {
	must pmpoold --print-catalog
	[ "$(jq -r '[.extents[].name] | sort | join(" ")' <<<"$output")" = "$*" ] || { echo "$output"; false; }
}

kexec_guest() {
	run "$VM" kexec "$GUEST"
	[ "$status" -eq 0 ] || { echo "$output"; return 1; }
	until_true "systemctl is-active -q pmpoold"
}

# Into the staged kernel without stopping anything: extents stay mapped.
kexec_at_once() {
	local before
	before=$(boot_id)
	must sync
	# reboot(LINUX_REBOOT_CMD_KEXEC)
	"$VM" exec "$GUEST" -- perl -e 'syscall(169, 0xfee1dead, 672274793, 0x45584543, 0)' || true
	until_other_boot "$before"
	until_true "systemctl is-active -q pmpoold"
}

@test "a service with two lines waits for its extent, which a new file declares" {
	until_true "systemctl is-active -q pmpoold"
	put /etc/systemd/system/app.service <<'END'
[Unit]
BindsTo=dev-pmpool\x2dextents-app\x2dstate.device
After=dev-pmpool\x2dextents-app\x2dstate.device

[Service]
Type=notify
User=pmkv
ExecStartPre=/bin/sh -c 'stat -c "%%U:%%G %%a" /dev/pmpool-extents/app-state >/run/app/first'
ExecStart=/usr/bin/pmkv --extent app-state --socket /run/app/socket
RuntimeDirectory=app
RuntimeDirectoryPreserve=yes

[Install]
WantedBy=multi-user.target
END
	must systemctl enable app
	must systemctl start --no-block app
	must sh -c 'systemctl list-jobs | grep -c "app.service *start *waiting"'
	says 1
	guest test -e /dev/pmpool-extents/app-state
	[ "$status" -ne 0 ]
	put /etc/pmpool/extents.d/app.conf <<'END'
# The state of app.service
[Extent]
Name=app-state
Size=8M
Owner=pmkv
Mode=0640
Align=4M
Tag=pmkv 1
END
	until_true "systemctl is-active -q app"
	# It was there with its owner, group and mode before anybody could be refused.
	must cat /run/app/first
	says "pmkv:pmkv 640"
	must pmpoolctl info app-state --json
	[ "$(jq -c '[.size, .owner, .mode, .tag]' <<<"$output")" = '[8388608,"pmkv:pmkv","0640","pmkv 1"]' ]
	must pmkv-load write --connect /run/app/socket --keys 100
	says "100 keys written"
	status_is 0
	says_that "app-state  created  clean  8.0 MiB"
}

@test "a file in /etc replaces or masks that of a package, a bad line costs one extent" {
	must ln -s /dev/null /etc/pmpool/extents.d/20-masked.conf
	put /etc/pmpool/extents.d/30-replaced.conf <<<$'[Extent]\nName=replaced\nSize=6M'
	put /usr/lib/pmpool/extents.d/20-masked.conf <<<$'[Extent]\nName=masked\nSize=2M'
	put /usr/lib/pmpool/extents.d/30-replaced.conf <<<$'[Extent]\nName=replaced\nSize=2M'
	put /run/pmpool/extents.d/40-mixed.conf <<'END'
[Extent]
Name=no-size

[Extent]
Name=bad-size
Size=12 apples

[Extent]
Name=whose
Size=2M
Owner=nobody-here

[Extent]
Name=good
Size=2M

[Extent]
Name=replaced
Size=4M

[Extent]
Name=giant
Size=4G
END
	complains giant
	must systemctl reload pmpoold
	status_is 5
	says_that "/run/pmpool/extents.d/40-mixed.conf:1: the [Extent] that begins here has no Size=: add a line like Size=1G"
	says_that "/run/pmpool/extents.d/40-mixed.conf:6: Size=12 apples: not a size; write it like 4096, 2M, 1.5G or 512MiB"
	says_that "/run/pmpool/extents.d/40-mixed.conf:11: Owner=nobody-here: there is no such user; give a name, or a number"
	says_that "/run/pmpool/extents.d/40-mixed.conf:17: extent 'replaced' is declared at /etc/pmpool/extents.d/30-replaced.conf:1 already, which counts: remove one of the two"
	says_that "/run/pmpool/extents.d/40-mixed.conf:21: extent 'giant' cannot be made: no free run of 4.0 GiB; the largest is "
	says_that "safe:         yes"
	must pmpoolctl list --json
	[ "$(jq -cS '[.[] | {(.name): .size}] | add' <<<"$output")" = '{"app-state":8388608,"good":2097152,"replaced":6291456}' ]
	must systemctl show -P StatusText pmpoold
	says_that "5 problems with declared extents, see pmpoolctl status; 3 extents; a kexec into"
	# Each once in the journal, however often it was looked at.
	must sh -c 'journalctl -b -u pmpoold -o cat | grep -c "12 apples"'
	says 1
	must rm /run/pmpool/extents.d/40-mixed.conf
	status_is 0
}

@test "what exists is compared and left alone; an owner's limit does not hold" {
	must pmpoolctl limit --default --extents 0
	put /etc/pmpool/extents.d/app.conf <<'END'
[Extent]
Name=app-state
Size=4M
Owner=root
Mode=0600
Tag=other
[Extent]
Name=more
Size=2M
Owner=nobody
END
	complains "'app-state' has 8388608 bytes, Size= says 4194304: pmpoolctl resize app-state 4194304, or change the file"
	complains "Owner= says 0: pmpoolctl set --owner 0 app-state"
	complains "'app-state' has mode 0640, Mode= says 0600"
	complains "'app-state' has another tag than Tag=other"
	# What was put right is not complained about any more.
	must pmpoolctl set app-state --mode 0600
	content "'app-state' has mode"
	must pmpoolctl set app-state --mode 0640
	complains "'app-state' has mode 0640, Mode= says 0600"
	until_true 'test "$(stat -c "%U:%G %a" /dev/pmpool-extents/more)" = "nobody:nogroup 600"'
	must pmpoolctl limit --default --none
	must pmpoolctl info app-state --json
	[ "$(jq -c '[.size, .owner, .mode, .tag]' <<<"$output")" = '[8388608,"pmkv:pmkv","0640","pmkv 1"]' ]
	must pmkv-load verify --connect /run/app/socket --keys 100
	# Anybody's who was quicker: it is not what was declared, whoever that is for.
	put /etc/pmpool/extents.d/app.conf <<<$'[Extent]\nName=app-state\nSize=8M'
	status_is 5
	must sh -c 'echo "$(pmpoolctl status) $(id -u pmkv)"'
	says_that "/etc/pmpool/extents.d/app.conf:1: extent 'app-state' belongs to user ${output##* }, by default Owner= is 0: "
	must systemctl show -P StatusText pmpoold
	says_that "1 problem with declared extents, see pmpoolctl status; "
	must sh -c 'journalctl -b -u pmpoold -o cat | grep -c "by default Owner= is 0"'
	says 1
	put /etc/pmpool/extents.d/app.conf <<<$'[Extent]\nName=app-state\nSize=8M\nOwner=pmkv'
	status_is 0
}

@test "a full disk: one line, the old catalog stays, nothing is accepted or lost" {
	must systemctl stop pmpoold
	must sh -c '
		cp /var/lib/pmpool/catalog.dtb /root/ && mount -t tmpfs -o size=16k tmpfs /var/lib/pmpool &&
		cp /root/catalog.dtb /var/lib/pmpool/ &&
		{ dd if=/dev/zero of=/var/lib/pmpool/fill bs=4k 2>/dev/null || true; } && df /var/lib/pmpool'
	must systemctl start pmpoold
	must pmpoolctl create late 2M
	until_true 'journalctl -b -u pmpoold -o cat | grep -q "^cannot replace /var/lib/pmpool/catalog.dtb: cannot write /var/lib/pmpool/catalog.dtb.tmp: No space left on device: the old content stays, the next change tries again$"'
	in_catalog app-state good more replaced
	must pmpoolctl list
	says_that late
	guest busctl call org.pmpool1 /org/pmpool1 org.pmpool1.Manager Reconcile
	[ "$status" -ne 0 ]
	says_that "the catalog cannot be brought up to date"
	must rm /var/lib/pmpool/fill
	must pmpoolctl remove late
	must pmpoolctl create late 2M
	until_true 'pmpoold --print-catalog | grep -q late'
	must systemctl stop pmpoold
	must sh -c 'cp /var/lib/pmpool/catalog.dtb /root/ && umount /var/lib/pmpool && cp /root/catalog.dtb /var/lib/pmpool/'
	must systemctl start pmpoold
	status_is 0
}

@test "a truncated catalog is said, kept and made again, until that is accepted" {
	must systemctl stop pmpoold
	must truncate -s 100 /var/lib/pmpool/catalog.dtb
	must systemctl start pmpoold
	status_is 5
	says_that "catalog /var/lib/pmpool/catalog.dtb: it is truncated or damaged (FDT_ERR_TRUNCATED): kept as /var/lib/pmpool/catalog.dtb.bad, and made again from the pool; extents cannot be compared with it"
	must stat -c %s /var/lib/pmpool/catalog.dtb.bad
	says 100
	in_catalog app-state good late more replaced
	must pmpoolctl reconcile
	status_is 0
}

@test "after a kexec each extent is told: same, missing, resized, renamed, replaced, new" {
	for extent in lost grown renamed swapped opened; do
		must pmpoolctl create "$extent" 2M
	done
	put /etc/pmpool/extents.d/lost.conf <<<$'[Extent]\nName=lost\nSize=2M'
	until_true 'pmpoold --print-catalog | grep -q opened'
	must systemctl stop pmpoold
	must sh -c '
		pmpoolctl remove lost late && pmpoolctl create late 2M && pmpoolctl remove swapped &&
		pmpoolctl resize more 1M && pmpoolctl rename renamed called && pmpoolctl set opened --mode 0640 &&
		pmpoolctl create swapped 2M && pmpoolctl create fresh 2M'
	kexec_guest
	status_is 5
	says_that "LOOK  extent 'lost': missing: was 2097152 bytes at offset 0x"
	says_that "LOOK  the catalog from before is kept as /var/lib/pmpool/catalog.dtb.old-"
	says_that "LOOK  /etc/pmpool/extents.d/lost.conf:1: extent 'lost' was lost: it is not made anew before that is accepted, by pmpoolctl reconcile"
	found '{"app-state":"same","called":"renamed","fresh":"new","good":"same","grown":"same","late":"replaced","lost":"missing","more":"resized","opened":"access","replaced":"same","swapped":"replaced"}'
	status_says '[.daemon.status.extents[] | select(.was_clean == false)]' '[]'
	status_says '.safe' true
	must systemctl show -P StatusText pmpoold
	says_that "1 extent is missing: lost; 1 problem with declared extents, see pmpoolctl status; 10 extents; a kexec into"
	guest test -e /dev/pmpool-extents/lost
	[ "$status" -ne 0 ]
	must ls /var/lib/pmpool
	[ "$(grep -c '^catalog.dtb.old-.*-g1$' <<<"$output")" -eq 1 ]
}

@test "the service has its memory again, and how long the hand-over took is told" {
	until_true "systemctl is-active -q app"
	must pmkv-load verify --connect /run/app/socket --keys 100
	says "100 keys read back, 0 lost, 0 wrong"
	# In order: let go, attached, opened by the service, all of it within minutes.
	status_says '.daemon.status | (.extents[] | select(.name == "app-state")).first_open_usec as $opened | .handover |
		[.attached_usec > 0, .ready_usec > .attached_usec, $opened > .attached_usec, .ready_usec < 300000000, .ready_usec == null]' \
		'[true,true,true,true,false]'
	status_says '[.daemon.status.extents[] | select(.first_open != null).name]' '["app-state"]'
	must sh -c 'exec </dev/pmpool-extents/good; pmpoolctl status || true'
	[[ "$output" =~ good\ +same\ +clean\ +2.0\ MiB\ +after\ [0-9]+\.[0-9]{3}\ s ]] || { echo "$output"; false; }
	[[ "$output" =~ grown\ +same\ +clean\ +2.0\ MiB\ +-$'\n' ]] || { echo "$output"; false; }
	[[ "$output" =~ hand-over:\ +pool\ attached\ [0-9.]+\ s\ after\ the\ last\ kernel\ let\ go\ of\ it,\ pmpoold\ ready\ after\ [0-9.]+\ s ]]
	echo "# ${BASH_REMATCH[0]}" >&3
}

@test "what was found is told until it is accepted, whatever happens to the daemon" {
	must sh -c 'pmpoolctl status --json || true'
	handover=$(jq -cS .daemon.status.handover <<<"$output")
	must systemctl restart pmpoold
	status_is 5
	status_says '.daemon.status.handover' "$handover"
	must sh -c 'kill -9 $(systemctl show -P MainPID pmpoold)'
	until_true 'systemctl is-active -q pmpoold && pmpoolctl status >/dev/null; [ $? -eq 5 ]'
	status_says '.daemon.status.handover' "$handover"
	status_says '[.daemon.status.extents[] | select(.verdict != "same").verdict] | sort' \
		'["access","missing","new","renamed","replaced","replaced","resized"]'
	must pmpoolctl reconcile
	status_is 0
	status_says '[.daemon.status.extents[] | select(.verdict != "same")] | map([.name, .verdict])' '[["lost","created"]]'
	must sh -c 'journalctl -b -u pmpoold -o cat | grep -c "^the differences are accepted"'
	says 1
}

@test "a mapped extent is dirty, and a clock that was set back gives no figures" {
	must date -s '+2 hours'
	kexec_at_once
	status_is 0
	says_that "hand-over:    how long it took is not known: the clock was set back since the last kernel let go of the pool, at "
	status_says '.daemon.status.handover | [.let_go != null, .attached_usec, .ready_usec]' '[true,null,null]'
	until_true "systemctl is-active -q app"
	must pmkv-load verify --connect /run/app/socket --keys 100
	says "100 keys read back, 0 lost, 0 wrong"
	# Opened again and perhaps clean now: what counts is how it was left.
	must systemctl stop app
	status_says '[.daemon.status.extents[] | select(.was_clean == false).name]' '["app-state"]'
	status_says '.daemon.status.extents[] | select(.name == "app-state") | [.first_open != null, .first_open_usec]' '[true,null]'
}
