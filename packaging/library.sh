#!/bin/sh
#
# Builds the library as it is shipped: packaging/library.sh FOLDER CARGO ARGUMENT..., where that is `cargo rustc` say, or
# `cargo-zigbuild rustc --target ...`. Two checkouts give the same bytes, with the same tools. FOLDER gets
#
#   libatlas_backup.so                 stripped, with the names of its crates, as `cargo audit bin` and scanners read them
#   libatlas_backup.so.VERSION.debug   its symbols, which debuggers find by build-id or by name
#   libatlas_backup.a                  without what debuggers read
#   native-static-libs                 what a program needs besides if it links the static library
#
# Environment: CARGO, RUSTC, OBJCOPY; RUSTFLAGS and CFLAGS are added to.

set -e
cd "$(dirname "$0")/.."
folder=$1
shift
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
soname=libatlas_backup.so.${version%%.*}
debug=libatlas_backup.so.$version.debug
RUSTC=${RUSTC:-rustc}
sysroot=$($RUSTC --print sysroot)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# ---- Paths of this machine, and what they become ----

target=$(${CARGO:-cargo} metadata --format-version 1 --no-deps --locked |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
for argument in "$@"; do
    [ "$before" != --target-dir ] || target=$argument
    before=$argument
done
# remap PATH NAME: as it is said, and as it is without symbolic links; compilers see both.
remap() {
    echo "$1=$2"
    real=$(readlink -f "$1" || true)
    [ -z "$real" ] || [ "$real" = "$1" ] || echo "$real=$2"
}
# Of several that begin a path the last counts. The second is what Rust's own source is called where it is not installed.
paths=$(
    remap "${CARGO_HOME:-$HOME/.cargo}/registry/src" /crates
    remap "$sysroot/lib/rustlib/src/rust" "/rustc/$($RUSTC -vV | sed -n 's/^commit-hash: //p')"
    remap "$PWD" /atlas-backup
    remap "$target" /target
)

# Settings of cargo add to each other, but not to RUSTFLAGS.
rustflags="target.'cfg(all())'.rustflags = [$(echo "$paths" |
    sed 's/[\\"]/\\&/g; s/.*/"--remap-path-prefix=&"/' | paste -sd , -)]"
if [ -n "$CARGO_ENCODED_RUSTFLAGS$RUSTFLAGS" ]; then
    between=$(printf '\037')
    export CARGO_ENCODED_RUSTFLAGS="${CARGO_ENCODED_RUSTFLAGS:-$(echo "$RUSTFLAGS" | tr -s ' ' "$between")}$between$(
        echo "$paths" | sed 's/^/--remap-path-prefix=/' | paste -sd "$between" -)"
fi
# For the parts in C, which have flags of ours unless the environment has some. Before version 8 gcc knew the first of
# these by the name of the second.
map=-ffile-prefix-map
${CC:-cc} $map=a=b -E -x c /dev/null >"$scratch/probe" 2>&1 || map=-fdebug-prefix-map
export CC_SHELL_ESCAPED_FLAGS=1
export CFLAGS="${CFLAGS:-$(sed -n 's/^CFLAGS = "\(.*\)"/\1/p' .cargo/config.toml)} $(
    echo "$paths" | sed "s/'/'\\\\''/g; s/.*/'$map=&'/" | paste -sd ' ' -)"

# ---- Build ----

# The crate is an rlib, too, for its own tests; with an rlib among them cargo silently leaves link-time optimization out,
# hence the crate types here. Inlining less than rustc does makes it 4 % smaller at 3 % more instructions for a request.
status=0
"$@" --lib --release --locked --crate-type cdylib,staticlib --message-format json --config "$rustflags" \
    --config 'profile.release.strip = "none"' --config 'profile.release.debug = "line-tables-only"' -- \
    -C llvm-args=-inline-threshold=50 --print native-static-libs >"$scratch/messages" || status=$?

# What the compiler has to say to people; the rest of its messages is for us.
grep '"reason":"compiler-message"' "$scratch/messages" | grep -v 'native artifacts when linking\|native-static-libs: ' |
    sed -n 's/.*"rendered":"\(\(\\.\|[^"\\]\)*\)".*/\1/p' | sed 's/\\"/"/g' | while IFS= read -r line; do
        printf '%b' "$line" >&2
    done
[ "$status" -eq 0 ] || exit "$status"

# artifact EXTENSION: where cargo says that it is, which CARGO_BUILD_TARGET and others decide.
artifact() {
    grep '"reason":"compiler-artifact"' "$scratch/messages" | grep '"name":"atlas_backup"' |
        sed 's/.*"filenames":\[\([^]]*\)\].*/\1/' | tr ',' '\n' | sed -n "s/^\"\(.*\.$1\)\"\$/\1/p"
}
shared=$(artifact so) archive=$(artifact a)
if [ ! -f "$shared" ] || [ ! -f "$archive" ]; then
    echo "cargo did not say where the library is that it built." >&2
    exit 1
fi

# ---- Split and keep ----

# Rust's own knows every architecture, but does not find its library by itself.
rust_objcopy=$sysroot/lib/rustlib/$($RUSTC -vV | sed -n 's/^host: //p')/bin/rust-objcopy
objcopy() {
    if [ -n "$OBJCOPY" ]; then
        command "$OBJCOPY" "$@"
    elif [ -x "$rust_objcopy" ]; then
        LD_LIBRARY_PATH=$sysroot/lib "$rust_objcopy" "$@"
    else
        command objcopy "$@"
    fi
}

sed -n 's/.*"message":"native-static-libs: \([^"]*\)".*/\1/p' "$scratch/messages" | head -n 1 >"$scratch/native-static-libs"
objcopy --only-keep-debug --compress-debug-sections "$shared" "$scratch/$debug"
(cd "$scratch" && objcopy --strip-all --add-gnu-debuglink="$debug" --add-section .dep-v0="$OLDPWD/packaging/crates.zlib" \
    "$shared" libatlas_backup.so)
objcopy --strip-debug "$archive" "$scratch/libatlas_backup.a"
chmod 644 "$scratch"/*
chmod 755 "$scratch/libatlas_backup.so"

# Each file is copied beside its place and then renamed: a program that has the old library mapped keeps it, where
# overwritten it would crash.
mkdir -p "$folder"
for file in libatlas_backup.so "$debug" libatlas_backup.a native-static-libs; do
    cp "$scratch/$file" "$folder/.$file.new"
    mv -f "$folder/.$file.new" "$folder/$file"
done
# So that programs run which were linked with it where it lies.
ln -sf libatlas_backup.so "$folder/$soname"
