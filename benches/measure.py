"""How programs are run against the simulator, and what is read off them. Runs below `atlas-simulator run --env all`."""

import contextlib
import http.client
import json
import os
import re
import subprocess
import tempfile
import urllib.parse
from statistics import median

ROUNDS = int(os.environ.get("ROUNDS", 7))
BUILD, SIMULATOR, LIBRARY, CARGO = (os.environ[name] for name in ("BUILD", "SIMULATOR", "LIBRARY", "CARGO"))
BENCH = BUILD + "/bench"
PYTHON = BENCH + "/venv/bin/python"


def say(text):
    print(text, flush=True)


# What the measured programs find in their environment: the simulator, one kind of credentials, and nothing of the
# caller's own proxies, certificates or account.

COMMON = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
COMMON.update({name: value for name, value in os.environ.items() if name.startswith("ATLAS_SIMULATOR_")})
COMMON.update(
    ATLAS_BACKUP_LIBRARY=os.path.abspath(LIBRARY),
    PYTHONPATH="bindings/python/src",
    PYTHONPYCACHEPREFIX=os.path.abspath(BENCH) + "/pycache",
)


def with_settings(*names):
    return {**COMMON, **{"MONGODB_ATLAS_" + name: os.environ["MONGODB_ATLAS_" + name] for name in names}}


BEARER = with_settings("BASE_URL", "CA_FILE", "ACCESS_TOKEN")
DIGEST = with_settings("BASE_URL", "CA_FILE", "PUBLIC_API_KEY", "PRIVATE_API_KEY")
SERVICE_ACCOUNT = with_settings("BASE_URL", "CA_FILE", "CLIENT_ID", "CLIENT_SECRET")

CA_FILE = BEARER["MONGODB_ATLAS_CA_FILE"]
BASE = urllib.parse.urlsplit(BEARER["MONGODB_ATLAS_BASE_URL"])
PROJECT, CLUSTER, SNAPSHOT = (COMMON["ATLAS_SIMULATOR_" + name] for name in ("PROJECT", "CLUSTER", "SNAPSHOT"))
PATH = f"/api/atlas/v2/groups/{PROJECT}/clusters/{CLUSTER}/backup/snapshots/{SNAPSHOT}"
ACCEPT = "application/vnd.atlas.2024-05-30+json"
AUTHORIZATION = "Bearer " + BEARER["MONGODB_ATLAS_ACCESS_TOKEN"]
CURL = ["curl", "-q", "-sf", "-H", "Accept: " + ACCEPT, BASE.geturl() + PATH]
CURL_BEARER = [*CURL, "-H", "Authorization: " + AUTHORIZATION]
CURL_DIGEST = [
    *CURL,
    "--digest",
    "-u",
    "{MONGODB_ATLAS_PUBLIC_API_KEY}:{MONGODB_ATLAS_PRIVATE_API_KEY}".format(**DIGEST),
]
GET_SNAPSHOT = [BUILD + "/get_snapshot", PROJECT, CLUSTER, SNAPSHOT]


# What the simulator says, and what it knows.


def asked(method, path, body=None, headers={}):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(COMMON["ATLAS_SIMULATOR_PLAIN_URL"]).netloc)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    if answer.status != 200:
        raise RuntimeError("the simulator: " + text)
    return text


def simulator(method, path, body=None):
    return json.loads(asked(method, "/_simulator/" + path, None if body is None else json.dumps(body)))


@contextlib.contextmanager
def afresh(record=False):
    simulator("POST", "clear")
    # Real Atlas has no place for the tokens of a thousand processes.
    simulator("POST", "settings", {"record": record, "max_live_tokens": 100_000})
    yield
    simulator("POST", "clear")


def api_requests():
    return sum(1 for seen in simulator("GET", "requests") if seen["path"].startswith("/api/atlas/"))


def connections():
    """All that were made; one of them was to ask this."""
    return simulator("GET", "connections")["accepted"]


def item_bytes(cluster):
    """How long a snapshot of this cluster's list is: a full page, shared by those on it."""
    path = PATH.rpartition("/")[0].replace(CLUSTER, cluster) + "?itemsPerPage=500"
    page = asked("GET", path, headers={"Accept": ACCEPT, "Authorization": AUTHORIZATION})
    return len(page) / len(json.loads(page)["results"])


# How a program is run, and what is read off it.


def run(command, env):
    pipe = subprocess.PIPE
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done


def printed(command, env):
    return float(run(command, env).stdout)


class Launched:
    """What launch.c says: `cpu` and `seconds` of all processes, and the largest `peak` of one in bytes."""

    def __init__(self, command, env, processes=1, parallel=1):
        done = run([BENCH + "/launch", str(parallel), str(processes), *command], env)
        failed, cpu, peak, seconds = done.stderr.rpartition("launched:")[2].split()
        if failed != "0":
            raise RuntimeError(f"{failed} of {processes} processes failed: {' '.join(command)}\n{done.stderr[-2000:]}")
        self.cpu, self.peak, self.seconds = float(cpu), int(peak) * 1024, float(seconds)


def count_in(pattern, text):
    found = re.search(pattern, text)
    if not found:
        raise RuntimeError(f"no {pattern!r} in:\n{text[-2000:]}")
    return int(found[1].replace(",", ""))


def instructions(command, env):
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    return count_in(r"refs:\s+([\d,]+)", run([*valgrind, *command], env).stderr)


def allocations(command, env):
    return count_in(r"total heap usage: ([\d,]+) allocs", run(["valgrind", *command], env).stderr)


def system_calls(command, env):
    with tempfile.NamedTemporaryFile("r") as summary:
        run(["strace", "-f", "-c", "-o", summary.name, *command], env)
        return count_in(r"\n100\.00\s+[\d.]+\s+\d+\s+(\d+)[^\n]* total", summary.read())


@contextlib.contextmanager
def awake():
    """A halted core wakes slowly, and the wait is booked to whoever is measured."""
    spin = f"while kill -0 {os.getpid()}; do i=0; while [ $i -lt 1000000 ]; do i=$((i + 1)); done; done"

    def idle_priority():
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))

    spinners = [subprocess.Popen(["sh", "-c", spin], preexec_fn=idle_priority) for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


class Program:
    """Something that fetches as many snapshots as its last argument says, over one connection."""

    # valgrind would see little of the memory that Python manages by itself.
    measures = {"instructions": instructions, "calls": system_calls, "allocations": allocations}

    def __init__(self, name, command, env, timed, counted=(100, 1100)):
        self.name, self.command, self.env, self.timed, self.counted = name, command, env, timed, counted
        self.short, self.long, self.peaks, self.counts = [], [], [], {}

    def take_turn(self):
        self.short.append(Launched([*self.command, "1"], self.env).cpu)
        cost = Launched([*self.command, str(self.timed + 1)], self.env)
        self.long.append(cost.cpu)
        self.peaks.append(cost.peak)

    def count(self):
        few, many = self.counted
        for name, measure in self.measures.items():
            if name != "allocations" or self.command[0] != PYTHON:
                self.counts[name] = each(measure, lambda count: [*self.command, str(count)], self.env, few, many)
        with afresh(record=True):
            run([*self.command, str(many)], self.env)
            self.counts["trips"] = api_requests() / many

    @property
    def cold(self):
        return median(self.short)

    @property
    def cpu(self):
        return (median(self.long) - self.cold) / self.timed

    @property
    def peak(self):
        return median(self.peaks)


class ProcessForEach(Program):
    """A command that fetches one snapshot and ends."""

    def take_turn(self):
        cost = Launched(self.command, self.env, self.timed)
        self.short.append(cost.cpu / self.timed)
        self.peaks.append(cost.peak)

    def count(self):
        self.counts = {name: measure(self.command, self.env) for name, measure in self.measures.items()}
        with afresh(record=True):
            run(self.command, self.env)
            self.counts["trips"] = api_requests()

    @property
    def cpu(self):
        return self.cold


def each(measure, command, env, few, many):
    """What one of what `command` does a number of times costs: a long run less a short one."""
    short, long = (measure(command(count), env) for count in (few, many))
    return (long - short) / (many - few)
