#!/bin/sh
#
# make release-check says what is missing: in a copy of this checkout, where one thing after the other is.

cd "$(dirname "$0")/../.." || exit
. tests/result.sh
if ! has git || ! git rev-parse --git-dir >/dev/null 2>&1; then
    echo "skipped: what make release-check says: this is no checkout of git"
    finish
    exit
fi
scratch=$(mktemp -d) || exit
trap 'rm -rf "$scratch"' EXIT
copy=$scratch/copy
mkdir "$copy" "$scratch/bin" && git ls-files -z --cached --others --exclude-standard | grep -zv '^fuzz/seeds/' |
    tar -cf - --null -T - | tar -xf - -C "$copy" && cd "$copy" || exit
today=$(LC_ALL=C date '+%-d %B %Y')

# A version that is ready, if that one is not; what takes long to find out is taken for granted.
sed -i "0,/^## .*/s//## $VERSION, $today/" CHANGELOG.md
sed -zi "s/run,\s\+on\s\+[0-9]*\s\+[A-Z][a-z]*\s\+[0-9]\{4\}/run, on $today/g" docs/test-results.md
{
    echo "<!-- tried: $VERSION -->"
    sed -n 's/^\([a-z0-9_-]*\) .*/| \1 | 96 passed |/p' packaging/platforms
} >docs/platforms.md
"${PYTHON:-python3}" packaging/notices.py >"$scratch/log" && packaging/abi.sh packaging/abi || exit
printf '#!/bin/sh\n' | tee tests/packaging/reproducible.sh >"$scratch/bin/cargo-deny"
chmod +x "$scratch/bin/cargo-deny" tests/packaging/reproducible.sh
export PATH="$scratch/bin:$PATH" GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
{
    git init --quiet . && git add --all --force && git commit --quiet --message ready
} || exit

packaging/release-check >"$scratch/log" 2>&1 && grep -qx "Nothing is missing." "$scratch/log"
result $? "nothing is missing of a version that is ready" "$scratch/log"

# misses CHECK TEXT SENTENCE: now that check says so, and all is as it was again.
misses() {
    ! packaging/release-check "$1" >"$scratch/log" 2>&1 && grep -q "^MISSING - $1: " "$scratch/log" && grep -qF -e "$2" "$scratch/log"
    result $? "$3" "$scratch/log"
    git checkout --quiet . && git clean --quiet --force -d
}

for file in Cargo.lock fuzz/Cargo.lock include/atlas_backup.h bindings/python/src/atlas_backup/_library.py; do
    sed -i "s/\"$VERSION\"/\"9.9.9\"/" "$file"
    misses versions "$file has 9.9.9" "another version in $file is missed"
done

sed -i "0,/^## .*/s//## $VERSION, not released yet/" CHANGELOG.md
misses changelog "$VERSION, not released yet" "so is a section of CHANGELOG.md without a day"
sed -i "0,/^## .*/s//## 0.0.9, $today/" CHANGELOG.md
misses changelog "0.0.9" "so is a section of the version"

sed -i 1d THIRD-PARTY-NOTICES
misses notices THIRD-PARTY-NOTICES "so are notices that are not current"

sed -i 1d packaging/abi/functions
misses abi "packaging/abi" "so is an ABI that is not the one of the baseline"
echo atlas_gone >>packaging/abi/functions && git commit --quiet --all --message before && git tag "v${VERSION%.*}.999" &&
    git reset --quiet --hard HEAD^
misses abi "atlas_gone" "so is a function that the last release had"
git tag --delete "v${VERSION%.*}.999" >"$scratch/log"

sed -i 's/tried: .*-->/tried: 0.0.9 -->/' docs/platforms.md
misses platforms "0.0.9" "so are the platforms that another version ran on"
sed -i '/s390x/d' docs/platforms.md
misses platforms s390x-linux-gnu "so is a platform that was not tried"
sed -i '/s390x/s/96 passed/failed (95 passed, 1 failed)/' docs/platforms.md
misses platforms "95 passed, 1 failed" "so is one where a test failed"
sed -i '/s390x/s/96 passed/not run/' docs/platforms.md
misses platforms "not run" "so is one where none could be run"

for title in Fuzzing "The soak" "Data races"; do
    sed -i "/^## $title/,/^## /s/run, on $today/run, on 1 January 2020/" docs/test-results.md
    misses long-tests "$title: last run" "so is an old run: $title"
    sed -i "/^## $title/,/^## /s/run, on $today/run/" docs/test-results.md
    misses long-tests "does not say when and how long: $title" "so is a run without a day: $title"
    sed -i "/^## $title/,/^## /s/\b[0-9]* minutes/1 minutes/" docs/test-results.md
    misses long-tests "$title: ran for 1 minutes" "so is a short run: $title"
done

echo more >>README.md
misses tree README.md "so is a change that is not committed"
git tag "v$VERSION"
misses tree "the tag v$VERSION exists" "a tag that exists is said"

printf '#!/bin/sh\necho RUSTSEC-0; exit 1\n' >"$scratch/bin/cargo-deny"
misses advisories RUSTSEC-0 "a security advisory is said"
misses dependencies RUSTSEC-0 "so is what cargo-deny says of licences and sources"
printf '#!/bin/sh\necho "[ERROR] failed to fetch advisory database https://..."; exit 1\n' >"$scratch/bin/cargo-deny"
misses advisories "for want of the network" "so is that its database could not be fetched"
rm "$scratch/bin/cargo-deny"
PATH=$(echo "$PATH" | tr ':' '\n' | grep -v '/\.cargo/bin$' | paste -sd : -) CARGO=/no/cargo misses advisories cargo-deny "so is that cargo-deny could not be built"

printf '#!/bin/sh\necho "they differ"; exit 1\n' >tests/packaging/reproducible.sh
misses reproducible "they differ" "so are builds that differ"

! packaging/release-check nonsense >"$scratch/log" 2>&1 && grep -q "There is no check nonsense" "$scratch/log"
result $? "a check that does not exist is an error" "$scratch/log"
finish
