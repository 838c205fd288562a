"""The client: settings, credentials, ids, closing."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import time
import traceback
import warnings
import weakref
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Dict, List

import pytest
from conftest import Simulator, run_python

import atlas_backup
from atlas_backup import Client, ConfigError, InvalidArgumentError, InvalidResponseError, Status, _library

WAYS_IN = ["access_token", "service_account", "api_key"]
GOOD_ID = "5f4007f327a3bd7b6f4103c5"


@pytest.mark.parametrize("way_in", WAYS_IN)
def test_each_kind_of_credentials_fetches_a_snapshot_over_tls(atlas: Simulator, way_in: str) -> None:
    with atlas.client(**getattr(atlas, way_in)) as client:
        for _ in range(3):
            snapshot = client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
            assert (snapshot.id, snapshot.status) == (atlas.snapshot, Status.COMPLETED)
    path = f"/api/atlas/v2/groups/{atlas.project}/clusters/{atlas.cluster}/backup/snapshots/{atlas.snapshot}"
    seen = [(request["method"], request["path"], request["status"]) for request in atlas.requests()]
    assert seen[-3:] == [("GET", path, 200)] * 3
    assert (
        seen[:-3]
        == {
            "access_token": [],
            "service_account": [("POST", "/api/oauth/token", 200)],
            "api_key": [("GET", path, 401)],
        }[way_in]
    )


def environment(atlas: Simulator, way_in: str) -> Dict[str, str]:
    names = {"public_key": "PUBLIC_API_KEY", "private_key": "PRIVATE_API_KEY"}
    credentials = {names.get(name, name.upper()): value for name, value in getattr(atlas, way_in).items()}
    settings = {**credentials, "BASE_URL": atlas.url, "CA_FILE": atlas.ca_file}
    return {f"MONGODB_ATLAS_{name}": value for name, value in settings.items()}


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("MONGODB_ATLAS_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("way_in", WAYS_IN)
def test_from_env_reads_what_the_atlas_cli_reads(
    atlas: Simulator, monkeypatch: pytest.MonkeyPatch, no_environment: None, way_in: str
) -> None:
    for name, value in environment(atlas, way_in).items():
        monkeypatch.setenv(name, value)
    with Client.from_env() as client:
        assert client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot).id == atlas.snapshot
    kind = {"access_token": "Bearer", "service_account": "Bearer", "api_key": "Digest"}[way_in]
    assert dict(atlas.requests()[-1]["headers"])["authorization"].startswith(kind)


def test_overrides_come_before_the_environment(
    atlas: Simulator, monkeypatch: pytest.MonkeyPatch, no_environment: None
) -> None:
    for name, value in {**environment(atlas, "service_account"), "MONGODB_ATLAS_TIMEOUT_MS": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="(?i)timeout"):
        Client.from_env()
    with Client.from_env(timeout=20, **atlas.api_key) as client:
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    assert "Digest" in dict(atlas.requests()[-1]["headers"])["authorization"]
    with pytest.raises(ConfigError):
        Client.from_env(timeout=None)


def test_without_credentials_a_client_says_what_is_missing(
    atlas: Simulator, monkeypatch: pytest.MonkeyPatch, no_environment: None
) -> None:
    with pytest.raises(ConfigError, match="MONGODB_ATLAS_CLIENT_ID"):
        Client.from_env()
    for name, value in environment(atlas, "service_account").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError):
        Client(), "only from_env reads the environment"


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"client_id": "mdb_sa_id_a"}, "secret"),
        ({"client_secret": "mdb_sa_sk_a"}, "id"),
        ({"client_id": None, "client_secret": "mdb_sa_sk_a"}, "id"),
        ({"client_id": "mdb_sa_id_a", "client_secret": ""}, "secret"),
        ({"public_key": "a"}, "private"),
        ({"private_key": "a"}, "public"),
        ({"access_token": None}, "token"),
        ({"access_token": "a\n"}, "newline"),
        ({"access_token": "a\0b"}, "access_token"),
        ({"access_token": "é"}, "token"),
        ({"access_token": "\udcff"}, "token"),
    ],
    ids=str,
)
def test_credentials_that_are_missing_or_odd_are_named(settings: Dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError, match=f"(?i){name}") as caught:
        Client(**settings)
    assert "mdb_sa_sk_a" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"base_url": "http://example.com"}, "URL"),
        ({"base_url": "https://user:secret@example.com"}, "URL"),
        ({"base_url": "https://example.com\0"}, "base_url"),
        ({"api_version": "yesterday"}, "version"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": 5_000_000}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": 10**400}, "timeout is inf seconds"),
        ({"timeout": timedelta(0)}, "timeout"),
        ({"timeout": timedelta(days=-1)}, "timeout is -86400 seconds"),
        ({"connect_timeout": timedelta.max}, "connect_timeout"),
        ({"connect_timeout": 0.0}, "connect_timeout"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": 2**32}, "max_retries"),
        ({"max_retries": 10**400}, "max_retries is inf"),
        ({"ca_file": "/nowhere/ca.pem"}, "ca_file|CA file"),
        ({"ca_file": Path("/nowhere/ca.pem")}, "/nowhere/ca.pem"),
        ({"proxy": "gopher://example.com"}, "proxy"),
        ({"user_agent": "a\r\nX-Evil: 1"}, "user.agent"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_named(settings: Dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError, match=f"(?i){name}"):
        Client(access_token="token", **settings)


def test_two_kinds_of_credentials_are_refused(atlas: Simulator) -> None:
    with pytest.raises(ConfigError, match="one kind of credentials"):
        Client(**atlas.api_key, **atlas.access_token)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"timeout": "30"}, "timeout must be a number of seconds or a timedelta, not str: '30'"),
        ({"timeout": True}, "timeout must be .*, not bool: True"),
        ({"timeout": 1j}, "timeout must be .*, not complex: 1j"),
        ({"timeout": [1]}, r"timeout must be .*, not list: \[1\]"),
        ({"timeout": datetime(2026, 1, 1)}, "timeout must be .*, not datetime"),
        ({"connect_timeout": b"5"}, "connect_timeout must be .*, not bytes"),
        ({"max_retries": 2.0}, "max_retries must be a whole number, not float: 2.0"),
        ({"max_retries": False}, "max_retries must be a whole number, not bool"),
        ({"ca_file": 17}, "ca_file must be str, not int"),
        ({"token_cache": b"/tmp"}, "token_cache must be str, not bytes"),
        ({"base_url": b"https://x"}, "base_url must be str, not bytes"),
        ({"retries": 3}, "there is no setting retries"),
    ],
    ids=str,
)
def test_a_setting_of_another_type_or_name_is_a_type_error(settings: Dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        Client(access_token="token", **settings)


def test_a_secret_of_another_type_is_not_shown() -> None:
    with pytest.raises(TypeError, match="client_secret must be str, not bytes$"):
        Client(client_id="mdb_sa_id_a", client_secret=b"mdb_sa_sk_a")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="proxy must be str, not bytes$"):
        Client(access_token="token", proxy=b"http://user:password@proxy")  # type: ignore[arg-type]


def test_times_are_numbers_of_any_kind_or_timedeltas(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: List[int] = []
    setter = _library.lib.atlas_config_set_timeout_ms
    monkeypatch.setattr(
        _library.lib, "atlas_config_set_timeout_ms", lambda config, ms: (set_to.append(ms), setter(config, ms))
    )
    for value in (2, 0.25, Fraction(1, 3), timedelta(minutes=1.5), timedelta(microseconds=1), 1e-9):
        Client(access_token="token", timeout=value).close()  # type: ignore[arg-type]
    assert set_to == [2000, 250, 334, 90_000, 1, 1]


def test_names_of_settings_that_are_misspelt_are_shown_with_the_right_ones() -> None:
    with pytest.raises(TypeError, match="cient_id.*client_id"):
        Client(cient_id="x")  # type: ignore[call-arg]


def test_settings_reach_atlas(atlas: Simulator, tmp_path: Path) -> None:
    ca_file = tmp_path / "authorité.pem"
    ca_file.write_bytes(Path(atlas.ca_file).read_bytes())
    with atlas.client(
        api_version="2023-11-15",
        user_agent="backup-audit/2.1",
        ca_file=ca_file,
        proxy="",
        max_retries=1,
        connect_timeout=5,
        timeout=1.5,
    ) as client:
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot, envelope=True, pretty=True)
        headers = dict(atlas.requests()[0]["headers"])
        assert headers["accept"] == "application/vnd.atlas.2023-11-15+json"
        assert headers["user-agent"].startswith("backup-audit/2.1 atlas-backup/")
        assert sorted(atlas.requests()[0]["query"].split("&")) == ["envelope=true", "pretty=true"]
        atlas.control("POST", "clear")
        with pytest.raises(atlas_backup.ServerError):
            client.get_snapshot(atlas.project, "error-500", atlas.snapshot)
        assert len(atlas.requests()) == 2
    atlas.control("POST", "clear")
    atlas.get()
    request = atlas.requests()[0]
    assert "envelope=true" not in request["query"] and "pretty=true" not in request["query"]


def test_the_connect_timeout_bounds_the_handshake_and_nothing_after_it(atlas: Simulator) -> None:
    start = time.monotonic()
    stalled = atlas.variable("BAD_TLS_STALLED_HANDSHAKE_URL")
    with atlas.client(base_url=stalled, connect_timeout=1, max_retries=0) as client:
        with pytest.raises(atlas_backup.AtlasError) as caught:
            client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    assert caught.value.retryable and 0.9 < time.monotonic() - start < 5
    with atlas.client(connect_timeout=1, max_retries=0) as client:
        assert client.get_snapshot(atlas.project, "slow-1300", atlas.snapshot).id == atlas.snapshot


IDS: List[str] = [
    "", "a", GOOD_ID[:-1], GOOD_ID + "0", GOOD_ID.upper(), GOOD_ID[:-1] + "g", GOOD_ID[:-1] + "/", "../" + GOOD_ID[3:],
    "..", "%2e%2e", GOOD_ID[:-3] + "%2e", GOOD_ID + "\r\n", GOOD_ID[:-2] + "\r\n", GOOD_ID + "\0", "\0" + GOOD_ID,
    GOOD_ID[:-1] + "é", "\udcff" + GOOD_ID[1:], "\ud800", "٣" * 24, GOOD_ID + "?pretty=true", "a" * 10_000_000,
]  # fmt: skip
CLUSTERS = [
    "", "-a", "a_b", "a/b", "..", ".", "a/../b", "%2e%2e", "a%2fb", "a b", "a\r\nX: 1", "a\0", "é", "\ud800", "a?b", "a" * 65,
    "a" * 10_000_000,
]  # fmt: skip


@pytest.mark.parametrize("position", [0, 2], ids=["project", "snapshot"])
@pytest.mark.parametrize("bad", IDS, ids=lambda value: ascii(value[:40]))
def test_an_id_that_cannot_be_is_refused_and_nothing_sent(atlas: Simulator, bad: str, position: int) -> None:
    arguments = [atlas.project, atlas.cluster, atlas.snapshot]
    arguments[position] = bad
    refuse(atlas, arguments)


@pytest.mark.parametrize("bad", CLUSTERS, ids=lambda value: ascii(value[:40]))
def test_a_cluster_name_that_cannot_be_is_refused_and_nothing_sent(atlas: Simulator, bad: str) -> None:
    refuse(atlas, [atlas.project, bad, atlas.snapshot])


def refuse(atlas: Simulator, arguments: List[str]) -> None:
    with atlas.client(**atlas.service_account) as client, pytest.raises(InvalidArgumentError) as caught:
        client.get_snapshot(*arguments)
    assert caught.value.http_status is None and not caught.value.retryable
    assert 20 < len(str(caught.value)) < 768 and str(caught.value).isprintable()
    assert atlas.requests() == []


def test_an_id_that_is_no_text_is_a_type_error_that_names_it(atlas: Simulator) -> None:
    with atlas.client() as client:
        for bad in (None, 17, b"5f4007f327a3bd7b6f4103c5"):
            with pytest.raises(TypeError, match=f"project_id must be str, not {type(bad).__name__}: {bad!r}"):
                client.get_snapshot(bad, atlas.cluster, atlas.snapshot)  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="cluster_name"):
                client.get_snapshot(atlas.project, bad, atlas.snapshot)  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="snapshot_id"):
                client.get_snapshot(atlas.project, atlas.cluster, bad)  # type: ignore[arg-type]
    assert atlas.requests() == []


def test_a_closed_client_says_so(atlas: Simulator) -> None:
    client = atlas.client()
    assert not client.closed and repr(client) == "<atlas_backup.Client open>"
    with client:
        snapshot = client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    assert client.closed and repr(client) == "<atlas_backup.Client closed>"
    with pytest.raises(InvalidArgumentError, match="closed"):
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    with pytest.raises(ValueError):
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    client.close()
    assert snapshot.id == atlas.snapshot, "a snapshot outlives its client"


@pytest.fixture
def freed(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """The handles that were freed, by the names of the functions."""
    calls: List[str] = []
    for name in ("atlas_client_free", "atlas_snapshot_free", "atlas_config_free"):
        free = getattr(_library.lib, name)

        def count(handle: Any, name: str = name, free: Any = free) -> None:
            calls.append(name)
            free(handle)

        monkeypatch.setattr(_library.lib, name, count)
    return calls


def test_every_handle_is_freed_exactly_once(atlas: Simulator, freed: List[str]) -> None:
    client = atlas.client()
    assert freed == ["atlas_config_free"]
    snapshot = client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    client.close()
    client.close()
    assert freed[1:] == ["atlas_client_free"]
    del client
    gc.collect()
    assert freed[2:] == []
    del snapshot
    assert freed[2:] == ["atlas_snapshot_free"]
    with pytest.raises(ConfigError):
        Client(access_token="")
    with pytest.raises(TypeError):
        Client(access_token="token", timeout="x")  # type: ignore[arg-type]
    assert freed[3:] == ["atlas_config_free"] * 2


def test_an_error_that_is_kept_keeps_no_closed_client_alive(atlas: Simulator, freed: List[str]) -> None:
    with atlas.client() as client:
        with pytest.raises(atlas_backup.NotFoundError) as caught:
            client.get_snapshot(atlas.project, "error-404", atlas.snapshot)
    assert freed == ["atlas_config_free", "atlas_client_free"]
    assert caught.value.__traceback__ is not None


def test_an_error_that_is_dropped_is_gone_at_once(atlas: Simulator) -> None:
    def fail() -> weakref.ref[atlas_backup.NotFoundError]:
        try:
            client.get_snapshot(atlas.project, "error-404", atlas.snapshot)
        except atlas_backup.NotFoundError as error:
            return weakref.ref(error)
        raise AssertionError

    with atlas.client() as client:
        gc.disable()
        try:
            assert fail()() is None
        finally:
            gc.enable()


def test_a_client_that_is_dropped_is_freed(atlas: Simulator, freed: List[str]) -> None:
    client = atlas.client()
    client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    gone = weakref.ref(client)
    with pytest.warns(ResourceWarning):
        del client
    assert gone() is None and "atlas_client_free" in freed


def test_a_client_that_is_never_closed_is_warned_of(atlas: Simulator) -> None:
    with pytest.warns(ResourceWarning, match="unclosed <atlas_backup.Client open>.*close()"):
        atlas.client()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with atlas.client():
            pass
        atlas.client().close()
        with pytest.raises(ConfigError):
            Client(access_token="")
        gc.collect()
    script = "import atlas_backup; client = atlas_backup.Client(access_token='token')"
    at_exit = run_python("-X", "dev", "-c", script)
    assert at_exit.returncode == 0 and b"ResourceWarning: unclosed <atlas_backup.Client open>" in at_exit.stderr
    assert run_python("-c", script).stderr == b"", "Python shows it to who asks for it"


def test_a_client_cannot_be_pickled(atlas: Simulator) -> None:
    with atlas.client() as client:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="process"):
                pickle.dumps(client, protocol)
        with pytest.raises(TypeError):
            copy.copy(client)


def test_no_secret_shows_in_what_is_printed(atlas: Simulator) -> None:
    secret = atlas.service_account["client_secret"]
    with atlas.client(**atlas.service_account) as client:
        printed = repr(client) + str(client) + repr(vars(client))
        try:
            client.get_snapshot(atlas.project, "error-403", atlas.snapshot)
        except atlas_backup.ForbiddenError as error:
            printed += "".join(traceback.format_exception(type(error), error, error.__traceback__)) + repr(vars(error))
    assert secret not in printed and atlas.access_token["access_token"] not in printed


def test_twenty_thousand_snapshots_leave_no_memory_behind() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def parse(count: int) -> None:
        for _ in range(count):
            snapshot = atlas_backup.Snapshot.parse(b'{"id":"x","description":"%s"}' % (b"y" * 500))
            assert snapshot.to_dict() and snapshot.fields
            with pytest.raises(InvalidResponseError):
                atlas_backup.Snapshot.parse(b"[]")

    parse(1000)
    before = resident()
    parse(20_000)
    assert resident() - before < 4_000_000
