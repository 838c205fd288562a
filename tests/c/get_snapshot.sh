#!/bin/sh
#
# The program get_snapshot as a user and as a script meet it.

. "$(dirname "$0")/program.sh"

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

serve Cluster0 <<'END_OF_SNAPSHOT'
{"id": "a\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u0085\u007fb\u200d\u2027\u202f\u2065c"}
END_OF_SNAPSHOT
ask "$project" Cluster0 "$snapshot"
exits 0 && "$PYTHON" - "$out" <<'END'
import sys
line = open(sys.argv[1], encoding="utf-8").readline()
assert line == "id                a" + 16 * " " + "b\u200d\u2027\u202f\u2065c\n", ascii(line)
END
ok $? "characters that turn the direction of writing become blanks"
honest

ask "$project" "$ATLAS_SIMULATOR_SHARDED_CLUSTER" "$snapshot"
exits 16 && [ ! -s "$out" ] && says "$err" "hint        add --sharded"
ok $? "a sharded cluster without --sharded is an error that says so"

ask --sharded "$project" "$ATLAS_SIMULATOR_SHARDED_CLUSTER" "$ATLAS_SIMULATOR_SHARDED_SNAPSHOT"
exits 0 && says "$out" "id                $ATLAS_SIMULATOR_SHARDED_SNAPSHOT" "cluster type      shardedCluster" "members           "
ok $? "--sharded shows a snapshot of a sharded cluster"

ask "$project" replica-asked-sharded "$snapshot"
exits 0 && says "$out" "cluster type      shardedCluster" "config servers    DEDICATED" \
    "members           5f4007f327a3bd7b6f410300 atlas-replica-asked-sharded-shard-0 AWS" "snapshot ids      5f4007f327a3bd7b6f410300"
ok $? "a snapshot of a sharded cluster shows its members"

for id in "$snapshot" 00000000000000000000d00a 00000000000000000000d011; do
    ask --json "$project" Cluster0 "$id"
    exits 0 && [ ! -s "$err" ] && "$PYTHON" - "$out" "$id" <<'END'
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

ask "$project" Cluster0
exits 2 && [ ! -s "$out" ] && says "$err" "no id of a snapshot; list_snapshots \"$project\" \"Cluster0\" lists them"
ok $? "without an id it says how to list them"
ask --sharded "$project" Cluster0
exits 2 && says "$err" "list_snapshots --sharded \"$project\""
ok $? "without an id of a sharded cluster, too"

wrong_usage "" "one" "one two" "one two three four" "--nonsense $project Cluster0 $snapshot" "-j $project Cluster0 $snapshot"

rest=$snapshot
common_errors
passing_errors

writes_nowhere 1 "$project" Cluster0 "$snapshot"
writes_nowhere 1 --json "$project" Cluster0 "$snapshot"

finish
