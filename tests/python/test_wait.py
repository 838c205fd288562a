"""Waiting for a snapshot."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterator, List, Optional, Set

import pytest
from conftest import Simulator, refuse_threads, run_python, threads

import atlas_backup
from atlas_backup import CancelledError, InvalidArgumentError, Snapshot, Status, _blocking


def on_this_thread(call: Callable[[], Any]) -> Any:
    return call()


def on_another_thread(call: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result(timeout=30)


def without_a_thread(call: Callable[[], Any]) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        refuse_threads(patch)
        return call()


everywhere = pytest.mark.parametrize("where", [on_this_thread, on_another_thread, without_a_thread])


@everywhere
def test_a_wait_ends_at_completion_and_progress_sees_every_answer(
    atlas: Simulator, where: Callable[..., Any]
) -> None:
    seen: List[Snapshot] = []

    def progress(snapshot: Snapshot) -> bool:
        told.add(threading.get_ident())
        seen.append(snapshot)
        return False  # what it returns does not matter

    def wait() -> Snapshot:
        callers.add(threading.get_ident())
        return client.wait_for_snapshot(
            atlas.project, "staged", atlas.snapshot, poll_interval=0.5, progress=progress, timeout=20
        )

    told: Set[int] = set()
    callers: Set[int] = set()
    with atlas.client() as client:
        snapshot = where(wait)
    assert snapshot.status is Status.COMPLETED and snapshot.http_status == 200
    assert [one.status for one in seen] == [Status.QUEUED, *[Status.IN_PROGRESS] * 4, Status.COMPLETED]
    assert seen[-1] == snapshot and dict(seen[-1].headers) == dict(snapshot.headers), "what was seen may be kept"
    assert told == callers, "progress runs on the thread that waits"


def test_the_poll_interval_is_kept_and_never_below_half_a_second(atlas: Simulator) -> None:
    for interval, expected in ((0, 0.5), (0.01, 0.5), (0.9, 0.9)):
        times: List[float] = []
        with atlas.client() as client, pytest.raises(ZeroDivisionError):

            def progress(snapshot: Snapshot) -> None:
                times.append(time.monotonic())
                len(times) < 3 or 1 // 0

            client.wait_for_snapshot(atlas.project, "stuck", atlas.snapshot, poll_interval=interval, progress=progress)
        pauses = [after - before for before, after in zip(times, times[1:])]
        assert all(0.85 * expected < pause < 1.1 * expected + 0.3 for pause in pauses), pauses


def test_the_timeout_ends_a_wait_and_names_the_last_status(atlas: Simulator) -> None:
    start = time.monotonic()
    with atlas.client() as client, pytest.raises(atlas_backup.AtlasTimeoutError, match="inProgress") as caught:
        client.wait_for_snapshot(atlas.project, "stuck", atlas.snapshot, poll_interval=0.5, timeout=1.2)
    assert 1.1 < time.monotonic() - start < 2 and isinstance(caught.value, TimeoutError) and caught.value.retryable


def test_a_snapshot_that_fails_or_vanishes_ends_the_wait(atlas: Simulator) -> None:
    seen: List[Optional[Status]] = []
    with atlas.client() as client:
        with pytest.raises(atlas_backup.SnapshotFailedError, match=atlas.snapshot):
            client.wait_for_snapshot(
                atlas.project,
                "failing",
                atlas.snapshot,
                poll_interval=0.5,
                progress=lambda one: seen.append(one.status),
            )
        assert seen[-1] is Status.FAILED
        with pytest.raises(atlas_backup.NotFoundError, match="deleted"):
            client.wait_for_snapshot(atlas.project, "vanishing", atlas.snapshot, poll_interval=0.5)
        with pytest.raises(atlas_backup.ForbiddenError):
            client.wait_for_snapshot(atlas.project, "error-403", atlas.snapshot)


@pytest.mark.parametrize("name", ["poll_interval", "timeout"])
def test_times_that_cannot_be_are_named_and_nothing_is_sent(atlas: Simulator, name: str) -> None:
    with atlas.client() as client:
        for value in (-1, float("nan"), float("inf"), 4_294_968):
            with pytest.raises(InvalidArgumentError, match=name):
                client.wait_for_snapshot(atlas.project, "staged", atlas.snapshot, **{name: value})  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            client.wait_for_snapshot(atlas.project, "staged", atlas.snapshot, **{name: "5"})  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError, match="timeout"):
            client.wait_for_snapshot(atlas.project, "staged", atlas.snapshot, timeout=0)
    assert atlas.requests() == []


class Odd(BaseException):
    pass


@everywhere
@pytest.mark.parametrize("kind", [ZeroDivisionError, Odd, KeyboardInterrupt, atlas_backup.NotFoundError, SystemExit])
def test_an_exception_in_progress_comes_out_unchanged(
    atlas: Simulator, where: Callable[..., Any], kind: Callable[[str], BaseException]
) -> None:
    mine = kind("mine")

    def progress(snapshot: Snapshot) -> None:
        raise mine

    with atlas.client() as client:
        with pytest.raises(type(mine)) as caught:
            where(lambda: client.wait_for_snapshot(atlas.project, "stuck", atlas.snapshot, progress=progress))
        assert caught.value is mine and mine.__cause__ is None and mine.__context__ is None
        assert "raise mine" in "".join(traceback.format_tb(mine.__traceback__))
        start = time.monotonic()
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
        assert time.monotonic() - start < 1


@everywhere
def test_progress_may_call_the_client_and_cancel_it(atlas: Simulator, where: Callable[..., Any]) -> None:
    def progress(snapshot: Snapshot) -> None:
        assert client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot).id == atlas.snapshot
        seen.append(len(client.list_snapshots(atlas.project, atlas.cluster)))
        waited = client.wait_for_snapshot(atlas.project, atlas.cluster, atlas.snapshot, progress=inner.append)
        assert inner == [waited]
        client.cancel()

    seen: List[int] = []
    inner: List[Snapshot] = []
    with atlas.client() as client, pytest.raises(CancelledError):
        where(lambda: client.wait_for_snapshot(atlas.project, "stuck", atlas.snapshot, progress=progress))
    assert seen == [2]


def test_closing_the_client_in_progress_lets_the_wait_go_on(atlas: Simulator) -> None:
    client = atlas.client()
    snapshot = client.wait_for_snapshot(
        atlas.project, "staged", atlas.snapshot, poll_interval=0.5, progress=lambda _: client.close()
    )
    assert snapshot.status is Status.COMPLETED and client.closed


@pytest.fixture
def alarm() -> Iterator[Callable[[float], None]]:
    """Interrupts the main thread after so many seconds, as Ctrl-C does."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds) and None
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("progress", [None, lambda snapshot: None, lambda snapshot: time.sleep(10)], ids=str)
def test_ctrl_c_ends_a_wait_at_once(atlas: Simulator, alarm: Callable[[float], None], progress: Any) -> None:
    with atlas.client() as client:
        for _ in range(3):
            start = time.monotonic()
            alarm(0.3)
            with pytest.raises(KeyboardInterrupt):
                client.wait_for_snapshot(atlas.project, "stuck", atlas.snapshot, poll_interval=60, progress=progress)
            assert 0.3 <= time.monotonic() - start < 0.5
        assert client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot).id == atlas.snapshot


def test_a_wait_that_progress_ended_leaves_no_thread_behind(atlas: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blocking, "_idle", [])
    before = threads()
    with atlas.client() as client, pytest.raises(ZeroDivisionError):
        client.wait_for_snapshot(atlas.project, "stuck", atlas.snapshot, progress=lambda _: 1 // 0)
    deadline = time.monotonic() + 2
    while threads() - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not threads() - before


def test_ctrl_c_is_never_lost_whenever_it_comes(atlas: Simulator, alarm: Callable[[float], None]) -> None:
    """Many times, at many moments, some of them while progress begins or ends."""
    with atlas.client() as client:
        for number in range(60):
            with pytest.raises(KeyboardInterrupt):
                alarm(0.0005 + number * 0.0001)
                while True:
                    client.wait_for_snapshot(
                        atlas.project, atlas.cluster, atlas.snapshot, progress=lambda _: None, timeout=10
                    )


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_in_progress_leaves_the_wait_to_the_parent(atlas: Simulator) -> None:
    parent = os.getpid()
    children: List[int] = []

    def progress(snapshot: Snapshot) -> None:
        if not children:
            children.append(os.fork())

    with atlas.client() as client:
        try:
            snapshot = client.wait_for_snapshot(
                atlas.project, "staged", atlas.snapshot, poll_interval=0.5, progress=progress
            )
        except CancelledError as error:
            if os.getpid() != parent:
                fine = "fork" in str(error) and client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot).id
                os._exit(0 if fine else 1)
            raise
        finally:
            if os.getpid() != parent:
                os._exit(2)
    assert snapshot.status is Status.COMPLETED
    assert os.waitpid(children[0], 0)[1] == 0


@pytest.mark.parametrize("what", ["wait", "log"])
def test_a_process_ends_cleanly_amid_a_call_that_calls_back(atlas: Simulator, what: str) -> None:
    script = """
import logging, os, sys, threading, time, atlas_backup
if sys.argv[1] == "log":
    logging.basicConfig(level=logging.DEBUG, filename=os.devnull)
client = atlas_backup.Client.from_env()
ids = [os.environ["ATLAS_SIMULATOR_" + name] for name in ("PROJECT", "CLUSTER", "SNAPSHOT")]
def work():
    while True:
        if sys.argv[1] == "log":
            client.get_snapshot(*ids)
        else:
            client.wait_for_snapshot(ids[0], "stuck", ids[2], progress=lambda _: None, poll_interval=0.5)
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
    time.sleep(0.05)
threading.excepthook = lambda arguments: isinstance(arguments.exc_value, atlas_backup.CancelledError) or os._exit(3)
print("end")
"""
    for _ in range(3):
        start = time.monotonic()
        result = run_python("-c", script, what)
        assert (result.returncode, result.stdout, result.stderr) == (0, b"end\n", b"")
        assert time.monotonic() - start < 10


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_during_another_threads_wait_ends_at_once(atlas: Simulator) -> None:
    context = multiprocessing.get_context("fork")
    with atlas.client() as client, ThreadPoolExecutor(1) as pool:
        began = threading.Event()
        wait = pool.submit(
            client.wait_for_snapshot, atlas.project, "stuck", atlas.snapshot, progress=lambda _: began.set()
        )
        assert began.wait(10)
        child = context.Process(target=client.get_snapshot, args=(atlas.project, atlas.cluster, atlas.snapshot))
        start = time.monotonic()
        child.start()
        child.join(20)
        assert child.exitcode == 0 and time.monotonic() - start < 2
        client.cancel()
        with pytest.raises(CancelledError):
            wait.result(timeout=5)
