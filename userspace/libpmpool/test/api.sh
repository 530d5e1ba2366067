#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the library promises at its edges: header, symbol map, library and man pages
# say the same; it can be used from C++ and from strict C; and the programs in the
# pages compile. BUILD says where the library is. Prints TAP; fails when a check does.
#
# Checks are called by check():
# shellcheck disable=SC2317
set -u -o pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd) || exit 1
build=${BUILD:-$top/build}
build=$(cd "$build" && pwd) || exit 1
library=$build/libpmpool.so.1
header=$top/userspace/libpmpool/pmpool.h
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
export LC_ALL=C
checks=0
failures=0

# check WHAT COMMAND...: it has to succeed; what it says otherwise is shown
check() {
	local what=$1
	shift
	checks=$((checks + 1))
	if "$@" >"$dir/out" 2>&1; then
		echo "ok $checks - $what"
	else
		failures=$((failures + 1))
		echo "not ok $checks - $what"
		head -n 30 "$dir/out" | sed 's/^/# /'
	fi
}

skip() {
	checks=$((checks + 1))
	echo "ok $checks - # SKIP $1"
}

# same ONE OTHER: lists that are not empty and have the same lines
same() {
	[ -s "$1" ] || { echo "${1##*/} is empty"; return 1; }
	diff --label "${1##*/}" --label "${2##*/}" -U 0 "$1" "$2"
}

# The pages' SYNOPSES as declarations, one a line, without blanks.
declared_in_pages() {
	sed -n -e '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/ {
		/^\.Ft/ { s/^\.Ft //; s/"//g; h }
		/^\.Fn/ { s/^\.Fn //; s/" "/,/g; s/ "*/(/; s/"*$/)/; H; x; s/[ \n]//g; p }
	}' "$top"/man/pmpool_*.3
}

# The same of the header.
declared_in_header() {
	gcc -fpreprocessed -dD -E -P "$header" | grep -v '^#' | tr -d '\n' | tr -s ';{}' '\n' |
		sed -n '/(.*)$/ { s/[[:blank:]]//g; p }'
}

# Every function, and only functions, by an installed page of its name.
pages_by_name() {
	local name bad=0

	while read -r name; do
		grep -qE "^\.Fn $name( |\$)" "$dir/examples/root/usr/share/man/man3/$name.3" ||
			{ echo "man $name: no such page, or it is about something else"; bad=1; }
	done <"$dir/map"
	return "$bad"
}

# Each example was found and compiles; those of the main functions are there.
examples() {
	local page

	"$top/userspace/libpmpool/test/examples" "$dir/examples" "$1" || return 1
	for page in README libpmpool pmpool_create pmpool_extent_{open,map,seal,wait} pmpool_next pmpool_resize pmpool_watch_new; do
		[ -x "$dir/examples/$1/$page" ] || { echo "$page has no example"; return 1; }
	done
}

# No variable: what the library does has no memory but in the caller's objects.
stateless() {
	! nm --defined-only "$build/libpmpool.a" | grep -E ' [bBdDcC] '
}

no_undeclared_library() {
	local needed

	needed=$(objdump -p "$library" | sed -n 's/^ *NEEDED *//p' | sort | tr '\n' ' ')
	[ "$needed" = "libc.so.6 libudev.so.1 " ] || { echo "it needs $needed"; return 1; }
}

# compiles FILE COMPILER [FLAG...]: a program that includes the header first, and
# runs well
compiles() {
	local source=$1
	shift
	"$@" -Wall -Wextra -Werror -pedantic -I"${header%/*}" -o "$dir/program" "$source" "$library" &&
		LD_LIBRARY_PATH=$build "$dir/program"
}

thirty_two_bits() {
	local bits

	for bits in 32 64; do
		gcc -m32 -D_FILE_OFFSET_BITS="$bits" -fsyntax-only -Wall -Wextra -Werror -I"${header%/*}" \
			"$dir/program.c" || return 1
	done
}

sed -nE 's/^\t(pmpool_[a-z_]+);$/\1/p' "$top/userspace/libpmpool/libpmpool.map" | sort >"$dir/map"
nm -D --defined-only "$library" | sed -n 's/^.* T \(.*\)@@LIBPMPOOL_1\.0$/\1/p' | sort >"$dir/exported"
nm -D --defined-only "$library" | sed -n '/ A LIBPMPOOL/d; s/^[^ ]* . //; s/@@.*//p' | sort >"$dir/defined"
declared_in_header | sort >"$dir/header"
sed -E 's/^.*(pmpool_[a-z_]+)\(.*/\1/' "$dir/header" | sort >"$dir/header-names"
declared_in_pages | sort >"$dir/pages"

check "the library exports what the map says" same "$dir/map" "$dir/exported"
check "and nothing else" same "$dir/map" "$dir/defined"
check "the pages declare what the header declares" same "$dir/header" "$dir/pages"
check "the header declares what the map has" same "$dir/map" "$dir/header-names"
check "the library has no variables" stateless
check "it needs libc and libudev" no_undeclared_library

cat >"$dir/program.c" <<'END'
#include <pmpool.h>
#include <string.h>

int main(void)
{
	enum pmpool_pool_state state = PMPOOL_DEGRADED;
	enum pmpool_action action = PMPOOL_REMOVED;
	uid_t any = PMPOOL_ANY_USER;

	pmpool_entry_free(NULL);
	pmpool_extent_close(NULL);
	pmpool_watch_free(NULL);
	return !(pmpool_name_valid("a") && strlen(pmpool_version()) > 0 && state == 2 &&
		 action == 2 && any == (uid_t)-1 && PMPOOL_NO_LIMIT == UINT64_MAX);
}
END
ln "$dir/program.c" "$dir/program.cc"
check "the header is C99" compiles "$dir/program.c" gcc -std=c99
if command -v g++ >/dev/null; then
	check "the header is C++" compiles "$dir/program.cc" g++ -std=c++11
else
	skip "there is no g++ here: ./bootstrap setup installs it"
fi
check "the header is for 32 bits too" thirty_two_bits

check "the programs in the pages compile with gcc" examples gcc
if command -v clang >/dev/null; then
	check "and with clang" examples clang
else
	skip "there is no clang here: ./bootstrap setup installs it"
fi
check "man finds every function" pages_by_name

echo "1..$checks"
exit $((failures > 0))
