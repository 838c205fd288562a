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
  fields as they come. yyjson is used at its fastest: members looked up in the order that Atlas sends them in.
- CPU is user and system time, from `getrusage`. Programs take turns; medians of {rounds} rounds count. A spinner of idle priority
  on each core keeps it awake, else the time a core takes to wake up is booked to whoever waited. Processes are started by a
  small one, whose memory they are not booked with.
- What a request costs is a long run less a short one; for `curl` it is a whole process. Instructions are callgrind's,
  allocations valgrind's, system calls strace's, and need no quiet machine. valgrind has no AVX-512, so code that has a way
  with it takes another while it is counted.
- Round trips, connections and token requests are the simulator's own counts.
- Lists have pages of 500 and are read when the last page is there; from Python five fields of each snapshot (`id`, `status`,
  `createdAt`, `storageSizeBytes`, `snapshotType`), else all. What a process needs for a list of one is taken off CPU and memory.
- The slow link is a network namespace in which all that is sent to 127.0.0.1 passes a program that holds each packet back
  (`benches/link`): TCP's handshakes are late, too. The simulator is behind it, and nothing is kept from an earlier run.
- A wait is measured at its usual pace, beside all that is measured meanwhile, and made an hour by the number of polls.
"""

# How long a packet takes over the slow link.
ONE_WAY_MS = 25


def write(found, machine, *, rounds, minutes, busy):
    """Writes the document, or prints the parts of it that were measured, if not all were."""
    sections = [paragraph for part, show in SECTIONS.items() if part in found for paragraph in show(found[part])]
    busy_text = []
    if busy > 0.05:
        busy_text.append(f"**Others used {busy:.0%} of it at that time. Counts hold; times are provisional.**")
    aimed = table("", "measured", "aim", "", rows=aims(found))
    if not machine:
        print("\n" + "\n\n".join([aimed, *busy_text, *sections]))
        print(f"\nOnly a part was measured, so {PATH} stays as it is.")
        return
    day = time.strftime("%Y-%m-%d", time.gmtime())
    parts = [
        "# How fast it is",
        f"Written by `make bench` on {day}, in {minutes:.0f} minutes, on this machine:",
        table("", "", rows=[*this_machine(), *machine]),
        *busy_text,
        "## What we aim at",
        aimed,
        "### What stands in the way of those not met",
        MARKS[0],
        by_hand(),
        MARKS[1],
        *sections,
        "## How it is measured",
        HOW.format(rounds=rounds).rstrip(),
    ]
    with open(PATH, "w", encoding="utf-8") as file:
        file.write("\n\n".join(parts) + "\n")
    print(f"Written: {PATH}")
    for line in aimed.splitlines():
        if NOT_MET in line:
            print("not met: " + line.strip("| ").replace(" | " + NOT_MET, ""))


NOT_MET = "**not met**"


def line(what, measured, aim, met):
    return what, measured, aim, "met" if met else NOT_MET


def ratio(value):
    return f"{value:.2f} ×"


def at_most(what, value, most, text=ratio):
    return line(what, text(value), "at most " + text(most), value <= most)


def aims(found):
    """Lines of the table: what, measured, aim, whether it is met; of what was measured."""
    for part, of_part in AIMS.items():
        if part in found:
            yield from of_part(found[part])


def aims_of_get(tables):
    bearer, digest = tables["bearer"], tables["digest"]
    yield at_most("CPU of a kept GET from C, all fields read, against the floor", bearer["ours"].cpu / bearer["floor"].cpu, 1.35)
    ours, libcurl = (bearer[name].counts for name in ("ours", "libcurl"))
    yield at_most("the same, instructions", ours["instructions"], 75_000, "{:,.0f}".format)
    yield at_most("the same, against libcurl + json-c", ours["instructions"] / libcurl["instructions"], 0.38)
    yield at_most(f"system calls (libcurl {libcurl['calls']:.1f})", round(ours["calls"], 1), 3, "{:.1f}".format)
    trips = f"{digest['ours'].counts['trips']:.2f}"
    yield line("round trips with Digest", trips, "1.00", trips == "1.00")
    yield at_most("CPU with Digest, against an access token", digest["ours"].cpu / bearer["ours"].cpu, 1.3)
    python, requests = bearer["python"], bearer["requests"]
    what = f"Python, one snapshot with all fields, instructions (`requests` {requests.counts['instructions']:,.0f})"
    yield at_most(what, python.counts["instructions"], 210_000, "{:,.0f}".format)
    yield at_most("the same, CPU, against `requests`", python.cpu / requests.cpu, 0.12)


def aims_of_parse(parsed):
    rows, _, item = parsed
    took, instructions, allocations = rows["ours"]
    what = "`atlas_snapshot_parse` and all accessors of the example, instructions"
    yield at_most(what, instructions, 12_000, "{:,.0f}".format)
    yield at_most("the same, allocations", allocations, 5, "{:.0f}".format)
    yield at_most("the same, CPU, against yyjson", took / rows["yyjson"][0], 2)
    rate = item / rows["ours page"][0] / 1e6
    what = "`atlas_snapshot_list_parse` and all accessors of a page of 500"
    yield line(what, f"{rate:.0f} MB/s", "at least 700 MB/s", rate >= 700)


def aims_of_lists(measured):
    tables, item = measured
    table = tables[5000]
    what = "a list of 5,000, fetched and all fields read, CPU against libcurl + json-c"
    yield at_most(what, table["ours"][1] / table["json-c"][1], 0.4)
    yield at_most("memory of a list of 50,000, against its bytes", tables[50_000]["ours"][2] / item, 1.6)
    what = "a list of 5,000 in Python, five fields read, CPU against `requests` + `json`"
    yield at_most(what, table["python"][1] / table["requests"][1], 0.5)


def aims_of_threads(measured):
    rates, slow = measured
    gain = rates[8][0] / rates[2][0]
    yield line("throughput of 8 threads, against 2", ratio(gain), "at least 0.90 ×", gain >= 0.9)
    opened = [made for _, made in rates.values()]
    yield line("connections of 2 and of 8 threads", "{} and {}".format(*opened), "2 and 8", opened == [2, 8])
    yield at_most("8 threads against 1, time with a slow server: no lock is held while waiting", slow[1] / slow[0], 1.1)


def aims_of_cold(rows):
    for way, (mine, theirs), *_ in rows:
        yield at_most(f"cold start, CPU against `curl`, trusting {way}", mine / theirs, 0.4)


def aims_of_memory(peaks):
    yield at_most("peak memory of a C program that fetched 10,000 snapshots", peaks[10_000], 8e6, megabytes)
    # Pages that the system happens to count or not come and go.
    grown = (peaks[10_000] - peaks[1000]) / 1024
    yield line("its growth after the first 1,000", f"{grown:.0f} KiB", "none (64 KiB)", grown <= 64)


def aims_of_processes(cache):
    yield line("token requests of 1,000 processes with the token cache", cache["on"][2], "1", cache["on"][2] == 1)
    # Runs of the same program differ by a few hundredths.
    slower = cache["on"][0] / cache["off"][0]
    yield line("their time, against without", ratio(slower), "no slower (1.03 ×)", slower <= 1.03)


def aims_of_interrupt(seconds):
    yield line("Ctrl-C leaves a call in Python", f"after {seconds * 1e3:.0f} ms", "it does", seconds < 1)


def aims_of_size(size):
    yield at_most("size of the shared library", size, 2_100_000, "{:,} bytes".format)


AIMS = {
    "get": aims_of_get,
    "parse": aims_of_parse,
    "lists": aims_of_lists,
    "size": aims_of_size,
    "threads": aims_of_threads,
    "cold": aims_of_cold,
    "memory": aims_of_memory,
    "processes": aims_of_processes,
    "interrupt": aims_of_interrupt,
}


def show_get(tables):
    yield "## Side by side"
    yield 'One GET on a kept connection, all fields read. "Cold" is the CPU of a whole process that does it once.'
    yield "With an access token:"
    yield costs(tables["bearer"])
    yield "With an API key (Digest), each program by its own means:"
    yield costs(tables["digest"])


def show_cold(rows):
    yield "## Cold start"
    yield "Process start, authorities, handshake, one snapshot printed, exit: `get_snapshot` of `bindings/c`, and `curl`."
    yield table(
        *("trusting", "CPU: ours", "curl", "instructions: ours", "curl", "system calls: ours", "curl"),
        rows=(
            [way, *map(milliseconds, cpu), *(f"{count:,}" for count in (*instructions, *calls))]
            for way, cpu, instructions, calls in rows
        ),
    )


def show_link(rows):
    yield "## Far away"
    yield (
        f"A process that fetches one snapshot, over a link that takes {ONE_WAY_MS} ms there and as long back, from its start"
        " to its end; time, not CPU:"
    )
    if not rows:
        yield "Skipped: network namespaces or tun devices cannot be had here."
        return
    yield table(
        *("with", "", "time", "round trips", "connections", "requests"),
        rows=(
            (how, who, f"{took * 1e3:.0f} ms", f"{took * 1e3 / 2 / ONE_WAY_MS:.1f}", opened, requests)
            for how, who, took, opened, requests in rows
        ),
    )
    yield "The round trips are the time in theirs. A connection takes two (TCP's handshake, and TLS 1.3's), each request one."


def show_threads(measured):
    rates, slow = measured
    yield "## Threads"
    yield table(
        *("threads on one client", "requests per second", "connections"),
        rows=((count, f"{rate:,.0f}", opened) for count, (rate, opened) in rates.items()),
    )
    yield (
        f"Of a server that takes 100 ms to answer, one thread had 5 answers after {slow[0]:.2f} s, and each of 8 threads had"
        f" 5 after {slow[1]:.2f} s. If a lock were held while a call waits, 8 would take 8 times as long."
    )


def show_parse(parsed):
    rows, criterion, item = parsed
    example = {
        "ours": "`atlas_snapshot_parse`, the accessors of all documented fields, `atlas_snapshot_free`",
        "all": "the same, and every member by its name with `atlas_snapshot_field`",
        "yyjson": "yyjson",
        "json-c": "json-c",
    }
    page = {
        "ours page": "`atlas_snapshot_list_parse`, accessors, `atlas_snapshot_list_free`",
        "yyjson page": "yyjson",
        "json-c page": "json-c",
    }

    def row(name, what, digits, *more):
        took, instructions, allocations = rows[name]
        return what, microseconds(took), *more, f"{instructions:,.0f}", f"{allocations:.{digits}f}"

    yield "## Parsing"
    yield table(
        *("the example", "CPU", "instructions", "allocations"),
        rows=(row(name, what, 0) for name, what in example.items()),
    )
    yield f"From Rust, by criterion, time and not CPU: {'; '.join(f'{what} {result}' for what, result in criterion)}."
    yield f"Of a page of 500 snapshots of {item:.0f} bytes, for each of them:"
    yield table(
        *("", "CPU", "bytes per second", "instructions", "allocations"),
        rows=(row(name, what, 2, f"{item / rows[name][0] / 1e6:,.0f} MB") for name, what in page.items()),
    )


def show_lists(measured):
    tables, item = measured
    yield "## Lists"
    yield f"Fetched over TLS, and read. A snapshot is {item:.0f} bytes long; CPU and peak memory are for each of them."
    head = "", "CPU", "against libcurl + json-c", "bytes per second", "peak memory", "against its bytes"
    for length, programs in tables.items():

        def row(name, cpu, peak):
            against = cpu / programs["json-c"][1]
            return name, microseconds(cpu), ratio(against), f"{item / cpu / 1e6:,.0f} MB", f"{peak:,.0f}", ratio(peak / item)

        yield f"Lists of {length:,}:"
        yield table(*head, rows=(row(*measured) for measured in programs.values()))


def show_memory(peaks):
    yield "## Memory"
    yield table(
        *("snapshots a C program fetched", "its peak"),
        rows=((f"{count:,}", megabytes(peak)) for count, peak in peaks.items()),
    )


def show_wait(measured):
    polls, first, last = measured
    each = (last - first) / (polls - 1)
    yield "## An hour of waiting"
    yield (
        f"`atlas_client_wait_for_snapshot`, polling each 4 s: {microseconds(each)} of CPU for a poll, measured in {polls}"
        f" polls at that pace, and {milliseconds(first)} from the start of the process to the first answer. An hour of it,"
        f" 900 polls, takes {milliseconds(first + 899 * each)} of CPU in all."
    )


def show_processes(cache):
    yield "## A thousand processes"
    yield "`get_snapshot` as a service account, four processes at a time:"
    yield table(
        *("token cache", "time", "CPU", "token requests"),
        rows=((way, f"{took:.1f} s", f"{cpu:.1f} s", tokens) for way, (took, cpu, tokens) in cache.items()),
    )


SECTIONS = {
    "get": show_get,
    "cold": show_cold,
    "link": show_link,
    "threads": show_threads,
    "parse": show_parse,
    "lists": show_lists,
    "memory": show_memory,
    "wait": show_wait,
    "processes": show_processes,
}


def costs(programs):
    """A table of what each costs."""
    libcurl = programs["libcurl"]

    def row(program):
        counts = program.counts
        return (
            program.name,
            microseconds(program.cpu),
            ratio(program.cpu / libcurl.cpu),
            f"{counts['instructions']:,.0f}",
            ratio(counts["instructions"] / libcurl.counts["instructions"]),
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
    with open(os.environ["BUILD"] + "/bench/yyjson/yyjson.h", encoding="utf-8") as header:
        versions.append(re.search(r'YYJSON_VERSION_STRING "([^"]*)"', header.read())[1])
    yield "libcurl, json-c, yyjson", ", ".join(versions)
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
