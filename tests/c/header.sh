#!/bin/sh
#
# The header is what the code says it is; it exports what it declares; every C and C++ of today takes it; and each
# function in it is documented and called with NULL by the tests.

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
CARGO=${CARGO:-cargo}
HEADER=include/atlas_backup.h
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT

# Written elsewhere, so that the test changes nothing; clippy sees those parts of build.rs that need the feature.
ATLAS_BACKUP_HEADER=$scratch/atlas_backup.h \
    "$CARGO" clippy --quiet --locked --lib --features header -- -D warnings &&
    diff -u "$HEADER" "$scratch/atlas_backup.h"
result $? "the header is what the code says (if not: make header)"

# By itself, as the first include; and twice, which its guard allows.
printf '#include "atlas_backup.h"\n#include "atlas_backup.h"\n' >"$scratch/alone.c"
for standard in c99 c11 c17; do
    ${CC:-cc} -std=$standard -Wall -Wextra -Wpedantic -Wstrict-prototypes -Werror -Iinclude -fsyntax-only "$scratch/alone.c"
    result $? "it compiles alone as $standard"
done
for standard in c++11 c++17 c++20; do
    ${CXX:-c++} -x c++ -std=$standard -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only "$scratch/alone.c"
    result $? "it compiles alone as $standard"
done

# Here by lying about the size of an integer.
printf '#include <stdint.h>\n#define uint32_t uint64_t\n#include "atlas_backup.h"\n' >"$scratch/other.c"
! ${CC:-cc} -std=c99 -Iinclude -fsyntax-only "$scratch/other.c" 2>"$scratch/other.log" &&
    grep -q layout_is_frozen "$scratch/other.log"
result $? "it refuses to compile where atlas_error would be laid out otherwise"

# The declared functions: the preprocessor has removed the comments, which name functions too.
printf '#include "atlas_backup.h"\n' | ${CC:-cc} -std=c99 -Iinclude -E -P - |
    grep -o '\batlas_[a-z0-9_]* *(' | tr -d ' (' | sort -u >"$scratch/declared"
[ "$(wc -l <"$scratch/declared")" -gt 60 ]
result $? "there are functions in it"

if command -v nm >/dev/null 2>&1; then
    nm -D --defined-only "$LIBRARY" | sed 's/.* //; s/@.*//' | sort -u >"$scratch/exported"
    diff -u "$scratch/declared" "$scratch/exported"
    result $? "the library exports what it declares, and nothing else"
else
    echo "skipped: what the library exports: nm is not installed"
fi

# Before each declaration stands a comment.
awk '
    /^(const )?[a-z0-9_]+ \*?\(?\*?atlas_[a-z0-9_]+\(|^typedef |^#define ATLAS_.* |^    [A-Za-z].*[,;]$/ {
        if (previous !~ /\*\/$/ && $0 !~ /ATLAS_BACKUP_VERSION|offsetof|^        /) {
            print "    no comment: " $0
            missing = 1
        }
    }
    { previous = $0 }
    END { exit missing }
' "$HEADER"
result $? "every function, type, member and constant is documented"

# What the preprocessor makes of that file, without what it includes: some calls come from a macro.
${CC:-cc} -std=c99 -Iinclude -E tests/c/null.c |
    awk '/^# [0-9]/ { ours = $3 == "\"tests/c/null.c\""; next } ours' >"$scratch/null"
missing=0
while read -r function; do
    # Those without a pointer are called there, too.
    if ! grep -q "\b$function *(" "$scratch/null"; then
        echo "    not called in tests/c/null.c: $function"
        missing=1
    fi
done <"$scratch/declared"
result $missing "every function is called with NULL by the tests"

finish
