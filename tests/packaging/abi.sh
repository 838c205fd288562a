#!/bin/sh
#
# Programs compiled against an earlier header still work: the ABI is that of packaging/abi, or more.

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT

packaging/abi.sh "$scratch" || exit

diff packaging/abi/functions "$scratch/functions"
result $? "the functions are those of packaging/abi (if some were added: make abi)"

diff packaging/abi/constants "$scratch/constants"
result $? "the constants are those of packaging/abi (if some were added: make abi)"

if has abidiff && has abidw; then
    abidiff --no-added-syms packaging/abi/atlas_backup.abi "$scratch/atlas_backup.abi"
    result $? "parameters, layout and numbers are as they were (what may change: docs/abi-policy.md)"
else
    echo "skipped: whether parameters, layout and numbers are as they were: abidiff is not installed"
fi
finish
