#!/bin/sh
#
# The wheel of a platform, as auditwheel and Python see it: wheel.sh PLATFORM FOLDER [PYTHON...], the folder in which it
# lies beside its library, and what runs a Python of that platform; without, it is installed into one of this machine.

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
. packaging/platform.sh
platform "$1" || exit
folder=$2
shift 2
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT

file=$(echo "$folder"/*.whl)
[ -f "$file" ] && case $file in *-py3-none-"$wheel".whl) ;; *) false ;; esac
result $? "there is one wheel, for $wheel"

"$PYTHON" -m zipfile -e "$file" "$scratch/wheel" && cmp "$folder/libatlas_backup.so" "$scratch/wheel/atlas_backup/libatlas_backup.so"
result $? "it has the library for old systems"

# To auditwheel musl is what Alpine alone calls it.
if [ "$libc" = gnu ]; then
    "$BUILD/zig/bin/auditwheel" show "$file" >"$scratch/audit" 2>&1 && tr '\n' ' ' <"$scratch/audit" |
        grep -Eq "is consistent with the following +platform tag: +\"$wheel\""
    result $? "auditwheel finds nothing in it that such a system lacks" "$scratch/audit"
fi

# fetches PYTHON...: the package that is installed there reads a snapshot with its own library.
fetches() {
    (cd / && env -u ATLAS_BACKUP_LIBRARY "$@" -m atlas_backup get \
        "$ATLAS_SIMULATOR_PROJECT" "$ATLAS_SIMULATOR_CLUSTER" "$ATLAS_SIMULATOR_SNAPSHOT") >"$scratch/shown" &&
        grep -q completed "$scratch/shown"
}

if [ $# -gt 0 ]; then
    fetches env PYTHONPATH="$scratch/wheel" "$@"
    result $? "Python there fetches a snapshot with it"
elif [ "$arch" = "$(uname -m)" ] && [ "$libc" = gnu ]; then
    "$PYTHON" -m venv "$scratch/empty" && "$scratch/empty/bin/pip" install --quiet --no-index --no-deps "$file" &&
        fetches env -u PYTHONPATH "$scratch/empty/bin/python"
    result $? "installed into an empty environment it fetches a snapshot"
fi
finish
