"""Tells the newest completed snapshot of clusters, all asked at once, with asyncio:

    python async_newest.py SECONDS PROJECT CLUSTER...

The calls of a client block, so each runs in a thread. A thread cannot be cancelled, but what it waits for can: `call` ends
the call when its task is cancelled, so that neither the thread nor the end of the program waits for Atlas.

Settings and credentials come from the environment, as README.md has them.
"""

import asyncio
import sys
from typing import Any, Callable, List, TypeVar

import atlas_backup

T = TypeVar("T")


async def call(client: atlas_backup.Client, method: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """What `method` of the client returns. If this task is cancelled the call ends before it is.

    `Client.cancel` ends all calls of a client: tasks that are cancelled one by one need a client each.
    """
    thread = asyncio.ensure_future(asyncio.to_thread(method, *arguments, **options))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        while not thread.done():  # again, as the thread may not have entered the call yet
            client.cancel()
            await asyncio.wait([thread], timeout=0.05)
        thread.exception()  # it has been looked at, and need not be warned of
        raise


async def newest(seconds: float, project: str, clusters: List[str]) -> None:
    with atlas_backup.Client.from_env() as client:
        calls = [call(client, client.list_snapshots, project, cluster) for cluster in clusters]
        for cluster, snapshots in zip(clusters, await asyncio.wait_for(asyncio.gather(*calls), seconds)):
            completed = snapshots.newest(status=atlas_backup.Status.COMPLETED)
            print(cluster, completed.created_at if completed else "has no completed snapshot")


if __name__ == "__main__":
    try:
        asyncio.run(newest(float(sys.argv[1]), sys.argv[2], sys.argv[3:]))
    except asyncio.TimeoutError:
        sys.exit(f"no answer within {sys.argv[1]} seconds")
