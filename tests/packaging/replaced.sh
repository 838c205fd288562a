#!/bin/sh
#
# A library that is replaced while a program has it mapped: tests/packaging/replaced.sh, with BUILD, VERSION and MAKE.

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
MAKE=${MAKE:-make} BUILD=${BUILD:-build}
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT

# replaced FILE COMMAND...: the command replaces FILE, and who has the old one open keeps it.
replaced() {
    file=$1
    shift
    exec 3<"$file" || return
    before=$(stat -Lc %i /dev/fd/3)
    sum=$(cksum <"$file")
    "$@" >"$scratch/log" 2>&1 || {
        sed 's/^/    | /' "$scratch/log"
        return 1
    }
    [ "$(stat -c %i "$file")" != "$before" ] && [ "$(cksum <&3)" = "$sum" ]
}

for name in libatlas_backup.so libatlas_backup.a; do
    replaced "$BUILD/library/$name" "$MAKE" --no-print-directory library
    result $? "make replaces $name and does not write into it"
done

installing() {
    "$MAKE" --no-print-directory install BUILT="$BUILD/library" DESTDIR="$scratch" PREFIX=/usr
}

installing >"$scratch/log" 2>&1
replaced "$scratch/usr/lib/libatlas_backup.so.$VERSION" installing
result $? "make install replaces the library and does not write into it"

[ -z "$(find "$scratch/usr" "$BUILD/library" -name '*.new')" ]
result $? "nothing half-done is left behind"

finish
