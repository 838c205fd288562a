#!/bin/sh
#
# The wheel for old systems, as auditwheel and an empty Python see it: wheel.sh FOLDER, where it lies beside its library.

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT

set -- "$1/libatlas_backup.so" "$1"/*.whl
[ $# = 2 ] && case $2 in *-py3-none-"$MANYLINUX".whl) ;; *) false ;; esac
result $? "there is one wheel, for $MANYLINUX"

"$PYTHON" -m zipfile -e "$2" "$scratch/wheel" && cmp "$1" "$scratch/wheel/atlas_backup/libatlas_backup.so"
result $? "it has the library for old systems"

"$BUILD/zig/bin/auditwheel" show "$2" >"$scratch/audit" 2>&1 && tr '\n' ' ' <"$scratch/audit" |
    grep -Eq "is consistent with the following +platform tag: +\"$MANYLINUX\""
result $? "auditwheel finds nothing in it that such a system lacks" "$scratch/audit"

"$PYTHON" -m venv "$scratch/empty" && "$scratch/empty/bin/pip" install --quiet --no-index --no-deps "$2" &&
    (cd / && env -u PYTHONPATH -u ATLAS_BACKUP_LIBRARY "$scratch/empty/bin/python" -m atlas_backup get \
        "$ATLAS_SIMULATOR_PROJECT" "$ATLAS_SIMULATOR_CLUSTER" "$ATLAS_SIMULATOR_SNAPSHOT") >"$scratch/shown" &&
    grep -q completed "$scratch/shown"
result $? "installed into an empty environment it fetches a snapshot"
finish
