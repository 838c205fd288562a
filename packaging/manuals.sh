#!/bin/sh
#
# Writes into FOLDER manual pages (man) and completions (bash, zsh), of the header and of programs, which it runs:
# packaging/manuals.sh FOLDER PROGRAM...

set -e
cd "$(dirname "$0")/.."
folder=$1
shift
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
mkdir -p "$folder/man" "$folder/bash" "$folder/zsh"
help=$(mktemp)
trap 'rm -f "$help"' EXIT

others=
for program in "$@"; do
    name=$(basename "$program")
    # "NAME - what it is" stands at the top of the source.
    about=$(sed -n "s/^ \* $name - //p" "bindings/c/$name.c")
    # That of a monitoring plugin does not exit with 0, so that it never looks like a good state.
    "$program" --help >"$help" || [ -s "$help" ]
    for form in man bash zsh; do
        case $form in man) file=$name.1 ;; bash) file=$name ;; zsh) file=_$name ;; esac
        awk -v form=$form -v name="$name" -v version="$version" -v about="$about" -f packaging/help.awk "$help" \
            >"$folder/$form/$file"
    done
    others="$others\\n.BR $name (1)${2:+,}"
    shift
done
awk -v version="$version" -v others="$others" -f packaging/header.awk include/atlas_backup.h \
    >"$folder/man/atlas_backup.3"
