#!/bin/sh
#
# `make install` and `make uninstall`: packaging/install.sh install|uninstall. The Makefile says where to, and where
# lies what `make` built. Nothing is compiled, and cargo is not run: nobody should build as root.

set -e
cd "$(dirname "$0")/.."

for directory in "$PREFIX" "$LIBDIR" "$INCLUDEDIR"; do
    case $directory in
    /*) ;;
    *) echo "PREFIX, LIBDIR and INCLUDEDIR have to be absolute, unlike \"$directory\"." >&2 && exit 2 ;;
    esac
done

lib=$DESTDIR$LIBDIR
include=$DESTDIR$INCLUDEDIR
pkgconfig=$lib/pkgconfig
cmake=$lib/cmake/atlas_backup
file=libatlas_backup.so.$VERSION

if [ "$1" = uninstall ]; then
    rm -f "$lib/$file" "$lib/$SONAME" "$lib/libatlas_backup.so" "$lib/libatlas_backup.a" "$include/atlas_backup.h" \
        "$include/atlas_backup.ffi.h" \
        "$pkgconfig/atlas_backup.pc" "$cmake/atlas_backup-config.cmake" "$cmake/atlas_backup-config-version.cmake"
    rmdir "$cmake" 2>/dev/null || true
    exit
fi

for built in libatlas_backup.so libatlas_backup.a native-static-libs; do
    if [ ! -f "$BUILT/$built" ]; then
        echo "There is nothing to install yet ($BUILT/$built is missing): run \"make\" first, and not as root." >&2
        exit 1
    fi
done

# up VARIABLE DIRECTORY OTHER: OTHER, said from DIRECTORY by way of PREFIX, so that the whole may be moved; as it is if
# one of the two lies outside.
up() {
    case $2/ in "$PREFIX"/*) ;; *) echo "$3" && return ;; esac
    case $3/ in "$PREFIX"/*) ;; *) echo "$3" && return ;; esac
    echo "\${$1}$(echo "${2#"$PREFIX"}" | sed 's|//*[^/]*|/..|g')${3#"$PREFIX"}"
}

static_libs=$(cat "$BUILT/native-static-libs")

# put MODE FILE TARGET: copied beside its place and then renamed, so that it is there whole or as it was, and a program
# that has the old library mapped keeps it.
put() {
    install -m "$1" "$2" "$3.new" && mv -f "$3.new" "$3"
}

# link TARGET NAME: the same for a link.
link() {
    ln -sf "$1" "$2.new" && mv -f "$2.new" "$2"
}

install -d "$lib" "$include" "$pkgconfig" "$cmake"
put 755 "$BUILT/libatlas_backup.so" "$lib/$file"
link "$file" "$lib/$SONAME"
link "$SONAME" "$lib/libatlas_backup.so"
put 644 "$BUILT/libatlas_backup.a" "$lib/libatlas_backup.a"
put 644 include/atlas_backup.h "$include/atlas_backup.h"
put 644 include/atlas_backup.ffi.h "$include/atlas_backup.ffi.h"

sed -e "s|@prefix@|$(up pcfiledir "$LIBDIR/pkgconfig" "$PREFIX")|" \
    -e "s|@libdir@|$(up pcfiledir "$LIBDIR/pkgconfig" "$LIBDIR")|" \
    -e "s|@includedir@|$(up pcfiledir "$LIBDIR/pkgconfig" "$INCLUDEDIR")|" \
    -e "s|@version@|$VERSION|" -e "s|@static_libs@|$static_libs|" \
    packaging/atlas_backup.pc.in >"$pkgconfig/atlas_backup.pc"
sed -e "s|@includedir@|$(up _atlas_backup_libdir "$LIBDIR" "$INCLUDEDIR")|" \
    -e "s|@version@|$VERSION|" -e "s|@soname@|$SONAME|" -e "s|@static_libs@|$(echo "$static_libs" | tr ' ' ';')|" \
    packaging/atlas_backup-config.cmake.in >"$cmake/atlas_backup-config.cmake"
sed -e "s|@version@|$VERSION|" -e "s|@major@|${VERSION%%.*}|" \
    packaging/atlas_backup-config-version.cmake.in >"$cmake/atlas_backup-config-version.cmake"
chmod 644 "$pkgconfig/atlas_backup.pc" "$cmake"/*.cmake

# So that the loader finds it in this system's directories. In a package's DESTDIR that is the package manager's job.
if [ -z "$DESTDIR" ] && [ "$(id -u)" -eq 0 ]; then
    ldconfig 2>/dev/null || true
fi
