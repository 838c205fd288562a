#!/bin/sh
#
# The tarball for musl, as README.md says to install it, in a system of busybox and musl like Alpine's: alpine.sh FOLDER.
# Run by the simulator. Needs root, and busybox and musl from where this machine has its packages.

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
. tests/platforms/machine.sh
dist=$(cd "$1" && pwd) || exit
system=$(mktemp -d) || exit
trap 'rm -rf "$system"' EXIT

if [ "$(id -u)" -ne 0 ]; then
    echo "skipped: the tarball in a system like Alpine's: it takes root"
    finish
    exit
fi
if ! debian "$(dpkg --print-architecture)" busybox-musl busybox-static musl >"$system/log" 2>&1; then
    tail -n 5 "$system/log" | sed 's/^/    /'
    echo "skipped: the tarball in a system like Alpine's: busybox and musl could not be fetched (the reason is above)"
    finish
    exit
fi
mkdir -p "$system/lib" "$system/bin" "$system/usr/local" "$system/etc" "$system/tmp"
cp -L "$machines"/busybox-musl/lib/ld-musl-*.so.1 "$system/lib/"
cp "$machines"/busybox-musl/bin/busybox "$system/bin/" && chroot "$system" /bin/busybox --install -s /bin || exit
cp "$dist"/*-linux-musl.tar.gz "$MONGODB_ATLAS_CA_FILE" "$system/tmp"

there() {
    chroot "$system" /bin/busybox env -i PATH=/usr/local/bin:/bin $(env | grep '^MONGODB_ATLAS_\|^ATLAS_SIMULATOR_') \
        MONGODB_ATLAS_CA_FILE="/tmp/$(basename "$MONGODB_ATLAS_CA_FILE")" /bin/sh -c "cd /tmp; $1" \
        >"$system/log" 2>&1
}

command=$(grep '^tar .*linux-musl.tar.gz' README.md)
[ -n "$command" ] && there "$command"
result $? "what README.md says unpacks it: $command" "$system/log"

there 'get_snapshot "$ATLAS_SIMULATOR_PROJECT" "$ATLAS_SIMULATOR_CLUSTER" "$ATLAS_SIMULATOR_SNAPSHOT"' &&
    grep -q "status  *completed" "$system/log"
result $? "the program fetches a snapshot" "$system/log"
finish
