"""Lists of snapshots."""

from __future__ import annotations

import collections.abc
import copy
import gc
import json
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any, List

import pytest
from conftest import Simulator
from expectation import check

import atlas_backup
from atlas_backup import InvalidArgumentError, InvalidResponseError, Snapshot, SnapshotList, Status, _library


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
