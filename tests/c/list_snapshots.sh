#!/bin/sh
#
# The program list_snapshots as a user and as a script meet it.

. "$(dirname "$0")/program.sh"

lines() {
    [ "$(wc -l <"$out")" -eq "$1" ]
}

ask "$project" Cluster0
exits 0 && [ ! -s "$err" ] && cat >"$scratch/expected" <<'END_OF_TABLE' && diff "$scratch/expected" "$out"
ID                        STATUS      TYPE       CREATED                  SIZE        EXPIRES
5f4007f327a3bd7b6f4103c5  completed   scheduled  2019-08-24 14:15:22 UTC  3.0 GiB     2019-08-31 14:15:22 UTC
00000000000000000000d001  completed   onDemand   2026-03-01 06:00:00 UTC  1.5 GiB     2026-03-02 06:08:47 UTC
2 snapshots
END_OF_TABLE
ok $? "snapshots are an aligned table in Atlas' order"

ask --sharded "$project" "$ATLAS_SIMULATOR_SHARDED_CLUSTER"
exits 0 && lines 3 && says "$out" "$ATLAS_SIMULATOR_SHARDED_SNAPSHOT  completed" "1 snapshot"
ok $? "--sharded lists the snapshots of a sharded cluster"

ask "$project" "$ATLAS_SIMULATOR_SHARDED_CLUSTER"
exits 16 && [ ! -s "$out" ] && says "$err" "hint        add --sharded"
ok $? "a sharded cluster without --sharded is an error that says so"

ask "$project" empty
exits 0 && [ ! -s "$err" ] && [ "$(cat "$out")" = "0 snapshots" ]
ok $? "a cluster without snapshots is no error"

ask --json "$project" empty
exits 0 && [ ! -s "$err" ] && [ "$(cat "$out")" = "[]" ]
ok $? "as JSON it is an empty array"

ask "$project" many
exits 0 && lines 10002 && says "$out" "10000 snapshots" "6a0000000000000000000000  completed" "6a000000000000000000270f  completed" &&
    [ "$(awk 'NR > 1 && length($1) == 24 { print $1 }' "$out" | sort -c 2>&1 | wc -l)" -eq 0 ]
ok $? "ten thousand snapshots are all there, in order"

ask "$project" odd
exits 0 && lines 5 && says "$out" "00000000000000000000d004  -           -          -                        -           -" \
    "6a0000000000000000000002  completed"
ok $? "a snapshot with nothing but odd fields is a line of hyphens among the others"

ask "$project" odd-scalar
exits 0 && lines 5 && says "$out" "-                         -           -" "3 snapshots"
ok $? "an item that is no snapshot at all is there, too"

# The whole list, in the pages as they came, cut by a parser of its own.
for cluster in Cluster0 odd odd-scalar many-1001; do
    ask --json "$project" "$cluster"
    exits 0 && [ ! -s "$err" ] && "$PYTHON" - "$out" "$cluster" <<'END_OF_PYTHON'
import json, os, sys, urllib.request
path = f"/api/atlas/v2/groups/{os.environ['ATLAS_SIMULATOR_PROJECT']}/clusters/{sys.argv[2]}/backup/snapshots"
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
expected = []
for page in range(1, 9):
    request = urllib.request.Request(f"{os.environ['ATLAS_SIMULATOR_PLAIN_URL']}{path}?itemsPerPage=500&pageNum={page}")
    request.add_header("Accept", "application/vnd.atlas.2024-05-30+json")
    request.add_header("Authorization", "Bearer " + os.environ["ATLAS_SIMULATOR_ACCESS_TOKEN"])
    text = opener.open(request).read().decode()
    at = text.index('"results":[') + len('"results":[')
    while text[at] != "]":
        _, end = json.JSONDecoder().raw_decode(text, at)
        expected.append(text[at:end])
        at = end + (text[end] == ",")
written = open(sys.argv[1], newline="\n").read()
json.loads(written)
sys.exit(not (expected and written == "[\n" + ",\n".join(expected) + "\n]\n"))
END_OF_PYTHON
    ok $? "--json is an array of what Atlas sent, a line for each snapshot ($cluster)"
done

serve Cluster0 <<'END_OF_PAGE'
{"results": [
  {
    "id": "5f4007f327a3bd7b6f4103c5",
    "description": "two\nlines"
  },
  {"id": "\u001b[31mred\u009b", "status": "größer", "createdAt": "yesterday", "snapshotType": "ofANewAndLongSort"}
]}
END_OF_PAGE
ask --json "$project" Cluster0
exits 0 && lines 4 && says "$out" '{     "id": "5f4007f327a3bd7b6f4103c5",     "description": "two\nlines"   }'
ok $? "an indented snapshot is one line, too"

ask "$project" Cluster0
exits 0 && says "$out" " [31mred                  größer      ofANewAndLongSort  yesterday" && ! grep -q "$(printf '\033')" "$out"
ok $? "text that nobody expects neither steers the terminal nor is lost"
honest

ask "$project" --json -- Cluster0
exits 0 && lines 4
ok $? "options may stand anywhere before --"

# What is shown. The third's id says that it was asked for a day ago, the fourth's that it was in 2020.
day_ago=$(printf '%08x' $(($(date +%s) - 86400)))
hour_ago=$(date -u -d @$(($(date +%s) - 3600)) +%Y-%m-%dT%H:%M:%SZ)
serve Cluster0 <<END_OF_PAGE
{"results": [
 {"id": "5f4007f327a3bd7b6f410001", "status": "completed", "createdAt": "2020-08-21T00:00:00Z", "frequencyType": "daily", "snapshotType": "scheduled"},
 {"id": "5f4007f327a3bd7b6f410002", "status": "completed", "createdAt": "$hour_ago", "frequencyType": "ondemand", "snapshotType": "onDemand"},
 {"id": "${day_ago}27a3bd7b6f410003", "status": "failed", "frequencyType": "daily", "snapshotType": "scheduled"},
 {"id": "5f4007f327a3bd7b6f410004", "status": "inProgress", "frequencyType": "hourly", "snapshotType": "fallback"},
 {"status": "paused"}
]}
END_OF_PAGE
# shows NUMBERS OPTION...: the last digits of the ids shown.
shows() {
    expected=$1
    shift
    ask "$@" "$project" Cluster0
    exits 0 && [ "$(sed -n 's/^[0-9a-f]\{20\}000\([0-9]\) .*/\1/p' "$out" | tr -d '\n')" = "$expected" ]
    ok $? "shown with $*: ${expected:-none}"
}
shows 12 --status completed
shows 3 --status failed
shows 4 --status in-progress
shows "" --status queued
shows 13 --frequency daily
shows 2 --frequency on-demand
shows 13 --type SCHEDULED
shows 2 --type ondemand
shows 4 --type fallback
shows 23 --since 7
shows 2 --since 5h
shows 1234 --since 5000w
shows 3 --since 7d --type scheduled
shows 1 --newest --status completed --type scheduled
shows 2 --newest
shows 2 --newest --status completed --since 1d
shows 4 --newest --status inProgress
shows 3 --newest --status failed --frequency daily --type scheduled --since 1w
shows "" --newest --frequency weekly
shows "" --newest --status completed --type scheduled --since 7d
ask --newest --status completed "$project" Cluster0
lines 3 && says "$out" "1 of 5 snapshots"
ok $? "how many there are besides is told"
ask --status queued "$project" Cluster0
[ "$(cat "$out")" = "0 of 5 snapshots" ]
ok $? "none of some is told"
ask --json --newest --status completed "$project" Cluster0
exits 0 && lines 3 && "$PYTHON" -c 'import json, sys; [one] = json.load(open(sys.argv[1])); sys.exit(one["id"][-1] != "2")' "$out"
ok $? "the newest alone is an array, too"
honest

wrong_usage "" "one" "one two three" "--nonsense $project Cluster0" "-j $project Cluster0" "--since $project Cluster0" "--status"
for option in "--status done" "--frequency often" "--type replicaSet" "--since yesterday" "--since 0" "--status ="; do
    ask $option "$project" Cluster0
    exits 2 && [ ! -s "$out" ] && says "$err" "not \"${option#* }\""
    ok $? "an invalid value is shown: $option"
done

common_errors
passing_errors
error 22 repeating "invalid_response" "repeats"

writes_nowhere 1 "$project" Cluster0
writes_nowhere 1 --json "$project" Cluster0
writes_nowhere 1 "$project" many
"$program" "$project" many 2>"$err" | head -n 1 >"$out"
code=0
says "$out" "ID  " && [ ! -s "$err" ]
ok $? "a reader that has seen enough ends it without a word"

finish
