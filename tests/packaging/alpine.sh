#!/bin/sh
#
# The tarball for musl, as README.md says to install it, in a system of busybox and musl like Alpine's: alpine.sh FOLDER
# [ARCHITECTURE], the latter Debian's, and one that this machine runs. Run by the simulator. Needs root, and busybox and musl
# from where this machine has its packages.

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
. tests/platforms/machine.sh
dist=$(cd "$1" && pwd) || exit
debian_arch=${2:-$(dpkg --print-architecture)}
name=$(sed -n "s/^\([a-z0-9_]*\)-linux-gnu .* $debian_arch .*/\1-linux-musl/p" packaging/platforms)
system=$(mktemp -d) || exit
trap 'rm -rf "$system"' EXIT

if [ "$(id -u)" -ne 0 ]; then
    echo "skipped: the tarball in a system like Alpine's: it takes root"
    finish
    exit
fi
if ! debian "$debian_arch" "busybox-$name" busybox-static musl >"$system/log" 2>&1; then
    tail -n 5 "$system/log" | sed 's/^/    /'
    echo "skipped: the tarball in a system like Alpine's: busybox and musl could not be fetched (the reason is above)"
    finish
    exit
fi
mkdir -p "$system/lib" "$system/bin" "$system/usr/local" "$system/etc" "$system/tmp"
cp -L "$machines/busybox-$name"/lib/ld-musl-*.so.1 "$system/lib/"
cp "$machines/busybox-$name/bin/busybox" "$system/bin/" && chroot "$system" /bin/busybox --install -s /bin || exit
cp "$dist"/*-"$name.tar.gz" "$MONGODB_ATLAS_CA_FILE" "$system/tmp"

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
