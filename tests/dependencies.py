"""What we depend on has a licence and a source that deny.toml allows, and a reason in CONTRIBUTING.md.

Needs no network. What does, and is left to `cargo deny check`: security advisories, and versions that were withdrawn.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

try:
    import tomllib
except ImportError:  # before Python 3.11
    print("skipped: licences, sources and reasons of the dependencies: they are read with Python 3.11 or newer")
    sys.exit()

ROOT = Path(__file__).resolve().parent.parent


def fits(expression, allowed):
    """Whether an SPDX expression can be met with the allowed licences alone; OR binds weaker than AND."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))  # old crates write MIT/Apache-2.0
    tokens.reverse()

    def licence():
        name = tokens.pop()
        if name == "(":
            met = either()
            tokens.pop()
            return met
        if tokens and tokens[-1] == "WITH":  # an exception only adds to what is permitted
            del tokens[-2:]
        return name in allowed

    def both():
        met = licence()
        while tokens and tokens[-1] == "AND":
            tokens.pop()
            met = licence() and met
        return met

    def either():
        met = both()
        while tokens and tokens[-1] == "OR":
            tokens.pop()
            met = both() or met
        return met

    return either()


def bad_licences(packages, rules):
    allowed = set(rules["allow"])
    more = {it["crate"]: set(it["allow"]) for it in rules["exceptions"]}
    for package in packages:
        licence = package["license"] or "no licence"
        if not fits(licence, allowed | more.get(package["name"], set())):
            yield f"{package['name']} {package['version']}: {licence}"


def bad_sources(packages, rules):
    allowed = {"registry+" + url for url in rules["allow-registry"]} | {None}  # None: a member of this workspace
    for package in packages:
        if package["source"] not in allowed:
            yield f"{package['name']} {package['version']}: {package['source']}"


def unexplained(packages, text):
    """Where the table of CONTRIBUTING.md and what the Cargo.toml files name differ."""
    table = text.partition("## Dependencies, and why")[2].partition("\n## ")[0]
    cells = (line.split("|")[1] for line in table.splitlines() if line.startswith("|"))
    explained = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    ours = [package for package in packages if package["source"] is None]
    direct = {dependency["name"] for package in ours for dependency in package["dependencies"]}
    direct -= {package["name"] for package in ours}
    yield from (f"{name} has no line there" for name in sorted(direct - explained))
    yield from (f"{name} has one and is no dependency" for name in sorted(explained - direct))


def unlike_platforms(targets):
    """Where deny.toml looks at other platforms than the library is built for."""
    rows = (ROOT / "packaging" / "platforms").read_text().splitlines()
    built = {row.split()[2] for row in rows if not row.startswith("#")}
    yield from sorted(built ^ set(targets))


def main():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    command = [os.environ.get("CARGO", "cargo"), "metadata", "--format-version=1", "--locked", "--all-features"]
    command += ["--filter-platform=" + target for target in rules["graph"]["targets"]]
    metadata = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE)
    if metadata.returncode != 0:  # cargo has said why
        print("0 passed, 1 failed")
        return 1
    packages = json.loads(metadata.stdout)["packages"]
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    failed = 0
    checks = [
        ("every licence is allowed by deny.toml", bad_licences(packages, rules["licenses"])),
        ("everything comes from a registry that deny.toml allows", bad_sources(packages, rules["sources"])),
        ("CONTRIBUTING.md has a reason for each dependency", unexplained(packages, contributing)),
        ("deny.toml looks at all platforms of packaging/platforms", unlike_platforms(rules["graph"]["targets"])),
    ]
    for sentence, found in checks:
        found = list(found)
        failed += bool(found)
        print(*(f"    {it}" for it in found), f"{'NOT OK' if found else 'ok'} - {sentence}", sep="\n", end="\n")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
