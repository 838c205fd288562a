"""``python -m atlas_backup`` as people and scripts use it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Optional

import pytest
from conftest import PACKAGE, Simulator, command_line

import atlas_backup
from atlas_backup import ErrorKind, __main__, _show

TABLE = """\
id                  {snapshot}
status              completed
description         string
created at          2019-08-24 14:15:22 UTC (N years ago)
expires at          2019-08-31 14:15:22 UTC (N years ago)
storage size bytes  3.0 GiB (3221225472 bytes)
snapshot type       scheduled
frequency type      hourly
type                replicaSet
cloud provider      AWS
replica set name    atlas-abc123-shard-0
mongod version      8.0.13
master key uuid     72659f08-8b3c-4913-bb4e-a8a68e036502
copy regions        US_EAST_1
                    EU_WEST_1
policy items        32b6e34b3d91647abb20e7b9
links               https://cloud.mongodb.com/api/atlas/v2/groups/{project}/clusters/Cluster0/backup/snapshots/{snapshot} self
"""


def get(
    atlas: Simulator, *options: str, cluster: Optional[str] = None, snapshot: Optional[str] = None, **more: Any
) -> Any:
    return command_line("get", atlas.project, cluster or atlas.cluster, snapshot or atlas.snapshot, *options, **more)


def test_get_shows_an_aligned_table_for_people(atlas: Simulator) -> None:
    result = get(atlas)
    shown = re.sub(r"\d+ years", "N years", result.stdout.decode())
    assert shown == TABLE.format(project=atlas.project, snapshot=atlas.snapshot)
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.parametrize("options", [[], ["--envelope"], ["--pretty"], ["--pretty", "--envelope"]], ids=" ".join)
def test_json_prints_the_answer_byte_for_byte(atlas: Simulator, options: Any) -> None:
    expected = atlas.get(envelope="--envelope" in options, pretty="--pretty" in options).json
    result = get(atlas, "--json", *options)
    assert (result.returncode, result.stdout, result.stderr) == (0, expected, b"")
    assert ("content" in json.loads(expected)) == ("--envelope" in options)
    assert (b"\n  " in expected) == ("--pretty" in options)


def test_json_on_a_terminal_ends_its_line(atlas: Simulator) -> None:
    terminal, theirs = pty.openpty()
    process = command_line("get", atlas.project, atlas.cluster, atlas.snapshot, "--json", stdout=theirs)
    os.close(theirs)
    assert process.returncode == 0
    shown = os.read(terminal, 100_000)
    os.close(terminal)
    assert shown.startswith(b"{") and shown.endswith(b"}\r\n")


EXIT_CODES = {
    "error-400": 16, "error-401": 13, "error-403": 14, "error-403-ip": 14, "error-404": 15, "error-410": 16,
    "error-429": 17, "error-500": 18, "error-503-html": 18, "not-json": 22, "closing": 20,
}  # fmt: skip


@pytest.mark.parametrize("cluster", EXIT_CODES)
def test_an_error_goes_to_stderr_in_one_line_with_an_exit_code_of_its_kind(atlas: Simulator, cluster: str) -> None:
    atlas.control("POST", "clear")
    result = get(atlas, cluster=cluster, environment={"MONGODB_ATLAS_TIMEOUT_MS": "3000"})
    assert result.stdout == b""
    assert result.stderr.startswith(b"atlas_backup: ") and result.stderr.count(b"\n") == 1
    assert result.returncode == EXIT_CODES[cluster], result.stderr.decode()


def test_an_error_speaks_of_the_options_of_the_command(atlas: Simulator) -> None:
    late = {"MONGODB_ATLAS_TIMEOUT_MS": "300"}
    result = get(atlas, cluster="silent", environment=late)
    assert result.stderr.endswith(b"; --timeout sets how long it may take\n")
    result = command_line("wait", "--timeout", "0.5", atlas.project, "stuck", "5f4007f327a3bd7b6f410001")
    assert b"; --timeout sets how long to wait" in result.stderr
    assert get(atlas, cluster="sharded0").stderr.endswith(b"; add --sharded\n")
    result = command_line("list", "--sharded", atlas.project, atlas.cluster)
    assert result.stderr.endswith(b"; leave out --sharded\n")
    for place, name in enumerate((b"PROJECT", b"CLUSTER", b"SNAPSHOT")):
        ids = [atlas.project, atlas.cluster, atlas.snapshot]
        ids[place] = "a_b"
        assert command_line("get", *ids).stderr.endswith(b"; check " + name + b"\n")


def test_other_errors_have_their_exit_codes_too(atlas: Simulator) -> None:
    assert get(atlas, snapshot="../x").returncode == 10 + ErrorKind.INVALID_ARGUMENT
    assert (
        get(atlas, cluster="silent", environment={"MONGODB_ATLAS_TIMEOUT_MS": "300"}).returncode
        == 10 + ErrorKind.TIMEOUT
    )
    untrusted = {"MONGODB_ATLAS_BASE_URL": atlas.variable("BAD_TLS_UNTRUSTED_URL")}
    assert get(atlas, environment=untrusted).returncode == 10 + ErrorKind.TLS
    nothing = {name: None for name in os.environ if name.startswith("MONGODB_ATLAS_")}
    result = get(atlas, environment=nothing)
    assert result.returncode == 10 + ErrorKind.CONFIG
    assert b"MONGODB_ATLAS_CLIENT_ID" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fetch"],
        ["get"],
        ["get", "a", "b"],
        ["get", "a", "b", "c", "d"],
        ["get", "a", "b", "c", "--x"],
        ["list", "a"],
        ["wait", "a", "b"],
        ["list", "a", "b", "--status", "complete"],
        ["list", "a", "b", "--since", "1w"],
    ],
)
def test_wrong_usage_exits_2_and_says_how(arguments: Any) -> None:
    result = command_line(*arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"usage: python -m atlas_backup" in result.stderr


def test_help_names_credentials_and_exit_codes() -> None:
    result = command_line("--help")
    assert result.returncode == 0
    text = result.stdout.decode()
    for word in (
        "MONGODB_ATLAS_CLIENT_ID",
        "MONGODB_ATLAS_PUBLIC_API_KEY",
        "MONGODB_ATLAS_ACCESS_TOKEN",
        "15 not found",
    ):
        assert word in text
    kinds = {
        kind
        for kind in ErrorKind
        if f"{10 + kind} {kind.name.lower().replace('_', ' ')}" in text.replace("TLS", "tls").replace("\n", " ")
    }
    assert kinds >= set(ErrorKind) - {ErrorKind.NONE, ErrorKind.CANCELLED, ErrorKind.CONFIG}
    version = atlas_backup.__version__
    for option in ("--version", "-V"):
        assert command_line(option).stdout.decode() == f"atlas_backup {version} (libatlas_backup {version})\n"


@pytest.mark.parametrize("unbuffered", [None, "1"], ids=["buffered", "unbuffered"])
def test_a_reader_that_leaves_early_causes_no_noise(atlas: Simulator, unbuffered: Optional[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for options in ([], ["--json"]):
        result = get(atlas, *options, stdout=writer, environment={"PYTHONUNBUFFERED": unbuffered})
        assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, b"")
    os.close(writer)


@pytest.mark.parametrize("unbuffered", [None, "1"], ids=["buffered", "unbuffered"])
def test_output_that_cannot_be_written_is_an_error(atlas: Simulator, unbuffered: Optional[str]) -> None:
    with open("/dev/full", "wb") as full:
        result = get(atlas, stdout=full, environment={"PYTHONUNBUFFERED": unbuffered})
    assert (result.returncode, result.stderr.count(b"\n")) == (1, 1)
    assert b"cannot write" in result.stderr
    closed = f'exec "{sys.executable}" -m atlas_backup get {atlas.project} {atlas.cluster} {atlas.snapshot} >&-'
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    shell = subprocess.run(["/bin/sh", "-c", closed], env=environment, stderr=subprocess.PIPE, timeout=60)
    assert (shell.returncode, shell.stderr.count(b"\n")) == (1, 1)


LIST = """\
ID                        STATUS      TYPE       CREATED                  SIZE        EXPIRES
{}  completed   scheduled  2019-08-24 14:15:22 UTC  3.0 GiB     2019-08-31 14:15:22 UTC
{}  completed   onDemand   2026-03-01 06:00:00 UTC  1.5 GiB     2026-03-02 06:08:47 UTC
2 snapshots
"""


def test_list_shows_a_line_for_each_snapshot(atlas: Simulator) -> None:
    result = command_line("list", atlas.project, atlas.cluster)
    with atlas.client() as client:
        listed = client.list_snapshots(atlas.project, atlas.cluster)
    assert result.stdout.decode() == LIST.format(*[snapshot.id for snapshot in listed])
    assert (result.returncode, result.stderr) == (0, b"")
    assert command_line("list", atlas.project, "empty").stdout == b"0 snapshots\n"
    odd = command_line("list", atlas.project, "odd").stdout.decode().splitlines()
    assert odd[2].split() == [listed_id(atlas, "odd", 1), "-", "-", "-", "-", "-"] and odd[-1] == "3 snapshots"
    sharded = command_line("list", "--sharded", atlas.project, atlas.variable("SHARDED_CLUSTER")).stdout
    assert atlas.variable("SHARDED_SNAPSHOT").encode() in sharded and sharded.endswith(b"\n1 snapshot\n")


def listed_id(atlas: Simulator, cluster: str, index: int) -> str:
    with atlas.client() as client:
        return client.list_snapshots(atlas.project, cluster)[index].id or "-"


@pytest.mark.parametrize("cluster", ["Cluster0", "odd-scalar", "many-600", "empty"])
def test_list_json_is_an_array_of_the_snapshots_as_received(atlas: Simulator, cluster: str) -> None:
    with atlas.client() as client:
        items = [item.json for item in client.list_snapshots(atlas.project, cluster)]
    result = command_line("list", "--json", atlas.project, cluster)
    expected = b"[\n" + b",\n".join(items) + b"\n]\n" if items else b"[]\n"
    assert (result.returncode, result.stdout, result.stderr) == (0, expected, b"")
    assert json.loads(result.stdout) == [json.loads(item) for item in items]


def test_list_json_keeps_one_snapshot_on_one_line(atlas: Simulator) -> None:
    atlas.respond(200, b'{"results":[{\r\n "id": "x\\n"\n}, {"id":"y"}]}')
    result = command_line("list", "--json", atlas.project, atlas.cluster)
    assert result.stdout == b'[\n{   "id": "x\\n" },\n{"id":"y"}\n]\n'


def test_get_sharded_shows_the_members(atlas: Simulator) -> None:
    ids = (atlas.project, atlas.variable("SHARDED_CLUSTER"), atlas.variable("SHARDED_SNAPSHOT"))
    result = command_line("get", "--sharded", *ids)
    assert b"shardedCluster" in result.stdout and result.stdout.count(b" AWS ") == 3
    refused = command_line("get", *ids)
    assert refused.returncode == 10 + ErrorKind.BAD_REQUEST and b"sharded" in refused.stderr


def wait(atlas: Simulator, cluster: str, *options: str, **more: Any) -> Any:
    return command_line("wait", "--interval", "0.5", *options, atlas.project, cluster, atlas.snapshot, **more)


def test_wait_tells_each_status_and_shows_the_snapshot(atlas: Simulator) -> None:
    result = wait(atlas, "staged")
    told = [re.sub(r"\d+ s$", "N s", line) for line in result.stderr.decode().splitlines()]
    assert told == ["queued after N s", "inProgress after N s", "completed after N s"]
    assert result.returncode == 0 and b"status              completed\n" in result.stdout
    again = wait(atlas, "staged", "--json")
    with atlas.client() as client:
        assert again.stdout == client.get_snapshot(atlas.project, "staged", atlas.snapshot).json


def test_wait_shows_one_line_that_changes_on_a_terminal(atlas: Simulator) -> None:
    terminal, theirs = pty.openpty()
    result = wait(atlas, "staged", stderr=theirs)
    os.close(theirs)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert result.returncode == 0 and shown.count("\n") == 1 and shown.endswith("\r\n")
    assert [line.split()[0] for line in shown.split("\r")[1:-1]] == ["queued", *["inProgress"] * 4, "completed"]


def test_wait_ends_with_an_exit_code_of_its_own(atlas: Simulator) -> None:
    assert wait(atlas, "failing").returncode == 24
    assert wait(atlas, "vanishing").returncode == 15
    start = time.monotonic()
    stuck = wait(atlas, "stuck", "--timeout", "0.01m")
    assert stuck.returncode == 19 and b"inProgress" in stuck.stderr and 0.5 < time.monotonic() - start < 5
    sharded = command_line(
        "wait", "--sharded", atlas.project, atlas.variable("SHARDED_CLUSTER"), atlas.variable("SHARDED_SNAPSHOT")
    )
    assert sharded.returncode == 0 and b"shardedCluster" in sharded.stdout


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("0.5", 0.5), ("2m", 120), ("1.5h", 5400), ("1d", 86400), ("10s", 10)]
)
def test_times_have_units(text: str, seconds: float) -> None:
    assert __main__._duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "1w", "m", "1e3", "0x10", "inf", "50d", " 1", "1 m", "\u0663"])
def test_what_is_no_time_is_wrong_usage(text: str) -> None:
    result = command_line("wait", f"--timeout={text}", "a", "b", "c")
    assert result.returncode == 2 and b"30, 5m or 2h" in result.stderr


def test_verbose_tells_on_stderr_what_happens(atlas: Simulator) -> None:
    quiet, verbose = get(atlas), get(atlas, "-v")
    assert verbose.stdout == quiet.stdout and quiet.stderr == b""
    assert re.search(rb"^[-0-9]+ [:,0-9]+ INFO GET /api/\S+ 200 ", verbose.stderr, re.MULTILINE)
    assert len(get(atlas, "-vv").stderr.splitlines()) >= len(verbose.stderr.splitlines())


def test_ctrl_c_in_a_wait_exits_130_at_once(atlas: Simulator) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "atlas_backup", "wait", "--interval", "60", atlas.project, "stuck", atlas.snapshot],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr and process.stderr.readline() == b"inProgress after 0 s\n"
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (130, b"", b"") and time.monotonic() - start < 1


def test_ctrl_c_exits_130_at_once(atlas: Simulator) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    process = subprocess.Popen(
        [sys.executable, "-m", "atlas_backup", "get", atlas.project, "silent", atlas.snapshot],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 20
    while not atlas.requests() and time.monotonic() < deadline:
        time.sleep(0.02)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (130, b"", b"")
    assert time.monotonic() - start < 1


def table(document: Dict[str, Any]) -> str:
    return _show.table(atlas_backup.Snapshot.parse(json.dumps(document)))


def test_the_table_shows_what_is_there_and_nothing_else() -> None:
    assert table({}) == ""
    assert table({"status": "queued", "id": None, "copyRegions": []}) == "status              queued\n"
    assert "paused" in table({"status": "paused"})
    assert table({"createdAt": "yesterday"}).split() == ["created", "at", "yesterday"]
    sharded = table({"members": [{"id": "a", "replicaSetName": "shard-0"}, {"id": "b", "cloudProvider": "AWS"}]})
    assert sharded == "members             a shard-0\n                    b AWS\n"


def test_text_from_the_server_cannot_steer_the_terminal() -> None:
    evil = "a\x1b[31mred\r\nid  forged\x9b2J\u202e\x00\u2028"
    shown = table(
        {"description": evil, "copyRegions": [evil], "links": [{"rel": evil}], "status": evil, "createdAt": evil}
    )
    assert shown.count("\n") == 5
    assert all(line.isprintable() for line in shown.splitlines())


def test_what_turns_the_direction_of_writing_becomes_a_blank() -> None:
    controls = "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x85\x7f"
    shown = table({"status": f"a{controls}b\u200d\u2027\u202f\u2065c"})
    assert shown == f"status              a{16 * ' '}b\u200d\u2027\u202f\u2065c\n"


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB (1024 bytes)"),
        (1048575, "1.0 MiB (1048575 bytes)"),
        (1574477824, "1.5 GiB (1574477824 bytes)"),
        (2**63 - 1, "8.0 EiB (9223372036854775807 bytes)"),
        (-1, "-1 bytes"),
    ],
)
def test_sizes_are_for_people_and_exact(size: int, words: str) -> None:
    assert table({"storageSizeBytes": size}) == f"storage size bytes  {words}\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "1 second ago"),
        (-119, "119 seconds ago"),
        (-121, "2 minutes ago"),
        (-7199, "119 minutes ago"),
        (-3 * 86400 + 60, "2 days ago"),
        (-3 * 86400 - 60, "3 days ago"),
        (86400 + 3601, "25 hours"),
        (300 * 86400, "in 9 months"),
        (800 * 86400, "in 2 years"),
    ],
)
def test_dates_say_how_far_they_are(seconds: int, words: str) -> None:
    moment = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    assert words in table({"createdAt": moment.isoformat()})


def test_text_that_the_terminal_cannot_show_is_escaped(atlas: Simulator) -> None:
    atlas.respond(200, '{"id":"x","description":"é 💾"}'.encode())
    result = get(atlas, environment={"PYTHONIOENCODING": "ascii"})
    assert result.stdout.decode("ascii").splitlines()[-1] == "description         \\xe9 \\U0001f4be"
    assert (result.returncode, result.stderr) == (0, b"")
