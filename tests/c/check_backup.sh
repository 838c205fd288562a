#!/bin/sh
#
# The program check_backup as a user and as a monitoring system meet it.

. "$(dirname "$0")/program.sh"

# The plugin's contract: one line on standard output and nothing on standard error.
one_line() {
    [ "$(wc -l <"$out")" -eq 1 ] && [ ! -s "$err" ]
}

# snapshots "ID STATUS AGE SIZE [TYPE FREQUENCY]"...: what Atlas has for Cluster0; the age in seconds; a hyphen for what it
# does not send.
snapshots() {
    "$PYTHON" - "$@" <<'END_OF_PYTHON' | serve Cluster0
import json, sys, time
page = []
for text in sys.argv[1:]:
    id, status, age, size, *sorts = text.split()
    item = {"id": id, "status": status}
    if age != "-":
        item["createdAt"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - int(age)))
    if size != "-":
        item["storageSizeBytes"] = int(size)
    item.update(zip(["snapshotType", "frequencyType"], sorts))
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
thresholds 1w 604800 2w 1209600
# As the Monitoring Plugins guidelines have them.
thresholds 10: 36000: 5: 18000:
thresholds ~:10 ~:36000 ~:20h ~:72000
thresholds 10:20 36000:72000 1h:1d 3600:86400
thresholds @10:20 @36000:72000 @30m:2h @1800:7200
thresholds @10 @36000 :20 72000
thresholds 0:10 36000 ~:1w ~:604800

# judged CODE WARNING CRITICAL: of a backup that is 10 hours old.
judged() {
    ask -w "$2" -c "$3" "$project" Cluster0
    is "$1" "is 10.0 hours old"
    ok $? "10 hours are state $1 by -w $2 -c $3"
}
snapshots "$A completed 36010 1000000"
judged 0 11 12
judged 1 9 12
judged 2 8 9
judged 0 9: 8:
judged 1 11: 8:
judged 2 12: 11:
judged 0 9:11 8:12
judged 1 11:13 8:12
judged 2 9:11 11:13
judged 1 @9:11 24
judged 0 @11:13 24
judged 2 24 @9:11
judged 2 24 @11
judged 0 ~:11 ~:12
judged 1 ~:9 ~:12

# sized CODE RANGE: of one that has a million bytes.
sized() {
    ask -w 26 -c 48 --size "$2" "$project" Cluster0
    is "$1" "(976.6 KiB" "$3"
    ok $? "a million bytes are state $1 by --size $2"
}
sized 0 1: "size=1000000B;1:;;0 count=1"
sized 0 100k:1M "size=1000000B;102400:1048576;;0 count=1"
sized 1 1M: "(976.6 KiB); its size is an alert by --size 1M: | age="
sized 1 10K "size=1000000B;10240;;0"
sized 1 @0:2G "size=1000000B;@2147483648;;0"
sized 0 @0 "size=1000000B;@0;;0"
snapshots "$A completed 36000 0"
ask -w 26 -c 48 --size 1: "$project" Cluster0
is 1 "(0 bytes); its size is an alert by --size 1:"
ok $? "an empty backup is noticed by --size 1:"
snapshots "$A completed 36000 -"
ask -w 26 -c 48 --size 1: "$project" Cluster0
is 3 "(size unknown)" "size=U;1:;;0"
ok $? "a size that Atlas did not send cannot be judged"
ask -w 1 -c 48 --size 1: "$project" Cluster0
is 1 "(size unknown)"
ok $? "which does not hide a warning"

# Which snapshots count.
snapshots "$A completed 90000 1 scheduled daily" "$B completed 3600 1 onDemand ondemand" "$C completed 50000 1 scheduled hourly" \
    "$D failed - 0 onDemand ondemand"
ask -w 26 -c 48 "$project" Cluster0
is 0 "newest completed snapshot $B is 1.0 hours old" "; snapshot $D failed" "count=3"
ok $? "every snapshot counts unless options say which"
ask -w 12 -c 48 --scheduled "$project" Cluster0
is 1 "newest completed scheduled snapshot $C is 13.9 hours old (1 bytes) | age=" "count=2"
ok $? "--scheduled is not deceived by a snapshot on demand"
ask -w 12 -c 24 --scheduled --frequency daily "$project" Cluster0
is 2 "newest completed scheduled daily snapshot $A is 25.0 hours old (1 bytes) | age=" "count=1"
ok $? "--frequency looks at one rule of the policy"
ask -w 12 -c 24 --frequency Hourly "$project" Cluster0
is 1 "newest completed hourly snapshot $C is"
ok $? "--frequency works alone"
ask -w 12 -c 24 --scheduled --frequency weekly "$project" Cluster0
is 2 "BACKUP CRITICAL - no completed scheduled weekly snapshot | count=0"
ok $? "a rule that has taken none is critical"

# What failed since.
snapshots "$C failed - 0 scheduled daily" "$B completed 3600 1000 scheduled daily" "$A failed - 0"
for state in 1:warning 2:critical 2:CRITICAL; do
    ask -w 26 -c 48 --failed "${state#*:}" "$project" Cluster0
    is "${state%:*}" "newest completed snapshot $B is 1.0 hours old (1000 bytes); snapshot $C failed | age="
    ok $? "--failed ${state#*:} makes a newer failure state ${state%:*}"
done
ask -w 26m -c 30m --failed warning "$project" Cluster0
is 2 "; snapshot $C failed"
ok $? "--failed warning leaves what is critical critical"
ask -w 26 -c 48 --failed critical --frequency hourly "$project" Cluster0
is 2 "no completed hourly snapshot | count=0"
ok $? "failures of other rules do not count"
snapshots "$C completed 3600 1000" "$B failed - 0"
ask -w 26 -c 48 --failed critical "$project" Cluster0
is 0 "(1000 bytes) | age="
ok $? "an older failure does not count"

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

# Several clusters.
# lines_are EXPECTED: the output, with ids, times and numbers of seconds as they are in every run.
lines_are() {
    sed "s/age=[0-9]*s/age=0s/g; s/is [0-9.]* [a-z]* old/is old/" "$out" >"$scratch/lines"
    printf '%s\n' "$@" | diff - "$scratch/lines"
}
snapshots "$A completed 3600 1000"
ask -w 26 -c 48 "$project" Cluster0 empty odd error-404
exits 2 && [ ! -s "$err" ] && lines_are \
    "BACKUP CRITICAL - 4 clusters: 2 CRITICAL (empty odd), 1 UNKNOWN (error-404), 1 OK | Cluster0_age=0s;93600;172800;0 Cluster0_size=1000B Cluster0_count=1 empty_count=0 odd_age=0s;93600;172800;0 odd_size=1610612736B odd_count=2" \
    "Cluster0 OK - newest completed snapshot $A is old (1000 bytes)" \
    "empty CRITICAL - no completed snapshot" \
    "odd CRITICAL - newest completed snapshot 6a0000000000000000000000 is old (1.5 GiB)" \
    "error-404 UNKNOWN - list snapshots of cluster error-404 in project $project: Atlas answered 404 CLUSTER_NOT_FOUND Not Found (No cluster named error-404 exists in group $project); check the cluster's name and that it is in this project"
ok $? "of several clusters the worst counts, and each has a line"
ask -w 26 -c 999999 "$project" Cluster0 odd error-404
is_several() { exits "$1" && [ "$(wc -l <"$out")" -eq 4 ] && says "$out" "$2"; }
is_several 1 "BACKUP WARNING - 3 clusters: 1 WARNING (odd), 1 UNKNOWN (error-404), 1 OK | "
ok $? "a warning is worse than unknown"
ask -w 999999 -c 999999 "$project" Cluster0 error-404 odd
is_several 3 "BACKUP UNKNOWN - 3 clusters: 1 UNKNOWN (error-404), 2 OK | "
ok $? "unknown is worse than OK"
ask -w 999999 -c 999999 "$project" Cluster0 odd many-3
is_several 0 "BACKUP OK - 3 clusters: 3 OK | "
ok $? "all OK is OK"
changes=$NO_CREDENTIALS
ask -w 26 -c 48 "$project" Cluster0 odd many-3
is_several 3 "BACKUP UNKNOWN - 3 clusters: 3 UNKNOWN (Cluster0 odd many-3)" && ! grep -q '|' "$out"
ok $? "without credentials all are unknown"
changes=
ask -w 26 -c 48 "$project" Cluster0 "x|y" "$(printf '\033[31mred\nred')"
exits 3 && [ "$(wc -l <"$out")" -eq 4 ] && [ "$(tr -cd '|' <"$out")" = "|" ] && ! grep -q "$(printf '\033')" "$out" &&
    says "$out" '2 UNKNOWN ("x/y" "\x1b[31mred\x0ared"), 1 OK | Cluster0_age='
ok $? "a name that is none neither steers the terminal nor begins another line"
begin=$(date +%s)
ask -w 999999 -c 999999 -t 8 "$project" silent Cluster0
[ $(($(date +%s) - begin)) -le 8 ] && exits 3 &&
    says "$out" "1 UNKNOWN (silent), 1 OK" 'silent UNKNOWN - list snapshots of cluster "silent": no answer within 5.0 seconds; -t sets'
ok $? "a cluster that does not answer leaves time for the others"
begin=$(date +%s)
ask -w 999999 -c 999999 -t 3 "$project" silent Cluster0 closing
[ $(($(date +%s) - begin)) -le 5 ] && exits 3 && says "$out" "3 UNKNOWN" 'cluster "Cluster0": the others took all the time; -t sets'
ok $? "-t bounds the run, however many clusters there are"

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
    "-w 1 -c 2 $project Cluster0 Cluster0" "-w 3 -c 2 $project Cluster0" "-w 2d -c 47 $project Cluster0" "-w 1 -c" \
    "-w 0 -c 2 $project Cluster0" "-w -1 -c 2 $project Cluster0" "-w 1x -c 2 $project Cluster0" "-w nan -c 2 $project Cluster0" \
    "-w 1:2:3 -c 2 $project Cluster0" "-w 2:1 -c 2 $project Cluster0" "-w : -c 2 $project Cluster0" "-w ~: -c 2 $project Cluster0" \
    "-w @ -c 2 $project Cluster0" "-w ~ -c 2 $project Cluster0" "-w 1:x -c 2 $project Cluster0" "-w 1~:2 -c 2 $project Cluster0" \
    "-w @@1 -c 2 $project Cluster0" "-w -1:2 -c 3 $project Cluster0" "-w 0x10 -c 20 $project Cluster0" "-w 1e99 -c 1e99 $project Cluster0" \
    "-w 1 -c 2 --size 1x $project Cluster0" "-w 1 -c 2 --size 1: --failed ok $project Cluster0" "-w 1 -c 2 --frequency often $project Cluster0" \
    "-w 1 -c 2 --scheduled=no $project Cluster0" "-w 1 -c inf $project Cluster0" "-w 1 -c 2 -t 0 $project Cluster0" \
    "-w 1 -c 2 -t 99d $project Cluster0" "-w 1 -c 2 -x $project Cluster0" "-w 1 -c 2 --nonsense $project Cluster0" \
    "-w 1 -c 2 --sharded=yes $project Cluster0"; do
    ask $arguments
    is 3 "BACKUP UNKNOWN - " "check_backup --help"
    ok $? "wrong usage is UNKNOWN: check_backup $arguments"
done

ask -w 5 -c 5 "$project" empty
is 2 "no completed snapshot"
ok $? "both thresholds may be the same"

ask -v -w 400000 -c 400000 "$project" Cluster0
exits 0 && [ "$(wc -l <"$out")" -eq 1 ] && says "$err" "check_backup: GET /api/atlas/v2/" && ! grep -qF "$MONGODB_ATLAS_CLIENT_SECRET" "$err" &&
    info=$(wc -l <"$err") && ask -vv -w 400000 -c 400000 "$project" Cluster0 && [ "$(wc -l <"$err")" -ge "$info" ]
ok $? "-v logs to standard error, not into the line"

writes_nowhere 3 -w 400000 -c 400000 "$project" Cluster0

finish
