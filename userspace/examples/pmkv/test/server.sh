#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The server as it runs: real clients, real kills, on an ordinary file. BUILD says
# where the programs are. Prints TAP; fails when a check does.
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${BUILD:-$here/../../../../build}
build=$(cd "$build" && pwd) || exit 1
export LD_LIBRARY_PATH=$build${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
pmkv=$build/pmkv
load=$build/pmkv-load

dir=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)/pmkv-test.XXXXXX") || exit 1
file=$dir/store
socket=$dir/socket
log=$dir/log
server=
checks=0
failures=0

cleanup() {
	[ -n "$server" ] && kill -9 "$server" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

# ok STATUS WHAT: a check that is good when STATUS is 0
ok() {
	checks=$((checks + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $checks - $2"
	else
		failures=$((failures + 1))
		echo "not ok $checks - $2"
		[ -s "$dir/out" ] && sed 's/^/# /' "$dir/out"
		[ -s "$log" ] && tail -n 5 "$log" | sed 's/^/# log: /'
	fi
}

skip() {
	checks=$((checks + 1))
	echo "ok $checks - # SKIP $1"
}

# run COMMAND...: keep its output, whatever its status
run() {
	timeout 60 "$@" >"$dir/out" 2>&1
}

# fails STATUS TEXT WHAT COMMAND...: it must fail with that status and say that
fails() {
	local status=$1 text=$2 what=$3 got
	shift 3
	run "$@"
	got=$?
	[ "$got" -eq "$status" ] && grep -qF -- "$text" "$dir/out"
	ok $? "$what"
}

# start [OPTION...]: start the server and wait until it listens
start() {
	local i
	"$pmkv" --file "$file" "$@" 2>>"$log" &
	server=$!
	for ((i = 0; i < 200; i++)); do
		# The line is written when everything is ready.
		[ "$(grep -c 'generation' "$log")" -gt "$started" ] && break
		kill -0 "$server" 2>/dev/null || return 1
		sleep 0.05
	done
	started=$((started + 1))
}
started=0
: >"$log"

# stop SIGNAL: end the server. Returns its status.
stop() {
	local pid=$server
	server=
	kill "-$1" "$pid"
	wait "$pid" 2>/dev/null
}

stat() {
	printf 'stats\r\nquit\r\n' | socat -t 5 - "UNIX-CONNECT:$socket" | tr -d '\r' |
		awk -v name="$1" '$2 == name { print $3 }'
}

# What is refused, and how.
fails 2 "either --extent or --file" "neither extent nor file" "$pmkv"
fails 2 "either --extent or --file" "both" "$pmkv" --extent a --file b
fails 2 "--max-item-size=12x" "a bad size" "$pmkv" --file "$file" --max-item-size 12x
fails 2 "'more'" "a word too many" "$pmkv" --file "$file" more
fails 1 "give --size" "no file" "$pmkv" --file "$file"
fails 1 "'a/b' is no name" "a bad name" "$pmkv" --extent a/b
[ -e /dev/pmpool-extents/none ] ||
	fails 1 "no extent 'none'" "no such extent" "$pmkv" --extent none
head -c 1M /dev/zero | tr '\0' 'x' >"$file"
fails 1 "78 78 78 78" "a file of something else" "$pmkv" --file "$file" --socket "$socket"
cmp -s <(head -c 1M /dev/zero | tr '\0' 'x') "$file"
ok $? "which stays as it was"
rm "$file"
fails 1 "no loopback address" "an address that others could reach" \
	"$pmkv" --file "$file" --size 1M --listen 0.0.0.0:11211
fails 1 "no loopback address" "another one" "$pmkv" --file "$file" --listen '[::]:11211'
fails 1 "is no address" "no address" "$pmkv" --file "$file" --listen 127.0.0.1
touch "$socket"
fails 1 "is no socket" "a path that is in use" "$pmkv" --file "$file" --socket "$socket"
rm "$socket" "$file"
run "$pmkv" --version && grep -q '^pmkv [0-9]' "$dir/out"
ok $? "--version"

# Debian's clients, over TCP.
for ((try = 0; try < 20; try++)); do
	port=$((20000 + RANDOM % 10000))
	start --size 64M --listen "127.0.0.1:$port" --socket "$socket" && break
done
ok $? "the server listens on TCP and on a Unix socket"
grep -q "^pmkv: formatted file '$file': 0 items, 0.0 MiB, generation 1, [0-9.]* ms, new$" "$log"
ok $? "and says that it made a store"
fails 1 "another pmkv" "a second server on the same file" "$pmkv" --file "$file" --socket "$dir/other"
if command -v memccapable >/dev/null; then
	run memccapable -h 127.0.0.1 -p "$port" -a
	ok $? "all that memccapable checks of the text protocol"
	servers=--servers=127.0.0.1:$port
	run memcping "$servers"
	ok $? "memcping"
	echo 'some value' >"$dir/a-file"
	run memccp "$servers" "$dir/a-file" && run memccat "$servers" a-file && grep -qx 'some value' "$dir/out"
	ok $? "memccp and memccat"
	run memcexist "$servers" a-file && run memctouch "$servers" a-file &&
		run memcrm "$servers" a-file && ! run memcexist "$servers" a-file
	ok $? "memcexist, memctouch and memcrm"
	run memcstat "$servers" && grep -q 'pmkv_generation: 1' "$dir/out"
	ok $? "memcstat"
	run memcslap "$servers" --concurrency=4 --execute-number=500 --test=set &&
		grep -q 'set *2000 keys by *4 threads' "$dir/out"
	ok $? "memcslap, four clients at a time"
	run memcflush "$servers"
	ok $? "memcflush"
else
	skip "no libmemcached-tools"
fi

# Clients that are slow, greedy, rude or many.
if command -v python3 >/dev/null; then
	run python3 "$here/clients.py" "$socket"
	ok $? "clients that are slow, greedy, rude or many"
	grep '^#' "$dir/out"
else
	skip "no python3"
fi

# Keys outlive the server.
run "$load" write --connect "$socket" --keys 20000 --size 0-300 && grep -qx '20000 keys written' "$dir/out"
ok $? "20000 keys are written"
run "$load" verify --connect "127.0.0.1:$port" --keys 20000 --size 0-300 &&
	grep -qx '20000 keys read back, 0 lost, 0 wrong' "$dir/out"
ok $? "and read back"
stop TERM
ok $? "SIGTERM ends the server in order"
[ ! -e "$socket" ]
ok $? "and removes its socket"
run "$pmkv" --file "$file" --check && grep -q 'consistent$' "$dir/out"
ok $? "--check"
start --socket "$socket"
tail -n 1 "$log" | grep -q "reattached file .*: 2[0-9]* items, .* MiB, generation 2, [0-9.]* ms, clean$"
ok $? "the next server finds the store as it was"
tail -n 1 "$log" | sed 's/^/# /'
stop KILL
start --socket "$socket"
tail -n 1 "$log" | grep -q 'generation 3, [0-9.]* ms, after a crash (0 operations resolved)$'
ok $? "and knows when the last one was killed"
run "$load" verify --connect "$socket" --keys 20000 --size 0-300
ok $? "nothing is lost"
[ "$(stat pmkv_generation)" = 3 ]
ok $? "stats tell the generation"

# What pmkv-load says when something is lost or wrong.
printf 'delete key:7\r\nappend key:8 0 0 1\r\nx\r\nquit\r\n' | socat -t 5 - "UNIX-CONNECT:$socket" >/dev/null
fails 1 "19999 keys read back, 1 lost, 1 wrong" "a lost key and a wrong one are noticed" \
	"$load" verify --connect "$socket" --keys 20000 --size 0-300
fails 3 "cannot connect" "pmkv-load without a server" "$load" verify --connect "$dir/nobody"

# A store that is full.
printf 'flush_all\r\nquit\r\n' | socat -t 5 - "UNIX-CONNECT:$socket" >/dev/null
run "$load" write --connect "$socket" --keys 60 --size 900000
ok $? "a flushed store takes 54 MB of new keys in its 64 MiB"
fails 1 "SERVER_ERROR out of memory" "a full store says so" \
	"$load" write --connect "$socket" --keys 40 --size 900000 --prefix more:
run "$load" verify --connect "$socket" --keys 60 --size 900000
ok $? "and nothing is damaged"
stop KILL
rm "$file"

# Killed in the middle of changes, again and again.
bad=0
pending=0
for round in 1 2 3 4 5 6 7 8 9 10; do
	start --size 4M --socket "$socket" || bad=1
	"$load" churn --connect "$socket" --keys 500 --size 0-2000 --rounds 100000 \
		--journal "$dir/journal" >"$dir/churn" 2>&1 &
	churn=$!
	sleep "0.$((RANDOM % 4 + 1))$((RANDOM % 10))"
	stop KILL
	wait "$churn"
	[ $? -eq 3 ] || bad=1
	run "$pmkv" --file "$file" --check || bad=1
	grep -q '1 operation to finish' "$dir/out" && pending=$((pending + 1))
	start --socket "$socket" || bad=1
	run "$load" verify --connect "$socket" --size 0-2000 --journal "$dir/journal" || bad=1
	stop TERM
	[ $bad -eq 0 ] || break
done
ok $bad "killed under load $round times: each key has its last value or one in flight"
echo "# $(grep -c '^a' "$dir/journal") changes were acknowledged; $pending kills left an operation to finish"

echo "1..$checks"
[ "$failures" -eq 0 ]
