#!/bin/sh
#
# The Debian packages in a clean Debian stable, with apt: debian.sh FOLDER [ARCHITECTURE], the latter Debian's, and one that
# this machine runs. Run by the simulator. Needs root, debootstrap, and the servers from which this machine has its packages.

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
dist=$(cd "$1" && pwd) || exit
arch=${2:-$(dpkg --print-architecture)}
PATH=$PATH:/usr/sbin:/sbin
machines=$PWD/$BUILD/machines
# The smaller one; for i386 it does not align the stack: docs/platforms.md.
compiler=$([ "$arch" = i386 ] && echo gcc || echo tcc)
clean=$machines/debian-stable-$arch
scratch=$(mktemp -d) || exit
system=$scratch/debian
trap 'rm -rf "$scratch"' EXIT

if [ "$(id -u)" -ne 0 ] || ! has debootstrap; then
    echo "skipped: the packages in a clean Debian: it takes root and debootstrap"
    finish
    exit
fi
# What debootstrap mounted there stays mounted when it fails.
remove_clean() {
    umount "$clean/proc" "$clean/sys" 2>/dev/null
    rm -rf --one-file-system "$clean"
}
if [ ! -f "$clean.tar" ]; then
    remove_clean
    mkdir -p "$clean"
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
    if ! timeout 1800 debootstrap --arch="$arch" --variant=minbase --include=$compiler,pkgconf stable "$clean" "$mirror" \
        >"$scratch/log" 2>&1; then
        tail -n 5 "$scratch/log" | sed 's/^/    /'
        echo "skipped: the packages in a clean Debian: it could not be fetched (the reason is above)"
        remove_clean
        finish
        exit
    fi
    tar --one-file-system -cf "$clean.tar.new" -C "$clean" . && mv "$clean.tar.new" "$clean.tar"
    remove_clean
fi
mkdir "$system" && tar -xf "$clean.tar" -C "$system" || exit
cp -L /etc/resolv.conf /etc/hosts "$system/etc/"
mkdir "$system/packages" && cp "$dist"/*.deb "$MONGODB_ATLAS_CA_FILE" "$system/packages"

# there COMMAND...: as root of the clean system, with the simulator's credentials.
there() {
    timeout 600 chroot "$system" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        $(env | grep '^MONGODB_ATLAS_\|^ATLAS_SIMULATOR_') MONGODB_ATLAS_CA_FILE="/packages/$(basename "$MONGODB_ATLAS_CA_FILE")" \
        "$@" >"$scratch/log" 2>&1
}
ids="$ATLAS_SIMULATOR_PROJECT $ATLAS_SIMULATOR_CLUSTER $ATLAS_SIMULATOR_SNAPSHOT"

(cd "$system" && find . -xdev | LC_ALL=C sort) >"$scratch/before"
there apt-get update && there sh -c "apt-get install --yes --no-install-recommends /packages/*_$arch.deb /packages/*_all.deb"
result $? "apt installs the packages and what they depend on" "$scratch/log"

there get_snapshot $ids && grep -q "status  *completed" "$scratch/log"
result $? "the program fetches a snapshot" "$scratch/log"

there /usr/lib/nagios/plugins/check_backup -w 90000 -c 90000 ${ids% *} && grep -q "BACKUP OK" "$scratch/log"
result $? "the plugin tells the age of the newest one" "$scratch/log"

there python3 -m atlas_backup get $ids && grep -q completed "$scratch/log"
result $? "so does Python" "$scratch/log"

cp tests/packaging/consumer.c "$system/packages"
there sh -c 'cd /packages && '$compiler' consumer.c $(pkg-config --cflags --libs atlas_backup) -o consumer && ./consumer' &&
    grep -qx "$VERSION completed" "$scratch/log"
result $? "a C program is compiled, with what pkg-config says, and fetches one" "$scratch/log"

there sh -c 'apt-get purge --yes "*atlas-backup*" && apt-get autoremove --purge --yes'
result $? "apt takes the packages away" "$scratch/log"
# What came along and stays, such as the C library's headers, is in dpkg's lists.
(cd "$system" && find . -xdev ! -path './var/*' ! -path './packages/*' | LC_ALL=C sort) >"$scratch/after"
cat "$system"/var/lib/dpkg/info/*.list | sed 's/^/./' | LC_ALL=C sort -u >"$scratch/owned"
LC_ALL=C comm -23 "$scratch/after" "$scratch/before" | LC_ALL=C comm -23 - "$scratch/owned" | grep -v '/__pycache__\(/\|$\)' >"$scratch/left"
find "$system" -xdev -name '*atlas*' ! -path '*/packages/*' >>"$scratch/left"
[ ! -s "$scratch/left" ]
result $? "nothing is left of them" "$scratch/left"
finish
