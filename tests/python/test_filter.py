"""Lists in order of age, and parts of them."""

from __future__ import annotations

import json
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any, List, Optional

import pytest
from conftest import Simulator

from atlas_backup import FrequencyType, Snapshot, SnapshotList, SnapshotType, Status


def item(id: Optional[str], date: Optional[str], *rest: str) -> Any:
    names = ("id", "createdAt", "status", "frequencyType", "snapshotType")
    return {name: value for name, value in zip(names, (id, date, *rest)) if value is not None}


# The first eight digits of an id are a time: 6a000000 is on 10 May 2026.
ITEMS = [
    item("6a0000000000000000000001", None, "queued", "ondemand", "onDemand"),
    item("6a0000000000000000000002", "2026-08-01T00:00:00Z", "completed", "daily", "scheduled"),
    item("6a0000000000000000000003", "2026-08-03T00:00:00+02:00", "failed", "hourly", "scheduled"),
    item("6a0000000000000000000004", "2026-08-02T22:00:00Z", "COMPLETED", "hourly", "scheduled"),
    item(None, "2026-08-02T22:00:00Z", "paused"),
    item("700000000000000000000005", "tomorrow", "completed"),
    item(None, None),
    item("zz", None, "queued"),
    42,
]  # fmt: skip


@pytest.fixture
def snapshots() -> SnapshotList:
    return SnapshotList.parse(json.dumps({"results": ITEMS}))


def places(snapshots: SnapshotList, part: SnapshotList) -> List[int]:
    return [list(snapshots).index(snapshot) for snapshot in part]


def test_a_list_is_ordered_by_age_whatever_is_missing(snapshots: SnapshotList) -> None:
    newest_first = snapshots.newest_first()
    assert type(newest_first) is SnapshotList and newest_first.total_count == snapshots.total_count
    assert places(snapshots, newest_first)[:-2] == [3, 2, 4, 1, 7, 5, 0]
    assert {snapshot.json for snapshot in newest_first[-2:]} == {b"{}", b"42"}
    for part in (snapshots, snapshots[::-1], pickle.loads(pickle.dumps(snapshots))):
        assert list(part.newest_first()[:7]) == list(newest_first[:7])
        assert part.newest_first()[0] == part.newest()
    assert len(snapshots[:0].newest_first()) == 0 and snapshots.newest_first()[::-1][-1] == snapshots[3]


NOW = datetime.now(timezone.utc)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ({"status": Status.COMPLETED}, [1, 3, 5]),
        ({"status": "Completed", "frequency_type": "hourly"}, [3]),
        ({"status": Status("paused")}, [4]),
        ({"frequency_type": FrequencyType.ON_DEMAND}, [0]),
        ({"snapshot_type": SnapshotType.SCHEDULED, "status": "failed"}, [2]),
        ({"snapshot_type": ""}, []),
        ({"since": datetime(2026, 8, 2, tzinfo=timezone.utc)}, [2, 3, 4, 5]),
        ({"since": datetime(2026, 8, 3, tzinfo=timezone(timedelta(hours=2)))}, [2, 3, 4, 5]),
        ({"since": datetime(2026, 8, 2, 22, 0, 0, 1, tzinfo=timezone.utc)}, [5]),
        ({"since": datetime(2026, 5, 1, tzinfo=timezone.utc), "status": "queued"}, [0]),
        ({"since": NOW - datetime(2026, 8, 2, tzinfo=timezone.utc)}, [2, 3, 4, 5]),
        ({"since": timedelta(0)}, [5]),
    ],
    ids=str,
)
def test_a_list_is_filtered_whatever_is_missing(snapshots: SnapshotList, asked: Any, expected: List[int]) -> None:
    part = snapshots.filter(**asked)
    assert type(part) is SnapshotList and places(snapshots, part) == expected
    assert places(snapshots, part[1:]) == expected[1:]
    assert places(snapshots, snapshots[::-1].filter(**asked)) == expected[::-1]
    again = pickle.loads(pickle.dumps(part))
    assert list(again) == list(part) and len(again.filter(**asked)) == len(expected)


def test_what_cannot_be_asked_for_is_named(snapshots: SnapshotList) -> None:
    with pytest.raises(ValueError, match=r"since is 2026-08-02 00:00:00, without a time zone"):
        snapshots.filter(since=datetime(2026, 8, 2))
    for asked in ({"status": 3}, {"since": "7d"}, {"since": 7}):
        name = next(iter(asked))
        with pytest.raises(TypeError, match=f"{name} must be"):
            snapshots.filter(**asked)  # type: ignore[arg-type]


def test_a_part_outlives_its_list(atlas: Simulator) -> None:
    with atlas.client() as client:
        part = client.list_snapshots(atlas.project, "many-7").filter(status="completed").newest_first()[:2]
    assert [type(snapshot) for snapshot in part] == [Snapshot, Snapshot]
    assert part[0].created_at and part[1].created_at and part[0].created_at > part[1].created_at
