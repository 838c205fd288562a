#!/bin/sh
#
# Writes into FOLDER what a compiled program depends on: packaging/abi.sh FOLDER. `make abi` does it for packaging/abi,
# the baseline that the tests compare with.
#
#   functions         their names
#   constants         each #define and its value
#   atlas_backup.abi  parameters, types, layout and numbers, if abidw is installed
#
# All from the header, which other tests prove to be what the code says and what the library exports: a library of
# empty functions is made of it, so that nothing inside Rust can change the baseline.

set -e
cd "$(dirname "$0")/.."
folder=$1
CC=${CC:-cc}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$folder"

printf '#include "atlas_backup.h"\n' >"$scratch/header.c"

# One declaration a line.
"$CC" -std=c99 -Iinclude -E -P "$scratch/header.c" | tr '\n' ' ' | sed 's/[;}]/&\n/g' |
    grep -v '^ *typedef' | sed -n 's/^ *\(.*\batlas_[a-z0-9_]*(.*)\);$/\1/p' >"$scratch/declarations"

sed 's/^[^(]*\b\(atlas_[a-z0-9_]*\)(.*/\1/' "$scratch/declarations" | LC_ALL=C sort >"$folder/functions"
"$CC" -std=c99 -Iinclude -E -dM "$scratch/header.c" | grep '^#define ATLAS_' |
    grep -v '^#define ATLAS_BACKUP_' | LC_ALL=C sort >"$folder/constants"

if command -v abidw >/dev/null 2>&1; then
    {
        cat "$scratch/header.c"
        sed 's/$/ { __builtin_unreachable(); }/' "$scratch/declarations"
        # No function mentions the enumerations, which come and go as int32_t.
        sed -n 's/^typedef enum \([a-z_]*\) {.*/extern \1 number_of_\1; \1 number_of_\1;/p' include/atlas_backup.h
    } >"$scratch/empty.c"
    "$CC" -std=c99 -g -O0 -fPIC -shared -Iinclude -o "$scratch/libatlas_backup.so" "$scratch/empty.c"
    abidw --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --no-architecture --type-id-style hash \
        "$scratch/libatlas_backup.so" >"$folder/atlas_backup.abi"
fi
