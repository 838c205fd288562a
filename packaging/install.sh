#!/bin/sh
#
# `make install`, `make install-debug` and `make uninstall`: packaging/install.sh install|install-debug|uninstall. The
# Makefile says where to, and where lies what `make` built. Nothing is compiled, and cargo is not run: nobody should
# build as root.

set -e
cd "$(dirname "$0")/.."

for directory in "$prefix" "$exec_prefix" "$bindir" "$libdir" "$libexecdir" "$includedir" "$datarootdir" "$mandir" "$docdir"; do
    case $directory in
    /*) ;;
    *) echo "prefix and all other directories have to be absolute, unlike \"$directory\"." >&2 && exit 2 ;;
    esac
done

file=libatlas_backup.so.$VERSION
pkgconfig=$libdir/pkgconfig
cmake=$libdir/cmake/atlas_backup
plugins=$libexecdir/nagios/plugins
bash=$datarootdir/bash-completion/completions
zsh=$datarootdir/zsh/site-functions
valgrind=$datarootdir/atlas-backup/valgrind

# ---- What goes where ----

# files COMMAND: runs COMMAND MODE SOURCE TARGET for each file that is copied as it is.
files() {
    "$1" 755 "$BUILT/libatlas_backup.so" "$libdir/$file"
    "$1" 644 "$BUILT/libatlas_backup.a" "$libdir/libatlas_backup.a"
    for source in include/*.h; do
        "$1" 644 "$source" "$includedir/${source##*/}"
    done
    for source in bindings/c/*.c; do
        name=$(basename "$source" .c)
        case $name in
        check_*) "$1" 755 "$BUILT/programs/$name" "$plugins/$name" ;;
        *)
            "$1" 755 "$BUILT/programs/$name" "$bindir/$name"
            "$1" 644 "$MANUALS/bash/$name" "$bash/$name"
            "$1" 644 "$MANUALS/zsh/_$name" "$zsh/_$name"
            ;;
        esac
        "$1" 644 "$MANUALS/man/$name.1" "$mandir/man1/$name.1"
    done
    "$1" 644 "$MANUALS/man/atlas_backup.3" "$mandir/man3/atlas_backup.3"
    "$1" 644 packaging/atlas_backup.supp "$valgrind/atlas_backup.supp"
    for source in bindings/c/*.[ch]; do
        "$1" 644 "$source" "$docdir/examples/${source##*/}"
    done
    for source in docs/*.md docs/examples/*; do
        "$1" 644 "$source" "$docdir/$source"
    done
    for source in README.md CHANGELOG.md LICENSE THIRD-PARTY-NOTICES packaging/atlas-backup.cdx.json; do
        "$1" 644 "$source" "$docdir/${source##*/}"
    done
}

debug_file() {
    "$1" 644 "$BUILT/$file.debug" "$libdir/.debug/$file.debug"
}

# What is written or linked besides.
others() {
    printf '%s\n' "$libdir/$SONAME" "$libdir/libatlas_backup.so" "$pkgconfig/atlas_backup.pc" \
        "$cmake/atlas_backup-config.cmake" "$cmake/atlas_backup-config-version.cmake"
}

# Directories that not every system has from its beginning, the inner ones first.
ours() {
    printf '%s\n' "$cmake" "$libdir/cmake" "$pkgconfig" "$libdir/.debug" "$plugins" "$libexecdir/nagios" \
        "$bash" "$datarootdir/bash-completion" "$zsh" "$datarootdir/zsh" "$valgrind" "$datarootdir/atlas-backup" \
        "$docdir/examples" "$docdir/docs/examples" "$docdir/docs" "$docdir"
}

is_there() {
    if [ ! -f "$2" ]; then
        echo "There is nothing to install yet ($2 is missing): run \"make\" first, and not as root." >&2
        exit 1
    fi
}

# Each file is copied beside its place and then renamed, so that it is there whole or as it was, and a program that has
# the old library mapped keeps it.
put() {
    mkdir -p "$DESTDIR${3%/*}"
    install -m "$1" "$2" "$DESTDIR$3.new" && mv -f "$DESTDIR$3.new" "$DESTDIR$3"
}

# link TARGET NAME: the same for a link.
link() {
    ln -sf "$1" "$DESTDIR$2.new" && mv -f "$DESTDIR$2.new" "$DESTDIR$2"
}

# write FILE <TEXT
write() {
    mkdir -p "$DESTDIR${1%/*}"
    cat >"$DESTDIR$1.new" && chmod 644 "$DESTDIR$1.new" && mv -f "$DESTDIR$1.new" "$DESTDIR$1"
}

remove() {
    rm -f "$DESTDIR$3"
}

# ---- Do it ----

umask 022
case $1 in
uninstall)
    files remove
    debug_file remove
    others | while IFS= read -r name; do
        rm -f "$DESTDIR$name"
    done
    ours | while IFS= read -r directory; do
        rmdir "$DESTDIR$directory" 2>/dev/null || true
    done
    exit
    ;;
install-debug)
    debug_file is_there
    debug_file put
    exit
    ;;
esac

files is_there
is_there - "$BUILT/native-static-libs"
files put
link "$file" "$libdir/$SONAME"
link "$SONAME" "$libdir/libatlas_backup.so"

# up VARIABLE DIRECTORY OTHER: OTHER, said from DIRECTORY by way of the prefix, so that the whole may be moved; as it is
# if one of the two lies outside.
up() {
    case $2/ in "$prefix"/*) ;; *) echo "$3" && return ;; esac
    case $3/ in "$prefix"/*) ;; *) echo "$3" && return ;; esac
    echo "\${$1}$(echo "${2#"$prefix"}" | sed 's|//*[^/]*|/..|g')${3#"$prefix"}"
}

# Where compilers look anyway, an -I or -L would only change the order in which they do.
include_flag='-I${includedir}' library_flag='-L${libdir} '
[ "$includedir" != /usr/include ] || include_flag=
case $libdir in /usr/lib | /usr/lib64 | /usr/lib/*-linux-*) library_flag= ;; esac
static_libs=$(cat "$BUILT/native-static-libs")

sed -e "s|@prefix@|$(up pcfiledir "$pkgconfig" "$prefix")|" \
    -e "s|@libdir@|$(up pcfiledir "$pkgconfig" "$libdir")|" \
    -e "s|@includedir@|$(up pcfiledir "$pkgconfig" "$includedir")|" \
    -e "s|@include_flag@|$include_flag|" -e "s|@library_flag@|$library_flag|" \
    -e "s|@version@|$VERSION|" -e "s|@static_libs@|$static_libs|" \
    packaging/atlas_backup.pc.in | write "$pkgconfig/atlas_backup.pc"
sed -e "s|@includedir@|$(up _atlas_backup_libdir "$libdir" "$includedir")|" \
    -e "s|@version@|$VERSION|" -e "s|@soname@|$SONAME|" -e "s|@static_libs@|$(echo "$static_libs" | tr ' ' ';')|" \
    packaging/atlas_backup-config.cmake.in | write "$cmake/atlas_backup-config.cmake"
sed -e "s|@version@|$VERSION|" -e "s|@major@|${VERSION%%.*}|" \
    packaging/atlas_backup-config-version.cmake.in | write "$cmake/atlas_backup-config-version.cmake"

# So that the loader finds it in this system's directories. In a package's DESTDIR that is the package manager's job.
if [ -z "$DESTDIR" ] && [ "$(id -u)" -eq 0 ]; then
    ldconfig 2>/dev/null || true
fi
