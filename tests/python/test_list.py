"""Lists of snapshots."""

from __future__ import annotations

import collections.abc
import copy
import gc
import json
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any, List, Optional

import pytest
from conftest import Simulator
from expectation import check

import atlas_backup
from atlas_backup import (
    FrequencyType,
    InvalidArgumentError,
    InvalidResponseError,
    Snapshot,
    SnapshotList,
    SnapshotType,
    Status,
    _library,
)


@pytest.fixture
def listed(atlas: Simulator) -> SnapshotList:
    """Seven snapshots, the newest first."""
    with atlas.client() as client:
        return client.list_snapshots(atlas.project, "many-7")


def ids(snapshots: Any) -> List[str]:
    return [snapshot.id for snapshot in snapshots]


EXPECTED = [f"6a{number:022x}" for number in range(7)]


def test_a_list_is_a_sequence_in_the_order_of_atlas(listed: SnapshotList) -> None:
    expected = sorted(EXPECTED, key=ids(listed).index)
    assert sorted(expected) == EXPECTED and len(listed) == 7 and listed.total_count == 7
    assert isinstance(listed, collections.abc.Sequence)
    assert [listed[i].id for i in range(7)] == ids(listed) == ids(iter(listed)) == expected
    assert [listed[i - 7].id for i in range(7)] == expected
    assert ids(reversed(listed)) == expected[::-1]
    for wrong in (7, -8, 10**30):
        with pytest.raises(IndexError, match="7 snapshots"):
            listed[wrong]
    with pytest.raises(TypeError):
        listed["0"]  # type: ignore[call-overload]
    assert bool(listed) and repr(listed) == "<SnapshotList of 7 snapshots>"


@pytest.mark.parametrize(
    "part", [slice(None), slice(2), slice(-2, None), slice(1, 6, 2), slice(None, None, -1), slice(5, 2)], ids=str
)
def test_a_slice_is_a_list_too(listed: SnapshotList, part: slice) -> None:
    assert isinstance(listed[part], SnapshotList)
    assert ids(listed[part]) == ids(listed)[part]
    assert ids(listed[part][1:]) == ids(listed)[part][1:]
    assert listed[part].total_count == 7


def test_a_list_finds_a_snapshot_by_what_atlas_sent(atlas: Simulator, listed: SnapshotList) -> None:
    third = listed[2]
    assert third is not listed[2] and third == listed[2] and hash(third) == hash(listed[2])
    assert third in listed and listed.index(third) == 2 and listed.count(third) == 1
    assert third not in listed[3:] and third != listed[3] and third != third.json
    assert Snapshot.parse(third.json) in listed and atlas.get() not in listed
    assert len({*listed, *listed[:3]}) == 7


def test_a_list_cannot_be_changed(listed: SnapshotList) -> None:
    with pytest.raises(TypeError):
        listed[0] = listed[1]  # type: ignore[index]
    with pytest.raises(TypeError):
        del listed[0]  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        listed.total_count = 3  # type: ignore[misc]
    with pytest.raises(AttributeError):
        listed.other = 3  # type: ignore[attr-defined]


def test_an_item_has_all_fields_and_neither_status_nor_headers(atlas: Simulator) -> None:
    with atlas.client() as client:
        for snapshot in client.list_snapshots(atlas.project, atlas.cluster):
            check(snapshot, snapshot.json)
            assert snapshot.http_status is None and dict(snapshot.headers) == {}


def test_an_item_keeps_its_list_alive_and_nothing_else_does(atlas: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    freed: List[Any] = []
    free = _library.lib.atlas_snapshot_list_free
    monkeypatch.setattr(_library.lib, "atlas_snapshot_list_free", lambda handle: (freed.append(handle), free(handle)))  # type: ignore[func-returns-value]
    with atlas.client() as client:
        listed = client.list_snapshots(atlas.project, "many-7")
    part, item, gone = listed[2:4], listed[5], weakref.ref(listed)
    copied = copy.copy(item)
    first = ids(listed)[0]
    del listed
    assert gone() is None and not freed
    part_ids = ids(part)
    del part
    gc.collect()
    assert not freed and item.id not in (first, *part_ids)
    del item
    assert len(freed) == 1
    assert copied.id in EXPECTED and copied.status is Status.COMPLETED


@pytest.mark.parametrize("cluster", ["many-7", "empty", "odd", "odd-scalar"])
def test_lists_and_items_can_be_copied_and_pickled(atlas: Simulator, cluster: str) -> None:
    with atlas.client() as client:
        listed = client.list_snapshots(atlas.project, cluster)
    for again in (pickle.loads(pickle.dumps(listed)), copy.deepcopy(listed), copy.copy(listed)):
        assert type(again) is SnapshotList and list(again) == list(listed) and again.total_count == listed.total_count
        assert ids(again[1:]) == ids(listed[1:])
    for item in listed:
        for again in (pickle.loads(pickle.dumps(item)), copy.copy(item), copy.deepcopy(item)):
            assert again == item and again.json == item.json and again.to_dict() == item.to_dict()
            assert again.http_status is None and not again.headers


def test_a_copy_of_a_fetched_snapshot_keeps_its_status_and_headers(atlas: Simulator) -> None:
    fetched = atlas.get()
    for snapshot in (fetched, pickle.loads(pickle.dumps(fetched))):
        copied = copy.copy(snapshot)
        assert copied is not snapshot and copied == snapshot
        assert (copied.http_status, dict(copied.headers)) == (200, dict(fetched.headers))


@pytest.mark.parametrize("envelope", [False, True], ids=["bare", "enveloped"])
def test_a_page_that_was_kept_is_read_again(envelope: bool) -> None:
    page = '{"results":[{"id":"é","status":"completed"},42],"totalCount":7}'
    if envelope:
        page = f'{{"status":200,"content":{page}}}'
    encoded = page.encode()
    for kept in (page, encoded, bytearray(encoded), memoryview(encoded)):
        listed = SnapshotList.parse(kept)
        assert type(listed) is SnapshotList and listed.total_count == 7
        assert [(item.id, item.status, item.json) for item in listed] == [
            ("é", Status.COMPLETED, '{"id":"é","status":"completed"}'.encode()),
            (None, None, b"42"),
        ]
    assert pickle.loads(pickle.dumps(listed))[0].id == "é"


def test_what_is_no_page_is_an_error() -> None:
    for wrong in ("", "[]", '{"id":"x"}', b"\xff", " " * (16 * 1024 * 1024 + 1)):
        with pytest.raises(InvalidResponseError):
            SnapshotList.parse(wrong)
    with pytest.raises(atlas_backup.NotFoundError, match="GROUP_NOT_FOUND"):
        SnapshotList.parse('{"error":404,"errorCode":"GROUP_NOT_FOUND"}')
    for wrong_type in (None, 17, []):
        with pytest.raises(TypeError):
            SnapshotList.parse(wrong_type)  # type: ignore[arg-type]


def item(id: Any, date: Any, *rest: str) -> Any:
    names = ("id", "createdAt", "status", "frequencyType", "snapshotType")
    return {name: value for name, value in zip(names, (id, date, *rest)) if value is not None}


BACKUPS = [
    item("60", "2026-08-02T00:00:00Z", "completed", "daily", "scheduled"),
    item("10", "2026-08-04T00:00:00+02:00", "failed", "hourly", "scheduled"),
    item("20", "2026-08-03T22:00:00Z", "FAILED", "daily", "fallback"),
    item(None, "2026-08-03T22:00:00Z", "failed", "yearly", "scheduled"),
    item("95", "tomorrow", "queued", "ondemand", "onDemand"),
    item(None, None, "queued", "ondemand", "onDemand"),
    item("97", None, "queued", "ondemand", "onDemand"),
    item("99", None, "paused"),
    42,
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, "20"),
        ({"status": Status.COMPLETED}, "60"),
        ({"status": "failed"}, "20"),
        ({"status": "Failed", "frequency_type": FrequencyType.HOURLY}, "10"),
        ({"frequency_type": "daily", "snapshot_type": "scheduled"}, "60"),
        ({"snapshot_type": SnapshotType.SCHEDULED}, "10"),
        ({"status": Status.QUEUED}, "97"),
        ({"snapshot_type": "ondemand"}, "97"),
        ({"status": "paused"}, "99"),
        ({"status": Status("Paused")}, "99"),
        ({"status": Status.IN_PROGRESS}, None),
        ({"status": Status.COMPLETED, "snapshot_type": SnapshotType.FALLBACK}, None),
        ({"frequency_type": ""}, None),
        ({"status": "nothing like it"}, None),
    ],
)
def test_the_newest_is_chosen_by_date_then_by_id_and_by_its_values(wanted: Any, expected: Optional[str]) -> None:
    whole = SnapshotList.parse(json.dumps({"results": BACKUPS}))
    for listed in (whole, whole[::-1], pickle.loads(pickle.dumps(whole))):
        newest = listed.newest(**wanted)
        assert (newest and newest.id) == expected
        assert newest is None or newest in listed


def test_the_newest_of_a_part_is_in_that_part(listed: SnapshotList) -> None:
    by_age = sorted(listed, key=lambda snapshot: snapshot.created_at_text or "")
    assert listed.newest() == by_age[-1] == listed.newest(status="completed")
    assert listed[2:4].newest() in listed[2:4]
    assert listed[:0].newest() is None
    undated = SnapshotList.parse(json.dumps({"results": BACKUPS[5:]}))
    assert [undated[:end].newest().id for end in range(1, 5)] == [None, "97", "99", "99"]  # type: ignore[union-attr]
    assert undated[3:].newest() == undated[3]


def test_what_to_look_for_is_text_and_has_a_name(listed: SnapshotList) -> None:
    for name in ("status", "frequency_type", "snapshot_type"):
        with pytest.raises(TypeError, match=f"{name} must be str"):
            listed.newest(**{name: 3})
    with pytest.raises(TypeError):
        listed.newest("completed")  # type: ignore[misc]


def test_one_odd_item_hides_no_other(atlas: Simulator) -> None:
    with atlas.client() as client:
        for cluster in ("odd", "odd-scalar"):
            statuses = [snapshot.status for snapshot in client.list_snapshots(atlas.project, cluster)]
            assert statuses == [Status.COMPLETED, None, Status.COMPLETED]
        assert client.list_snapshots(atlas.project, "odd-scalar")[1].json == b"42"


def test_every_page_of_a_long_list_is_read(atlas: Simulator) -> None:
    with atlas.client() as client:
        listed = client.list_snapshots(atlas.project, "many-1234")
        assert len(listed) == listed.total_count == len(set(ids(listed))) == 1234
    pages = [request for request in atlas.requests() if "pageNum" in request["query"]]
    assert len(pages) == 3


def test_an_empty_list_is_no_error(atlas: Simulator) -> None:
    with atlas.client() as client:
        listed = client.list_snapshots(atlas.project, "empty")
    assert len(listed) == 0 and not listed and list(listed) == [] and listed.total_count == 0
    assert repr(listed) == "<SnapshotList of 0 snapshots>"


def test_without_a_count_from_atlas_there_is_none(atlas: Simulator) -> None:
    atlas.respond(200, b'{"results":[{"id":"x"}]}')
    with atlas.client() as client:
        listed = client.list_snapshots(atlas.project, atlas.cluster)
    assert listed.total_count is None and repr(listed) == "<SnapshotList of 1 snapshot>"


def test_sharded_snapshots_have_calls_of_their_own(atlas: Simulator) -> None:
    cluster, snapshot_id = atlas.variable("SHARDED_CLUSTER"), atlas.variable("SHARDED_SNAPSHOT")
    with atlas.client() as client:
        listed = client.list_sharded_snapshots(atlas.project, cluster)
        assert ids(listed) == [snapshot_id]
        fetched = client.get_sharded_snapshot(atlas.project, cluster, snapshot_id)
        assert fetched.members == listed[0].members and len(fetched.members) == len(fetched.snapshot_ids) == 3
        assert fetched.type is atlas_backup.ClusterType.SHARDED_CLUSTER
        waited = client.wait_for_sharded_snapshot(atlas.project, cluster, snapshot_id)
        assert waited.to_dict() == fetched.to_dict()
        for call in (
            lambda: client.get_snapshot(atlas.project, cluster, snapshot_id),
            lambda: client.list_snapshots(atlas.project, cluster),
        ):
            with pytest.raises(atlas_backup.BadRequestError, match="(?i)sharded"):
                call()


def test_envelope_and_pretty_are_asked_for(atlas: Simulator) -> None:
    with atlas.client() as client:
        plain = client.list_snapshots(atlas.project, atlas.cluster)
        for envelope in (False, True):
            listed = client.list_snapshots(atlas.project, atlas.cluster, envelope=envelope, pretty=True)
            assert b"\n" in listed[0].json and b"\n" not in plain[0].json
            assert [json.loads(item.json) for item in listed] == [json.loads(item.json) for item in plain]
    assert ["envelope=true" in request["query"] for request in atlas.requests()] == [False, False, True]


def test_arguments_and_answers_that_cannot_be_are_errors(atlas: Simulator) -> None:
    with atlas.client() as client:
        with pytest.raises(InvalidArgumentError, match="cluster"):
            client.list_snapshots(atlas.project, "a/b")
        with pytest.raises(TypeError, match="project_id"):
            client.list_sharded_snapshots(None, atlas.cluster)  # type: ignore[arg-type]
        assert atlas.requests() == []
        with pytest.raises(atlas_backup.NotFoundError):
            client.list_snapshots(atlas.project, "error-404")
        with pytest.raises(InvalidResponseError):
            client.list_snapshots(atlas.project, "repeating")
        with pytest.raises(InvalidResponseError):
            client.list_snapshots(atlas.project, "not-json")
    with pytest.raises(InvalidArgumentError, match="closed"):
        client.list_snapshots(atlas.project, atlas.cluster)


def test_threads_share_a_list(listed: SnapshotList) -> None:
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: tuple(ids(listed)) * 50, range(8)))
    assert set(seen) == {tuple(ids(listed)) * 50}
