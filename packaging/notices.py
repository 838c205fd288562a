"""What is inside the library as it is given out: the crates that are linked on any Linux, and Rust's standard library.

Writes, from Cargo.lock and the crates' own files, for `make notices`:

    THIRD-PARTY-NOTICES              every crate's name, version and licence, and the texts of all licences
    packaging/atlas-backup.cdx.json  the same as a bill of materials, CycloneDX 1.6
    packaging/crates.zlib            the same once more, as `cargo auditable` puts it into a library

With --check it writes nothing and tells what is not current; needs no network where the crates were fetched.
"""

import json
import os
import re
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLATFORMS = (ROOT / "packaging" / "platforms").read_text(encoding="utf-8")
TARGETS = [line.split()[2] for line in PLATFORMS.splitlines() if not line.startswith("#")]
LICENCE = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)
# Not of the library: what only their tests, benchmarks and examples use.
UNUSED = {"tests", "benches", "examples", "fuzz"}

# Rust's standard library is inside, too, of whatever version the compiler has that builds the library. These are the
# crates that it is made of on Linux; a test compares with what lies in the compiler's folder.
STD = "rust-std"
STD_LICENCE = "(MIT OR Apache-2.0) AND Unicode-3.0 AND (MIT OR Apache-2.0 WITH LLVM-exception)"
STD_CRATES = {
    "addr2line": "Apache-2.0 OR MIT",
    "adler2": "0BSD OR MIT OR Apache-2.0",
    "cfg-if": "MIT OR Apache-2.0",
    "compiler_builtins": "MIT AND Apache-2.0 WITH LLVM-exception AND (MIT OR Apache-2.0)",
    "gimli": "MIT OR Apache-2.0",
    "hashbrown": "MIT OR Apache-2.0",
    "libc": "MIT OR Apache-2.0",
    "memchr": "Unlicense OR MIT",
    "miniz_oxide": "MIT OR Zlib OR Apache-2.0",
    "object": "Apache-2.0 OR MIT",
    "rustc-demangle": "MIT OR Apache-2.0",
}

# With these zig completes what it links for some platforms: make portable. Of the first, which goes by LLVM's exception,
# nothing would have to be said.
ZIG = {"libunwind": "Apache-2.0 WITH LLVM-exception", "compiler-rt": "MIT"}

INTRODUCTION = """\
libatlas_backup is licensed under the Apache License 2.0: see LICENSE. Inside it, linked statically, are the works of
others that are listed here, with the texts of their licences; of those that one may choose from, one.
"""


def run(*arguments):
    command = [os.environ.get("CARGO", "cargo"), *arguments, "--locked"]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8")
    if result.returncode:  # cargo has said why
        sys.exit("NOT OK - cargo knows which crates are inside\n0 passed, 1 failed")
    return result.stdout


def linked():
    """The crates that become part of the library, on any of these systems, as cargo metadata describes them."""
    names = set()
    for target in TARGETS:
        tree = run(
            *("tree", "--package", "atlas-backup", "--target", target, "--edges", "normal,no-proc-macro"),
            *("--prefix", "none", "--no-dedupe", "--format", "{p}"),
        )
        for line in tree.splitlines():
            name, version = line.split()[:2]
            names.add((name, version.lstrip("v")))
    metadata = json.loads(run("metadata", "--format-version=1", *(f"--filter-platform={it}" for it in TARGETS)))
    packages = [it for it in metadata["packages"] if (it["name"], it["version"]) in names]
    packages.sort(key=lambda it: (it["name"], it["version"]))
    inside = {it["id"]: it for it in packages}
    for node in metadata["resolve"]["nodes"]:
        if node["id"] in inside:
            inside[node["id"]]["uses"] = sorted(
                edge["pkg"]
                for edge in node["deps"]
                if edge["pkg"] in inside and any(kind["kind"] is None for kind in edge["dep_kinds"])
            )
    return packages


def licence_files(package):
    """What has to be passed on with a crate. If one may choose, and MIT is among the choices, that: it is short."""
    folder = Path(package["manifest_path"]).parent
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and LICENCE.match(path.name)
        and path.suffix != ".rs"
        and not UNUSED & set(path.relative_to(folder).parts[:-1])
    ]
    mit = [path for path in files if "MIT" in path.name]
    if mit and "MIT" in re.split(r"[ /]+OR[ /]+|/", package["license"]):
        return mit + [path for path in files if path.name.upper().startswith(("COPYRIGHT", "NOTICE"))]
    return files


def spelled(expression):
    return expression.replace("/", " OR ") if " " not in expression else expression


def tidy(text):
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\f", "").expandtabs().splitlines()]
    return "\n".join(lines).strip("\n") + "\n"


def notices(packages):
    texts = {}  # the words of a text: the text, and who has it

    def add(text, who):
        words = " ".join(re.sub(r"[^\w]+", " ", text).lower().split())
        texts.setdefault(words, (tidy(text), []))[1].append(who)

    lines = []
    for package in packages:
        if package["source"] is None:
            continue
        name = f"{package['name']} {package['version']}"
        lines.append(f"    {name:<28} {spelled(package['license'])}")
        files = licence_files(package)
        if not files:
            sys.exit(f"NOT OK - {name} has no licence file, so what holds for it has to be found elsewhere")
        for path in files:
            add(path.read_text(encoding="utf-8"), name)
    for owner in (STD, "zig"):
        for path in sorted((ROOT / "packaging" / owner).glob("*.txt")):
            add(path.read_text(encoding="utf-8"), f"{owner} ({path.stem})")

    rule = "=" * 100
    out = [INTRODUCTION, "Crates:\n", "\n".join(lines), ""]
    out += ["Rust's standard library (https://github.com/rust-lang/rust), The Rust Project Developers:\n"]
    out += [f"    {STD:<28} {STD_LICENCE}"]
    out += [f"    {name:<28} {licence}" for name, licence in STD_CRATES.items()]
    out += ["", "What zig links besides, for some platforms of `make portable` (https://ziglang.org):\n"]
    out += [f"    {name:<28} {licence}" for name, licence in ZIG.items()]
    for text, whose in texts.values():
        whose = textwrap.fill("Of " + ", ".join(dict.fromkeys(whose)), len(rule))
        out += ["", rule, whose, rule, "", text.rstrip("\n")]
    return "\n".join(out) + "\n"


def checksums():
    """Name and version of each crate of Cargo.lock, and its SHA-256."""
    entry = re.compile(r'name = "(.*)"\nversion = "(.*)"\nsource = ".*"\nchecksum = "(.*)"')
    return {match[:2]: match[2] for match in entry.findall((ROOT / "Cargo.lock").read_text())}


def bill(packages):
    """CycloneDX: https://cyclonedx.org/docs/1.6/json/"""
    hashes = checksums()

    def component(package):
        name, version = package["name"], package["version"]
        purl = f"pkg:cargo/{name}@{version}"
        described = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
        described["licenses"] = [{"expression": spelled(package["license"])}]
        if (name, version) in hashes:
            described["hashes"] = [{"alg": "SHA-256", "content": hashes[name, version]}]
        if package["repository"]:
            described["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
        return described

    refs = {it["id"]: f"pkg:cargo/{it['name']}@{it['version']}" for it in packages}
    (ours,) = (it for it in packages if it["source"] is None)
    std = {"type": "library", "bom-ref": STD, "name": STD, "licenses": [{"expression": STD_LICENCE}]}
    std["description"] = "Rust's standard library, of the version that the compiler has"
    std["components"] = [
        {"type": "library", "bom-ref": f"{STD}/{name}", "name": name, "licenses": [{"expression": licence}]}
        for name, licence in STD_CRATES.items()
    ]
    # Of some platforms only.
    zig = [
        {
            **{"type": "library", "bom-ref": f"zig/{name}", "name": name, "scope": "optional"},
            "licenses": [{"expression": licence}],
        }
        for name, licence in ZIG.items()
    ]
    besides = [STD, *(it["bom-ref"] for it in zig)]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component(ours)},
        "components": [component(it) for it in packages if it is not ours] + [std] + zig,
        "dependencies": [
            {"ref": refs[it["id"]], "dependsOn": [refs[use] for use in it["uses"]] + (besides if it is ours else [])}
            for it in packages
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def audit_data(packages):
    """The format of cargo-auditable: https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md"""
    places = {it["id"]: at for at, it in enumerate(packages)}
    described = []
    for package in packages:
        one = {"name": package["name"], "version": package["version"]}
        one["source"] = "crates.io" if package["source"] else "local"
        if package["uses"]:
            one["dependencies"] = sorted(places[use] for use in package["uses"])
        if package["source"] is None:
            one["root"] = True
        described.append(one)
    return json.dumps({"packages": described}, separators=(",", ":"))


def std_of_the_compiler():
    """The crates in the folder of the compiler that a library has inside; none where it is laid out in another way."""
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], stdout=subprocess.PIPE, encoding="utf-8").stdout.strip()
    names = {path.name[3:].rpartition("-")[0] for path in Path(sysroot).glob("lib/rustlib/*-linux-*/lib/lib*.rlib")}
    parts = {"alloc", "core", "std", "std_detect", "unwind", "panic_unwind", "panic_abort", "sysroot"}
    # Compile-time, tests and profiling.
    absent = {"proc_macro", "rustc_literal_escaper", "test", "getopts", "profiler_builtins"}
    return {it for it in names - parts - absent if not it.startswith("rustc_std_workspace")}


def main():
    packages = linked()
    texts = {"THIRD-PARTY-NOTICES": notices(packages), "packaging/atlas-backup.cdx.json": bill(packages)}
    audit = audit_data(packages)
    compressed = ROOT / "packaging" / "crates.zlib"
    if sys.argv[1:] != ["--check"]:
        for name, text in texts.items():
            (ROOT / name).write_text(text, encoding="utf-8")
        compressed.write_bytes(zlib.compress(audit.encode(), 9))
        return 0
    failed = 0

    def result(holds, sentence):
        nonlocal failed
        failed += not holds
        print(f"{'ok' if holds else 'NOT OK'} - {sentence}")

    for name, text in texts.items():
        path = ROOT / name
        result(path.exists() and path.read_text(encoding="utf-8") == text, f"{name} is current (if not: make notices)")
    # Compared as it is read: not every zlib compresses in the same way.
    there = zlib.decompress(compressed.read_bytes()).decode() if compressed.exists() else ""
    result(there == audit, "packaging/crates.zlib is current (if not: make notices)")
    unnamed = {it.replace("-", "_") for it in std_of_the_compiler()} - {it.replace("-", "_") for it in STD_CRATES}
    result(not unnamed, f"they name all that Rust's standard library has inside {' '.join(sorted(unnamed))}".rstrip())
    print(f"{4 - failed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
