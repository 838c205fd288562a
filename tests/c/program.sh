# What the tests of the programs in bindings/c share; they source it. The simulator runs them:
# atlas-simulator run --env all -- tests/c/NAME.sh PROGRAM

program=$1
project=$ATLAS_SIMULATOR_PROJECT
snapshot=$ATLAS_SIMULATOR_SNAPSHOT
PYTHON=${PYTHON:-python3}
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
        head -n 40 "$out" "$err" | sed 's/^/    | /'
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

# After which atlas_config_from_env() finds no credentials.
NO_CREDENTIALS="-u MONGODB_ATLAS_CLIENT_ID -u MONGODB_ATLAS_CLIENT_SECRET -u MONGODB_ATLAS_PUBLIC_API_KEY
    -u MONGODB_ATLAS_PRIVATE_API_KEY -u MONGODB_ATLAS_ACCESS_TOKEN"

# writes_nowhere EXPECTED-CODE ARGUMENT...: what cannot be written must not look like success.
writes_nowhere() {
    expected=$1
    shift
    : >"$out"
    if [ -w /dev/full ]; then
        "$program" "$@" >/dev/full 2>"$err"
        code=$?
        exits "$expected" && says "$err" "cannot write to standard output" "No space left on device"
        ok $? "a full disk is an error: $*"
    else
        echo "skipped: a full disk: there is no /dev/full"
    fi
    "$program" "$@" >&- 2>"$err"
    code=$?
    exits "$expected" && says "$err" "cannot write to standard output"
    ok $? "a closed standard output is an error: $*"
}

# error CODE CLUSTER TEXT...: the exit code of `$options PROJECT CLUSTER $rest`, and what is on standard error.
options= rest=
error() {
    expected=$1 cluster=$2
    shift 2
    ask $options "$project" "$cluster" $rest
    exits "$expected" && [ ! -s "$out" ] && says "$err" "$(basename "$program"): " "$@"
    ok $? "the exit code for $cluster is $expected"
}

# The errors that every call can meet.
common_errors() {
    changes=MONGODB_ATLAS_TIMEOUT_MS=2000
    error 11 "no/cluster" "invalid_argument" 'the cluster name "no/cluster" is not'
    error 13 error-401 "unauthenticated" "$(basename "$program") --help"
    error 14 error-403 "forbidden" "Project Read Only" "USER_UNAUTHORIZED"
    error 14 error-403-ip "203.0.113.7"
    error 15 error-404 "CLUSTER_NOT_FOUND" "404 Not Found" '["error-404"' "No cluster named error-404 exists"
    error 16 error-400-fields "must not be null"
    error 22 not-json "invalid_response"
    changes=MONGODB_ATLAS_TIMEOUT_MS=soon
    error 12 Cluster0 "config" "MONGODB_ATLAS_TIMEOUT_MS"
    changes=MONGODB_ATLAS_CA_FILE=
    error 21 Cluster0 "tls" "certificate"
    changes=$NO_CREDENTIALS
    error 12 Cluster0 "MONGODB_ATLAS_CLIENT_ID" "$(basename "$program") --help"
    changes=
}

# Errors that pass, which a wait rides out.
passing_errors() {
    changes=MONGODB_ATLAS_TIMEOUT_MS=2000
    error 17 error-429-bucket "rate_limited"
    error 18 error-503-html "503" "may succeed later"
    error 19 silent "timeout" "--timeout sets"
    error 20 closing "network"
    changes=
}

# wrong_usage ARGUMENTS...: each of the texts, split into words, is refused.
wrong_usage() {
    for arguments in "$@"; do
        ask $arguments
        exits 2 && [ ! -s "$out" ] && says "$err" "Usage: $(basename "$program")" "See $(basename "$program") --help."
        ok $? "wrong usage exits with 2: $(basename "$program") $arguments"
    done
}

# steer METHOD PATH [BODY]: talks to the simulator behind the program's back.
steer() {
    "$PYTHON" - "$@" <<'END'
import os, sys, urllib.request
request = urllib.request.Request(os.environ["ATLAS_SIMULATOR_PLAIN_URL"] + "/_simulator/" + sys.argv[2], method=sys.argv[1])
request.data = sys.argv[3].encode() if len(sys.argv) > 3 else None
print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).read().decode())
END
}

# serve CLUSTER [STATUS] <BODY: from now on this is what Atlas answers for the cluster; until honest.
serve() {
    steer POST script "$("$PYTHON" -c '
import json, sys
act = {"act": "respond", "status": int((sys.argv[2:] or [200])[0]), "headers": [["Content-Type", "application/json"]], "body": sys.stdin.read()}
print(json.dumps({"target": {"path": f"/clusters/{sys.argv[1]}/"}, "acts": [act], "forever": True}))' "$@")" >/dev/null
}

# tokens issued|live: how many access tokens Atlas gave out since it was honest, or are good now.
tokens() {
    steer GET tokens | sed "s/.*\"$1\": *\([0-9]*\).*/\1/"
}

honest() {
    steer POST clear >/dev/null
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
