#!/bin/sh
#
# The library is built a second time, from another folder, with another home of cargo, into another target directory:
# tests/packaging/reproducible.sh, with BUILD, VERSION and MAKE. It takes as long as a release build.

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
MAKE=${MAKE:-make} BUILD=${BUILD:-build}
unset MAKEFLAGS MFLAGS MAKELEVEL
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT
home=${CARGO_HOME:-$HOME/.cargo}

# The other checkout; and a cargo that has the same crates without fetching them again.
mkdir "$scratch/checkout" "$scratch/cargo"
tar -cf - --exclude=./target --exclude=./build --exclude=./.git --exclude=./.venv --exclude=./fuzz . |
    tar -xf - -C "$scratch/checkout"
ln -s "$home/registry" "$scratch/cargo/registry"
[ ! -f "$home/config.toml" ] || cp "$home/config.toml" "$scratch/cargo"

# Where cargo puts what it builds unless told otherwise, by --target-dir, --target or CARGO_BUILD_TARGET.
mkdir -p "$scratch/checkout/target/release"
for name in libatlas_backup.so libatlas_backup.a native-static-libs; do
    echo stale >"$scratch/checkout/target/release/$name"
done

(cd "$scratch/checkout" && unset CARGO_TARGET_DIR && CARGO_HOME=$scratch/cargo CARGO_NET_OFFLINE=true \
    "$MAKE" --no-print-directory library CARGOFLAGS="--target-dir $scratch/target") >"$scratch/log" 2>&1
result $? "make library works elsewhere, without the network" "$scratch/log"

for file in "$scratch/checkout/build/library"/*; do
    [ "$(head -c 5 "$file" | tr -d '\0')" != stale ] || echo "$file"
done >"$scratch/log"
[ ! -s "$scratch/log" ]
result $? "what lies where cargo usually builds is not shipped in its place" "$scratch/log"

for file in libatlas_backup.so "libatlas_backup.so.$VERSION.debug" libatlas_backup.a native-static-libs; do
    cmp "$BUILD/library/$file" "$scratch/checkout/build/library/$file" >"$scratch/log" 2>&1
    result $? "two checkouts give the same bytes: $file" "$scratch/log"
done

# The symbols are compressed.
for folder in "$BUILD/library" "$scratch/checkout/build/library"; do
    ${OBJCOPY:-objcopy} --decompress-debug-sections "$folder/libatlas_backup.so.$VERSION.debug" "$scratch/symbols"
    cat "$folder/libatlas_backup.so" "$folder/libatlas_backup.a" "$scratch/symbols" |
        grep -aoF -e "$home" -e "$PWD" -e "$(rustc --print sysroot)" -e "$scratch" | sort | uniq -c >"$scratch/log"
    [ ! -s "$scratch/log" ]
    result $? "no path of this machine is in it: ${folder#"$scratch/"}" "$scratch/log"
done
finish
