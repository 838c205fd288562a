#!/bin/sh
#
# `make portable`: library, wheel and programs for a platform of packaging/platforms, with its oldest libc and whatever is
# newer; linked by zig, which knows what each libc had. packaging/portable.sh PLATFORM ARGUMENT..., the latter cargo's.

set -e
cd "$(dirname "$0")/.."
. packaging/platform.sh
platform "$1"
shift
folder=$BUILD/portable/$name
zig=$PWD/$BUILD/zig/bin
PATH=$zig:$PATH

lib=$(rustc --print sysroot)/lib/rustlib
has_std() {
    ls "$lib/$target/lib/"libstd-*.rlib >/dev/null 2>&1
}

# Where Rust's standard library of that platform can't be had, it is built from its source, which the stable compiler
# can do, too.
if ! has_std && ! { rustup target add "$target" >/dev/null 2>&1 && has_std; }; then
    if [ ! -f "$lib/src/rust/library/std/src/lib.rs" ]; then
        echo "Rust's standard library for $target is missing, and so is its source: rustup target add $target," \
            "or rustup component add rust-src; in Debian the packages rustc-web and rust-web-src have the source." >&2
        exit 1
    fi
    export RUSTC_BOOTSTRAP=1
    set -- -Zbuild-std=std,panic_unwind "$@"
fi
case $libc in
gnu)
    # The library is linked with libgcc_s by name alone: zig has none, and each system has its own.
    stub=$PWD/$BUILD/zig/$name
    mkdir -p "$stub"
    for function in Backtrace DeleteException FindEnclosingFunction ForcedUnwind GetCFA GetDataRelBase GetGR GetIP GetIPInfo \
        GetLanguageSpecificData GetRegionStart GetTextRelBase RaiseException Resume Resume_or_Rethrow SetGR SetIP \
        VRS_Get VRS_Set VRS_Pop Complete; do
        echo "void _Unwind_$function(void) {}"
    done >"$stub/libgcc_s.c"
    for function in __gnu_unwind_frame __aeabi_unwind_cpp_pr0 __aeabi_unwind_cpp_pr1 __aeabi_unwind_cpp_pr2; do
        echo "void $function(void) {}"
    done >>"$stub/libgcc_s.c"
    export ZIG_PYTHON="$zig/python3" LIBGCC_S="$stub/libgcc_s.so.1" CARGO_ZIGBUILD_PYTHON_PATH="$PWD/packaging/zig-python"
    "$zig/python-zig" cc -target "$zig_target" -w -shared -nostdlib -Wl,-soname,libgcc_s.so.1 -o "$LIBGCC_S" \
        "$stub/libgcc_s.c"
    set -- --target "$target.$oldest" "$@"
    ;;
musl)
    # Rust links musl into what it makes, unless told otherwise.
    export RUSTFLAGS="${RUSTFLAGS:+$RUSTFLAGS }-C target-feature=-crt-static"
    set -- --target "$target" "$@"
    ;;
esac

packaging/library.sh "$folder" cargo-zigbuild rustc "$@"
"$MAKE" --no-print-directory -o library tools BUILT="$folder" CC="$zig/python-zig $zig_cc" \
    CPPFLAGS= CFLAGS="-O2 -fPIE" LDFLAGS="-s -pie"
rm -f "$folder"/*.whl
ATLAS_BACKUP_LIBRARY="$PWD/$folder/libatlas_backup.so" ATLAS_BACKUP_WHEEL_PLATFORM="$wheel" \
    pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$folder" ./bindings/python
echo "Built the library, the programs and the wheel for systems with $system or newer: $folder"
echo "Install them: make install BUILT=$folder, and pip install" "$folder"/*.whl
