# Read by the scripts in this folder: counts what holds.
passed=0 failed=0

# result STATUS SENTENCE
result() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok - $2"
    else
        failed=$((failed + 1))
        echo "NOT OK - $2"
    fi
}

has() {
    command -v "$1" >/dev/null 2>&1
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
