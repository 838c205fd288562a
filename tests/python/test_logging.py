"""The library's log lines in the standard `logging`."""

from __future__ import annotations

import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional

import pytest
from conftest import Simulator, run_python

import atlas_backup
from atlas_backup import _library


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: List[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def texts(self, level: int) -> List[str]:
        return [record.getMessage() for record in self.records if record.levelno == level]


@pytest.fixture
def lines(no_logging: None) -> Iterator[Lines]:
    logger, handler = logging.getLogger("atlas_backup"), Lines()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)


def test_round_trips_settings_oddities_and_failures_are_logged(atlas: Simulator, lines: Lines) -> None:
    with atlas.client(**atlas.service_account, max_retries=0) as client:
        assert any("timeout" in text for text in lines.texts(logging.INFO)), "settings in force"
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
        trips = [text for text in lines.texts(logging.INFO) if text.startswith(("GET", "POST"))]
        assert len(trips) == 2 and "/api/oauth/token 200" in trips[0] and f"/{atlas.snapshot} 200" in trips[1]
        client.get_snapshot(atlas.project, atlas.cluster, "00000000000000000000d004")
        assert any("storageSizeBytes" in text for text in lines.texts(logging.WARNING))
        with pytest.raises(atlas_backup.NotFoundError) as caught:
            client.get_snapshot(atlas.project, "error-404", atlas.snapshot)
        assert lines.texts(logging.ERROR) == [str(caught.value)]
    everything = repr([record.__dict__ for record in lines.records])
    assert atlas.service_account["client_secret"] not in everything and "Bearer" not in everything
    assert {record.name for record in lines.records} == {"atlas_backup"}


@pytest.mark.parametrize(
    ("level", "library"),
    [(logging.DEBUG, 4), (5, 4), (logging.INFO, 3), (25, 2), (logging.WARNING, 2), (logging.ERROR, 1), (45, 0)],
)
def test_the_loggers_level_decides_what_the_library_says(
    lines: Lines, monkeypatch: pytest.MonkeyPatch, level: int, library: int
) -> None:
    levels: List[int] = []
    setter = _library.lib.atlas_config_set_logger

    def note(config: Any, given: int, *more: Any) -> None:
        levels.append(given)
        setter(config, given, *more)

    monkeypatch.setattr(_library.lib, "atlas_config_set_logger", note)
    logging.getLogger("atlas_backup").setLevel(level)
    atlas_backup.Client(access_token="token").close()
    logging.disable(logging.CRITICAL)
    try:
        atlas_backup.Client(access_token="token").close()
    finally:
        logging.disable(logging.NOTSET)
    assert levels == [library, 0]


def test_without_handlers_the_library_is_silent_and_nothing_is_printed(atlas: Simulator) -> None:
    script = """
import os, atlas_backup
from atlas_backup import _logging
assert _logging.wanted() == 0
client = atlas_backup.Client.from_env(max_retries=0)
try:
    client.get_snapshot(os.environ["ATLAS_SIMULATOR_PROJECT"], "error-404", os.environ["ATLAS_SIMULATOR_SNAPSHOT"])
except atlas_backup.NotFoundError:
    print("not found")
import logging
logging.basicConfig()
assert _logging.wanted() == 2
"""
    result = run_python("-c", script)
    assert (result.stdout, result.stderr) == (b"not found\n", b"")


def test_lines_are_logged_on_the_thread_that_calls(atlas: Simulator, lines: Lines) -> None:
    def get() -> Optional[int]:
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
        return threading.get_ident()

    with atlas.client() as client, ThreadPoolExecutor(1) as pool:
        assert [record.thread for record in lines.records] == [threading.get_ident()]
        for call in (get, lambda: pool.submit(get).result()):
            lines.records.clear()
            thread = call()
            assert {record.thread for record in lines.records} == {thread} and lines.records


@pytest.mark.parametrize("thread", ["main", "other"])
def test_a_handler_or_filter_that_fails_fails_no_call(
    atlas: Simulator, lines: Lines, thread: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(record: Any) -> bool:
        raise ZeroDivisionError("in the filter")

    lines.addFilter(fail)
    with atlas.client() as client, ThreadPoolExecutor(1) as pool:
        call: Callable[..., Any] = client.get_snapshot
        if thread == "main":
            assert call(atlas.project, atlas.cluster, atlas.snapshot).id == atlas.snapshot
        else:
            assert pool.submit(call, atlas.project, atlas.cluster, atlas.snapshot).result().id == atlas.snapshot
    assert "in the filter" in capsys.readouterr().err


def test_many_threads_log_at_once_while_a_handler_is_slow(atlas: Simulator, lines: Lines) -> None:
    def slow(record: Any) -> bool:
        time.sleep(0.001)
        return True

    lines.addFilter(slow)
    with atlas.client() as client, ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(client.get_snapshot, atlas.project, atlas.cluster, atlas.snapshot) for _ in range(80)]
        for _ in range(10):
            client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
        assert {call.result(timeout=30).id for call in calls} == {atlas.snapshot}
    assert len([text for text in lines.texts(logging.INFO) if text.startswith("GET")]) == 90


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_logs_with_its_parents_client(atlas: Simulator, lines: Lines, tmp_path: Path) -> None:
    with atlas.client() as client:
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
        lines.records.clear()
        child = os.fork()
        if child == 0:
            try:
                client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
                (tmp_path / "child").write_text("\n".join(lines.texts(logging.INFO)))
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    assert f"/{atlas.snapshot} 200" in (tmp_path / "child").read_text()


def test_a_client_that_logs_is_freed_with_its_last_reference(
    atlas: Simulator, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed: List[Any] = []
    free = _library.lib.atlas_client_free
    monkeypatch.setattr(_library.lib, "atlas_client_free", lambda handle: (freed.append(handle), free(handle)))  # type: ignore[func-returns-value]
    client = atlas.client()
    client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    with pytest.warns(ResourceWarning):
        del client
    assert len(freed) == 1


def test_a_revoked_token_is_fetched_anew(atlas: Simulator) -> None:
    with atlas.client(**atlas.service_account) as client:
        client.revoke_token()
        assert atlas.requests() == []
        for _ in range(2):
            client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
            assert client.revoke_token() is None  # type: ignore[func-returns-value]
    paths = [request["path"].rsplit("/", 1)[-1] for request in atlas.requests()]
    assert paths == ["token", atlas.snapshot, "revoke"] * 2
    with atlas.client(**atlas.api_key) as client:
        client.revoke_token()
    with pytest.raises(atlas_backup.InvalidArgumentError, match="closed"):
        client.revoke_token()
    assert len(atlas.requests()) == 6


def test_a_token_that_cannot_be_revoked_is_kept(atlas: Simulator) -> None:
    with atlas.client(**atlas.service_account, max_retries=0) as client:
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
        atlas.control(
            "POST",
            "script",
            {"target": "revoke", "acts": [{"act": "respond", "status": 500, "headers": [], "body": "{}"}]},
        )
        with pytest.raises(atlas_backup.ServerError, match="revoke"):
            client.revoke_token()
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    assert [request["path"] for request in atlas.requests()].count("/api/oauth/token") == 1


def test_processes_share_a_token_in_the_cache(
    atlas: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "atlas-backup"
    for cache in ("default", folder, str(folder)):
        with atlas.client(**atlas.service_account, token_cache=cache) as client:
            client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    assert [request["path"] for request in atlas.requests()].count("/api/oauth/token") == 1
    assert folder.stat().st_mode & 0o777 == 0o700 and list(folder.iterdir())
    with pytest.raises(atlas_backup.ConfigError, match="(?i)cache"):
        atlas.client(**atlas.service_account, token_cache="relative")
