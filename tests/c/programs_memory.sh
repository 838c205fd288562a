#!/bin/sh
#
# Each program in bindings/c once, under a checker of memory errors and leaks that exits with 99 if it finds any:
# atlas-simulator run --env all -- tests/c/programs_memory.sh FOLDER CHECKER ARGUMENT...

folder=$1
shift
project=$ATLAS_SIMULATOR_PROJECT
. "$(dirname "$0")/../result.sh"
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT
output=$scratch/output

# clean EXPECTED-CODE PROGRAM ARGUMENT..., under the command that `checker` has.
clean() {
    expected=$1 program=$2
    shift 2
    eval "$checker"' "$folder/$program" "$@"' >"$output" 2>&1
    code=$?
    [ "$code" -eq "$expected" ]
    result $? "no memory error and no leak in $program $(echo "$*" | LC_ALL=C tr -cd ' -~' | cut -c1-90) (exit code $code)" "$output"
}

checker=
for word in "$@"; do
    checker="$checker '$word'"
done
clean 0 get_snapshot "$project" Cluster0 "$ATLAS_SIMULATOR_SNAPSHOT"
clean 15 get_snapshot "$project" error-404 "$ATLAS_SIMULATOR_SNAPSHOT"
clean 2 get_snapshot "$project" Cluster0
clean 0 list_snapshots "$project" many-501
clean 0 list_snapshots --json --newest --status completed --since 7000d "$project" odd
clean 15 list_snapshots "$project" error-404
clean 2 list_snapshots --status "$(printf '\377\033')" "$project" Cluster0
clean 0 wait_for_snapshot --interval 0.5 "$project" staged "$ATLAS_SIMULATOR_SNAPSHOT"
clean 24 wait_for_snapshot --interval 0.5 "$project" failing "$ATLAS_SIMULATOR_SNAPSHOT"
clean 19 wait_for_snapshot -t 1 "$project" silent "$ATLAS_SIMULATOR_SNAPSHOT"
clean 2 check_backup -v -w 26 -c 48 "$project" Cluster0
clean 2 check_backup -w 26 -c 48 --size 1G:2T --scheduled --failed critical "$project" Cluster0 empty odd error-404
clean 3 check_backup -w 26 -c 48 "$project" error-404
clean 3 check_backup -w 26
clean 3 check_backup "-$(printf '\377\033')$(head -c 2000 /dev/zero | tr '\0' x)"
clean 15 export_metrics "$project" Cluster0 error-404 odd
clean 0 export_metrics --output "$scratch/atlas.prom" "$project" Cluster0
clean 1 export_metrics --output "$scratch/none/atlas.prom" "$project" Cluster0
(umask 077 && printf 'MONGODB_ATLAS_CLIENT_ID="%s"\nMONGODB_ATLAS_CLIENT_SECRET=%s\n' "$MONGODB_ATLAS_CLIENT_ID" "$MONGODB_ATLAS_CLIENT_SECRET") \
    >"$scratch/settings"
chmod 600 "$scratch/settings"
clean 0 list_snapshots --env-file "$scratch/settings" --token-cache "$scratch/cache" "$project" Cluster0
echo "MONGODB_ATLAS_CLIENT_SECRET='" >>"$scratch/settings"
clean 12 list_snapshots --env-file "$scratch/settings" "$project" Cluster0

finish
