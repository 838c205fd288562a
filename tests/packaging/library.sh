#!/bin/sh
#
# The shared library as the loader sees it: library.sh FILE [PLATFORM], the latter of packaging/platforms.

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
. packaging/platform.sh
file=$1 name= libc=gnu oldest=
[ -z "$2" ] || platform "$2" || exit
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT

if ! has readelf || ! has nm || ! has objdump; then
    echo "skipped: what the loader sees of $(basename "$file"): readelf, nm or objdump is not installed"
    finish
    exit
fi
readelf -dW "$file" >"$scratch/dynamic" && readelf -lW "$file" >"$scratch/segments" &&
    nm -D --undefined-only "$file" >"$scratch/needed" && objdump -T "$file" >"$scratch/versions" || exit

nm -D --defined-only "$file" | sed 's/.* //; s/@.*//' | LC_ALL=C sort | diff packaging/abi/functions -
result $? "it exports what packaging/abi/functions lists, and nothing else"

grep -q "SONAME.*\[$SONAME\]" "$scratch/dynamic"
result $? "it is called $SONAME"

grep -q GNU_RELRO "$scratch/segments"
result $? "its relocations are read-only once loaded"

grep -q "FLAGS.*BIND_NOW" "$scratch/dynamic" && grep -q "FLAGS_1.*NOW" "$scratch/dynamic"
result $? "all its symbols are found when it is loaded, not later"

grep -q "FLAGS_1.*NODELETE" "$scratch/dynamic"
result $? "dlclose leaves it in memory, for threads that are still in it"

grep -q "GNU_STACK .* RW " "$scratch/segments"
result $? "no stack is executable"

! grep -q TEXTREL "$scratch/dynamic"
result $? "its code is not changed when it is loaded"

grep -q ' __stack_chk_fail' "$scratch/needed"
result $? "its C parts guard the stack"

! grep -Eq 'RPATH|RUNPATH' "$scratch/dynamic"
result $? "it looks nowhere unusual for what it needs"

! readelf -SW "$file" | grep -Eq '\.symtab|\.debug_'
result $? "it is stripped"

cat "$file" "${file%.so}.a" | grep -aoF -e "$PWD" -e "${CARGO_HOME:-$HOME/.cargo}" -e "$(rustc --print sysroot)" |
    sort | uniq -c >"$scratch/paths"
[ ! -s "$scratch/paths" ]
result $? "no path of this machine is in it" "$scratch/paths"

build_id() {
    readelf -nW "$1" | sed -n 's/.*Build ID: //p'
}
symbols=$file.$VERSION.debug
[ -n "$(build_id "$file")" ] && [ "$(build_id "$file")" = "$(build_id "$symbols")" ] &&
    readelf -SW "$symbols" | grep -q '\.symtab' && readelf -SW "$symbols" | grep -q '\.debug_line' &&
    readelf -p .gnu_debuglink "$file" | grep -qF " $(basename "$symbols")"
result $? "its symbols lie beside it, found by build-id and by name"

# The section, as numbers, decompressed.
readelf -x .dep-v0 "$file" | sed -n 's/^ *0x[0-9a-f]* \(.\{35\}\).*/\1/p' | tr -d ' \n' | "${PYTHON:-python3}" -c '
import json, sys, zlib
crates = json.loads(zlib.decompress(bytes.fromhex(sys.stdin.read())))["packages"]
print(*(it["name"] for it in crates))' >"$scratch/crates" && grep -qw rustls "$scratch/crates" && grep -qw ring "$scratch/crates"
result $? "it says which crates are inside, as cargo auditable does"

sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' "$scratch/dynamic" >"$scratch/libraries"
if [ "$libc" = musl ]; then
    [ "$(cat "$scratch/libraries")" = libc.so ]
    result $? "it needs musl alone" "$scratch/libraries"
else
    # Before 2.34 glibc had threads and dlopen in libraries of their own.
    ! grep -Evx "lib(c|m|pthread|dl)\.so\.[0-9]+|libgcc_s\.so\.1|ld(64|-linux.*)\.so\.[0-9]+" "$scratch/libraries"
    result $? "it needs glibc and libgcc_s alone"
fi

newest=$(grep -o 'GLIBC_[0-9.]*' "$scratch/versions" | sed 's/GLIBC_//' | sort -Vu | tail -n 1)
if [ "$libc" = gnu ] && [ -n "$oldest" ]; then
    [ -n "$newest" ] && [ "$(printf '%s\n' "$oldest" "$newest" | sort -V | tail -n 1)" = "$oldest" ]
    result $? "it runs with glibc $oldest (it asks for $newest)"

    # What that glibc lacks has no version when the library is linked; only what may be missing is weak. libgcc_s, which is
    # linked by its name alone, had all of its functions by then.
    ! grep ' U [^@]*$' "$scratch/needed" | grep -v ' U \(_Unwind_\|__aeabi_unwind_cpp_pr\|__gnu_unwind_frame$\)'
    result $? "it needs no function that glibc $oldest lacks"
fi

size=$(wc -c <"$file")
case $name in
"" | x86_64-linux-gnu)
    [ "$size" -le 2100000 ]
    result $? "it has at most 2.1 MB ($size bytes)"
    ;;
*) echo "It has $size bytes." ;;
esac
finish
