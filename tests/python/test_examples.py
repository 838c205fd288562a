"""The programs in bindings/python/examples."""

from __future__ import annotations

import subprocess
import sys
import time

from conftest import REPOSITORY, Simulator, run_python

EXAMPLES = REPOSITORY / "bindings" / "python" / "examples"


def newest(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return run_python(str(EXAMPLES / "async_newest.py"), *arguments)


def test_the_newest_of_several_clusters_are_asked_for_at_once(atlas: Simulator) -> None:
    start = time.monotonic()
    result = newest("20", atlas.project, "slow-1500", "empty", "slow-1501", "slow-1502")
    assert (result.returncode, result.stderr) == (0, b"") and time.monotonic() - start < 4
    lines = result.stdout.decode().splitlines()
    assert lines[1] == "empty has no completed snapshot"
    assert [line.split()[0] for line in lines] == ["slow-1500", "empty", "slow-1501", "slow-1502"]


def test_a_task_of_asyncio_that_is_cancelled_ends_its_call(atlas: Simulator) -> None:
    """Or the program would end after the client's timeout of 30 seconds: asyncio waits for its threads."""
    start = time.monotonic()
    result = newest("1", atlas.project, "Cluster0", "silent")
    assert (result.returncode, result.stderr) == (1, b"no answer within 1 seconds\n")
    assert 1 < time.monotonic() - start < 5


def test_a_cancelled_task_leaves_no_call_and_its_client_goes_on(atlas: Simulator) -> None:
    script = f"""
import asyncio, os, sys, threading, time
sys.path.insert(0, {str(EXAMPLES)!r})
from async_newest import call
import atlas_backup
ids = [os.environ["ATLAS_SIMULATOR_" + name] for name in ("PROJECT", "CLUSTER", "SNAPSHOT")]
seen = []
def get(client, *ids):
    try:
        return client.get_snapshot(*ids)
    except atlas_backup.AtlasError as error:
        seen.append(type(error).__name__)
        raise
async def main():
    with atlas_backup.Client.from_env() as client:
        task = asyncio.ensure_future(call(client, get, client, ids[0], "silent", ids[2]))
        await asyncio.sleep(0.5)
        start = time.monotonic()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            print(seen, time.monotonic() - start < 1, task.cancelled())
        print((await call(client, client.get_snapshot, *ids)).id)
asyncio.run(main())
"""
    result = run_python("-W", "error", "-c", script)
    expected = f"['CancelledError'] True True\n{atlas.snapshot}\n"
    assert (result.stdout.decode(), result.stderr) == (expected, b"")
