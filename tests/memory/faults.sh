#!/bin/sh
#
# Whether a checker of memory errors and leaks, which exits with 99 if it finds any, finds those that are there, in code
# of the library too: tests/memory/faults.sh PROGRAM CHECKER ARGUMENT...

program=$1
shift
. "$(dirname "$0")/../result.sh"
output=$(mktemp) || exit
trap 'rm -f "$output"' EXIT

# says SENTENCE FAULT EXPECTED-CODE TEXT: with this fault the checker ends with that code and says that.
says() {
    check "$2"
    [ "$code" -eq "$3" ] && grep -qE -e "$4" "$output"
    result $? "$1 (exit code $code)" "$output"
}

checker=
for word in "$@"; do
    checker="$checker '$word'"
done
check() {
    eval "$checker"' "$program" "$1"' >"$output" 2>&1
    code=$?
}

says "without a fault the checker finds nothing" none 0 5f4007f327a3bd7b6f4103c5
says "the library's use of freed memory is found" use-after-free 99 "heap-use-after-free|Invalid read"
says "a leak of the library's memory is found" leak 99 atlas_snapshot_parse

finish
