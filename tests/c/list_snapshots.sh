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
exits 0 && [ ! -s "$err" ] && [ ! -s "$out" ]
ok $? "as JSON Lines it is nothing"

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
written = open(sys.argv[1], newline="\n").read().split("\n")
sys.exit(not (expected and written == expected + [""]))
END_OF_PYTHON
    ok $? "--json is a line for each snapshot, as Atlas sent it ($cluster)"
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
exits 0 && lines 2 && says "$out" '{     "id": "5f4007f327a3bd7b6f4103c5",     "description": "two\nlines"   }'
ok $? "an indented snapshot is one line, too"

ask "$project" Cluster0
exits 0 && says "$out" " [31mred                  größer      ofANewAndLongSort  yesterday" && ! grep -q "$(printf '\033')" "$out"
ok $? "text that nobody expects neither steers the terminal nor is lost"
honest

ask "$project" --json -- Cluster0
exits 0 && lines 2
ok $? "options may stand anywhere before --"

ask --help
exits 0 && says "$out" "usage: list_snapshots" "MONGODB_ATLAS_CLIENT_ID" "12  settings" && [ ! -s "$err" ]
ok $? "--help is not an error"

wrong_usage "" "one" "one two three" "--nonsense $project Cluster0" "-j $project Cluster0"

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
