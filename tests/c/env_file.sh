#!/bin/sh
#
# --env-file, the option of all programs in bindings/c.
# atlas-simulator run --env all -- tests/c/env_file.sh FOLDER

. "$(dirname "$0")/program.sh"
folder=$1
root=$(cd "$(dirname "$0")/../.." && pwd) || exit
env_file=$scratch/settings.env
id=$MONGODB_ATLAS_CLIENT_ID
secret=$MONGODB_ATLAS_CLIENT_SECRET
program=$folder/get_snapshot

# settings LINE...: the file, which the user alone can read.
settings() {
    rm -f "$env_file"
    (umask 077 && printf '%s\n' "$@" >"$env_file")
}

# reads: a snapshot is read with the settings in the file.
reads() {
    ask --env-file "$env_file" "$project" Cluster0 "$snapshot"
    exits 0 && [ ! -s "$err" ] && says "$out" "id                $snapshot"
}

# refuses TEXT: it is a wrong setting, and nothing of the file is shown.
refuses() {
    ask --env-file "$env_file" "$project" Cluster0 "$snapshot"
    exits 12 && [ ! -s "$out" ] && says "$err" "--env-file \"$env_file\": $1" "kind        config" && ! grep -qF "$secret" "$err"
}

account="MONGODB_ATLAS_CLIENT_ID=$id"
changes=$NO_CREDENTIALS
settings "$account" "MONGODB_ATLAS_CLIENT_SECRET=$secret"
reads
ok $? "settings come from a file where the environment has none"

for name in check_backup export_metrics list_snapshots wait_for_snapshot; do
    program=$folder/$name
    case $name in
    check_backup) ask --env-file="$env_file" -w 500w -c 500w "$project" Cluster0 ;;
    wait_for_snapshot) ask --env-file="$env_file" "$project" Cluster0 "$snapshot" ;;
    *) ask --env-file="$env_file" "$project" Cluster0 ;;
    esac
    exits 0
    ok $? "$name takes them, too"
done
program=$folder/check_backup
ask --env-file="$env_file.no" -w 500w -c 500w "$project" Cluster0
exits 3 && [ "$(wc -l <"$out")" -eq 1 ] && says "$out" "BACKUP UNKNOWN - --env-file \"$env_file.no\": No such file or directory"
ok $? "what is wrong with it is UNKNOWN to a plugin"
program=$folder/export_metrics
ask --env-file="$env_file.no" "$project" Cluster0 odd
exits 12 && [ "$(grep -c "No such file" "$err")" -eq 1 ] && says "$out" 'success{project="'"$project"'",cluster="odd"} 0'
ok $? "and no success to Prometheus"
program=$folder/get_snapshot

# How a line may be written.
for line in "MONGODB_ATLAS_CLIENT_SECRET=$secret" "MONGODB_ATLAS_CLIENT_SECRET=\"$secret\"" "MONGODB_ATLAS_CLIENT_SECRET='$secret'" \
    "  MONGODB_ATLAS_CLIENT_SECRET=  $secret	 " "MONGODB_ATLAS_CLIENT_SECRET=	'$secret'  " "MONGODB_ATLAS_CLIENT_SECRET=$secret$(printf '\r')" \
    "MONGODB_ATLAS_CLIENT_SECRET='$secret'$(printf '\r')"; do
    settings "# comment" "" "  ; comment" "$account" "   " "$line" "#MONGODB_ATLAS_CLIENT_ID=x"
    reads
    ok $? "a line may be written so: $(printf '%s' "$line" | sed "s/$secret/SECRET/" | tr '\r\t' '^^')"
done
printf '%s\n%s' "$account" "MONGODB_ATLAS_CLIENT_SECRET=$secret" >"$env_file"
reads
ok $? "the last line needs no newline"
settings "$account" "MONGODB_ATLAS_CLIENT_SECRET=wrong" "MONGODB_ATLAS_CLIENT_SECRET=$secret"
reads
ok $? "of two lines for a variable the last counts"
# shown VALUE EXPECTED: what a value is, seen in the message about a setting that is none.
shown() {
    settings "$account" "MONGODB_ATLAS_CLIENT_SECRET=$secret" "MONGODB_ATLAS_CA_FILE=$1"
    ask --env-file "$env_file" "$project" Cluster0 "$snapshot"
    exits 12 && says "$err" "MONGODB_ATLAS_CA_FILE" "/nowhere/$2"
    ok $? "the value $1 is /nowhere/$2"
}
shown '/nowhere/a b#c' 'a b#c'
shown '"/nowhere/a \"b\" \$c \`d\` \\e \f"' 'a "b" $c `d` \e \f'
shown "'/nowhere/a \"b\" \\\\ \\e'" 'a "b" \\ \e'
shown "/nowhere/it's" "it's"

# wrong LINE TEXT: the second of three lines is refused.
wrong() {
    settings "$account" "$1" "MONGODB_ATLAS_CLIENT_SECRET=$secret"
    ask --env-file "$env_file" "$project" Cluster0 "$snapshot"
    exits 12 && [ ! -s "$out" ] && says "$err" "line 2 of --env-file \"$env_file\": $2" && ! grep -qF "$secret" "$err"
    ok $? "$2: $(printf '%s' "$1" | sed "s/$secret/SECRET/")"
}
wrong "export MONGODB_ATLAS_CLIENT_SECRET=$secret" "not NAME=VALUE"
wrong "MONGODB_ATLAS_CLIENT_SECRET = $secret" "not NAME=VALUE"
wrong "$secret" "not NAME=VALUE"
wrong "=$secret" "not NAME=VALUE"
wrong "MONGODB_ATLAS_CLIENT_SECRET: $secret" "not NAME=VALUE"
wrong "MONGODB_ATLAS_CLIENT_SECRET=\"$secret" "a quote that does not end"
wrong "MONGODB_ATLAS_CLIENT_SECRET='$secret" "a quote that does not end"
wrong "MONGODB_ATLAS_CLIENT_SECRET=\"$secret\\" "a quote that does not end"
wrong "MONGODB_ATLAS_CLIENT_SECRET='$secret' # mine" "something after the closing quote"
wrong "MONGODB_ATLAS_CLIENT_SECRET=$secret\\" "a backslash: put the value into single quotes"
wrong "PATH=/bin" "a variable that means nothing here"
wrong "LD_PRELOAD=/evil.so" "a variable that means nothing here"
wrong "MONGODB_ATLAS_CLIENT_SECRE=$secret" "a variable that means nothing here"
wrong "MONGODB_ATLAS_CLIENT_SECRETS=$secret" "a variable that means nothing here"
wrong "HTTP_PROXY=http://127.0.0.1:1" "a variable that means nothing here"

# Every variable of the README's table may be there. The names are those of the help, which another test compares.
"$program" --help | sed -n '/^Environment:$/,/^Exit status:$/s/^  \([A-Za-z_]*_[A-Za-z_]*\)  .*/\1=/p' >"$scratch/all"
settings "$(cat "$scratch/all")" "MONGODB_ATLAS_BASE_URL=$MONGODB_ATLAS_BASE_URL" "MONGODB_ATLAS_CA_FILE=$MONGODB_ATLAS_CA_FILE" \
    "$account" "MONGODB_ATLAS_CLIENT_SECRET=$secret"
[ "$(wc -l <"$scratch/all")" -ge 23 ] && reads
ok $? "every variable may be there, and an empty one is as good as unset"

# Against the environment.
changes="$NO_CREDENTIALS MONGODB_ATLAS_CLIENT_ID=wrong MONGODB_ATLAS_CLIENT_SECRET=wrong"
settings "$account" "MONGODB_ATLAS_CLIENT_SECRET=$secret"
reads
ok $? "the file counts more than the environment"
settings "MONGODB_ATLAS_ACCESS_TOKEN=$MONGODB_ATLAS_ACCESS_TOKEN"
reads
ok $? "credentials in the file replace all of the environment's"
settings "MONGODB_ATLAS_CLIENT_SECRET=$secret"
ask --env-file "$env_file" "$project" Cluster0 "$snapshot"
exits 12 && says "$err" "MONGODB_ATLAS_CLIENT_ID"
ok $? "half a pair in the file is not completed by the environment"
changes="MONGODB_ATLAS_OPS_MANAGER_URL=https://localhost:1"
settings "MONGODB_ATLAS_BASE_URL=$MONGODB_ATLAS_BASE_URL"
reads
ok $? "a base URL in the file replaces every one of the environment's"
changes="MONGODB_ATLAS_BASE_URL=https://atlas.invalid NO_PROXY= no_proxy= https_proxy=http://127.0.0.1:1"
settings "MONGODB_ATLAS_BASE_URL=$MONGODB_ATLAS_BASE_URL" "NO_PROXY=localhost,127.0.0.1"
reads
ok $? "what the file leaves out comes from the environment"
changes="MONGODB_ATLAS_TIMEOUT_MS=1"
settings "MONGODB_ATLAS_TIMEOUT_MS=20000"
reads
ok $? "a timeout in the file counts more, too"
settings "MONGODB_ATLAS_TOKEN_CACHE=$scratch/cache"
changes=
honest
steer DELETE tokens >/dev/null
reads && reads && [ "$(tokens issued)" -eq 1 ]
ok $? "a token cache in the file is used"
changes=$NO_CREDENTIALS

# Who may read and write it.
settings "$account" "MONGODB_ATLAS_CLIENT_SECRET=$secret"
for mode in 600 400 640 440; do
    chmod $mode "$env_file"
    reads
    ok $? "a file of mode $mode is read"
done
for mode in 644 604 602 601 666 646; do
    chmod $mode "$env_file"
    refuses "others may read or write it"
    ok $? "a file of mode $mode is refused"
done
for mode in 660 620; do
    chmod $mode "$env_file"
    refuses "its group may write it"
    ok $? "a file of mode $mode is refused"
done
chmod 600 "$env_file"
if [ "$(id -u)" -eq 0 ]; then
    chown 12345 "$env_file"
    refuses "it belongs to another user, who could change it"
    ok $? "another user's file is refused"
fi
mv "$env_file" "$env_file.real"
ln -s "$env_file.real" "$env_file"
chown "$(id -u)" "$env_file.real" && chmod 600 "$env_file.real"
reads
ok $? "a link to such a file is followed"
rm "$env_file"
refuses "No such file or directory"
ok $? "no file is an error"
mkdir "$env_file"
refuses "no regular file"
ok $? "a folder is refused"
rmdir "$env_file"
mkfifo -m 600 "$env_file"
refuses "no regular file"
ok $? "a FIFO is refused and not waited for"
rm "$env_file"
settings "$account" "$(head -c 70000 /dev/zero | tr '\0' '#')"
refuses "more than 64 KiB"
ok $? "a file of more than 64 KiB is refused"
settings "$account"
printf 'MONGODB_ATLAS_CLIENT_SECRET=%s\0\n' "$secret" >>"$env_file"
refuses "no text: there is a NUL in it"
ok $? "a file with a NUL is refused"
settings $(seq 101 | sed 's/.*/MONGODB_ATLAS_SERVICE=cloud/')
ask --env-file "$env_file" "$project" Cluster0 "$snapshot"
exits 12 && says "$err" "line 101 of --env-file" "too many variables"
ok $? "so is one with more than a hundred variables"

# The text of the file is wiped once it was read; the library's own copies are wiped when the client is freed.
settings "$account" "MONGODB_ATLAS_CLIENT_SECRET='$secret'"
"$PYTHON" - "$folder/wait_for_snapshot" "$env_file" "$project" "$snapshot" <<'END'
import os, subprocess, sys
program, file, project, snapshot = sys.argv[1:]
line = b"MONGODB_ATLAS_CLIENT_SECRET=" + os.environ["MONGODB_ATLAS_CLIENT_SECRET"].encode()

def in_memory(arguments, environment):
    """Whether the line is in the memory of the program while it waits."""
    waiting = subprocess.Popen([program, *arguments, project, "stuck", snapshot], env=environment, stderr=subprocess.PIPE)
    assert waiting.stderr.readline().startswith(b"inProgress")
    found = False
    with open(f"/proc/{waiting.pid}/maps") as maps, open(f"/proc/{waiting.pid}/mem", "rb") as memory:
        for area in maps:
            bounds, rights, *rest = area.split()
            begin, end = (int(bound, 16) for bound in bounds.split("-"))
            if rights.startswith("rw"):
                memory.seek(begin)
                found = found or line in memory.read(end - begin)
    waiting.kill()
    waiting.wait()
    return found

bare = {name: value for name, value in os.environ.items() if not name.startswith("MONGODB_ATLAS_CLIENT")}
assert in_memory([], os.environ), "not even found where it is the environment's"
assert not in_memory(["--env-file", file], bare)
END
code=$?
ok $code "the file's secrets are wiped from memory once they were read"

finish
