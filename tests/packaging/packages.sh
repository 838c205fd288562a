#!/bin/sh
#
# What `make dist` makes for a platform, as the programs see it that install such things: packages.sh FOLDER PLATFORM. Run
# by the simulator.

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
. packaging/platform.sh
dist=$(cd "$1" && pwd) || exit
platform "$2" || exit
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT

(cd "$dist" && sha256sum --check --quiet SHA256SUMS && find . -type f ! -name SHA256SUMS | wc -l |
    grep -qx "$(wc -l <SHA256SUMS)") >"$scratch/log" 2>&1
result $? "SHA256SUMS has the sum of every file" "$scratch/log"

# ---- The tarball ----

tarball=atlas-backup-$VERSION-$name
tar -xf "$dist/$tarball.tar.gz" -C "$scratch" && (cd "$scratch/$tarball" && find . ! -type d | LC_ALL=C sort) >"$scratch/files"
for file in lib/libatlas_backup.so lib/libatlas_backup.a lib/pkgconfig/atlas_backup.pc include/atlas_backup.h bin/get_snapshot \
    lib/cmake/atlas_backup/atlas_backup-config.cmake lib/nagios/plugins/check_backup share/man/man1/get_snapshot.1 \
    share/man/man3/atlas_backup.3 share/doc/atlas-backup/LICENSE share/doc/atlas-backup/THIRD-PARTY-NOTICES \
    share/doc/atlas-backup/atlas-backup.cdx.json; do
    grep -qxF "./$file" "$scratch/files" || echo "$file"
done >"$scratch/missing"
[ ! -s "$scratch/missing" ]
result $? "the tarball has library, header, programs, manuals, notices and bill of materials" "$scratch/missing"

cmp "$BUILD/portable/$name/libatlas_backup.so" "$scratch/$tarball/lib/libatlas_backup.so"
result $? "its library is the one that was tested"

! grep -rl "$PWD" "$scratch/$tarball"
result $? "nothing in it names a directory of the machine it was built on"

if [ "$libc" != gnu ]; then
    finish
    exit
fi

# ---- Debian's packages ----

! MAINTAINER= packaging/dist.sh "$scratch/nobody" "$name" >"$scratch/log" 2>&1 && grep -q "make dist needs MAINTAINER" "$scratch/log"
result $? "make dist wants to know who answers for them" "$scratch/log"

debs=
for package in libatlas-backup0 libatlas-backup-dev atlas-backup-tools libatlas-backup0-dbgsym; do
    debs="$debs $dist/${package}_$VERSION-1_$deb_arch.deb"
done
debs="$debs $dist/python3-atlas-backup_$VERSION-1_all.deb"
ls $debs >"$scratch/log" 2>&1
result $? "there are Debian packages of library, development files, programs, Python and symbols" "$scratch/log"

if has lintian; then
    lintian --no-cfg --allow-root --fail-on error $debs >"$scratch/lintian" 2>&1
    result $? "lintian has no error" "$scratch/lintian"
else
    echo "skipped: what lintian says of the Debian packages: it is not installed"
fi

for package in $debs; do
    dpkg-deb --contents "$package" | awk '$1 !~ /^d/ { print $6 }'
done | LC_ALL=C sort | uniq -d >"$scratch/twice"
[ ! -s "$scratch/twice" ]
result $? "no file is in two Debian packages" "$scratch/twice"

# What a system of that architecture would have, where this machine emulates one.
. tests/platforms/machine.sh
qemu= folder=/nowhere
if machine "$name" >"$scratch/log" 2>&1 && [ -n "$qemu" ]; then
    cp -a "$root" "$scratch/there"
    for package in $debs; do
        dpkg-deb --extract "$package" "$scratch/there"
    done
    "$qemu" -L "$scratch/there" "$scratch/there/usr/bin/get_snapshot" "$ATLAS_SIMULATOR_PROJECT" "$ATLAS_SIMULATOR_CLUSTER" \
        "$ATLAS_SIMULATOR_SNAPSHOT" >"$scratch/log" 2>&1 && grep -q "status  *completed" "$scratch/log"
    result $? "unpacked over a Debian of that architecture, the program fetches a snapshot" "$scratch/log"
fi

# ---- RPM's ----

rpms=
for package in libs devel tools debuginfo; do
    rpms="$rpms $dist/atlas-backup-$package-$VERSION-1.$rpm_arch.rpm"
done
case $rpm_arch in i686 | armv7hl) mark= lib=lib ;; *) mark="()(64bit)" lib=lib64 ;; esac
rpm -qp --provides "$dist/atlas-backup-libs-$VERSION-1.$rpm_arch.rpm" 2>&1 | grep -qxF "$SONAME$mark"
result $? "the RPM of the library provides $SONAME$mark"
rpm -qp --requires "$dist/atlas-backup-tools-$VERSION-1.$rpm_arch.rpm" 2>&1 | grep -qxF "$SONAME$mark"
result $? "the RPM of the programs requires it"

for file in LICENSE THIRD-PARTY-NOTICES.gz atlas-backup.cdx.json; do
    rpm -qp --list "$dist/atlas-backup-libs-$VERSION-1.$rpm_arch.rpm" | grep -qxF "/usr/share/doc/atlas-backup-libs/$file" || echo "$file"
done >"$scratch/missing" 2>&1
[ ! -s "$scratch/missing" ]
result $? "the RPM of the library has licence, notices and bill of materials, which the others need with it" "$scratch/missing"

# By rpm itself, into an empty system; what runs after it there is ldconfig.
in_system() {
    rpm --root "$scratch/system" --nodeps --noscripts "$@" >"$scratch/log" 2>&1
}
mkdir "$scratch/system"
in_system --install --ignorearch $rpms && [ -f "$scratch/system/usr/$lib/$SONAME" ] && [ -f "$scratch/system/usr/include/atlas_backup.h" ] &&
    rpm --root "$scratch/system" --nodeps --verify --all >"$scratch/log" 2>&1
result $? "rpm installs the packages, and finds them whole" "$scratch/log"
in_system --erase atlas-backup-libs atlas-backup-devel atlas-backup-tools atlas-backup-debuginfo &&
    [ -z "$(find "$scratch/system" -name '*atlas*' ! -path '*/rpm/*')" ]
result $? "rpm takes them away again without a trace" "$scratch/log"
finish
