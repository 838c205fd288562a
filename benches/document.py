"""docs/benchmarks.md: what benches/run has measured, beside what we aim at."""

import os
import platform
import re
import subprocess
import time

PATH = "docs/benchmarks.md"

# A person writes between these, and it stays: what stands in the way of aims that are not met.
MARKS = "<!-- Written by hand; make bench keeps it. -->", "<!-- Written by make bench from here on. -->"

HOW = """\
- Against the simulator of `tests/simulator` on the same machine, over TLS, with the example of Atlas' documentation as the
  body and the headers that Atlas was recorded to send. The programs are in `benches/`: they send the same headers, trust the
  same file and keep one connection. libcurl is held to HTTP/1.1, with a timeout and without signals, as a library would use
  it; its defaults have a line of their own. The floor has the library's own build of rustls, and does not look at the JSON.
- Ours reads every accessor of a documented field, dates also as numbers (in Python as `datetime`); the others read the 16
  fields as they come.
- CPU is user and system time, from `getrusage`. Programs take turns; medians of {rounds} rounds count. A spinner of idle priority
  on each core keeps it awake, else the time a core takes to wake up is booked to whoever waited. Processes are started by a
  small one, whose memory they are not booked with.
- What a request costs is a long run less a short one; for `curl` it is a whole process. Instructions are callgrind's,
  allocations valgrind's, system calls strace's, and need no quiet machine. valgrind has no AVX-512, so code that has a way
  with it takes another while it is counted.
- Round trips, connections and token requests are the simulator's own counts.
"""


def write(*, tables, cold, threads, parsing, peaks, cache, interruption, machine, rounds, minutes, busy):
    rates, slow = threads
    parsed, criterion = parsing
    parts = [
        "# How fast it is",
        f"Written by `make bench` on {time.strftime('%Y-%m-%d', time.gmtime())}, in {minutes:.0f} minutes, on this machine:",
        table("", "", rows=[*this_machine(), *((name, ", ".join(values)) for name, values in machine)]),
    ]
    if busy > 0.05:
        parts.append(f"**Others used {busy:.0%} of it at that time. Counts hold; times are provisional.**")
    parts += [
        "## What we aim at",
        table("", "measured", "aim", "", rows=aims(tables, cold, rates, slow, parsed, peaks, cache, interruption)),
        "### What stands in the way of those not met",
        MARKS[0],
        by_hand(),
        MARKS[1],
        "## Side by side",
        'One GET on a kept connection, all fields read. "Cold" is the CPU of a whole process that does it once.',
        "With an access token:",
        costs(tables["bearer"]),
        "With an API key (Digest), each program by its own means:",
        costs(tables["digest"]),
        "## Cold start",
        "Process start, authorities, handshake, one snapshot printed, exit: `get_snapshot` of `bindings/c`, and `curl`.",
        table(
            *("trusting", "CPU: ours", "curl", "instructions: ours", "curl", "system calls: ours", "curl"),
            rows=(
                [way, *map(milliseconds, cpu), *(f"{count:,}" for count in (*instructions, *calls))]
                for way, cpu, instructions, calls in cold
            ),
        ),
        "## Threads",
        table(
            *("threads on one client", "requests per second", "connections"),
            rows=((count, f"{rate:,.0f}", opened) for count, (rate, opened) in rates.items()),
        ),
        f"Of a server that takes 100 ms to answer, one thread had 5 answers after {slow[0]:.2f} s, and each of 8 threads had"
        f" 5 after {slow[1]:.2f} s. If a lock were held while a call waits, 8 would take 8 times as long.",
        "## Parsing",
        table(
            *("the example, from C", "CPU", "instructions", "allocations"),
            rows=(
                (what, microseconds(parsed[mode][0]), f"{parsed[mode][1]:,.0f}", f"{parsed[mode][2]:.0f}")
                for mode, what in (
                    ("parse", "`atlas_snapshot_parse`, the accessors of all documented fields, `atlas_snapshot_free`"),
                    ("parse-all", "the same, and every member by its name with `atlas_snapshot_field`"),
                )
            ),
        ),
        f"From Rust, by criterion, time and not CPU: {'; '.join(f'{what} {result}' for what, result in criterion)}.",
        "## Memory",
        table(
            *("snapshots a C program fetched", "its peak"),
            rows=((f"{count:,}", megabytes(peak)) for count, peak in peaks.items()),
        ),
        "## A thousand processes",
        "`get_snapshot` as a service account, four processes at a time:",
        table(
            *("token cache", "time", "CPU", "token requests"),
            rows=((way, f"{took:.1f} s", f"{cpu:.1f} s", tokens) for way, (took, cpu, tokens) in cache.items()),
        ),
        "## How it is measured",
        HOW.format(rounds=rounds).rstrip(),
    ]
    text = "\n\n".join(parts) + "\n"
    with open(PATH, "w", encoding="utf-8") as file:
        file.write(text)
    print(f"Written: {PATH}")
    for line in text.splitlines():
        if NOT_MET in line:
            print("not met: " + line.strip("| ").replace(" | " + NOT_MET, ""))


NOT_MET = "**not met**"


def aims(tables, cold, rates, slow, parsed, peaks, cache, interruption):
    """Lines of the table: what, measured, aim, whether it is met."""
    bearer, digest = tables["bearer"], tables["digest"]
    ours, libcurl, floor = (bearer[name].counts for name in ("ours", "libcurl", "floor"))

    def line(what, measured, aim, met):
        return what, measured, aim, "met" if met else NOT_MET

    def at_most(what, value, most, text=lambda ratio: f"{ratio:.2f} ×"):
        return line(what, text(value), "at most " + text(most), value <= most)

    get = "instructions of a kept-alive GET from C, parsing and all accessors included"
    yield at_most(f"{get}, against libcurl + json-c", ours["instructions"] / libcurl["instructions"], 0.35)
    yield at_most("the same, against the floor", ours["instructions"] / floor["instructions"], 1.6)
    what = f"system calls of a kept-alive GET (libcurl {libcurl['calls']:.1f})"
    yield at_most(what, round(ours["calls"], 1), 3, "{:.1f}".format)
    ratio = rates[8][0] / rates[2][0]
    yield line("throughput of 8 threads, against 2", f"{ratio:.2f} ×", "at least 0.90 ×", ratio >= 0.9)
    opened = [made for _, made in rates.values()]
    yield line("connections of 2 and of 8 threads", "{} and {}".format(*opened), "2 and 8", opened == [2, 8])
    yield at_most("8 threads against 1, time with a slow server: no lock is held while waiting", slow[1] / slow[0], 1.1)
    trips = f"{digest['ours'].counts['trips']:.2f}"
    yield line("round trips with Digest", trips, "1.00", trips == "1.00")
    yield at_most("CPU with Digest, against an access token", digest["ours"].cpu / bearer["ours"].cpu, 1.3)
    for way, (mine, theirs), *_ in cold:
        yield at_most(f"cold start, CPU against `curl`, trusting {way}", mine / theirs, 0.4)
    yield at_most("Python, CPU against `requests`", bearer["python"].cpu / bearer["requests"].cpu, 0.12)
    yield line("Ctrl-C leaves a call in Python", f"after {interruption * 1e3:.0f} ms", "it does", interruption < 1)
    took, _, allocations = parsed["parse"]
    yield at_most("`atlas_snapshot_parse` and all accessors of the example, CPU", took, 2e-6, microseconds)
    yield at_most("the same, allocations", allocations, 12, "{:.0f}".format)
    yield at_most("peak memory of a C program that fetched 10,000 snapshots", peaks[10_000], 8e6, megabytes)
    # Pages that the system happens to count or not come and go.
    grown = (peaks[10_000] - peaks[1000]) / 1024
    yield line("its growth after the first 1,000", f"{grown:.0f} KiB", "none (64 KiB)", grown <= 64)
    yield line("token requests of 1,000 processes with the token cache", cache["on"][2], "1", cache["on"][2] == 1)
    # Runs of the same program differ by a few hundredths.
    slower = cache["on"][0] / cache["off"][0]
    yield line("their time, against without", f"{slower:.2f} ×", "no slower (1.03 ×)", slower <= 1.03)


def costs(programs):
    """A table of what each costs."""
    libcurl = programs["libcurl"]

    def row(program):
        counts = program.counts
        return (
            program.name,
            microseconds(program.cpu),
            f"{program.cpu / libcurl.cpu:.2f} ×",
            f"{counts['instructions']:,.0f}",
            f"{counts['instructions'] / libcurl.counts['instructions']:.2f} ×",
            f"{counts['calls']:,.1f}",
            f"{counts['allocations']:,.0f}" if "allocations" in counts else "",
            f"{counts['trips']:.2f}",
            megabytes(program.peak),
            milliseconds(program.cold),
        )

    return table(
        *("", "CPU", "", "instructions", "", "system calls", "allocations", "round trips", "peak memory", "cold"),
        rows=map(row, programs.values()),
    )


def by_hand():
    try:
        with open(PATH, encoding="utf-8") as file:
            written = file.read().partition(MARKS[0])[2].partition(MARKS[1])[0].strip()
    except FileNotFoundError:
        written = ""
    return written or "Nobody has written about it yet."


def this_machine():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        model = re.search(r"model name\s*: (.*)", info.read())
    yield "processor", f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores"
    yield "system", f"Linux {re.match(r'[0-9.]*[0-9]', platform.release())[0]}, {' '.join(platform.libc_ver())}"
    yield "rustc", said("rustc", "--version").split()[1]
    versions = [said("pkg-config", "--modversion", name) for name in ("libcurl", "json-c")]
    yield "libcurl, json-c", ", ".join(versions)
    curl = said("curl", "--version").splitlines()[0].split()
    yield "curl and its TLS", ", ".join([curl[1], *(word for word in curl if re.search("SSL|TLS", word))])
    versions = [re.search(r"\d[\d.]*", said(name, "--version"))[0] for name in ("valgrind", "strace")]
    yield "valgrind, strace", ", ".join(versions)


def commit():
    """What was measured, if it was built from a clone."""
    try:
        yield "commit " + said("git", "rev-parse", "--short", "HEAD")
        if said("git", "status", "--porcelain", "--", "src", "Cargo.toml", "Cargo.lock", "benches"):
            yield "with changes"
    except (OSError, subprocess.CalledProcessError):
        pass


def said(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def table(*head, rows):
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, ["---"] * len(head), *rows])


def microseconds(seconds):
    return f"{seconds * 1e6:,.{2 if seconds < 1e-5 else 1 if seconds < 1e-4 else 0}f} µs"


def milliseconds(seconds):
    return f"{seconds * 1e3:.1f} ms"


def megabytes(size):
    return f"{size / 1e6:.1f} MB"
