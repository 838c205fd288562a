#!/bin/sh
#
# The program export_metrics as a user and as Prometheus meet it.

. "$(dirname "$0")/program.sh"

# What reads OpenMetrics strictly, if one of these has it.
reader=
for candidate in "$PYTHON" .venv/bin/python /usr/bin/python3; do
    [ -n "$reader" ] || ! "$candidate" -c "import prometheus_client.openmetrics.parser" 2>/dev/null || reader=$candidate
done
command -v promtool >/dev/null ||
    echo "skipped: whether promtool accepts the metrics: it is not installed (in Debian: prometheus)"
[ -n "$reader" ] ||
    echo "skipped: whether a reader of OpenMetrics accepts the metrics: prometheus_client is not installed (in Debian: python3-prometheus-client)"

# accepted FILE: by what reads Prometheus' own format, and, as the same, by what reads OpenMetrics.
accepted() {
    if command -v promtool >/dev/null; then
        promtool check metrics <"$1" >"$scratch/promtool" 2>&1 && [ ! -s "$scratch/promtool" ] || return
    fi
    [ -z "$reader" ] || "$reader" - "$1" <<'END'
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
text = open(sys.argv[1], encoding="utf-8", newline="\n").read()
read = [[(s.name, s.labels, s.value) for family in parse(text) for s in family.samples] for parse in (openmetrics, prometheus)]
assert read[0] == read[1] and len(read[0]) > 1, read
END
}

# sample METRIC CLUSTER [LABEL VALUE]: what the metrics say, "" if nothing.
sample() {
    sed -n "s/^atlas_backup_$1{project=\"$project\",cluster=\"$2\"${3:+,$3=\"$4\"}} //p" "$out"
}

# snapshots CLUSTER "ID STATUS AGE SIZE EXPIRES FREQUENCY"...: what Atlas has; times in seconds; a hyphen for what it does
# not send.
snapshots() {
    "$PYTHON" - "$@" <<'END_OF_PYTHON' | serve "$1"
import json, sys, time
page = []
moment = lambda ago: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - int(ago)))
for text in sys.argv[2:]:
    id, status, age, size, expires, frequency = text.split()
    item = {"id": id, "status": status, "frequencyType": frequency}
    if age != "-":
        item["createdAt"] = age if age == "yesterday" else moment(age)
    if size != "-":
        item["storageSizeBytes"] = int(size)
    if expires != "-":
        item["expiresAt"] = moment("-" + expires)
    page.append({name: value for name, value in item.items() if value != "-"})
print(json.dumps({"results": page}))
END_OF_PYTHON
}

# near EXPECTED ACTUAL: the same, give or take what a busy machine takes.
near() {
    [ "$2" -ge "$(($1 - 60))" ] && [ "$2" -le "$(($1 + 60))" ]
}

now=$(date +%s)
snapshots Cluster0 "1 completed 3600 1000 86400 daily" "2 completed 90000 2000 80000 daily" "3 completed 60 3000 - hourly" \
    "4 completed 7200 - 1000 weekly" "5 completed 30 17 500 ondemand" "6 completed 50 18 500 everyMinute" "7 completed 40 19 - -" \
    "8 failed - 0 - daily" "9 inProgress 10 9000 9000 daily" "a queued - 0 - hourly" "b paused 10 1 1 daily" "c failed 20 0 - -"
ask "$project" Cluster0
exits 0 && [ ! -s "$err" ] && accepted "$out" && [ "$(tail -n 1 "$out")" = "# EOF" ]
ok $? "the metrics are Prometheus' text format and OpenMetrics"
near $((now - 3600)) "$(sample newest_completed_timestamp_seconds Cluster0 frequency daily)" &&
    near $((now - 60)) "$(sample newest_completed_timestamp_seconds Cluster0 frequency hourly)" &&
    near $((now - 7200)) "$(sample newest_completed_timestamp_seconds Cluster0 frequency weekly)" &&
    near $((now - 30)) "$(sample newest_completed_timestamp_seconds Cluster0 frequency ondemand)" &&
    near $((now - 40)) "$(sample newest_completed_timestamp_seconds Cluster0 frequency unknown)" &&
    near 3600 "$(sample newest_completed_age_seconds Cluster0 frequency daily)" &&
    near 7200 "$(sample newest_completed_age_seconds Cluster0 frequency weekly)" &&
    [ "$(grep -c '^atlas_backup_newest_completed_timestamp_seconds{' "$out")" -eq 5 ]
ok $? "time and age of the newest completed snapshot, by frequency"
[ "$(sample newest_completed_size_bytes Cluster0 frequency daily)" = 1000 ] &&
    [ "$(sample newest_completed_size_bytes Cluster0 frequency weekly)" = "" ] &&
    near $((now + 86400)) "$(sample newest_completed_expiry_timestamp_seconds Cluster0 frequency daily)" &&
    [ "$(sample newest_completed_expiry_timestamp_seconds Cluster0 frequency hourly)" = "" ]
ok $? "its size and expiry, where Atlas sent them"
[ "$(sample snapshots Cluster0 status completed)" = 7 ] && [ "$(sample snapshots Cluster0 status failed)" = 2 ] &&
    [ "$(sample snapshots Cluster0 status inProgress)" = 1 ] && [ "$(sample snapshots Cluster0 status queued)" = 1 ] &&
    [ "$(sample snapshots Cluster0 status unknown)" = 1 ]
ok $? "how many snapshots there are, by status"
[ "$(sample scrape_success Cluster0)" = 1 ] && sample scrape_duration_seconds Cluster0 | grep -qE '^[0-9]+\.[0-9]{3}$'
ok $? "that it went well, and how long it took"

snapshots Cluster0 "1 completed yesterday 1 - daily" "2 completed - 1 - daily"
ask "$project" Cluster0
exits 0 && accepted "$out" && [ "$(grep -c '^atlas_backup_newest' "$out")" -eq 0 ] && [ "$(sample snapshots Cluster0 status completed)" = 2 ]
ok $? "a snapshot without a date that can be read has neither time nor age"
honest

ask "$project" empty
exits 0 && accepted "$out" && [ "$(sample scrape_success empty)" = 1 ] && [ "$(sample snapshots empty status completed)" = 0 ] &&
    [ "$(grep -c '^atlas_backup_newest' "$out")" -eq 0 ]
ok $? "a cluster without snapshots is a success without a newest one"

ask "$project" many
exits 0 && accepted "$out" && [ "$(sample snapshots many status completed)" = 10000 ] &&
    [ "$(sample newest_completed_timestamp_seconds many frequency ondemand)" = 1772344800 ]
ok $? "ten thousand snapshots are counted"

ask --sharded "$project" "$ATLAS_SIMULATOR_SHARDED_CLUSTER"
exits 0 && accepted "$out" && [ "$(sample scrape_success "$ATLAS_SIMULATOR_SHARDED_CLUSTER")" = 1 ]
ok $? "--sharded looks at sharded clusters"

# ==== Clusters that fail

ask --timeout 9 "$project" error-404 silent Cluster0 error-403 odd
exits 15 && accepted "$out" && [ "$(sample scrape_success Cluster0)$(sample scrape_success odd)" = 11 ] &&
    [ "$(sample scrape_success error-404)$(sample scrape_success silent)$(sample scrape_success error-403)" = 000 ] &&
    ! grep 'error-404\|silent\|error-403' "$out" | grep -v scrape &&
    says "$err" "export_metrics: list snapshots of cluster error-404" "code        USER_UNAUTHORIZED" 'cluster "silent": no answer within'
ok $? "a cluster that fails has no values and does not hide the others"

changes=$NO_CREDENTIALS
ask "$project" Cluster0 odd
exits 12 && accepted "$out" && [ "$(sample scrape_success Cluster0)$(sample scrape_success odd)" = 00 ] &&
    [ "$(grep -c "no credentials" "$err")" -eq 1 ]
ok $? "without credentials there is no success, told once"
changes=

# A name that is none may hold anything.
ask "$project" Cluster0 "$(printf 'a"b\\c\nd|\303\274\377{}')"
exits 11 && accepted "$out" && says "$out" 'cluster="a\"b\\c\nd|ü�{}"} 0' && [ "$(sample scrape_success Cluster0)" = 1 ]
ok $? "values of labels are escaped"
ask "$(printf 'a"b\nc')" Cluster0
exits 11 && accepted "$out" && says "$out" '{project="a\"b\nc",cluster="Cluster0"} 0'
ok $? "the project's, too"

# ==== To a file

folder=$scratch/collector
file=$folder/atlas.prom
mkdir "$folder"
umask 077
ask -o "$folder/atlas.prom" "$project" Cluster0
exits 0 && [ ! -s "$out" ] && [ ! -s "$err" ] && accepted "$folder/atlas.prom" && [ "$(stat -c %a "$folder/atlas.prom")" = 644 ] &&
    [ "$(ls -A "$folder")" = atlas.prom ]
ok $? "--output writes a file that the node exporter can read, and nothing beside it"
umask 022
before=$(stat -c %i "$folder/atlas.prom")
ask --output "$folder/atlas.prom" "$project" error-404
exits 15 && accepted "$folder/atlas.prom" && [ "$(stat -c %i "$folder/atlas.prom")" != "$before" ] && [ "$(ls -A "$folder")" = atlas.prom ] &&
    ! grep -q newest_completed_age_seconds{ "$folder/atlas.prom" && grep -q 'cluster="error-404"} 0' "$folder/atlas.prom"
ok $? "a run that reads nothing leaves no old values in the file"
(cd "$folder" && case $program in /*) "$program" -o here.prom "$project" Cluster0 ;; *) "$OLDPWD/$program" -o here.prom "$project" Cluster0 ;; esac) \
    >"$out" 2>"$err"
code=$?
exits 0 && accepted "$folder/here.prom"
ok $? "the file may be in the current folder"

# Whoever looks meanwhile sees a whole file.
"$PYTHON" - "$program" "$folder/atlas.prom" "$project" <<'END'
import os, subprocess, sys
program, file, project = sys.argv[1:]
for i in range(5):
    writer = subprocess.Popen([program, "-o", file, project, "Cluster0", "many-501"], stdout=subprocess.DEVNULL)
    looks = 0
    while writer.poll() is None:
        assert open(file).read().endswith("# EOF\n")
        assert all(name.endswith(".prom") <= (name in ("atlas.prom", "here.prom")) for name in os.listdir(os.path.dirname(file)))
        looks += 1
    assert writer.returncode == 0 and looks > 3, (writer.returncode, looks)
END
code=$?
ok $code "whoever reads the file meanwhile reads a whole one"

# Some processors have no rename, but renameat or renameat2.
if command -v strace >/dev/null; then
    : >"$out"
    strace -f -o "$scratch/trace" -e trace=fsync,fchmod,/^rename,openat "$program" -o "$folder/atlas.prom" "$project" Cluster0 2>"$err"
    code=$?
    exits 0 && sed -n 's/^[0-9]* *\(fchmod\|fsync\|rename\)[at2]*(.*/\1/p' "$scratch/trace" | tr '\n' ' ' | grep -qx "fchmod fsync rename fsync "
    ok $? "the file is on the disk before it has its name, then the name is"
else
    echo "skipped: the order of fsync and rename: strace is not installed"
fi

# unwritten PATH TEXT: it cannot be written; nothing is left behind.
unwritten() {
    ls -A "$folder" >"$scratch/before"
    ask -o "$1" "$project" Cluster0
    exits 1 && [ ! -s "$out" ] && says "$err" "export_metrics: cannot write \"$1\": $2" && ls -A "$folder" | diff "$scratch/before" -
    ok $? "a file that cannot be written is an error: $2"
}
cp "$folder/atlas.prom" "$scratch/old.prom"
(trap '' XFSZ && ulimit -f 0 && exec "$program" -o "$folder/atlas.prom" "$project" Cluster0 many-501) 2>/dev/null
code=$?
exits 1 && diff "$scratch/old.prom" "$folder/atlas.prom" && [ "$(ls -A "$folder")" = "$(printf 'atlas.prom\nhere.prom')" ]
ok $? "a disk that is full leaves the old file and nothing besides"
unwritten "$folder/none/atlas.prom" "No such file or directory"
mkdir "$folder/is-folder"
unwritten "$folder/is-folder" "Is a directory"
if [ -w /proc/self ]; then
    unwritten /proc/atlas.prom "No such file or directory"
fi
if command -v strace >/dev/null; then
    for call in fsync:EIO rename:EXDEV fchmod:EPERM; do
        strace -f -o "$scratch/trace" -e trace="/^${call%:*}" -e inject="/^${call%:*}:error=${call#*:}:when=1" "$program" -o "$folder/atlas.prom" "$project" Cluster0 >"$out" 2>"$err"
        code=$?
        exits 1 && diff "$scratch/old.prom" "$folder/atlas.prom" && ! ls "$folder" | grep -q 'atlas\.prom\.'
        ok $? "where ${call%:*} fails the old file stays and nothing is left behind"
    done
fi

wrong_usage "" "one" "--nonsense $project Cluster0" "-o" "$project Cluster0 Cluster0"
writes_nowhere 1 "$project" Cluster0

finish
