#!/bin/sh
#
# Calls made while a thread or the process is ending, perhaps under a checker of memory errors:
# atlas-simulator run --env service-account -- tests/at_exit/at_exit.sh PROGRAM [CHECKER ARGUMENT...]

program=$1
shift
. "$(dirname "$0")/../result.sh"
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT

# With all credentials there are, those of a service account count: it has a token to give back.
for where in atexit static thread_local thread_local-of-main key key-of-a-thread-without-calls; do
    "$@" "$program" "$where" >"$scratch/out" 2>"$scratch/err"
    code=$?
    [ "$code" -eq 0 ] && [ "$(cat "$scratch/out")" = "${where%-of-main}: every call succeeded" ] && [ ! -s "$scratch/err" ]
    status=$?
    cat "$scratch/err" >>"$scratch/out"
    result $status "every call succeeds in the place $where, and nothing is printed (exit code $code)" "$scratch/out"
done

finish
