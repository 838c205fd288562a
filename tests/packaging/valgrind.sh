#!/bin/sh
#
# The library as it is shipped, under valgrind, with the suppressions that are installed. BUILT is the library. Run by the
# simulator: atlas-simulator run --env all -- tests/packaging/valgrind.sh

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
BUILT=${BUILT:-build/library} CC=${CC:-cc}
if ! has valgrind; then
    echo "skipped: the suppressions for valgrind that are installed: valgrind is not installed"
    finish
    exit
fi
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT

cat >"$scratch/careless.c" <<'END'
/* Passes flags that nobody set. */
#include <stdlib.h>
#include <atlas_backup.h>

int main(void)
{
    uint32_t *flags = malloc(sizeof *flags);
    atlas_config *config = atlas_config_from_env();
    atlas_client *client = atlas_client_new(config, NULL);

    atlas_snapshot_free(atlas_client_get_snapshot(client, getenv("ATLAS_SIMULATOR_PROJECT"), "Cluster0",
                                                  getenv("ATLAS_SIMULATOR_SNAPSHOT"), *flags, NULL));
    atlas_client_free(client);
    atlas_config_free(config);
    free(flags);
    return 0;
}
END
"$CC" -std=c99 -g -Iinclude -o "$scratch/careless" "$scratch/careless.c" -L"$BUILT" -latlas_backup || exit

under_valgrind() {
    LD_LIBRARY_PATH=$scratch/lib valgrind --quiet --error-exitcode=99 --leak-check=full \
        --errors-for-leak-kinds=definite,possible --show-leak-kinds=definite,possible \
        --suppressions=packaging/atlas_backup.supp "$@" 2>"$scratch/log" >"$scratch/shown"
}

mkdir "$scratch/lib"
cp "$BUILT/libatlas_backup.so" "$scratch/lib/$SONAME"
for symbols in "without symbols" "with symbols"; do
    [ "$symbols" = "without symbols" ] || cp "$BUILT/libatlas_backup.so.$VERSION.debug" "$scratch/lib"

    under_valgrind "$BUILT/programs/get_snapshot" "$ATLAS_SIMULATOR_PROJECT" Cluster0 "$ATLAS_SIMULATOR_SNAPSHOT"
    result $? "a snapshot over TLS is no finding ($symbols)" "$scratch/log"

    under_valgrind "$BUILT/programs/list_snapshots" "$ATLAS_SIMULATOR_PROJECT" many-501
    result $? "nor is a list of several pages ($symbols)" "$scratch/log"

    ! under_valgrind "$scratch/careless" && grep -q 'uninitialised value.*' "$scratch/log" && grep -q careless.c "$scratch/log"
    result $? "what a caller passes uninitialised still is one ($symbols)" "$scratch/log"
done

grep -q 'atlas_backup.*\.rs:[0-9]' "$scratch/log"
result $? "with symbols valgrind names functions and lines of the library" "$scratch/log"
finish
