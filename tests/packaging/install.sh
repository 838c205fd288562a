#!/bin/sh
#
# make install, and everyone who uses what it installed. BUILT is what to install. Run by the simulator:
# atlas-simulator run --env bearer -- tests/packaging/install.sh

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
MAKE=${MAKE:-make} BUILT=${BUILT:-build/library} CC=${CC:-cc} CXX=${CXX:-c++}
STRICT="-Wall -Wextra -Wpedantic -Werror"
# What was asked of the make that runs us is not meant for those we run.
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR PREFIX LIBDIR INCLUDEDIR PKG_CONFIG_PATH LD_LIBRARY_PATH CFLAGS CPPFLAGS LDFLAGS
# With a service account each client would fetch a token, of which it may have a hundred at once.
unset MONGODB_ATLAS_CLIENT_ID MONGODB_ATLAS_CLIENT_SECRET
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT

# Nobody runs cargo here, and nobody builds.
make_it() {
    "$MAKE" --no-print-directory BUILT="$BUILT" "$@" CARGO=/no/cargo
}

# The program prints the version and the state of the snapshot.
works() {
    [ "$("$@" 2>&1 | tee "$scratch/output")" = "$VERSION completed" ] || {
        sed 's/^/    | /' "$scratch/output"
        return 1
    }
}

quietly() {
    "$@" >"$scratch/log" 2>&1 || {
        sed 's/^/    | /' "$scratch/log"
        return 1
    }
}

needs() {
    readelf -dW "$1" | grep -q "NEEDED.*$SONAME"
}

# ---- Install ----

! make_it install DESTDIR="$scratch/none" BUILT="$scratch/unbuilt" >"$scratch/log" 2>&1 && grep -q 'run "make" first' "$scratch/log" &&
    [ ! -e "$scratch/none" ]
result $? "make install says so when nothing was built yet"

! make_it install PREFIX=here >"$scratch/log" 2>&1 && grep -q absolute "$scratch/log"
result $? "make install refuses a PREFIX that is not absolute"

quietly make_it install DESTDIR="$scratch/stage" PREFIX=/opt/atlas
result $? "make install needs no cargo"

{
    for file in include/*.h; do
        echo "./opt/atlas/$file"
    done
    for source in bindings/c/*.c; do
        name=$(basename "$source" .c)
        echo "./opt/atlas/share/man/man1/$name.1"
        case $name in
        check_*) echo "./opt/atlas/lib/nagios/plugins/$name" ;;
        *)
            echo "./opt/atlas/bin/$name"
            echo "./opt/atlas/share/bash-completion/completions/$name"
            echo "./opt/atlas/share/zsh/site-functions/_$name"
            ;;
        esac
    done
    for file in bindings/c/*.[ch]; do
        echo "./opt/atlas/share/doc/atlas-backup/examples/$(basename "$file")"
    done
    for file in docs/*.md docs/examples/*; do
        echo "./opt/atlas/share/doc/atlas-backup/$file"
    done
    cat <<END
./opt/atlas/lib/cmake/atlas_backup/atlas_backup-config-version.cmake
./opt/atlas/lib/cmake/atlas_backup/atlas_backup-config.cmake
./opt/atlas/lib/libatlas_backup.a
./opt/atlas/lib/libatlas_backup.so
./opt/atlas/lib/$SONAME
./opt/atlas/lib/libatlas_backup.so.$VERSION
./opt/atlas/lib/pkgconfig/atlas_backup.pc
./opt/atlas/share/atlas-backup/valgrind/atlas_backup.supp
./opt/atlas/share/doc/atlas-backup/CHANGELOG.md
./opt/atlas/share/doc/atlas-backup/LICENSE
./opt/atlas/share/doc/atlas-backup/README.md
./opt/atlas/share/doc/atlas-backup/THIRD-PARTY-NOTICES
./opt/atlas/share/doc/atlas-backup/atlas-backup.cdx.json
./opt/atlas/share/man/man3/atlas_backup.3
END
} | LC_ALL=C sort >"$scratch/expected"
(cd "$scratch/stage" && find . ! -type d | LC_ALL=C sort) | diff "$scratch/expected" -
result $? "make install installs what a C library has, and nothing else"

# That the loader's owner may write is all that differs from what others may do.
[ -z "$(cd "$scratch/stage" && find . -type f ! -perm 644 ! -perm 755)" ] && [ -z "$(cd "$scratch/stage" && find . -type d ! -perm 755)" ]
result $? "all of it can be read by everybody"

[ "$(readlink "$scratch/stage/opt/atlas/lib/libatlas_backup.so")" = "$SONAME" ] &&
    [ "$(readlink "$scratch/stage/opt/atlas/lib/$SONAME")" = "libatlas_backup.so.$VERSION" ]
result $? "the links lead from libatlas_backup.so to $SONAME to libatlas_backup.so.$VERSION"

! grep -r -e "$scratch" -e @ "$scratch/stage" --include='*.pc' --include='*.cmake'
result $? "no file names the DESTDIR, and no blank was left"

# What was installed somewhere; folders that every system has, or that were named, may stay.
installed() {
    find "$scratch/other" -mindepth 1 ! -type d
    find "$scratch/other" -mindepth 1 -type d -empty |
        grep -Ev '/(bin|lib|lib64|some-linux-gnu|include|headers/atlas|share|man|man1|man3|doc)$'
}
for directories in "LIBDIR=/usr/lib/some-linux-gnu PREFIX=/usr" "LIBDIR=/lib64 INCLUDEDIR=/headers/atlas" \
    "prefix=/usr exec_prefix=/exec bindir=/b/bin libdir=/l/lib libexecdir=/e/lib includedir=/i/include
        datarootdir=/r/share mandir=/m/man docdir=/d/doc/me" \
    "BINDIR=/b/bin LIBEXECDIR=/e/lib DATAROOTDIR=/r/share MANDIR=/m/man DOCDIR=/d/doc/me"; do
    rm -rf "$scratch/other"
    quietly make_it install install-debug DESTDIR="$scratch/other" $directories && [ -n "$(installed)" ] &&
        quietly make_it uninstall DESTDIR="$scratch/other" $directories && [ -z "$(installed)" ]
    result $? "make uninstall removes all that make install installed ($(echo $directories))"
done

rm -rf "$scratch/other"
quietly make_it install DESTDIR="$scratch/other" prefix=/usr libdir=/usr/lib/x86_64-linux-gnu libexecdir=/usr/libexec &&
    [ -f "$scratch/other/usr/lib/x86_64-linux-gnu/$SONAME" ] && [ -f "$scratch/other/usr/libexec/nagios/plugins/check_backup" ] &&
    [ -f "$scratch/other/usr/include/atlas_backup.h" ]
result $? "directories may be named in lower case, as GNU does"

! grep -e -I -e -L "$scratch/other/usr/lib/x86_64-linux-gnu/pkgconfig/atlas_backup.pc"
result $? "where compilers look anyway pkg-config says neither -I nor -L"

quietly make_it install-debug DESTDIR="$scratch/other" prefix=/usr &&
    cmp "$BUILT/libatlas_backup.so.$VERSION.debug" "$scratch/other/usr/lib/.debug/libatlas_backup.so.$VERSION.debug"
result $? "make install-debug installs the symbols, apart"

# Linking proves this only where glibc is old: today's has all in one library.
static_libs=$(cat "$BUILT/native-static-libs")
[ -n "$static_libs" ] && grep -qxF "Libs.private: $static_libs" "$scratch/stage/opt/atlas/lib/pkgconfig/atlas_backup.pc" &&
    grep -qF "\"$(echo "$static_libs" | tr ' ' ';')\"" "$scratch/stage/opt/atlas/lib/cmake/atlas_backup/atlas_backup-config.cmake"
result $? "pkg-config and CMake name what rustc says the archive needs"

# All that follows happens elsewhere.
home="$scratch/moved here"
mkdir "$home" && mv "$scratch/stage/opt/atlas/"* "$home"
# A second one, with the archive alone, as systems have it that link statically.
archive=$scratch/archive
mkdir "$archive" && cp -R "$home/"* "$archive" && rm "$archive"/lib/*.so*

# ---- Programs and their manuals ----

! readelf -dW "$home"/bin/* "$home"/lib/nagios/plugins/* | grep -E 'RPATH|RUNPATH'
result $? "no program looks for libraries where it was built"

LD_LIBRARY_PATH="$home/lib" "$home/bin/get_snapshot" "$ATLAS_SIMULATOR_PROJECT" Cluster0 "$ATLAS_SIMULATOR_SNAPSHOT" \
    >"$scratch/shown" 2>&1 && grep -q '^status  *completed$' "$scratch/shown"
result $? "the program get_snapshot works as it is installed" "$scratch/shown"

quietly "$MAKE" --no-print-directory -o library tools BUILT="$scratch/tools" CC=echo CFLAGS=-Ome CPPFLAGS=-Dme LDFLAGS=-Lme &&
    ! grep -v -e ' -Dme .*-Ome .*-Lme ' "$scratch/log" && ! grep -e -Werror "$scratch/log"
result $? "programs are built with CPPFLAGS, CFLAGS and LDFLAGS, and warnings fail nobody's build"

if has groff; then
    for page in "$home"/share/man/man*/*; do
        groff -man -ww -z -Tutf8 "$page"
    done >"$scratch/log" 2>&1
    [ ! -s "$scratch/log" ]
    result $? "groff finds nothing wrong in the manual pages" "$scratch/log"
else
    echo "skipped: whether the manual pages are correct: groff is not installed"
fi

sed 's/.*[ *]\(atlas_[a-z_]*\)(.*/\1/' packaging/abi/functions | while read -r function; do
    grep -q "^\.B .*$function(" "$home/share/man/man3/atlas_backup.3" || echo "$function"
done >"$scratch/log"
[ ! -s "$scratch/log" ]
result $? "atlas_backup(3) has each function of the header" "$scratch/log"

for program in "$home"/bin/*; do
    LD_LIBRARY_PATH="$home/lib" "$program" --help | grep -o -e '--[a-z][a-z-]*' | sort -u | while read -r option; do
        tr -d '\\' <"$home/share/man/man1/${program##*/}.1" | grep -qF -e "$option" || echo "${program##*/}.1: $option"
        bash -c '. "$1"; COMP_WORDS=("$2" "$3"); COMP_CWORD=1; "_$2"; [[ " ${COMPREPLY[*]} " == *" $3 "* ]]' - \
            "$home/share/bash-completion/completions/${program##*/}" "${program##*/}" "$option" || echo "bash: $option"
        grep -qF -e "$option" "$home/share/zsh/site-functions/_${program##*/}" || echo "zsh: $option"
    done
done >"$scratch/log" 2>&1
[ ! -s "$scratch/log" ]
result $? "manual pages and completions have each option of --help" "$scratch/log"

if has zsh; then
    for file in "$home"/share/zsh/site-functions/*; do
        zsh -n "$file" && zsh -fc 'fpath=("$1" $fpath); autoload -Uz compinit; compinit -u -D; [[ $_comps[${2#_}] = $2 ]]' \
            - "${file%/*}" "${file##*/}" || echo "$file"
    done >"$scratch/log" 2>&1
    [ ! -s "$scratch/log" ]
    result $? "zsh finds and reads its completions" "$scratch/log"
else
    echo "skipped: whether zsh reads its completions: zsh is not installed"
fi

# ---- pkg-config ----

pkg() {
    PKG_CONFIG_PATH=$1/lib/pkgconfig
    shift
    PKG_CONFIG_PATH=$PKG_CONFIG_PATH pkg-config "$@" atlas_backup
}

if has pkg-config; then
    [ "$(pkg "$home" --modversion)" = "$VERSION" ]
    result $? "pkg-config knows the version"

    eval "$CC" -std=c99 $STRICT -o "$scratch/shared" tests/packaging/consumer.c $(pkg "$home" --cflags --libs) &&
        needs "$scratch/shared" && works env LD_LIBRARY_PATH="$home/lib" "$scratch/shared"
    result $? "a C program is built with pkg-config, where the library was moved to, and runs"

    eval "$CXX" -std=c++11 $STRICT -o "$scratch/shared++" -x c++ tests/packaging/consumer.c -x none \
        $(pkg "$home" --cflags --libs) &&
        needs "$scratch/shared++" && works env LD_LIBRARY_PATH="$home/lib" "$scratch/shared++"
    result $? "so is a C++ program"

    eval "$CC" -std=c99 $STRICT -o "$scratch/static" tests/packaging/consumer.c \
        $(pkg "$archive" --static --cflags --libs) && ! needs "$scratch/static" && works "$scratch/static"
    result $? "pkg-config --static says all that the archive needs"

    eval "$CC" -std=c99 $STRICT -o "$scratch/static" tests/packaging/consumer.c \
        $(pkg "$home" --static --cflags --libs | sed 's/-latlas_backup/-l:libatlas_backup.a/') &&
        ! needs "$scratch/static" && works "$scratch/static"
    result $? "the archive can be chosen where the shared library lies beside it"
else
    echo "skipped: programs built with pkg-config: pkg-config is not installed"
fi

# ---- CMake ----

if has cmake; then
    mkdir "$scratch/cmake"
    cp tests/packaging/consumer.c tests/packaging/CMakeLists.txt "$scratch/cmake"
    quietly cmake -S "$scratch/cmake" -B "$scratch/cmake/build" -DCMAKE_PREFIX_PATH="$home" -DCMAKE_BUILD_TYPE=Release &&
        quietly cmake --build "$scratch/cmake/build"
    result $? "CMake finds the package where it was moved to"
    needs "$scratch/cmake/build/shared" && works "$scratch/cmake/build/shared"
    result $? "the CMake target atlas_backup::atlas_backup is the shared library"
    ! needs "$scratch/cmake/build/static" && works "$scratch/cmake/build/static"
    result $? "the CMake target atlas_backup::static is the archive"
    for wrong in 1.0 "${VERSION%.*}.99"; do
        mkdir -p "$scratch/cmake-$wrong"
        printf 'cmake_minimum_required(VERSION 3.13)\nproject(wrong NONE)\nfind_package(atlas_backup %s REQUIRED)\n' \
            "$wrong" >"$scratch/cmake-$wrong/CMakeLists.txt"
        ! cmake -S "$scratch/cmake-$wrong" -B "$scratch/cmake-$wrong/build" -DCMAKE_PREFIX_PATH="$home" \
            >"$scratch/log" 2>&1 && grep -q "version: $VERSION" "$scratch/log"
        result $? "CMake refuses this version to who asks for $wrong"
    done
else
    echo "skipped: programs built with CMake: cmake is not installed"
fi

# ---- dlopen ----

"$CC" -std=c99 $STRICT -I"$home/include" -o "$scratch/plugin" tests/packaging/plugin.c -ldl -pthread
result $? "a host of plug-ins needs the header alone to be built"

! needs "$scratch/plugin" && "$scratch/plugin" 1 "$home/lib/$SONAME"
result $? "the library works when loaded with RTLD_LOCAL"

"$scratch/plugin" 100 "$home/lib/$SONAME"
result $? "it can be loaded and closed a hundred times, with a call in between"

cp "$home/lib/$SONAME" "$scratch/another-copy.so"
"$scratch/plugin" 3 "$home/lib/$SONAME" "$scratch/another-copy.so"
result $? "two copies work side by side in one process"

finish
