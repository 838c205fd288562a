#!/bin/sh
#
# `make dist`: what is given out for a platform, made of what `make portable` builds and `make install` puts down:
# packaging/dist.sh FOLDER PLATFORM ARGUMENT..., the latter cargo's. FOLDER gets
#
#   atlas-backup-VERSION-PLATFORM.tar.gz        all that is installed, to be unpacked anywhere
#   atlas-backup-VERSION-PLATFORM-debug.tar.gz  the symbols that belong to it
#   *.whl
#   *.deb, *.rpm                                where glibc is
#   SHA256SUMS                                  of all that is there
#
# Environment: BUILD, VERSION, SONAME, MAKE, MAINTAINER, SOURCE_DATE_EPOCH; the latter is the time of all files.

set -e
umask 022
cd "$(dirname "$0")/.."
. packaging/platform.sh
mkdir -p "$1"
out=$(cd "$1" && pwd)
platform "$2"
built=$BUILD/portable/$name
work=$PWD/$BUILD/packages/$name
shift 2
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}"

[ "$libc" != gnu ] || for program in dpkg-deb rpmbuild; do
    command -v $program >/dev/null || {
        echo "make dist needs $program; Debian's packages dpkg and rpm have it." >&2
        exit 1
    }
done
case $libc-$MAINTAINER in
musl-* | gnu-?*" <"?*@?*">") ;;
*)
    echo "make dist needs MAINTAINER=\"NAME <ADDRESS>\": Debian's packages name who answers for them." >&2
    exit 1
    ;;
esac
packaging/portable.sh "$name" "$@"
rm -rf "$work"
mkdir -p "$work"

# install TARGET FOLDER VARIABLE=VALUE...
install() {
    "$MAKE" --no-print-directory "$1" BUILT="$built" DESTDIR="$2" CARGO=/no/cargo "$3" "$4" "$5" "$6"
}

dated() {
    find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

# ---- A tarball ----

# tarball NAME TARGET
tarball() {
    install "$2" "$work/tarball" prefix="/$1" exec_prefix="/$1" libdir="/$1/lib" docdir="/$1/share/doc/atlas-backup"
    tar --create --directory "$work/tarball" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
        "$1" | gzip --best --no-name >"$out/$1.tar.gz"
    rm -rf "$work/tarball"
}

tarball "atlas-backup-$VERSION-$name" install
tarball "atlas-backup-$VERSION-$name-debug" install-debug
cp "$built"/*.whl "$out"

# ---- What packages consist of ----

# tree FOLDER LIBDIR DOCUMENTATION-OF-LIBRARY DOCUMENTATION-OF-DEVELOPERS: as a system has it.
tree() {
    install install "$1" prefix=/usr exec_prefix=/usr libdir="$2" docdir="$4"
    mkdir -p "$1$3"
    mv "$1$4/LICENSE" "$1$4/THIRD-PARTY-NOTICES" "$1$4/atlas-backup.cdx.json" "$1$3"
    gzip --best --no-name "$1$3/THIRD-PARTY-NOTICES"
    find "$1/usr/share/man" -type f -exec gzip --best --no-name {} +
    find "$1$4" -name '*.md' -size +4k -exec gzip --best --no-name {} +
    id=$(readelf --notes "$built/libatlas_backup.so" | sed -n 's/.*Build ID: //p')
    debug=$1/usr/lib/debug/.build-id/$(echo "$id" | cut -c1-2)/$(echo "$id" | cut -c3-).debug
    mkdir -p "$(dirname "$debug")"
    cp "$built/libatlas_backup.so.$VERSION.debug" "$debug"
    chmod 644 "$debug"
    dated "$1"
    (cd "$1" && find . ! -type d | LC_ALL=C sort | sed 's/^\.//') >"$work/files"
    : >"$work/libs" >"$work/devel" >"$work/tools" >"$work/debug"
    while IFS= read -r file; do
        case $file in
        /usr/lib/debug/*) part=debug ;;
        */libatlas_backup.so.* | "$3"/*) part=libs ;;
        /usr/bin/* | */nagios/* | */man1/* | */bash-completion/* | */zsh/*) part=tools ;;
        *) part=devel ;;
        esac
        echo "$file" >>"$work/$part"
    done <"$work/files"
}

# directories LIST: those of its files that not every system has, for a package that has to name them to take them away.
directories() {
    sed 's,/[^/]*$,,' "$1" | awk '{ for (path = $0; path ~ /./; sub("/[^/]*$", "", path)) print path }' | LC_ALL=C sort -u |
        grep -E '/(atlas[^/]*|nagios|cmake|bash-completion|zsh|\.build-id)(/|$)' | sed 's/^/%dir /'
}

# ---- Debian's ----

# deb PACKAGE: with the files that are already in its tree.
deb() {
    package=$work/$1
    doc=$package/usr/share/doc/$1
    mkdir -p "$package/DEBIAN" "${doc%/*}"
    case $1 in
    *-dbgsym) ln -s "${1%-dbgsym}" "$doc" ;;
    *)
        mkdir -p "$doc"
        cp packaging/debian/copyright "$doc/copyright"
        gzip --best --no-name <CHANGELOG.md >"$doc/changelog.gz"
        printf 'atlas-backup (%s) unstable; urgency=medium\n\n  * What changed is in changelog.gz.\n\n -- %s  %s\n' \
            "$VERSION-1" "$MAINTAINER" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" |
            gzip --best --no-name >"$doc/changelog.Debian.gz"
        ;;
    esac
    architecture=$deb_arch
    awk -v package="$1" 'BEGIN { RS = "" } $2 == package' packaging/debian/control >"$work/control"
    grep -q '^Architecture: any' "$work/control" || architecture=all
    {
        sed -n '1p' "$work/control"
        printf 'Source: atlas-backup\nVersion: %s\nMaintainer: %s\nPriority: optional\n' "$VERSION-1" "$MAINTAINER"
        printf 'Homepage: https://github.com/atlas-backup/atlas-backup\nInstalled-Size: %s\n' \
            "$(du --apparent-size --summarize --block-size=1024 --exclude=DEBIAN "$package" | cut -f1)"
        sed -e 1d -e "s/@version@/$VERSION-1/; s/@upstream@/$VERSION/; s/@oldest@/$oldest/" \
            -e "s/^Architecture: any/Architecture: $deb_arch/" "$work/control"
    } >"$package/DEBIAN/control"
    (cd "$package" && find usr -type f | LC_ALL=C sort | xargs -d '\n' md5sum) >"$package/DEBIAN/md5sums"
    dated "$package"
    dpkg-deb --root-owner-group -Zxz --build "$package" "$out/$1_$VERSION-1_$architecture.deb" >/dev/null
}

# part PACKAGE LIST: the files of the list go into the package.
part() {
    mkdir -p "$work/$1"
    sed 's,^/,,' "$work/$2" | tar --create --directory "$work/deb" --files-from - | tar --extract --directory "$work/$1"
}

debs() {
    triplet=$(echo "${zig_target%%.*}" | sed 's/^x86-/i386-/')
    tree "$work/deb" "/usr/lib/$triplet" /usr/share/doc/libatlas-backup0 /usr/share/doc/libatlas-backup-dev
    # Of these each package has what Debian makes of them: copyright and changelog.
    rm "$work/deb/usr/share/doc/libatlas-backup0/LICENSE" "$work/deb/usr/share/doc/libatlas-backup-dev/CHANGELOG.md"*
    sed -i '/\/LICENSE$/d' "$work/libs"
    sed -i '/\/CHANGELOG.md/d' "$work/devel"

    # Debian's loader does not ask for execute permission, and its policy is that libraries have none.
    part libatlas-backup0 libs
    chmod 644 "$work/libatlas-backup0/usr/lib/$triplet/libatlas_backup.so.$VERSION"
    mkdir "$work/libatlas-backup0/DEBIAN"
    echo "libatlas_backup ${SONAME##*.} libatlas-backup0 (>= $VERSION)" >"$work/libatlas-backup0/DEBIAN/shlibs"
    echo "activate-noawait ldconfig" >"$work/libatlas-backup0/DEBIAN/triggers"
    deb libatlas-backup0
    part libatlas-backup-dev devel
    deb libatlas-backup-dev
    part atlas-backup-tools tools
    deb atlas-backup-tools
    part libatlas-backup0-dbgsym debug
    deb libatlas-backup0-dbgsym

    # The package without the library in it, which Python finds by its name.
    packages=$work/python3-atlas-backup/usr/lib/python3/dist-packages
    mkdir -p "$packages" "$work/python3-atlas-backup/DEBIAN"
    "${PYTHON:-python3}" -m zipfile --extract "$(echo "$built"/*.whl)" "$packages"
    # What says of which platform a wheel is, and what is in it.
    rm "$packages/atlas_backup/libatlas_backup.so" "$packages"/atlas_backup-*.dist-info/WHEEL \
        "$packages"/atlas_backup-*.dist-info/RECORD
    cp packaging/debian/python3-atlas-backup.postinst "$work/python3-atlas-backup/DEBIAN/postinst"
    cp packaging/debian/python3-atlas-backup.prerm "$work/python3-atlas-backup/DEBIAN/prerm"
    chmod 755 "$work/python3-atlas-backup/DEBIAN/"*
    deb python3-atlas-backup
}

# ---- RPM's ----

rpms() {
    case $rpm_arch in
    i686 | armv7hl) libdir=/usr/lib ;;
    *) libdir=/usr/lib64 ;;
    esac
    tree "$work/rpm" "$libdir" /usr/share/doc/atlas-backup-libs /usr/share/doc/atlas-backup-devel
    for part in libs devel tools debug; do
        directories "$work/$part" >"$work/directories"
        cat "$work/directories" >>"$work/$part"
    done
    sed "s|@stage@|$work/rpm|; s|@work@|$work|; s|@upstream@|$VERSION|" packaging/atlas-backup.spec.in >"$work/atlas-backup.spec"
    rpmbuild --quiet --target "$rpm_arch" --define "_topdir $work/rpmbuild" --define "_rpmdir $out" \
        --define "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" -bb "$work/atlas-backup.spec"
}

if [ "$libc" = gnu ]; then
    debs
    rpms
fi
(cd "$out" && rm -f SHA256SUMS && sha256sum -- * >.SHA256SUMS && mv .SHA256SUMS SHA256SUMS)
