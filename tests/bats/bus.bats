#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# org.pmpool1 on the system bus, and the verbs of pmpoolctl that go over it. One
# full guest for the whole file; each test goes on from where the last one left
# it.
#
# What stands in single quotes is expanded in the guest:
# shellcheck disable=SC2016

load guest

setup_file() {
	export GUEST=bus-$$
	"$VM" start "$GUEST" --mem 2G --cpus 2 --pool 256M >&2
}

teardown_file() {
	"$VM" stop "$GUEST" >&2 || true
}

# Call a method as root.
call() {
	# shellcheck disable=SC2086
	guest busctl --json=short call $MANAGER "$@"
}

# The last call failed, with just this to say.
fails() {
	[ "$status" -ne 0 ]
	says "Call failed: $1"
}

# Whether somebody has the name now; asking for more would start the daemon.
HAS_NAME="busctl list --acquired --no-legend | grep -q '^org.pmpool1 '"

# Nothing was staged since then: the verdict's time is still in $staged_time.
remember_staged() {
	property StagedTime
	staged_time=$output
}

not_staged() {
	property StagedTime
	says "$staged_time"
}

@test "the daemon is on the bus; introspection shows methods, signals, and how properties tell" {
	until_true "$HAS_NAME"
	must sh -c "busctl introspect --no-legend $MANAGER | awk '{ print \$1, \$2, \$3 }'"
	found=$output
	for line in ".DryRun method a{sv}" ".Kexec method a{sv}" ".Reconcile method -" \
		".Reload method -" ".Lend method s" ".Stage method a{sv}" ".PoolAttached signal stas" \
		".Staged signal bas" ".Extents property aa{sv}" ".Checks property a(sbs)" \
		".Handover property a{sv}"; do
		grep -Fqx -- "$line" <<<"$found" || { echo "no '$line' in: $found"; return 1; }
	done
	# Version; and Handover and what is lent, for nobody hears when an extent is
	# opened, or memory taken back.
	must sh -c "busctl introspect --xml-interface $MANAGER | grep -c 'EmitsChangedSignal\" value=\"const'"
	says 1
	must sh -c "busctl introspect --xml-interface $MANAGER | grep -c 'EmitsChangedSignal\" value=\"false'"
	says 3
}

@test "properties say what pmpoolctl says; everybody may read them, nobody set them" {
	must pmpoolctl info --json
	info=$output
	property UUID
	says "s \"$(jq -r .uuid <<<"$info")\""
	property Free
	says "t $(jq -r .free <<<"$info")"
	property Size "t $((256 << 20))"
	property State 's "ok"'
	property Generation "t 1"
	property Safe "b true"
	property Reasons "as 0"
	property Differences "as 0"
	property DeclaredProblems "as 0"
	property Losses "as 0"
	property StagedRelease
	says "s \"$("$VM" kernel-release)\""
	must runuser -u nobody -- sh -c "busctl get-property $MANAGER Safe"
	says "b true"
	guest sh -c "busctl set-property $MANAGER Safe b false"
	[ "$status" -ne 0 ]
	property Safe "b true"
}

@test "extents come, change and go in the properties, and PropertiesChanged says so" {
	must sh -c 'busctl monitor --json=short --match "type=signal,path=/org/pmpool1" >/run/signals 2>/run/monitor.err & echo $! >/run/monitor'
	until_true "grep -q Monitoring /run/monitor.err /run/signals"
	must pmpoolctl create data 5M --mode 0640 --tag pmkv
	until_true 'grep -q "PropertiesChanged.*Extents" /run/signals'
	must pmpoolctl list --json
	list=$output
	must sh -c "busctl --json=short get-property $MANAGER Extents"
	[ "$(jq -c '.data[0] | [.Name, .UUID, .Id, .Offset, .Size, .UID, .GID, .Generation] | map(.data? // .)' <<<"$output")" = \
		"$(jq -c '.[0] | [.name, .uuid, .id, .offset, .size, .uid, .gid, .generation]' <<<"$list")" ]
	[ "$(jq -c '.data[0] | .Mode.data' <<<"$output")" = $((0640)) ]
	[ "$(jq -c '.data[0] | .Tag.data | length' <<<"$output")" = 16 ]
	must pmpoolctl rename data store
	until_true "busctl get-property $MANAGER Extents | grep -q '\"Name\" s \"store\"'"
	must pmpoolctl remove store
	property Extents "aa{sv} 0"
}

@test "what is declared is made, what is wrong with it is a property; both are told" {
	must truncate -s 0 /run/signals
	must sh -c 'mkdir -p /etc/pmpool/extents.d; printf "[Extent]\nName=declared\nSize=2M\n" >/etc/pmpool/extents.d/a.conf'
	until_true "busctl get-property $MANAGER Extents | grep -q '\"Name\" s \"declared\"'"
	until_true 'grep -q "PropertiesChanged.*Extents" /run/signals'
	must sh -c 'printf "[Extent]\nName=more\nSize=big\n" >/etc/pmpool/extents.d/b.conf'
	until_true "busctl get-property $MANAGER DeclaredProblems | grep -q b.conf:3"
	until_true 'grep -q "PropertiesChanged.*DeclaredProblems.*b.conf:3" /run/signals'
	must rm /etc/pmpool/extents.d/a.conf /etc/pmpool/extents.d/b.conf
	property DeclaredProblems "as 0"
	must pmpoolctl remove declared
	property Extents "aa{sv} 0"
}

@test "Stage: the verdict is the answer, and a signal for the others" {
	must truncate -s 0 /run/signals
	call Stage 'a{sv}' 0
	[ "$status" -eq 0 ]
	verdict=$(jq -c '.data[0]' <<<"$output")
	[ "$(jq .Safe.data <<<"$verdict")" = true ]
	[ "$(jq -r .Release.data <<<"$verdict")" = "$("$VM" kernel-release)" ]
	[ "$(jq '[.Checks.data[][1]] | length > 4 and all' <<<"$verdict")" = true ]
	until_true 'grep -q "\"member\":\"Staged\".*\[true,\[\]\]" /run/signals'
	call Stage 'a{sv}' 1 Append s 'pmpool.test="a b"'
	[ "$status" -eq 0 ]
	property StagedCommandLine
	says_that 'pmpool.test=\"a b\"'
	must pmpoolctl stage --append 'from.pmpoolctl=1'
	says_that "from.pmpoolctl=1"
	says_that "ok    reservation: "
	property StagedCommandLine
	says_that 'from.pmpoolctl=1'
	must pmpoolctl stage --json
	[ "$(jq -r .staged.ok <<<"$output")" = true ]
	[[ "$(jq -r .staged.cmdline <<<"$output")" != *from.pmpoolctl* ]]
	until_true 'grep -q "\"member\":\"PropertiesChanged\".*StagedCommandLine" /run/signals'
}

@test "DryRun: the same verdict, and nothing is changed" {
	remember_staged
	call DryRun 'a{sv}' 1 CommandLine s 'root=/dev/vda'
	[ "$status" -eq 0 ]
	[ "$(jq '.data[0].Safe.data' <<<"$output")" = false ]
	[[ "$(jq -r '.data[0].Reasons.data[0]' <<<"$output")" == "reservation: "*memmap=* ]]
	[ "$(jq -r '.data[0].Losses.data[0]' <<<"$output")" = "the pool is lost; it has no extents" ]
	[ "$(jq -r '.data[0].CommandLine.data' <<<"$output")" = root=/dev/vda ]
	guest pmpoolctl kexec --dry-run --command-line root=/dev/vda
	[ "$status" -eq 3 ]
	says_that "FAIL  reservation: "
	says_that "pmpoolctl: a kexec now could lose the pool:"
	says_that "the pool is lost; it has no extents"
	must pmpoolctl kexec --dry-run --initrd none --json
	[ "$(jq -c '[.staged.ok, .staged.initrd]' <<<"$output")" = '[true,null]' ]
	not_staged
	property Safe "b true"
}

@test "an option that is unknown, of another type, no path or twice: an error that names it" {
	remember_staged
	call Stage 'a{sv}' 1 Kernal s /boot/vmlinuz
	fails 'there is no option "Kernal": it is one of Kernel, Initrd, Append, CommandLine, ReuseCommandLine, Force'
	call DryRun 'a{sv}' 1 Force b true
	fails 'there is no option "Force": it is one of Kernel, Initrd, Append, CommandLine, ReuseCommandLine'
	call Kexec 'a{sv}' 2 Append s x Kernel u 7
	fails 'option Kernel is of type "u": it has to be of type "s", a string'
	call Kexec 'a{sv}' 1 ReuseCommandLine s yes
	fails 'option ReuseCommandLine is of type "s": it has to be of type "b", a boolean'
	call DryRun 'a{sv}' 1 Kernel s vmlinuz
	fails 'option Kernel: "vmlinuz" is not an absolute path'
	call Stage 'a{sv}' 2 Append s a Append s b
	fails 'option Append is given twice'
	call Stage s hello
	[ "$status" -ne 0 ]
	says_that "Invalid"
	guest pmpoolctl stage --kernel /boot/nothing
	[ "$status" -eq 2 ]
	says_that "pmpoolctl: --kernel '/boot/nothing': No such file or directory"
	not_staged
}

@test "who is not root may call no method, hears why, and nothing happens" {
	remember_staged
	must cat /proc/sys/kernel/random/boot_id
	boot=$output
	for method in Stage DryRun Kexec; do
		guest runuser -u nobody -- sh -c "busctl call $MANAGER $method 'a{sv}' 0"
		fails "Access denied"
	done
	for method in Reload Reconcile; do
		guest runuser -u nobody -- dbus-send --system --print-reply --dest=org.pmpool1 /org/pmpool1 "org.pmpool1.Manager.$method"
		[ "$status" -ne 0 ]
		says "Error org.freedesktop.DBus.Error.AccessDenied: $method is for root: nothing was done"
	done
	guest runuser -u nobody -G pmpool -- pmpoolctl stage
	[ "$status" -eq 1 ]
	says "pmpoolctl: pmpoold: Stage is for root: nothing was done"
	guest runuser -u nobody -- busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus RequestName su org.pmpool2 0
	[ "$status" -ne 0 ]
	not_staged
	must cat /proc/sys/kernel/random/boot_id
	says "$boot"
}

@test "Kexec refuses what would lose the pool, with the reasons, and all stays up" {
	must cat /proc/sys/kernel/random/boot_id
	boot=$output
	guest dbus-send --system --print-reply --dest=org.pmpool1 /org/pmpool1 org.pmpool1.Manager.Nonsense
	says_that "org.freedesktop.DBus.Error.UnknownMethod"
	remember_staged
	call Kexec 'a{sv}' 1 CommandLine s 'root=/dev/vda'
	[ "$status" -ne 0 ]
	says_that "Call failed: a kexec now could lose the pool: reservation: "
	guest pmpoolctl kexec --command-line root=/dev/vda
	[ "$status" -eq 3 ]
	says_that "pmpoolctl: refused: a kexec now could lose the pool: reservation: "
	# What was staged before is safe, and is what the next one starts.
	not_staged
	property Safe "b true"
	must sh -c 'echo CommandLine=root=/dev/vda >/etc/pmpool/pmpoold.conf'
	guest pmpoolctl kexec
	[ "$status" -eq 3 ]
	says_that "CommandLine= in the configuration would lose the pool"
	property Safe "b false"
	property Reasons
	says_that "memmap="
	must cat /sys/kernel/kexec_loaded
	says 0
	must rm /etc/pmpool/pmpoold.conf
	call Reload
	[ "$status" -eq 0 ]
	property Safe "b true"
	must cat /proc/sys/kernel/random/boot_id
	says "$boot"
}

@test "the driver unloaded and loaded: the properties say none, PoolAttached when it is back" {
	must truncate -s 0 /run/signals
	must rmmod pmpool
	property State 's "none"'
	property UUID 's ""'
	property Extents "aa{sv} 0"
	call Stage 'a{sv}' 0
	fails "there is no pool: load the driver with modprobe pmpool"
	guest pmpoolctl stage
	[ "$status" -eq 4 ]
	call Reconcile
	fails "there is no pool: load the driver with modprobe pmpool"
	must modprobe pmpool
	property State 's "ok"'
	property Generation "t 2"
	until_true 'grep -q "\"member\":\"PoolAttached\"" /run/signals'
}

@test "Reconcile: what differs from the catalog is taken note of" {
	must pmpoolctl create doomed 2M
	property Extents
	until_true "busctl get-property $MANAGER Extents | grep -q doomed"
	must systemctl stop pmpoold
	must pmpoolctl remove doomed
	must systemctl start pmpoold
	until_true "busctl get-property $MANAGER Differences | grep -q doomed"
	guest pmpoolctl status
	[ "$status" -ne 0 ]
	must pmpoolctl reconcile
	property Differences "as 0"
	must pmpoolctl status
}

@test "the daemon restarted, and killed: it is on the bus again, and a call starts it when it is stopped" {
	must systemctl restart pmpoold
	property Safe "b true"
	must sh -c 'kill -9 $(systemctl show -P MainPID pmpoold)'
	until_true "$HAS_NAME"
	property Safe "b true"
	must systemctl stop pmpoold
	must sh -c "! $HAS_NAME"
	property Safe "b true"
	must systemctl is-active pmpoold
}

@test "a disabled daemon is not started by a call; pmpoolctl says what to do" {
	must systemctl disable --now pmpoold
	guest pmpoolctl stage
	[ "$status" -eq 3 ]
	says "pmpoolctl: pmpoold is not running: systemctl start pmpoold"
	guest pmpoolctl kexec
	[ "$status" -eq 3 ]
	must systemctl enable pmpoold
	must pmpoolctl stage
}

@test "the bus restarted: the daemon goes on, and is on the next one" {
	must systemctl show -P MainPID pmpoold
	pid=$output
	must systemctl stop dbus.service dbus.socket
	guest pmpoolctl stage
	[ "$status" -eq 3 ]
	says_that "the system bus cannot be reached"
	must pmpoolctl create meanwhile 2M
	must pmpoolctl status
	must systemctl start dbus.socket dbus.service
	until_true "$HAS_NAME"
	property Extents
	says_that meanwhile
	must systemctl show -P MainPID pmpoold
	says "$pid"
	must pmpoolctl stage
}

@test "pmpoolctl kexec goes into the next kernel, by the bus; Handover says how the extents came" {
	run "$VM" kexec "$GUEST" -- pmpoolctl kexec --append bus.test=1
	[ "$status" -eq 0 ]
	property Generation "t 3"
	must grep -o bus.test=1 /proc/cmdline
	must sh -c "busctl --json=short get-property $MANAGER Handover"
	handover=$output
	[ "$(jq -c '.data.Extents.data[] | [.Name.data, .Verdict.data, .Missing.data, .FirstOpen.data]' <<<"$handover")" = \
		'["meanwhile","same",false,0]' ]
	[ "$(jq '.data | .LetGo.data > 0 and .Attached.data >= .LetGo.data and .Ready.data > .Attached.data' <<<"$handover")" = true ]
	must sh -c ': </dev/pmpool-extents/meanwhile'
	must sh -c "busctl --json=short get-property $MANAGER Handover"
	[ "$(jq '.data | .Extents.data[0].FirstOpen.data > .Ready.data' <<<"$output")" = true ]
}

@test "kexec --force says what is lost and does it, without logind too" {
	guest pmpoolctl kexec --force --dry-run
	[ "$status" -eq 2 ]
	must systemctl mask --runtime --now systemd-logind
	run "$VM" kexec "$GUEST" -- sh -c 'pmpoolctl kexec --force --append module_blacklist=pmpool 2>/var/tmp/said; status=$?; sync; exit $status'
	[ "$status" -eq 0 ]
	must cat /var/tmp/said
	says_that "pmpoolctl: forced, although a kexec now could lose the pool:"
	says_that "no extent is lost, but none can be opened until a kernel runs that finds the pool"
	property State 's "none"'
}
