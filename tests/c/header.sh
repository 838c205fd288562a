#!/bin/sh
#
# The header is what the code says it is; it exports what it declares; every C and C++ of today takes it; and each
# function in it is documented and called with NULL by the tests.

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
CARGO=${CARGO:-cargo}
HEADER=include/atlas_backup.h FLAT=include/atlas_backup.ffi.h
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT

# Written elsewhere, so that the test changes nothing; clippy sees those parts of build.rs that need the feature.
ATLAS_BACKUP_HEADER=$scratch/atlas_backup.h \
    "$CARGO" clippy --quiet --locked --lib --features header -- -D warnings &&
    diff -u "$HEADER" "$scratch/atlas_backup.h" && diff -u "$FLAT" "$scratch/atlas_backup.ffi.h"
result $? "the header is what the code says, and so is the flat one (if not: make header)"

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

# In the oldest dialects, which have neither int64_t nor a comma behind the last enumerator.
for compiler in "${CC:-cc} -std=c89" "${CXX:-c++} -x c++ -std=c++98" "clang -std=c89" "clang++ -x c++ -std=c++98"; do
    if ! has "${compiler%% *}"; then
        echo "skipped: the header in its oldest dialects: ${compiler%% *} is not installed"
        continue
    fi
    $compiler -pedantic-errors -Wno-long-long -Wall -Wextra -Werror -Iinclude -fsyntax-only "$scratch/alone.c"
    result $? "it compiles with $compiler, given <stdint.h>"
done

# As C reads the header, and as Pascal, Ada, Fortran, COBOL and Visual Basic do: without regard to case.
sed 's|/\*.*\*/||; \|/\*|,\|\*/|d' "$HEADER" | grep -oE '[A-Za-z_][A-Za-z0-9_]*' | LC_ALL=C sort -u >"$scratch/names"
grep -qx atlas_backup_version "$scratch/names" && grep -qx ATLAS_BACKUP_VERSION_STRING "$scratch/names" &&
    [ -z "$(tr '[:upper:]' '[:lower:]' <"$scratch/names" | LC_ALL=C sort | uniq -d | tee /dev/stderr)" ]
result $? "no two names in it differ in case alone"

# Here by lying about the size of an integer.
printf '#include <stdint.h>\n#define uint32_t uint64_t\n#include "atlas_backup.h"\n' >"$scratch/other.c"
! ${CC:-cc} -std=c99 -Iinclude -fsyntax-only "$scratch/other.c" 2>"$scratch/other.log" &&
    grep -q layout_is_frozen "$scratch/other.log"
result $? "it refuses to compile where atlas_error would be laid out otherwise"

${CC:-cc} -std=c99 -DATLAS_BACKUP_NO_ASSERT -Iinclude -fsyntax-only "$scratch/other.c"
result $? "with ATLAS_BACKUP_NO_ASSERT it compiles even there"

# The flat header says the same to C, without the help of a preprocessor. tests/languages/run has its readers.
printf '#include <stddef.h>\n#include <stdint.h>\n#include "atlas_backup.ffi.h"\n' >"$scratch/flat.c"
${CC:-cc} -std=c89 -pedantic-errors -Wno-long-long -Wall -Wextra -Werror -Iinclude -fsyntax-only "$scratch/flat.c" &&
    ! grep -n '^ *#' "$FLAT"
result $? "the flat header is C without a preprocessor"

# declarations FILE: one a line, in the same form whatever the layout.
declarations() {
    ${CC:-cc} -std=c99 -DATLAS_BACKUP_NO_ASSERT -Iinclude -E -P "$1" | tr -s ' \n' '  ' | sed 's/; /;\n/g'
}
printf '#include "atlas_backup.h"\n' >"$scratch/header.c"
declarations "$scratch/header.c" >"$scratch/declarations"
declarations "$scratch/flat.c" | sed '/^ *typedef enum atlas_constant/d' | diff "$scratch/declarations" - && [ -s "$scratch/declarations" ]
result $? "the flat header declares the same"

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
    /^(const )?[a-z0-9_]+ \*?\(?\*?atlas_[a-z0-9_]+\(|^typedef |^#define ATLAS_.* |^    [A-Za-z].*[,;]$|^    ATLAS_[A-Z_]* = [0-9]+$/ {
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
