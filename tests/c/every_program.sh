#!/bin/sh
#
# What the programs in bindings/c have in common: help, options, tokens.
# atlas-simulator run --env all -- tests/c/every_program.sh FOLDER

. "$(dirname "$0")/program.sh"
folder=$1
root=$(cd "$(dirname "$0")/../.." && pwd) || exit
PROGRAMS="check_backup export_metrics get_snapshot list_snapshots wait_for_snapshot"
unset MONGODB_ATLAS_TOKEN_CACHE

: >"$out" >"$err"
(cd "$root/bindings/c" && echo *.c) | sed 's/\.c//g' >"$out"
[ "$(cat "$out")" = "$PROGRAMS" ]
code=$?
ok $code "these are all the programs"

# asks NAME OPTION...: the program, about a snapshot that is there, or in $cluster.
cluster=Cluster0
asks() {
    program=$folder/$1
    case $1 in
    get_snapshot | wait_for_snapshot) rest="$project $cluster $snapshot" ;;
    check_backup) rest="-w 500w -c 500w $project $cluster" ;;
    *) rest="$project $cluster" ;;
    esac
    shift
    ask "$@" $rest
}

# refuses CODE TEXT...: an error with that code, which to a plugin is UNKNOWN; and the texts where the program tells it.
refuses() {
    expected=$1
    shift
    if [ "$(basename "$program")" = check_backup ]; then
        exits 3 && [ "$(wc -l <"$out")" -eq 1 ] && says "$out" "BACKUP UNKNOWN - " "$@"
    else
        exits "$expected" && says "$err" "$(basename "$program"): " "$@"
    fi
}

# ==== Help and version

"$PYTHON" - "$root/README.md" >"$scratch/variables" <<'END'
import re, sys
section = open(sys.argv[1], encoding="utf-8").read().split("\n## Settings and environment\n")[1].split("\n## ")[0]
rows = "\n".join(line for line in section.splitlines() if line.startswith("|"))
names = re.findall(r"`([A-Za-z]+_[A-Za-z_]+|…[A-Z_]+)`", rows)
print("\n".join(sorted({name.replace("…", "MONGODB_ATLAS") for name in names})))
END
[ "$(wc -l <"$scratch/variables")" -ge 23 ]
code=$?
ok $code "the README's table has variables"

for name in $PROGRAMS; do
    program=$folder/$name
    fine=0
    [ $name != check_backup ] || fine=3

    for option in -h --help; do
        ask $option
        exits $fine && [ ! -s "$err" ] && [ "$(head -n 1 "$out" | cut -d' ' -f1-3)" = "Usage: $name [OPTION]..." ] &&
            says "$out" "      --sharded " "  -t, --timeout TIME " "      --token-cache[=DIR] " "      --env-file FILE " \
                "  -v, --verbose " "  -h, --help " "  -V, --version " "Access tokens:" "Environment:" "Exit status:" "Examples:" &&
            [ "$(awk 'length($0) > 88' "$out" | wc -l)" -eq 0 ]
        ok $? "$name $option helps, with the options that all have"
    done
    sed -n '/^Environment:$/,/^Exit status:$/s/^  \([A-Za-z]*_[A-Za-z_]*\)  .*/\1/p' "$out" | LC_ALL=C sort |
        diff "$scratch/variables" -
    ok $? "$name --help names the variables of the README's table, and no others"
    sed -n '/^Exit status:$/,/^Examples:$/p' "$out" | grep -q "^ *2 "
    ok $? "$name --help has the exit codes"

    for option in -V --version; do
        ask $option
        exits $fine && [ ! -s "$err" ] && [ "$(wc -l <"$out")" -eq 1 ] &&
            grep -qE "^$name ([0-9]+\.[0-9]+\.[0-9]+) \(libatlas_backup \1\)$" "$out"
        ok $? "$name $option tells both versions"
    done
done

# ==== Options

escape=$(printf '\033[31m')
csi=$(printf '\233')
tab=$(printf '\t')
for name in $PROGRAMS; do
    program=$folder/$name
    for word in "--no$escape" "--no$csi" "-$escape" "-v$escape" "--sharded=$escape" "--timeout=$escape" "--timeout=1$csi" \
        "--env-file=/$escape$csi$tab" "--no$tab" "-$csi"; do
        asks $name "$word"
        ! grep -qF "$escape" "$out" "$err" && ! LC_ALL=C grep -qF "$csi" "$out" "$err" && ! grep -qF "$tab" "$out" "$err" &&
            cat "$out" "$err" | grep -qE '\\x(1b|9b|09)'
        ok $? "$name shows a wrong option without its control characters: $(printf '%s' "$word" | LC_ALL=C tr '\033\233\t' '^^^')"
    done
    for words in '--nonsense:unknown option "--nonsense"' '-x:unknown option "-x"' '-vx:unknown option "-x"' \
        '--ver:unknown option "--ver"' '--sharded=yes:no value belongs to the option in "--sharded=yes"' \
        '-t:a value is missing after "-t"' '--env-file:a value is missing after "--env-file"' '--timeout=0:not "0"' \
        '--timeout=soon:not "soon"' '--timeout=99d:at most 49d, not "99d"'; do
        ask "$project" Cluster0 "$snapshot" "${words%%:*}"
        refuses 2 "${words#*:}"
        ok $? "$name ${words%%:*}: ${words#*:}"
    done
    ask
    refuses 2 "$(case $name in check_backup) echo "both -w and -c are needed" ;; *) echo "too few arguments" ;; esac)"
    ok $? "$name without arguments says what is missing"

    asks $name --sharded
    refuses 16 "leave out --sharded"
    ok $? "$name --sharded asks for a sharded cluster"

    begin=$(date +%s)
    cluster=silent
    asks $name -t 1
    refuses 19 "$(case $name in check_backup) echo "-t sets" ;; *) echo "--timeout sets" ;; esac)" && [ $(($(date +%s) - begin)) -le 4 ]
    ok $? "$name -t bounds how long it may take, and its hint names the option"
    cluster=Cluster0

    asks $name -v
    exits 0 && says "$err" "$name: GET /api/atlas/v2/" "$name: POST /api/oauth/revoke" && info=$(wc -l <"$err") &&
        asks $name -vv && [ "$(wc -l <"$err")" -ge "$info" ] && ! grep -qF "$MONGODB_ATLAS_CLIENT_SECRET" "$err"
    ok $? "$name -v logs to standard error"
done

# ==== Tokens

# left NAME EXPECTED OPTION...: so many tokens live when the program has ended.
left() {
    name=$1 expected=$2
    shift 2
    steer DELETE tokens >/dev/null
    asks "$name" "$@"
    [ "$(tokens live)" = "$expected" ]
}

# revoking ACT: from now on this is what Atlas does when a token is given back; until honest.
revoking() {
    steer POST script "{\"target\": \"revoke\", \"acts\": [$1], \"forever\": true}" >/dev/null
}

for name in $PROGRAMS; do
    left $name 0 && exits 0
    ok $? "$name gives its token back"
    for cluster in error-404 silent; do
        left $name 0 --timeout 1
        ok $? "$name gives its token back when it failed ($cluster)"
    done
    cluster=Cluster0

    revoking '{"act": "silence"}'
    begin=$(date +%s)
    left $name 1 && exits 0 && [ $(($(date +%s) - begin)) -le 4 ]
    ok $? "$name waits two seconds at most for its token to be taken back"
    revoking '{"act": "respond", "status": 500, "headers": [], "body": ""}'
    asks $name
    exits 0 && [ "$(grep -c revoke "$err")" -eq 0 ]
    ok $? "$name succeeds when Atlas does not take its token back"
    honest

    steer DELETE tokens >/dev/null
    own=$scratch/cache-$name
    asks $name --token-cache "$own" && exits 0 && asks $name --token-cache="$own" && exits 0 &&
        changes="MONGODB_ATLAS_TOKEN_CACHE=$own" && asks $name && exits 0 &&
        changes="XDG_CACHE_HOME=$scratch" && asks $name --token-cache && exits 0 && asks $name --token-cache && exits 0 &&
        [ "$(tokens issued)" -eq 2 ] && [ "$(tokens live)" -eq 2 ]
    ok $? "$name --token-cache shares a token where it, the environment or the user's cache is"
    rm -rf "$scratch/atlas-backup"
    changes="-u XDG_CACHE_HOME -u HOME"
    left $name 0 --token-cache && exits 0 && says "$err" "token_cache is off"
    ok $? "$name gives its token back where the user has no cache"
    changes=
    left $name 0 --token-cache=/dev/null/cache && exits 0 && says "$err" "token_cache /dev/null/cache is not used"
    ok $? "$name gives its token back if the cache cannot be used"
    asks $name --token-cache=cache
    refuses 12 "token_cache"
    ok $? "$name refuses a cache that is no absolute path"
    honest

    steer DELETE tokens >/dev/null
    "$PYTHON" - "$folder/$name" $rest <<'END'
import json, os, signal, subprocess, sys, time, urllib.request
arguments = [word if word != "Cluster0" else "silent" for word in sys.argv[1:]]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def live():
    return json.load(opener.open(os.environ["ATLAS_SIMULATOR_PLAIN_URL"] + "/_simulator/tokens"))["live"]
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    program = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while live() == 0:
        time.sleep(0.01)
    begin = time.monotonic()
    program.send_signal(number)
    assert program.wait(10) == -number, (number, program.returncode)
    assert time.monotonic() - begin < 2 and live() == 0, number
END
    code=$?
    ok $code "$name gives its token back when a signal ends it, and dies of the signal"

    steer POST settings '{"max_live_tokens": 0}' >/dev/null
    asks $name
    refuses 14 "too many live access tokens" "--token-cache shares one token between runs"
    ok $? "$name names its option where Atlas gives no more tokens"
    honest
done

# Atlas lets a service account have 100 tokens that live.
# runs OPTION...: 130 runs are all OK.
runs() {
    honest
    steer DELETE tokens >/dev/null
    for i in $(seq 130); do
        asks check_backup "$@"
        exits 0 || return
    done
}
runs && [ "$(tokens issued)" -eq 130 ] && [ "$(tokens live)" -eq 0 ]
ok $? "130 runs of a check are all OK and leave no token"
runs --token-cache "$scratch/shared" && [ "$(tokens issued)" -eq 1 ]
ok $? "130 runs of a check with a token cache share one token"

finish
