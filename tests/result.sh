# Read by the test scripts: counts what holds.
passed=0 failed=0

# result STATUS SENTENCE [FILE]: whether it holds; if not, with what FILE says.
result() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok - $2"
    else
        failed=$((failed + 1))
        echo "NOT OK - $2"
        [ -z "$3" ] || sed 's/^/    | /' "$3"
    fi
}

has() {
    command -v "$1" >/dev/null 2>&1
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
