#!/bin/sh
#
# The program wait_for_snapshot as a user and as a script meet it.

. "$(dirname "$0")/program.sh"

ask --interval 0.5 "$project" staged 5f4007f327a3bd7b6f410001
exits 0 && cat >"$scratch/expected" <<'END_OF_SNAPSHOT' && diff "$scratch/expected" "$out"
id       5f4007f327a3bd7b6f410001
status   completed
created  2026-03-01 06:00:00 UTC
expires  2026-03-02 06:08:47 UTC
size     1.5 GiB
END_OF_SNAPSHOT
ok $? "in the end the completed snapshot is printed"

[ "$(sed 's/ after [0-9]* s$//' "$err" | tr '\n' ' ')" = "queued inProgress completed " ]
ok $? "each change of status is a line on standard error"

ask --sharded --interval 0.5 "$project" staged 5f4007f327a3bd7b6f410001
exits 0 && says "$out" "status   completed" && says "$err" "queued after " &&
    steer GET requests | grep -q "/backup/snapshots/shardedCluster/5f4007f327a3bd7b6f410001"
ok $? "--sharded waits for a snapshot of a sharded cluster"

ask "$project" Cluster0 00000000000000000000d00a
exits 0 && [ "$(wc -l <"$err")" -eq 1 ] && says "$err" "completed after "
ok $? "a snapshot that is completed is not waited for"

ask --interval 0.5 "$project" flaky 5f4007f327a3bd7b6f410001
exits 0 && says "$out" "status   completed"
ok $? "errors that pass are ridden out"

ask --interval 0.5 "$project" failing 5f4007f327a3bd7b6f410001
exits 24 && [ ! -s "$out" ] && says "$err" "failed after" "wait_for_snapshot: " "snapshot_failed" "5f4007f327a3bd7b6f410001"
ok $? "a snapshot that failed exits with 24"

ask --interval 0.5 "$project" vanishing 5f4007f327a3bd7b6f410001
exits 15 && [ ! -s "$out" ] && says "$err" "inProgress" "deleted meanwhile"
ok $? "a snapshot that was deleted meanwhile exits with 15"

begin=$(date +%s)
ask --timeout 1 "$project" stuck 5f4007f327a3bd7b6f410001
exits 19 && [ ! -s "$out" ] && says "$err" "last status seen was inProgress" "hint        --timeout sets" && [ $(($(date +%s) - begin)) -le 3 ]
ok $? "when the time is up it exits with 19, in the middle of a pause, too"

serve Cluster0 <<'END_OF_SNAPSHOT'
{"id": "\u001b[31mred", "status": "completed\u0007", "createdAt": "yesterday", "expiresAt": null, "storageSizeBytes": 17}
END_OF_SNAPSHOT
ask --timeout 1 "$project" Cluster0 "$snapshot"
exits 19 && says "$err" "completed  after " && ! grep -q "$(printf '[\033\007]')" "$err"
ok $? "a status that nobody expects neither ends the wait nor rings the bell"
serve Cluster0 <<'END_OF_SNAPSHOT'
{"id": "\u001b[31mred", "status": "completed", "createdAt": "yesterday", "expiresAt": null, "storageSizeBytes": 17}
END_OF_SNAPSHOT
ask "$project" Cluster0 "$snapshot"
exits 0 && [ "$(tr '\n' ';' <"$out")" = "id        [31mred;status   completed;created  yesterday;expires  -;size     17 bytes;" ]
ok $? "odd fields of the completed snapshot are shown as they came, or as hyphens"
honest

# What needs a terminal, or signals: in a script like this one the shell makes a background program ignore SIGINT.
# signals EXPRESSION: `run(cluster, after, *numbers)` starts it, sends the signals so many seconds after the start (or, for
# None, after its first words), and returns how it ended, in seconds after the first signal, and what it said.
signals() {
    "$PYTHON" - "$program" "$project" "$1" >"$out" 2>"$err" <<'END_OF_PYTHON'
import os, pty, re, signal, subprocess, sys, time
program, project, expression = sys.argv[1:]
def run(cluster, after, *numbers, ignored=False):
    child = subprocess.Popen([program, project, cluster, "5f4007f327a3bd7b6f410001"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL))
    said = child.stderr.readline() if after is None else time.sleep(after) or b""
    begin = time.monotonic()
    for number in numbers:
        child.send_signal(number)
        time.sleep(0.01)
    output, rest = child.communicate(timeout=20)
    result = child.returncode, time.monotonic() - begin, (said + rest).decode(), output.decode()
    print(cluster, after, numbers, result)
    return result
def ended_by(number, result):
    code, seconds, said, output = result
    return code == -number and seconds < 1 and output == ""
def terminal():
    ours, theirs = pty.openpty()
    child = subprocess.Popen([program, "--interval", "0.5", project, "staged", "5f4007f327a3bd7b6f410002"],
        stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 1000)
        except OSError:
            part = b""
        if not part:
            break
        text += part
    child.wait()
    print(text)
    return text.decode()
def script():
    shell = subprocess.Popen(["sh", "-c", '"$@"; echo the script goes on; sleep 5', "sh",
        program, project, "stuck", "5f4007f327a3bd7b6f410001"], stderr=subprocess.PIPE, start_new_session=True)
    shell.stderr.readline()
    os.killpg(shell.pid, signal.SIGINT)
    return shell.wait(timeout=3)
sys.exit(not eval(expression))
END_OF_PYTHON
    code=$?
    exits 0
}

signals 'ended_by(signal.SIGINT, run("stuck", None, signal.SIGINT)) and "interrupted" in run("stuck", None, signal.SIGINT)[2]'
ok $? "Ctrl-C ends the pause between two looks within a second, and the program dies of it"

signals 'ended_by(signal.SIGTERM, run("stuck", None, signal.SIGTERM))'
ok $? "SIGTERM does, too"

signals 'ended_by(signal.SIGINT, run("silent", 0.5, signal.SIGINT))'
ok $? "Ctrl-C ends an answer that does not come"

signals 'all(ended_by(signal.SIGINT, run("silent", number / 2000, signal.SIGINT)) for number in range(40))'
ok $? "Ctrl-C is never lost, however early it comes"

signals 'ended_by(signal.SIGINT, run("stuck", None, *[signal.SIGINT] * 20))'
ok $? "impatience does no harm"

signals 'ended_by(signal.SIGTERM, run("stuck", None, signal.SIGINT, signal.SIGTERM, ignored=True))'
ok $? "in the background of a script, where SIGINT is ignored, only SIGTERM ends it"

signals 're.fullmatch(r"(\r(queued|inProgress|completed) after \d+ s {6}){6}\r\n", terminal())'
ok $? "on a terminal the progress is one line that changes"

signals 'script() == -signal.SIGINT'
ok $? "Ctrl-C ends the script that waits, too"

rest=$snapshot
wrong_usage "" "one" "one two" "one two three four" "--nonsense $project Cluster0 $snapshot" "$project Cluster0 $snapshot --timeout" \
    "-- $project Cluster0 $snapshot --timeout 3"
for time in 0 -1 "" 1x 1hh nan inf 0x10 1e99 50d " 1" soon; do
    for option in --interval --timeout; do
        ask $option "$time" "$project" Cluster0 "$snapshot"
        exits 2 && says "$err" "$option needs a time" || break
    done
    ok $? "\"$time\" is no time"
done
for time in 1 0.5 1s 1.5m 2h 49d 1e2; do
    ask --timeout "$time" --interval "$time" "$project" Cluster0 "$snapshot"
    exits 0
    ok $? "\"$time\" is a time"
done

common_errors
options="--timeout 1"
error 19 error-503 "timeout"
error 19 silent "timeout"
options=

writes_nowhere 1 "$project" Cluster0 "$snapshot"

finish
