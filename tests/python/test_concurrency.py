"""Threads, forks and signals."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Iterator, List

import pytest
from conftest import Simulator, refuse_threads, run_python, threads

from atlas_backup import CancelledError, Client, InvalidArgumentError, Snapshot, _blocking, _library


@pytest.mark.parametrize("way_in", ["access_token", "service_account", "api_key"])
def test_threads_share_a_client(atlas: Simulator, way_in: str) -> None:
    with atlas.client(**getattr(atlas, way_in)) as client, ThreadPoolExecutor(8) as pool:
        snapshots = list(
            pool.map(lambda _: client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot), range(80))
        )
    assert {snapshot.id for snapshot in snapshots} == {atlas.snapshot}


def test_threads_share_a_snapshot() -> None:
    snapshot = Snapshot.parse(b'{"id":"x","status":"completed","copyRegions":["a","b"],"links":[{"href":"h"}],"n":1}')
    expected = Snapshot.parse(snapshot.json).to_dict()
    barrier = threading.Barrier(8)

    def read(_: int) -> bool:
        barrier.wait()
        return all(snapshot.to_dict() == expected and snapshot.field("n") == "1" for _ in range(200))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(8)))


def test_other_threads_run_while_one_waits_for_atlas(atlas: Simulator) -> None:
    with atlas.client() as client, ThreadPoolExecutor(1) as pool:
        start = time.monotonic()
        call = pool.submit(client.get_snapshot, atlas.project, "slow-500", atlas.snapshot)
        turns = 0
        while not call.done():
            turns += 1
            time.sleep(0.001)
        assert time.monotonic() - start >= 0.5 and turns > 50


def test_closing_during_a_call_frees_the_client_after_it(atlas: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    freed: List[float] = []
    free = _library.lib.atlas_client_free

    def note(handle: Any) -> None:
        freed.append(time.monotonic())
        free(handle)

    monkeypatch.setattr(_library.lib, "atlas_client_free", note)
    client = atlas.client()
    with ThreadPoolExecutor(3) as pool:
        calls = [
            pool.submit(client.get_snapshot, atlas.project, f"slow-{ms}", atlas.snapshot) for ms in (200, 400, 600)
        ]
        time.sleep(0.1)
        client.close()
        assert freed == [] and client.closed
        with pytest.raises(InvalidArgumentError):
            client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
        assert [call.result().id for call in calls] == [atlas.snapshot] * 3
        ended = time.monotonic()
    gc.collect()
    assert len(freed) == 1 and freed[0] > ended - 0.3


@pytest.fixture
def alarm() -> Iterator[Callable[[float], None]]:
    """Interrupts the main thread after so many seconds, as Ctrl-C does."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds) and None
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_ctrl_c_leaves_a_call_of_the_main_thread_at_once(
    atlas: Simulator, alarm: Callable[[float], None], way: str
) -> None:
    with atlas.client(timeout=3) as client:
        start = time.monotonic()
        alarm(0.2)
        with pytest.raises(KeyboardInterrupt):
            client.get_snapshot(atlas.project, "silent", atlas.snapshot)
        assert 0.2 <= time.monotonic() - start < 0.4
        assert client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot).id == atlas.snapshot


def test_an_interrupted_call_ends_and_lets_go_of_its_client_and_thread(
    atlas: Simulator, alarm: Callable[[float], None], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    freed: List[Any] = []
    free = _library.lib.atlas_client_free

    def count(handle: Any) -> None:
        freed.append(handle)
        free(handle)

    monkeypatch.setattr(_library.lib, "atlas_client_free", count)
    monkeypatch.setattr(_blocking, "_idle", [])
    _blocking._retire()
    before = threads()
    with pytest.raises(KeyboardInterrupt), atlas.client() as client:
        alarm(0.1)
        client.get_snapshot(atlas.project, "silent", atlas.snapshot)
    deadline = time.monotonic() + 1
    while (not freed or threads() - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(freed) == 1 and not threads() - before


def test_ctrl_c_as_a_thread_starts_leaves_none_behind(
    atlas: Simulator, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    start = _blocking.start_new_thread

    def interrupted(*arguments: Any) -> None:
        start(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(_blocking, "_idle", [])
    _blocking._retire()
    with atlas.client() as client:
        before = threads()
        monkeypatch.setattr(_blocking, "start_new_thread", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    end = time.monotonic() + 5
    while threads() - before and time.monotonic() < end:
        time.sleep(0.01)
    assert not threads() - before


def test_no_thread_of_a_call_is_one_of_threading(atlas: Simulator, way: str) -> None:
    """Such a thread is freed by a function of Python, in which Ctrl-C would be lost."""
    before = threading.enumerate()
    with atlas.client() as client:
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
        assert threading.enumerate() == before


def test_ctrl_c_is_never_lost_and_hurts_no_later_call(
    atlas: Simulator, alarm: Callable[[float], None], way: str
) -> None:
    """Many times, at many moments, some of them while a call begins or ends."""
    with atlas.client() as client:
        for number in range(200):
            with pytest.raises(KeyboardInterrupt):
                alarm(0.0003 + number * 0.00001)
                while True:
                    client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
            client.get_snapshot(atlas.project, "slow-5", atlas.snapshot)
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_no_function_of_python_runs_as_a_client_is_dropped() -> None:
    """In one that Python calls for that, Ctrl-C would be lost."""
    client = Client(access_token="token")
    called: List[str] = []
    sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_name) if event == "call" else None)
    try:
        del client
    finally:
        sys.setprofile(None)
    assert called == []


def test_a_signal_that_is_noticed_late_hurts_no_later_call(
    atlas: Simulator, alarm: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(descriptor: int, length: int) -> bytes:
        data = os.read(descriptor, length)
        time.sleep(0.15)
        return data

    _blocking._retire()
    slow: Any = SimpleNamespace(read=late, pipe=os.pipe, set_blocking=os.set_blocking, write=os.write, close=os.close)
    monkeypatch.setattr(_blocking, "os", slow)
    with atlas.client() as client:
        with pytest.raises(KeyboardInterrupt):
            alarm(0.15)
            client.get_snapshot(atlas.project, "slow-200", atlas.snapshot)
        assert client.get_snapshot(atlas.project, "slow-400", atlas.snapshot).id == atlas.snapshot
    _blocking._retire()
    time.sleep(0.2)


def test_a_program_that_listens_for_signals_itself_goes_on_doing_so(
    atlas: Simulator, alarm: Callable[[float], None]
) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    assert signal.set_wakeup_fd(writer) == -1
    try:
        with atlas.client() as client:
            client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
            alarm(0.1)
            start = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                client.get_snapshot(atlas.project, "silent", atlas.snapshot)
            assert time.monotonic() - start < 0.3
        assert os.read(reader, 10) == bytes([signal.SIGALRM])
    finally:
        assert signal.set_wakeup_fd(-1) == writer
        os.close(reader)
        os.close(writer)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_signal_in_a_child_forked_during_a_call_does_not_end_the_call(atlas: Simulator) -> None:
    def fork() -> None:
        time.sleep(0.2)
        child = os.fork()
        if child == 0:
            try:
                signal.raise_signal(signal.SIGALRM)
            finally:
                os._exit(0)
        os.waitpid(child, 0)

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with atlas.client() as client, ThreadPoolExecutor(1) as pool:
            forked = pool.submit(fork)
            assert client.get_snapshot(atlas.project, "slow-600", atlas.snapshot).id == atlas.snapshot
            forked.result()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_cancel_ends_the_calls_of_other_threads_and_no_later_one(atlas: Simulator) -> None:
    with atlas.client() as client, ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(client.get_snapshot, atlas.project, "silent", atlas.snapshot) for _ in range(3)]
        time.sleep(0.2)
        start = time.monotonic()
        client.cancel()
        for call in calls:
            error = call.exception(timeout=5)
            assert isinstance(error, CancelledError) and not error.retryable
        assert time.monotonic() - start < 0.2
        assert client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot).id == atlas.snapshot
    client.cancel()


def test_a_handler_that_raises_nothing_runs_at_once_and_disturbs_nothing(atlas: Simulator) -> None:
    ticks: List[float] = []
    before = signal.signal(signal.SIGALRM, lambda *_: ticks.append(time.monotonic()))
    try:
        with atlas.client(max_retries=0) as client:
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
            start = time.monotonic()
            assert client.get_snapshot(atlas.project, "slow-500", atlas.snapshot).id == atlas.snapshot
            ticks_in_call = [tick for tick in ticks if tick - start < 0.45]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(ticks_in_call) >= 5


def test_a_signal_handler_may_use_the_client_itself(atlas: Simulator) -> None:
    inner: List[Snapshot] = []
    with atlas.client() as client:

        def handler(*_: Any) -> None:
            inner.append(client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot))

        before = signal.signal(signal.SIGALRM, handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            assert client.get_snapshot(atlas.project, "slow-400", atlas.snapshot).id == atlas.snapshot
        finally:
            signal.signal(signal.SIGALRM, before)
    assert [snapshot.id for snapshot in inner] == [atlas.snapshot]


def test_without_a_thread_to_be_had_a_call_is_made_all_the_same(
    atlas: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_threads(monkeypatch)
    with atlas.client() as client:
        assert client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot).id == atlas.snapshot


def test_signals_are_left_to_the_threads_of_the_program(
    atlas: Simulator, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(_blocking, "_idle", [])
    _blocking._retire()
    time.sleep(0.1)
    before = threads()
    with atlas.client() as client:
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    (helper,) = threads() - before
    status = Path(f"/proc/self/task/{helper}/status").read_text()
    blocked = int(next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk")), 16)
    assert all(
        blocked >> (number - 1) & 1 for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD)
    )


def test_calls_one_after_the_other_need_one_thread(atlas: Simulator) -> None:
    before = threads()
    with atlas.client() as client:
        for _ in range(20):
            client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
    assert len(threads() - before) <= 1


def fetch(client: Client, arguments: Any) -> Any:
    return client.get_snapshot(*arguments).to_dict()


def in_child(client: Client, arguments: Any, answers: Any) -> None:
    answers.put((os.getpid(), fetch(client, arguments)))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("way_in", ["access_token", "service_account", "api_key"])
def test_forked_children_go_on_with_the_client_of_their_parent(atlas: Simulator, way_in: str) -> None:
    context = multiprocessing.get_context("fork")
    arguments = (atlas.project, atlas.cluster, atlas.snapshot)
    with atlas.client(**getattr(atlas, way_in)) as client:
        expected = fetch(client, arguments)
        answers = context.Queue()
        children = [context.Process(target=in_child, args=(client, arguments, answers)) for _ in range(3)]
        for child in children:
            child.start()
        received = [answers.get(timeout=30) for _ in children]
        for child in children:
            child.join(30)
        assert [child.exitcode for child in children] == [0, 0, 0]
        assert len({pid for pid, _ in received}) == 3
        assert [snapshot for _, snapshot in received] == [expected] * 3
        assert fetch(client, arguments) == expected, "the parent goes on"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_in_the_middle_of_another_threads_call_disturbs_neither(atlas: Simulator) -> None:
    context = multiprocessing.get_context("fork")
    with atlas.client(**atlas.service_account) as client, ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.get_snapshot, atlas.project, "slow-500", atlas.snapshot)
        time.sleep(0.2)
        answers = context.Queue()
        child = context.Process(target=in_child, args=(client, (atlas.project, atlas.cluster, atlas.snapshot), answers))
        child.start()
        assert answers.get(timeout=30)[1]["id"] == atlas.snapshot
        child.join(30)
        assert child.exitcode == 0
        assert call.result().id == atlas.snapshot


def test_a_worker_process_can_return_a_snapshot(atlas: Simulator, tmp_path: Path) -> None:
    script = """
import multiprocessing, os, atlas_backup
def work(_):
    with atlas_backup.Client.from_env() as client:
        return client.get_snapshot(*(os.environ["ATLAS_SIMULATOR_" + n] for n in ("PROJECT", "CLUSTER", "SNAPSHOT")))
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for snapshot in pool.map(work, range(2)):
            print(snapshot.id, snapshot.http_status, snapshot.headers["ratelimit-limit"])
"""
    (tmp_path / "worker.py").write_text(script)
    result = run_python(str(tmp_path / "worker.py"))
    assert result.stdout.decode().splitlines() == [f"{atlas.snapshot} 200 1200"] * 2, result.stderr.decode()


def test_a_process_ends_although_a_thread_is_still_in_a_call(atlas: Simulator) -> None:
    script = """
import os, threading, time, atlas_backup
client = atlas_backup.Client.from_env(timeout=30)
arguments = (os.environ["ATLAS_SIMULATOR_PROJECT"], "silent", os.environ["ATLAS_SIMULATOR_SNAPSHOT"])
threading.Thread(target=client.get_snapshot, args=arguments, daemon=True).start()
time.sleep(0.3)
print("end")
"""
    start = time.monotonic()
    result = run_python("-c", script)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"end\n", b"")
    assert time.monotonic() - start < 10


def test_at_the_end_of_a_process_nothing_is_freed_under_its_threads() -> None:
    script = """
import os, atlas_backup
from atlas_backup._library import lib
lib.atlas_client_free = lib.atlas_snapshot_free = lambda handle: os.write(1, b"freed")
client = atlas_backup.Client(access_token="token")
snapshot = atlas_backup.Snapshot.parse("{}")
other = atlas_backup.Snapshot.parse("{}")
del other
"""
    result = run_python("-c", script)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"freed", b"")


def test_a_call_in_an_exit_handler_works(atlas: Simulator) -> None:
    script = """
import atexit, os, atlas_backup
client = atlas_backup.Client.from_env()
arguments = [os.environ["ATLAS_SIMULATOR_" + name] for name in ("PROJECT", "CLUSTER", "SNAPSHOT")]
atexit.register(lambda: print(client.get_snapshot(*arguments).id))
"""
    result = run_python("-c", script)
    assert (result.stdout.decode().strip(), result.stderr) == (atlas.snapshot, b"")
