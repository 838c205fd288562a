#!/bin/sh
#
# The program check_backup as a user and as a monitoring system meet it.

. "$(dirname "$0")/program.sh"

# The plugin's contract: one line on standard output and nothing on standard error.
one_line() {
    [ "$(wc -l <"$out")" -eq 1 ] && [ ! -s "$err" ]
}

# snapshots "ID STATUS AGE SIZE"...: what Atlas has for Cluster0; the age in seconds; a hyphen for what it does not send.
snapshots() {
    "$PYTHON" - "$@" <<'END_OF_PYTHON' | serve Cluster0
import json, sys, time
page = []
for text in sys.argv[1:]:
    id, status, age, size = text.split()
    item = {"id": id, "status": status}
    if age != "-":
        item["createdAt"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - int(age)))
    if size != "-":
        item["storageSizeBytes"] = int(size)
    page.append({name: value for name, value in item.items() if value != "-"})
print(json.dumps({"results": page, "totalCount": len(page)}))
END_OF_PYTHON
}

# is CODE TEXT...: the exit code, and what the one line has.
is() {
    expected=$1
    shift
    exits "$expected" && one_line && says "$out" "$@"
}

# age: what the performance data say.
age() {
    sed -n 's/.* | age=\([0-9]*\)s;.*/\1/p' "$out"
}

A=5f4007f327a3bd7b6f4103c0 B=5f4007f327a3bd7b6f4103c1 C=5f4007f327a3bd7b6f4103c2 D=5f4007f327a3bd7b6f4103c3

snapshots "$B completed 11520 1574477824" "$A completed 90000 1000"
ask -w 26 -c 48 "$project" Cluster0
exits 0 && one_line &&
    sed 's/age=1152[0-9]s/age=11520s/' "$out" >"$scratch/line" && cat >"$scratch/expected" <<END_OF_LINE && diff "$scratch/expected" "$scratch/line"
BACKUP OK - newest completed snapshot $B is 3.2 hours old (1.5 GiB) | age=11520s;93600;172800;0 size=1574477824B count=2
END_OF_LINE
ok $? "a new backup is OK, in one line with performance data"

ask -w 3 -c 48 "$project" Cluster0
is 1 "BACKUP WARNING - newest completed snapshot $B is 3.2 hours old (1.5 GiB) | age=1152" "s;10800;172800;0 size=1574477824B count=2"
ok $? "older than -w is a warning"

ask -w 2 -c 3 "$project" Cluster0
is 2 "BACKUP CRITICAL - newest completed snapshot $B is 3.2 hours old (1.5 GiB) | age=1152" "s;7200;10800;0"
ok $? "older than -c is critical"

for order in "$A $B $C" "$C $B $A" "$B $C $A"; do
    set -- $order
    for id in "$@"; do
        case $id in
        "$A") echo "$id completed 9000 1" ;;
        "$B") echo "$id completed 1800 2" ;;
        *) echo "$id completed 5000 3" ;;
        esac
    done >"$scratch/items"
    snapshots "$(sed -n 1p "$scratch/items")" "$(sed -n 2p "$scratch/items")" "$(sed -n 3p "$scratch/items")"
    ask -w 26 -c 48 "$project" Cluster0
    is 0 "snapshot $B is 30 minutes old (2 bytes)" "count=3"
    ok $? "the newest counts, in whatever order Atlas lists them: $order"
done

# At the second. The clock goes on between two looks, so the threshold is the age seen last, until it is the age again.
# boundary UNDER OVER OPTIONS-BEFORE OPTION OPTIONS-AFTER: the exit codes for an age of just the option's, and of more.
boundary() {
    ask -w 1s -c 2s "$project" Cluster0
    seconds=0
    for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        seconds=$(age)
        ask $3 "$4" "${seconds}s" $5 "$project" Cluster0
        [ "$(age)" -ne "$seconds" ] || break
    done
    [ "$(age)" -eq "$seconds" ] && exits "$1" && ask $3 "$4" "$((seconds - 1))s" $5 "$project" Cluster0 && exits "$2"
    ok $? "exactly the age of $4 is not over it yet, a second more is"
}
snapshots "$A completed 5000 1"
boundary 0 1 "" -w "-c 2d"
boundary 1 2 "-w 1s" -c ""

# thresholds ARGUMENT WARNING ARGUMENT CRITICAL: how they are read, in seconds.
thresholds() {
    ask -w "$1" -c "$3" "$project" Cluster0
    one_line && says "$out" "s;$2;$4;0 "
    ok $? "-w $1 -c $3 are $2 and $4 seconds"
}
thresholds 26 93600 48 172800
thresholds 26h 93600 2d 172800
thresholds 90m 5400 1.5h 5400
thresholds 3600s 3600 400d 34560000
thresholds 0.5 1800 1e3 3600000

snapshots "$A completed 100000 1"
ask --warning=1d --critical=2d --timeout=20 "$project" Cluster0
is 1 "is 27.8 hours old"
ok $? "the long options are the same"
ask "$project" -w 1 Cluster0 -c 2
is 2 "BACKUP CRITICAL"
ok $? "options may stand anywhere"

snapshots "$A completed 500000 1"
ask -w 1 -c 2 "$project" Cluster0
is 2 "is 5.8 days old (1 bytes)"
ok $? "more than two days are told in days"

# What is not completed.
ask -w 26 -c 48 "$project" empty
is 2 "BACKUP CRITICAL - no completed snapshot | count=0"
ok $? "no snapshot at all is critical"

snapshots "$A inProgress 60 1000"
ask -w 26 -c 48 "$project" Cluster0
is 2 "BACKUP CRITICAL - no completed snapshot; snapshot $A is inProgress | count=0"
ok $? "one in progress is no backup yet, date and size or not"

snapshots "$C queued - 0" "$B failed - 0" "$A failed - 0"
ask -w 26 -c 48 "$project" Cluster0
is 2 "BACKUP CRITICAL - no completed snapshot; snapshot $B failed; snapshot $C is queued | count=0"
ok $? "without a backup the newest failure and what comes are told"

snapshots "$C failed - 0" "$B completed 3600 1000" "$A completed 7200 1000"
ask -w 26 -c 48 "$project" Cluster0
is 0 "BACKUP OK - newest completed snapshot $B is 1.0 hours old (1000 bytes); snapshot $C failed | age=" "count=2"
ok $? "a failure since the newest backup is told"

snapshots "$A failed 60 0" "$B completed 3600 1000"
ask -w 26 -c 48 "$project" Cluster0
is 0 "; snapshot $A failed | age="
ok $? "what is newer is told by the dates where there are some"

snapshots "$C completed 3600 1000" "$B failed - 0" "$A inProgress - 0"
ask -w 26 -c 48 "$project" Cluster0
is 0 "BACKUP OK - newest completed snapshot $C is 1.0 hours old (1000 bytes) | age="
ok $? "a failure before the newest backup is not"

snapshots "$D inProgress - 0" "$C failed - 0" "$B completed 360000 -"
ask -w 26 -c 48 "$project" Cluster0
is 2 "is 4.2 days old (size unknown); snapshot $C failed; snapshot $D is inProgress | age=3600" " size=U count=1"
ok $? "all of it at once, and a size that Atlas did not send"

snapshots "- - - -" "$A completed 60 1" "- paused - -" "- failed - -"
ask -w 26 -c 48 "$project" Cluster0
is 0 "BACKUP OK - newest completed snapshot $A is 1 minutes old (1 bytes) | age="
ok $? "snapshots that cannot be told apart do not hide the backup"

snapshots "- - - -" "- failed - -"
ask -w 26 -c 48 "$project" Cluster0
is 2 "no completed snapshot; snapshot without id failed; snapshot without id is of unknown status | count=0"
ok $? "nor do they look like one"

for cluster in odd odd-scalar many; do
    ask -w 400000 -c 400000 "$project" $cluster
    is 0 "newest completed snapshot 6a0000000000000000000000 is " "size=1610612736B count="
    ok $? "the newest is found in the list $cluster"
done
says "$out" "count=10000"
ok $? "ten thousand snapshots are counted"

ask --sharded -w 400000 -c 400000 "$project" "$ATLAS_SIMULATOR_SHARDED_CLUSTER"
is 0 "newest completed snapshot $ATLAS_SIMULATOR_SHARDED_SNAPSHOT is "
ok $? "--sharded checks a sharded cluster"

# Clocks and dates.
snapshots "$A completed -200 1"
ask -w 26 -c 48 "$project" Cluster0
is 0 "is 0 minutes old" "age=0s;"
ok $? "a clock that is a few minutes slow does no harm"

snapshots "$A completed -3600 1" "$B completed 60 1"
ask -w 26 -c 48 "$project" Cluster0
is 3 "BACKUP UNKNOWN - newest completed snapshot $A is from the future (20" "is the clock right?"
ok $? "a snapshot from the future says that a clock is wrong"

snapshots "$B completed - 1" "$A completed 60 1"
ask -w 26 -c 48 "$project" Cluster0
is 3 "BACKUP UNKNOWN - newest completed snapshot $B has no date that can be read"
ok $? "a backup without a date cannot be judged"

# The line stays one line with one "|".
serve Cluster0 <<'END_OF_PAGE'
{"results": [{"id": "a|b\nc\u001b", "status": "completed", "createdAt": "2020-01-01T00:00:00Z"}]}
END_OF_PAGE
ask -w 26 -c 48 "$project" Cluster0
is 2 "newest completed snapshot a/b c  is " && [ "$(tr -cd '|' <"$out")" = "|" ]
ok $? "text from elsewhere neither begins performance data nor another line"

serve Cluster0 400 <<'END_OF_ERROR'
{"error": 400, "errorCode": "A|B", "reason": "Bad | Request", "detail": "one|\ntwo"}
END_OF_ERROR
ask -w 26 -c 48 "$project" Cluster0
is 3 "BACKUP UNKNOWN - " "A/B" "one/ two" && [ "$(tr -cd '|' <"$out")" = "" ]
ok $? "neither does an error"

# Everything that keeps it from judging.
unknown() {
    cluster=$1
    shift
    ask -w 26 -c 48 -t 2 "$project" "$cluster"
    is 3 "BACKUP UNKNOWN - " "$@"
    ok $? "$cluster is UNKNOWN"
}
honest
for cluster in error-401 error-403-ip error-404 error-400-fields error-429 error-503-html closing not-json repeating sharded0; do
    unknown $cluster
done
unknown error-403 "Project Read Only"
unknown sharded0 "; add --sharded"
begin=$(date +%s)
unknown silent "; -t sets how long it may take"
[ $(($(date +%s) - begin)) -le 4 ]
ok $? "-t bounds the whole run"
changes=$NO_CREDENTIALS
unknown Cluster0 "MONGODB_ATLAS_CLIENT_ID"
changes=MONGODB_ATLAS_CA_FILE=
unknown Cluster0 "certificate"
changes=MONGODB_ATLAS_TIMEOUT_MS=1
ask -w 400000 -c 400000 -t 20 "$project" Cluster0
is 0 "BACKUP OK"
ok $? "-t is stronger than the environment"
changes=

for arguments in "" "$project Cluster0" "-w 1 $project Cluster0" "-c 1 $project Cluster0" "-w 1 -c 2" "-w 1 -c 2 $project" \
    "-w 1 -c 2 $project Cluster0 more" "-w 3 -c 2 $project Cluster0" "-w 2d -c 47 $project Cluster0" "-w 1 -c" \
    "-w 0 -c 2 $project Cluster0" "-w -1 -c 2 $project Cluster0" "-w 1x -c 2 $project Cluster0" "-w nan -c 2 $project Cluster0" \
    "-w 1:2 -c 2 $project Cluster0" "-w 1 -c inf $project Cluster0" "-w 1 -c 2 -t 0 $project Cluster0" \
    "-w 1 -c 2 -t 99d $project Cluster0" "-w 1 -c 2 -x $project Cluster0" "-w 1 -c 2 --nonsense $project Cluster0" \
    "-w 1 -c 2 --sharded=yes $project Cluster0"; do
    ask $arguments
    is 3 "BACKUP UNKNOWN - " "check_backup --help"
    ok $? "wrong usage is UNKNOWN: check_backup $arguments"
done

ask -w 5 -c 5 "$project" empty
is 2 "no completed snapshot"
ok $? "both thresholds may be the same"

for option in -h --help; do
    ask $option
    exits 3 && says "$out" "usage: check_backup" "MONGODB_ATLAS_CLIENT_ID" "-w, --warning" && [ ! -s "$err" ]
    ok $? "$option helps, and is never OK"
done
for option in -V --version; do
    ask $option
    exits 3 && one_line && grep -qE "^check_backup [0-9]+\.[0-9]+\.[0-9]+ \(libatlas_backup [0-9]+\.[0-9]+\.[0-9]+\)$" "$out"
    ok $? "$option tells both versions, and is never OK"
done

ask -v -w 400000 -c 400000 "$project" Cluster0
exits 0 && [ "$(wc -l <"$out")" -eq 1 ] && says "$err" "check_backup: GET /api/atlas/v2/" && ! grep -qF "$MONGODB_ATLAS_CLIENT_SECRET" "$err" &&
    info=$(wc -l <"$err") && ask -vv -w 400000 -c 400000 "$project" Cluster0 && [ "$(wc -l <"$err")" -ge "$info" ]
ok $? "-v logs to standard error, not into the line"

writes_nowhere 3 -w 400000 -c 400000 "$project" Cluster0

finish
