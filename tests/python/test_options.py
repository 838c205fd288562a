"""Options of the command line: what is listed, tokens, the file of --env-file, help."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
from conftest import PACKAGE, REPOSITORY, Simulator, command_line, run_python

from atlas_backup import ErrorKind, ForbiddenError, _environment


def ago(**age: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(**age)).strftime("%Y-%m-%dT%H:%M:%SZ")


def id_of(**age: float) -> str:
    return f"{int(time.time() - timedelta(**age).total_seconds()):08x}0123456789abcdef"


SNAPSHOTS = [
    {"id": id_of(days=9), "createdAt": ago(days=9), "status": "completed", "frequencyType": "weekly", "snapshotType": "scheduled"},
    {"id": id_of(hours=5), "createdAt": ago(hours=5), "status": "completed", "frequencyType": "daily", "snapshotType": "scheduled"},
    {"id": id_of(hours=30), "createdAt": ago(hours=30), "status": "COMPLETED", "frequencyType": "ondemand", "snapshotType": "onDemand"},
    {"id": id_of(minutes=1), "status": "queued", "snapshotType": "onDemand"},
    {"id": id_of(days=2), "status": "failed", "createdAt": "soon"},
    {"status": "inProgress"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], [0, 1, 2, 3, 4, 5]),
        (["--status", "completed"], [0, 1, 2]),
        (["--status", "In-Progress"], [5]),
        (["--newest"], [1]),
        (["--newest", "--status", "completed", "--frequency", "weekly"], [0]),
        (["--newest", "--status", "failed"], [4]),
        (["--type", "on-demand"], [2, 3]),
        (["--type", "fallback", "--newest"], []),
        (["--since", "24h"], [1, 3]),
        (["--since", "7d"], [1, 2, 3, 4]),
        (["--since", "7"], [1, 2, 3, 4]),
        (["--since", "3650d", "--status", "completed"], [0, 1, 2]),
        (["--since", "1m"], []),
    ],
    ids=lambda words: " ".join(map(str, words)),
)
def test_list_shows_those_that_are_asked_for(atlas: Simulator, options: List[str], expected: List[int]) -> None:
    atlas.respond(200, json.dumps({"results": SNAPSHOTS}).encode())
    result = command_line("list", "--json", *options, atlas.project, atlas.cluster)
    assert result.returncode == 0 and json.loads(result.stdout) == [SNAPSHOTS[place] for place in expected]
    table = command_line("list", *options, atlas.project, atlas.cluster).stdout.decode().splitlines()
    assert table[-1] == f"{len(expected)} snapshot{'' if len(expected) == 1 else 's'}"


def service_account(**environment: Optional[str]) -> Dict[str, Optional[str]]:
    """The environment of the simulator with the service account's credentials alone."""
    others = dict.fromkeys(("PUBLIC_API_KEY", "PRIVATE_API_KEY", "ACCESS_TOKEN"))
    return {**{f"MONGODB_ATLAS_{name}": value for name, value in others.items()}, **environment}


def requests(atlas: Simulator) -> List[str]:
    return [request["path"].rsplit("/", 1)[-1] for request in atlas.requests()]


@pytest.mark.parametrize("command", ["get", "list", "wait"])
def test_a_run_gives_its_token_back(atlas: Simulator, command: str) -> None:
    ids = [atlas.project, atlas.cluster, *([] if command == "list" else [atlas.snapshot])]
    live = atlas.control("GET", "tokens")["live"]
    late = 19 if command == "wait" else 18  # a wait rides out what may pass
    for code, cluster in ((0, atlas.cluster), (15, "error-404"), (late, "error-500")):
        ids[1] = cluster
        result = command_line(command, "--timeout", "2", *ids, environment=service_account())
        assert result.returncode == code, result.stderr
        assert requests(atlas)[0] == "token" and requests(atlas)[-1] == "revoke"
        assert atlas.control("GET", "tokens")["live"] == live


def test_where_atlas_gives_no_more_tokens_the_cache_is_hinted_at(atlas: Simulator) -> None:
    atlas.control("POST", "settings", {"max_live_tokens": 0})
    for command in ("list", "diagnose"):
        result = command_line(command, atlas.project, atlas.cluster, environment=service_account())
        assert b"; --token-cache shares one token between runs\n" in result.stdout + result.stderr
    with atlas.client(**atlas.service_account) as client, pytest.raises(ForbiddenError) as caught:
        client.list_snapshots(atlas.project, atlas.cluster)
    assert caught.value.hint == "token_cache= of Client shares one token between processes"


def test_many_runs_of_one_service_account_are_all_let_in(atlas: Simulator) -> None:
    live = atlas.control("GET", "tokens")["live"]
    atlas.control("POST", "settings", {"max_live_tokens": live + 1})
    for _ in range(4):
        result = command_line("list", atlas.project, atlas.cluster, environment=service_account())
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: str(signal.Signals(number).name)
)
def test_a_run_that_a_signal_ends_gives_its_token_back(atlas: Simulator, number: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), **service_account()}
    process = subprocess.Popen(
        [sys.executable, "-m", "atlas_backup", "get", atlas.project, "silent", atlas.snapshot],
        env={name: value for name, value in environment.items() if value is not None},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 20
    while atlas.snapshot not in requests(atlas) and time.monotonic() < deadline:
        time.sleep(0.02)
    start = time.monotonic()
    process.send_signal(number)
    assert process.communicate(timeout=20) == (b"", b"") and process.returncode == 128 + number
    assert time.monotonic() - start < 2 and requests(atlas)[-1] == "revoke"


def test_giving_a_token_back_neither_fails_nor_delays_a_run(atlas: Simulator) -> None:
    for act in ({"act": "respond", "status": 500, "headers": [], "body": "{}"}, {"act": "silence"}):
        atlas.control("POST", "script", {"target": "revoke", "acts": [act], "forever": True})
        start = time.monotonic()
        result = command_line("get", atlas.project, atlas.cluster, atlas.snapshot, environment=service_account())
        assert (result.returncode, result.stderr) == (0, b"") and b"completed" in result.stdout
        assert time.monotonic() - start < 6


@pytest.mark.parametrize("way", ["option", "option alone", "option with =", "variable", "file"])
def test_runs_share_a_token_in_the_cache(atlas: Simulator, tmp_path: Path, way: str) -> None:
    folder = tmp_path / "cache"
    environment = service_account(XDG_CACHE_HOME=str(tmp_path))
    options = {"option": ["--token-cache", str(folder)], "option alone": ["--token-cache"]}.get(way, [])
    if way == "option with =":
        options = [f"--token-cache={folder}"]
    if way == "variable":
        environment["MONGODB_ATLAS_TOKEN_CACHE"] = str(folder)
    if way == "file":
        settings = tmp_path / "env"
        settings.write_text(f"MONGODB_ATLAS_TOKEN_CACHE={folder}\n")
        settings.chmod(0o600)
        options = ["--env-file", str(settings)]
    for _ in range(2):
        result = command_line("list", *options, atlas.project, atlas.cluster, environment=environment)
        assert (result.returncode, result.stderr) == (0, b"")
    assert requests(atlas) == ["token", "snapshots", "snapshots"]


def test_a_cache_that_cannot_be_used_is_told_and_the_token_given_back(atlas: Simulator, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    options = ("--token-cache", str(folder), atlas.project, atlas.cluster)
    result = command_line("list", *options, environment=service_account())
    assert result.returncode == 0 and b" WARNING " in result.stderr and bytes(folder) in result.stderr
    assert requests(atlas) == ["token", "snapshots", "revoke"]


def test_diagnose_takes_the_same_options(atlas: Simulator, tmp_path: Path) -> None:
    ids = (atlas.project, atlas.cluster)
    for options, expected in (
        ([], ["token", "snapshots", "revoke"]),
        (["--token-cache", str(tmp_path)], ["token", "snapshots"]),
    ):
        atlas.control("POST", "clear")
        result = command_line("diagnose", "-v", "--timeout", "9", *options, *ids, environment=service_account())
        assert result.returncode == 0 and re.search(rb"^timeout +9000 ms +\[--timeout\]$", result.stdout, re.MULTILINE)
        assert [request for request in requests(atlas) if request] == expected
        assert b"GET /api/" in result.stderr and b" DEBUG " not in result.stderr


def test_the_timeout_of_a_call_is_an_option(atlas: Simulator) -> None:
    for option in ("-t", "--timeout"):
        start = time.monotonic()
        late = command_line("get", option, "0.3s", atlas.project, "silent", atlas.snapshot)
        assert late.returncode == 10 + ErrorKind.TIMEOUT and 0.3 < time.monotonic() - start < 3
        late = command_line("list", option, "0.3", atlas.project, "silent")
        assert late.returncode == 10 + ErrorKind.TIMEOUT


def with_file(atlas: Simulator, file: Path, text: str, mode: int = 0o600, **environment: Optional[str]) -> Any:
    file.write_text(text)
    file.chmod(mode)
    nothing = {name: None for name in os.environ if name.startswith("MONGODB_ATLAS_")}
    options = ("list", "--env-file", str(file), atlas.project, "empty")
    return command_line(*options, environment={**nothing, **environment})


@pytest.mark.parametrize("style", ["{}={}", '{}="{}"', "{}='{}'", "  {}=\t{} \t", '{}= "{}" ', "{}={}\r"])
def test_a_file_has_the_settings(atlas: Simulator, tmp_path: Path, style: str) -> None:
    variables = {
        "MONGODB_ATLAS_PUBLIC_API_KEY": atlas.api_key["public_key"],
        "MONGODB_ATLAS_PRIVATE_API_KEY": atlas.api_key["private_key"],
        "MONGODB_ATLAS_BASE_URL": atlas.url,
        "MONGODB_ATLAS_CA_FILE": atlas.ca_file,
    }
    lines = [style.format(name, value) for name, value in variables.items()]
    file = tmp_path / "atlas.env"
    result = with_file(atlas, file, "\n".join(["# Atlas", "", "; key", *lines, ""]), mode=0o640)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"0 snapshots\n", b"")


def test_what_a_file_has_comes_before_the_environment(atlas: Simulator, tmp_path: Path) -> None:
    text = f"""
MONGODB_ATLAS_PUBLIC_KEY={atlas.api_key["public_key"]}
MONGODB_ATLAS_PRIVATE_KEY={atlas.api_key["private_key"]}
MONGODB_ATLAS_BASE_URL={atlas.url}
MONGODB_ATLAS_CA_FILE="{atlas.ca_file}"
no_proxy=*
"""
    elsewhere = {
        "MONGODB_ATLAS_CLIENT_ID": atlas.service_account["client_id"],
        "MONGODB_ATLAS_CLIENT_SECRET": atlas.service_account["client_secret"],
        "MONGODB_ATLAS_OPS_MANAGER_URL": "https://127.0.0.1:1",
        "MONGODB_ATLAS_CA_FILE": "/nowhere",
    }
    result = with_file(atlas, tmp_path / "env", text, **elsewhere)
    assert result.returncode == 0, result.stderr
    assert dict(atlas.requests()[-1]["headers"])["authorization"].startswith("Digest")


REFUSED = {
    "line 2 is not NAME=VALUE": (
        "\nexport MONGODB_ATLAS_ACCESS_TOKEN=secret", "\nsecret", "\nMONGODB_ATLAS_ACCESS_TOKEN = secret",
        '\nMONGODB_ATLAS_ACCESS_TOKEN="secret', "\nMONGODB_ATLAS_ACCESS_TOKEN='secret'x",
        "\nMONGODB_ATLAS_ACCESS_TOKEN=secret\\", "\nMONGODB_ATLAS_ACCESS_TOKEN=secret\0", "\n=secret",
    ),
    "line 1 has a variable that means nothing here": ("MONGODB_ATLAS_TOKEN=secret", "PATH=secret"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "text"), [(words, text) for words, texts in REFUSED.items() for text in texts])
def test_a_line_that_is_no_setting_is_refused_and_not_shown(
    atlas: Simulator, tmp_path: Path, words: str, text: str
) -> None:
    result = with_file(atlas, tmp_path / "env", text)
    assert result.returncode == 10 + ErrorKind.CONFIG and result.stderr.count(b"\n") == 1
    assert f"--env-file {tmp_path}/env: {words}" in result.stderr.decode() and b"secret" not in result.stderr


def test_a_file_that_others_may_read_or_change_is_refused(atlas: Simulator, tmp_path: Path) -> None:
    file = tmp_path / "env"
    for mode, words in ((0o644, "others may"), (0o602, "others may"), (0o660, "its group may write it")):
        result = with_file(atlas, file, "", mode)
        assert result.returncode == 10 + ErrorKind.CONFIG and words in result.stderr.decode()
    if os.geteuid() == 0:
        os.chown(file, 12345, -1)
        assert b"belongs to another user" in with_file(atlas, file, "", 0o600).stderr
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path, words in ((pipe, "no regular file"), (tmp_path, "s a directory"), (tmp_path / "none", "No such file")):
        result = command_line("list", "--env-file", str(path), "a", "b")
        assert result.returncode == 10 + ErrorKind.CONFIG and words in result.stderr.decode()


def test_a_value_in_quotes_is_read_as_systemd_does(tmp_path: Path) -> None:
    file = tmp_path / "env"
    script = f"import os; from atlas_backup import _environment; _environment.load({str(file)!r}); "
    script += "print(os.environ['MONGODB_ATLAS_ACCESS_TOKEN'])"
    for text, value in (
        (r'"a \"b\" \\ \$ \` \n # "', r'a "b" \ $ ` \n # '),
        (r"'a \"b\" \\'", r"a \"b\" \\"),
        ("a # 'b\"", "a # 'b\""),
        ("", ""),
        ('""', ""),
    ):
        file.write_text(f"MONGODB_ATLAS_ACCESS_TOKEN={text}\n")
        file.chmod(0o600)
        assert run_python("-c", script).stdout.decode() == f"{value}\n"


def variables_of_the_readme() -> List[str]:
    """The names in the table of settings, with those that it abbreviates."""
    table = re.search(
        r"\| setting \| default \| environment \|\n(.*?)\n\n", (REPOSITORY / "README.md").read_text(), re.DOTALL
    )
    assert table
    names = []
    for name in re.findall(r"`([^`]+)`", "\n".join(row.split("|")[3] for row in table[1].splitlines())):
        if re.fullmatch(r"…?\w+_\w+|\w*(PROXY|proxy)", name):
            names.append(name.replace("…", "MONGODB_ATLAS"))
    return names


@pytest.mark.parametrize("command", [[], ["get"], ["list"], ["wait"], ["diagnose"]], ids=" ".join)
def test_every_help_names_every_variable_of_the_readme(command: List[str]) -> None:
    names = variables_of_the_readme()
    assert len(names) >= 22 and "MONGODB_ATLAS_PRIVATE_KEY" in names and "no_proxy" in names
    result = command_line(*command, "--help")
    assert result.returncode == 0
    missing = [name for name in names if not re.search(rf"^  {name}  ", result.stdout.decode(), re.MULTILINE)]
    assert missing == []


def test_variables_are_those_of_the_c_programs_in_the_same_words() -> None:
    source = (REPOSITORY / "bindings" / "c" / "options.h").read_text()
    table = source.split("VARIABLES[] = {")[1].split("};")[0]
    rows = re.findall(r'\{ "(\w+)", (\w+), "([^"]+)" \}', table)
    assert [(name, text) for group in _environment._GROUPS for name, text in group.items()] == [
        (name, text) for name, _, text in rows
    ]
    group_of = {name: number for number, group in enumerate(_environment._GROUPS) for name in group}
    for name, group, _ in rows:
        together = {other for other, its, _ in rows if its == group} if group != "OTHER" else {name}
        assert {other for other in group_of if group_of[other] == group_of[name]} == together


def test_every_help_says_when_to_share_a_token_and_how() -> None:
    for command in ("get", "list", "wait", "diagnose"):
        text = " ".join(command_line(command, "--help").stdout.decode().split())
        assert "--token-cache [DIR] share an access token" in text and "where runs are many, in monitoring say" in text


def test_get_without_an_id_says_how_to_list(atlas: Simulator) -> None:
    for command in ("get", "wait"):
        result = command_line(command, atlas.project, atlas.cluster)
        assert result.returncode == 2
        assert b"python -m atlas_backup list PROJECT CLUSTER lists the ids" in result.stderr
