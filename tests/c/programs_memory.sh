#!/bin/sh
#
# Each program in bindings/c once, under a checker of memory errors and leaks that exits with 99 if it finds any:
# atlas-simulator run --env all -- tests/c/programs_memory.sh FOLDER CHECKER ARGUMENT...

folder=$1
shift
project=$ATLAS_SIMULATOR_PROJECT
. "$(dirname "$0")/../result.sh"
output=$(mktemp) || exit
trap 'rm -f "$output"' EXIT

# clean EXPECTED-CODE PROGRAM ARGUMENT..., under the command that `checker` has.
clean() {
    expected=$1 program=$2
    shift 2
    eval "$checker"' "$folder/$program" "$@"' >"$output" 2>&1
    code=$?
    [ "$code" -eq "$expected" ]
    result $? "no memory error and no leak in $program $* (exit code $code)" "$output"
}

checker=
for word in "$@"; do
    checker="$checker '$word'"
done
clean 0 get_snapshot "$project" Cluster0 "$ATLAS_SIMULATOR_SNAPSHOT"
clean 15 get_snapshot "$project" error-404 "$ATLAS_SIMULATOR_SNAPSHOT"
clean 0 list_snapshots "$project" many-501
clean 0 list_snapshots --json "$project" odd
clean 15 list_snapshots "$project" error-404
clean 0 wait_for_snapshot --interval 0.5 "$project" staged "$ATLAS_SIMULATOR_SNAPSHOT"
clean 24 wait_for_snapshot --interval 0.5 "$project" failing "$ATLAS_SIMULATOR_SNAPSHOT"
clean 2 check_backup -v -w 26 -c 48 "$project" Cluster0
clean 2 check_backup -w 26 -c 48 "$project" empty
clean 3 check_backup -w 26 -c 48 "$project" error-404
clean 3 check_backup -w 26

finish
