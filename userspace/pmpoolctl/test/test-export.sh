#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# pmpoolctl export and import, in a minimal guest with a pool. It finds
# /lib/pmpool.ko, pmpoolctl, damage (test/damage.c), extent (test/extent.c) and
# checks.sh.
#
# What check() is given is called by it:
# shellcheck disable=SC2317

# shellcheck source=userspace/pmpoolctl/test/checks.sh
. /bin/checks.sh
group='export'

# The same, as a user who is not root.
as_nobody() { su nobody -c "$*"; }

import_as_nobody() { as_nobody pmpoolctl import - </a/odd; }

lists() { [ "$(pmpoolctl list | awk 'NR > 1 { print $1 }' | sort | tr '\n' ' ')" = "$1" ]; }
described() { pmpoolctl info "$1" | grep -E '^(size|owner|mode|tag|state):' | tr -s ' ' | tr '\n' ';'; }
is_described() { [ "$(described "$1")" = "$2" ]; }
touched() { pmpoolctl dump | sed -n 's/^ *"zeroed": *\([0-9]*\),*/\1/p'; }
no_files_but() { [ "$(cd "$1" && echo *)" = "$2" ]; }

attach() {
	load
	chmod 666 /dev/pmpool
}

# A pool like that of another machine.
format() {
	rmmod pmpool
	damage wipe
	attach
}

# hold WHAT NAME: a program that maps it; its pid is in $holder
hold() {
	: >/tmp/held
	extent "$1" "$2" >/tmp/held &
	holder=$!
	until grep -q mapped /tmp/held; do :; done
}

let_go() {
	kill "$holder"
	wait "$holder" 2>/dev/null
}

# An import that waits for the rest of the archive, from fd 4.
begin_import() {
	(
		pmpoolctl import - </tmp/pipe >/tmp/killed 2>&1
		echo $? >/tmp/killed.status
	) &
	exec 4>/tmp/pipe
	dd if=/a/odd bs=2000 count=1 >&4 2>/dev/null
	until pmpoolctl list | grep -q '^.import-0-odd '; do :; done
}

# The byte at that offset is another one.
flip() {
	byte=$(dd if="$1" bs=1 skip="$2" count=1 2>/dev/null | hexdump -v -e '1/1 "%u"')
	# shellcheck disable=SC2059
	printf "\\$(printf %o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

mkdir /a
attach
pmpoolctl create big 130M --tag 'big 1' --mode 0640
pmpoolctl create odd 5000001 --mode 0604
pmpoolctl create empty 40M
pmpoolctl set odd --owner 65534 --group 65534
extent fill big 1
extent fill odd 2
odd='size: 4.7 MiB;owner: nobody:nogroup (65534:65534);mode: 0604;tag: -;state: clean;'
big='size: 130.0 MiB;owner: root:root (0:0);mode: 0640;tag: big 1;state: clean;'
check "the extents are as they shall be again" is_described odd "$odd"
before=$(touched)
check "all extents are exported" run 0 pmpoolctl export --all /a/all
check "with a line that says how much" says "exported 3 extents, 174.7 MiB, to /a/all: "
check "what was never touched is not even read" [ "$(touched)" = "$before" ]
check "nor is it written" [ "$(wc -c </a/all)" -lt 11000000 ]
check "the file is not for others" [ "$(stat -c %a /a/all)" = 600 ]
check "and no other file is left" no_files_but /a all
check "it can be listed" run 0 pmpoolctl import --list /a/all
check "with what it has" grep -q '^odd *4.7 MiB *nobody:nogroup *0604 *clean *20..-..-..T..:..:..Z$' /tmp/out
check "for programs too" run 0 pmpoolctl import --list --json /a/all
check "with all attributes" says '"tag": "big 1"'
check "it is whole" run 0 pmpoolctl import --verify /a/all
check "and that is said" says "/a/all: 3 extents, 174.7 MiB: all is as it was exported"
check "one by its name" run 0 pmpoolctl export odd /a/odd
check "through a pipe" run 0 sh -c 'pmpoolctl export odd - | cat >/a/pipe'
check "to a terminal or device: refused" run 1 pmpoolctl export odd /dev/null
check "because it is no file" says "cannot export to /dev/null: it is not a regular file"
check "there is no such extent" run 1 pmpoolctl export odd nobody /a/none
check "which is said" says "cannot export 'nobody': there is no such extent; see pmpoolctl list"
check "a name that none can have" run 2 pmpoolctl export 'a b' /a/none
check "no name" run 2 pmpoolctl export /a/none
check "names and --all" run 2 pmpoolctl export --all odd /a/none
check "a directory that is not there" run 1 pmpoolctl export odd /b/none
check "which is said as well" says "cannot create /b/none."
mkdir /small
mount -t tmpfs -o size=4M none /small
check "a disk that is full" run 1 pmpoolctl export --all /small/all
check "is said to be" says "cannot write /small/all: No space left on device after "
check "and nothing is left on it" no_files_but /small '*'
check "an extent that others may read is exported by them" run 0 as_nobody pmpoolctl export odd /small/nobody
rm -f /small/nobody
chmod 777 /small
check "one by one" run 0 as_nobody pmpoolctl export odd /small/nobody
check "another one is not" run 1 as_nobody pmpoolctl export big /small/none
check "whose permissions are named" says "cannot export 'big': permission denied; its mode does not let you read it"
check "with nothing left" no_files_but /small nobody

group=live
hold hold odd
check "one that a program may write is refused" run 1 pmpoolctl export odd /a/none
check "with what to do" says "cannot export 'odd': a program has it mapped for writing, so a copy would be inconsistent; stop the program, let it seal the extent, or give --live"
check "unless that is wanted" run 0 pmpoolctl export --live --all /a/live
let_go
check "it is marked in the file" run 0 pmpoolctl import --list /a/live
check "it alone" sh -c 'grep -q "^odd .* live " /tmp/out && grep -q "^big .* clean " /tmp/out'
check "and not imported as if it were clean" run 1 pmpoolctl import --replace /a/live odd
check "which is said" says "cannot import 'odd': it was exported while a program may have written it"
hold seal odd
check "one that is sealed is exported" run 0 pmpoolctl export odd /a/sealed
check "as clean" sh -c 'pmpoolctl import --list /a/sealed | grep -q "^odd .* clean "'
mkfifo /tmp/pipe
# The export fills the pipe and waits; meanwhile the program writes.
(
	pmpoolctl export big odd - >/tmp/pipe 2>/tmp/changed
	echo $? >/tmp/changed.status
) &
exec 3</tmp/pipe
dd bs=64 count=1 <&3 >/a/changed 2>/dev/null
kill -USR1 "$holder"
until grep -q written /tmp/held; do :; done
cat <&3 >>/a/changed
exec 3<&-
wait $!
cp /tmp/changed /tmp/out
check "one that is written meanwhile: it fails" grep -qx 1 /tmp/changed.status
check "which is said" says "cannot export 'odd': it was changed while it was read; stop the program that writes it, or give --live"
check "and what was written is no archive" run 1 pmpoolctl import --verify /a/changed
check "for it has no end" says "cannot import /a/changed: it was cut short"
let_go
extent fill odd 2

group=import
check "an extent that exists is not replaced" run 1 pmpoolctl import /a/odd
check "by accident" says "cannot import 'odd': an extent of that name exists; rename or remove it, or give --replace"
format
check "the pool is another one" lists ""
check "all extents are imported" run 0 pmpoolctl import /a/all
check "which is said of each" says "imported 'big': 130.0 MiB at offset "
check "without touching what is zero" [ "$(touched)" = "$before" ]
check "their attributes are what they were" is_described odd "$odd"
check "all of them" is_described big "$big"
check "so is what they hold" run 0 extent check big 1
check "to the last byte" run 0 extent check odd 2
check "and nothing else is there" lists "big empty odd "
check "the metadata is sound" run 0 pmpoolctl check
pmpoolctl remove odd
check "one, through a pipe" run 0 sh -c 'cat /a/all | pmpoolctl import --json - odd'
check "is described" says '"name": "odd"'
check "and right" run 0 extent check odd 2
check "one that the file has not" run 1 pmpoolctl import /a/odd big
check "which is said" says "cannot import 'big': /a/odd has no extent of that name; see pmpoolctl import --list"

extent fill odd 3
check "one that is there is replaced" run 0 pmpoolctl import --replace /a/odd
check "by what it was" run 0 extent check odd 2
check "and that is gone" lists "big empty odd "
extent fill odd 3
hold hold odd
check "but not while it is used" run 1 pmpoolctl import --replace /a/odd
check "which is said" says "cannot import 'odd': it is mapped; stop the program that uses it first"
let_go
check "when both do not fit" run 1 pmpoolctl import --replace /a/all
check "how much is missing is said" says "cannot import 'big': no free run of 130.0 MiB; the largest is 70.0 MiB; 98.0 MiB more would have to be free, for what is replaced stays until the new extents are whole"
check "and all is as it was" lists "big empty odd "
check "with what it holds" run 0 extent check odd 3

group=damage
cp /a/odd /a/bad
flip /a/bad 1000000
check "a flipped bit" run 1 pmpoolctl import --replace /a/bad
check "is told with its place" says "the content of 'odd' is wrong at offset 0; copy or export it again"
check "and nothing was changed" run 0 extent check odd 3
truncate -s 1000000 /a/bad
check "a file that was cut short" run 1 pmpoolctl import --replace /a/bad
check "is told" says "cannot import /a/bad: it was cut short: it has only 1000000 bytes, and no end; copy or export it again"
check "with nothing changed either" run 0 extent check odd 3
check "and nothing left" lists "big empty odd "
check "another file" run 1 pmpoolctl import /lib/pmpool.ko
check "is not taken for an archive" says "cannot import /lib/pmpool.ko: it is not an archive that pmpoolctl export wrote"
check "one that is not there" run 1 pmpoolctl import /a/none
check "is said to be missing" says "cannot open /a/none: No such file or directory"

group=limit
pmpoolctl rename odd other
pmpoolctl limit nobody --size 2M
check "a user gets no more than the limit" run 1 import_as_nobody
check "which is said" says "cannot import 'odd': you would have more than your limit; see pmpoolctl limit"
check "and nothing is left" lists "big empty other "
pmpoolctl limit nobody --none
check "without one, it is the user's" run 0 import_as_nobody
check "as it was" is_described odd "$odd"
pmpoolctl remove odd

group=killed
begin_import
check "while one import runs, another one waits" run 1 pmpoolctl import /a/odd
check "for its turn" says "another import is running; wait until it has ended"
pid=$(pidof pmpoolctl)
kill -9 "$pid"
wait $!
exec 4>&-
check "what a killed one leaves has a name that says so" sh -c 'pmpoolctl list | grep -q "^.import-0-odd "'
check "it is not exported" run 0 pmpoolctl export --all /a/again
check "which is said" says "'.import-0-odd' is left out: an import that was cut off has left it"
check "the next one removes it" run 0 pmpoolctl import /a/odd
check "and says so" says "removed '.import-0-odd', which an import that was cut off has left"
check "and is right" run 0 extent check odd 2
pmpoolctl remove odd
begin_import
kill "$(pidof pmpoolctl)"
wait $!
exec 4>&-
check "one that is interrupted leaves nothing" lists "big empty other "
check "and ends by the signal" grep -qx 143 /tmp/killed.status

finish
