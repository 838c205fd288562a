#!/bin/sh
#
# The program get_snapshot as a user and as a script meet it. Run by the simulator:
# atlas-simulator run --env all -- tests/c/get_snapshot.sh PROGRAM

program=$1
project=$ATLAS_SIMULATOR_PROJECT
snapshot=$ATLAS_SIMULATOR_SNAPSHOT
passed=0 failed=0
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT
out=$scratch/out err=$scratch/err

# With the changes to the environment that `changes` has for env.
changes=
ask() {
    env $changes "$program" "$@" >"$out" 2>"$err"
    code=$?
}

ok() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok - $2"
    else
        failed=$((failed + 1))
        echo "NOT OK - $2 (exit code $code)"
        sed 's/^/    | /' "$out" "$err"
    fi
}

# says FILE TEXT...: FILE contains each of the texts.
says() {
    file=$1
    shift
    for text in "$@"; do
        grep -qF -e "$text" "$file" || {
            echo "    missing: $text"
            return 1
        }
    done
}

exits() {
    [ "$code" -eq "$1" ]
}

ask "$project" Cluster0 "$snapshot"
exits 0 && [ ! -s "$err" ] && says "$out" \
    "id                $snapshot" \
    "status            completed" \
    "description       string" \
    "created           2019-08-24 14:15:22 UTC (" \
    " years ago)" \
    "expires           2019-08-31 14:15:22 UTC (" \
    "size              3.0 GiB (3221225472 bytes)" \
    "snapshot type     scheduled" \
    "frequency         hourly" \
    "cluster type      replicaSet" \
    "replica set       atlas-abc123-shard-0" \
    "mongod version    8.0.13" \
    "cloud provider    AWS" \
    "master key        72659f08-8b3c-4913-bb4e-a8a68e036502" \
    "copy regions      US_EAST_1" \
    "                  EU_WEST_1" \
    "policy items      32b6e34b3d91647abb20e7b9" \
    "links             https://cloud.mongodb.com/api/atlas/v2/groups/$project/clusters/Cluster0/backup/snapshots/$snapshot (self)"
ok $? "a snapshot is an aligned table with human sizes and dates"

ask "$project" Cluster0 00000000000000000000d002
exits 0 && [ "$(grep -c ' -$' "$out")" -eq 16 ] && [ "$(wc -l <"$out")" -eq 16 ]
ok $? "what Atlas did not send is a hyphen"

ask "$project" Cluster0 00000000000000000000d00e
exits 0 && says "$out" "created           yesterday" "expires           2026-02-30T06:00:00Z"
ok $? "a date that cannot be read is shown as it came"

ask "$project" Cluster0 00000000000000000000d007
exits 0 && says "$out" "size              8.0 EiB (9223372036854775807 bytes)"
ok $? "the largest size there can be is readable"

ask "$project" Cluster0 00000000000000000000d00a
exits 0 && says "$out" 'description       tab  quote"' "💾" && ! grep -q "$(printf '\t')" "$out"
ok $? "control characters in a description become blanks, other text stays"

ask "$project" replica-asked-sharded "$snapshot"
exits 0 && says "$out" "cluster type      shardedCluster" "config servers    DEDICATED" \
    "members           5f4007f327a3bd7b6f410300 atlas-replica-asked-sharded-shard-0 AWS" "snapshot ids      5f4007f327a3bd7b6f410300"
ok $? "a snapshot of a sharded cluster shows its members"

for id in "$snapshot" 00000000000000000000d00a 00000000000000000000d011; do
    ask --json "$project" Cluster0 "$id"
    exits 0 && [ ! -s "$err" ] && "${PYTHON:-python3}" - "$out" "$id" <<'END'
import json, os, ssl, sys, urllib.request
base = os.environ["ATLAS_SIMULATOR_URL"]
path = f"/api/atlas/v2/groups/{os.environ['ATLAS_SIMULATOR_PROJECT']}/clusters/Cluster0/backup/snapshots/{sys.argv[2]}"
request = urllib.request.Request(base + path)
request.add_header("Accept", "application/vnd.atlas.2024-05-30+json")
request.add_header("Authorization", "Bearer " + os.environ["ATLAS_SIMULATOR_ACCESS_TOKEN"])
trusting = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=os.environ["ATLAS_SIMULATOR_CA_FILE"]))
expected = urllib.request.build_opener(urllib.request.ProxyHandler({}), trusting).open(request).read()
sys.exit(open(sys.argv[1], "rb").read() != expected)
END
    ok $? "--json is what Atlas sent, byte for byte ($id)"
done

ask "$project" --json Cluster0 -- "$snapshot"
exits 0 && says "$out" '"status":"completed"'
ok $? "options may stand anywhere before --"

ask --help
exits 0 && says "$out" "usage: get_snapshot" "MONGODB_ATLAS_CLIENT_ID" "12  settings" && [ ! -s "$err" ]
ok $? "--help is not an error"

for arguments in "" "one" "one two" "one two three four" "--nonsense $project Cluster0 $snapshot" "-j $project Cluster0 $snapshot"; do
    ask $arguments
    exits 2 && [ ! -s "$out" ] && says "$err" "usage: get_snapshot"
    ok $? "wrong usage exits with 2: get_snapshot $arguments"
done

# error CODE CLUSTER TEXT...
error() {
    expected=$1 cluster=$2
    shift 2
    ask "$project" "$cluster" "$snapshot"
    exits "$expected" && [ ! -s "$out" ] && says "$err" "get_snapshot: " "$@"
    ok $? "the exit code for $cluster is $expected"
}
changes=MONGODB_ATLAS_TIMEOUT_MS=2000
error 11 "no/cluster" "invalid_argument" "cluster_name"
error 13 error-401 "unauthenticated" "get_snapshot --help"
error 14 error-403 "forbidden" "Project Read Only" "USER_UNAUTHORIZED"
error 14 error-403-ip "203.0.113.7"
error 15 error-404 "CLUSTER_NOT_FOUND" "404 Not Found" '["error-404"' "No cluster named error-404 exists"
error 16 error-400-fields "must not be null"
error 17 error-429-bucket "rate_limited"
error 18 error-503-html "503" "may succeed later"
error 19 silent "timeout"
error 20 closing "network"
error 22 not-json "invalid_response"
changes=MONGODB_ATLAS_TIMEOUT_MS=soon
error 12 Cluster0 "config" "MONGODB_ATLAS_TIMEOUT_MS"
changes=MONGODB_ATLAS_CA_FILE=
error 21 Cluster0 "tls" "certificate"
changes="-u MONGODB_ATLAS_CLIENT_ID -u MONGODB_ATLAS_CLIENT_SECRET -u MONGODB_ATLAS_PUBLIC_API_KEY
    -u MONGODB_ATLAS_PRIVATE_API_KEY -u MONGODB_ATLAS_ACCESS_TOKEN"
ask "$project" Cluster0 "$snapshot"
exits 12 && [ ! -s "$out" ] && says "$err" "MONGODB_ATLAS_CLIENT_ID" "get_snapshot --help"
ok $? "without credentials it says which variables to set"

changes=

if [ -w /dev/full ]; then
    for arguments in "" --json; do
        "$program" $arguments "$project" Cluster0 "$snapshot" >/dev/full 2>"$err"
        code=$?
        exits 1 && says "$err" "cannot write to standard output" "No space left on device"
        ok $? "a full disk is an error ${arguments:-as a table}"
    done
else
    echo "skipped: a full disk: there is no /dev/full"
fi
"$program" "$project" Cluster0 "$snapshot" >&- 2>"$err"
code=$?
exits 1 && says "$err" "cannot write to standard output"
ok $? "a closed standard output is an error"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
