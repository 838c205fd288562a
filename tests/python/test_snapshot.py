"""A snapshot reads correctly, whatever Atlas sends."""

from __future__ import annotations

import copy
import functools
import json
import pickle
from datetime import datetime, timezone
from typing import Any, Dict

import pytest
from expectation import LISTS, ROWS, TEXTS, WIRE_NAMES, check
from conftest import Simulator

import atlas_backup
from atlas_backup import (
    CloudProvider,
    ClusterType,
    FrequencyType,
    Link,
    Member,
    Snapshot,
    SnapshotType,
    Status,
    _library,
)

EXAMPLE: Dict[str, Any] = {
    "cloudProvider": "AWS",
    "copyRegions": ["US_EAST_1", "EU_WEST_1"],
    "createdAt": "2019-08-24T14:15:22Z",
    "description": "before the migration",
    "expiresAt": "2019-08-31T14:15:22Z",
    "frequencyType": "hourly",
    "id": "32b6e34b3d91647abb20e7b8",
    "links": [{"href": "https://cloud.mongodb.com/api/atlas", "rel": "self"}, {"href": "https://example.com"}],
    "masterKeyUUID": "72659f08-8b3c-4913-bb4e-a8a68e036502",
    "mongodVersion": "8.0.13",
    "policyItems": ["32b6e34b3d91647abb20e7b9"],
    "replicaSetName": "atlas-abc123-shard-0",
    "snapshotType": "scheduled",
    "status": "completed",
    "storageSizeBytes": 3221225472,
    "type": "replicaSet",
}
WRONG = [17, -1.5, True, False, "no", [], ["x"], {}, {"a": 1}, [None], [1], [["x"]], [{"href": 1}, 2]]


def body(document: Dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**document, **changes}, separators=(",", ":")).encode()


def test_the_documented_example_reads_field_by_field() -> None:
    snapshot = Snapshot.parse(body(EXAMPLE))
    assert snapshot.id == "32b6e34b3d91647abb20e7b8"
    assert snapshot.cloud_provider is CloudProvider.AWS
    assert snapshot.copy_regions == ("US_EAST_1", "EU_WEST_1")
    assert snapshot.created_at == datetime(2019, 8, 24, 14, 15, 22, tzinfo=timezone.utc)
    assert snapshot.created_at_text == "2019-08-24T14:15:22Z"
    assert snapshot.description == "before the migration"
    assert snapshot.expires_at == datetime(2019, 8, 31, 14, 15, 22, tzinfo=timezone.utc)
    assert snapshot.frequency_type is FrequencyType.HOURLY
    assert snapshot.links == (Link("https://cloud.mongodb.com/api/atlas", "self"), Link("https://example.com", None))
    assert snapshot.master_key_uuid == "72659f08-8b3c-4913-bb4e-a8a68e036502"
    assert snapshot.mongod_version == "8.0.13"
    assert snapshot.policy_items == ("32b6e34b3d91647abb20e7b9",)
    assert snapshot.replica_set_name == "atlas-abc123-shard-0"
    assert snapshot.snapshot_type is SnapshotType.SCHEDULED
    assert snapshot.status is Status.COMPLETED
    assert snapshot.storage_size_bytes == 3221225472
    assert snapshot.type is ClusterType.REPLICA_SET
    assert (snapshot.members, snapshot.snapshot_ids, snapshot.config_server_type) == ((), (), None)
    check(snapshot, body(EXAMPLE))


def test_all_documented_fields_are_read_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for name, function in vars(_library.lib).items():
        called = functools.partial(lambda name, function, *rest: (calls.append(name), function(*rest))[1], name, function)  # type: ignore[func-returns-value]
        monkeypatch.setattr(_library.lib, name, called)
    snapshot = Snapshot.parse(body(EXAMPLE))
    for name in (*atlas_backup._snapshot.DOCUMENTED, *atlas_backup._snapshot.DOCUMENTED):
        getattr(snapshot, name)
    assert (snapshot.status_text, snapshot.http_status) == ("completed", None)
    assert calls == ["atlas_snapshot_parse", "atlas_snapshot_read_fields"]


def test_a_sharded_clusters_snapshot_has_members() -> None:
    document = {
        "id": "32b6e34b3d91647abb20e7b8",
        "type": "shardedCluster",
        "configServerType": "DEDICATED",
        "members": [
            {"id": "32b6e34b3d91647abb20e701", "cloudProvider": "GCP", "replicaSetName": "shard-0"},
            {"id": "32b6e34b3d91647abb20e702"},
        ],
        "snapshotIds": ["32b6e34b3d91647abb20e701", "32b6e34b3d91647abb20e702"],
    }
    snapshot = Snapshot.parse(body(document))
    assert snapshot.type is ClusterType.SHARDED_CLUSTER
    assert snapshot.members == (
        Member("32b6e34b3d91647abb20e701", "GCP", "shard-0"),
        Member("32b6e34b3d91647abb20e702", None, None),
    )
    check(snapshot, body(document))


@pytest.mark.parametrize("document", [{}, dict.fromkeys(WIRE_NAMES)], ids=["missing", "null"])
def test_fields_that_are_missing_or_null_are_absent(document: Dict[str, None]) -> None:
    snapshot = Snapshot.parse(body(document))
    absent: Dict[str, Any] = {
        **dict.fromkeys(atlas_backup._snapshot.DOCUMENTED),
        **{name: [] for name in LISTS.values()},
    }
    absent.update({attribute: [] for attribute, _, _ in ROWS.values()})
    assert snapshot.to_dict() == absent
    assert snapshot.fields == {name: "null" for name in document}
    check(snapshot, body(document))


@pytest.mark.parametrize("name", sorted(WIRE_NAMES))
def test_a_field_of_any_other_type_is_absent_and_hides_no_other(name: str) -> None:
    for value in WRONG:
        document = body(EXAMPLE, **{name: value})
        snapshot = Snapshot.parse(document)
        check(snapshot, document)
        text = snapshot.field(name)
        assert text is not None and json.loads(text) == value


def test_an_empty_text_is_not_absent() -> None:
    for name, attribute in TEXTS.items():
        assert getattr(Snapshot.parse(body({name: ""})), attribute) == ""
    assert Snapshot.parse(b'{"status":""}').status == ""
    assert Snapshot.parse(b'{"createdAt":""}').created_at is None


@pytest.mark.parametrize(
    ("name", "value", "member"),
    [
        ("status", "COMPLETED", Status.COMPLETED),
        ("status", "inprogress", Status.IN_PROGRESS),
        ("cloud_provider", "azure", CloudProvider.AZURE),
        ("frequency_type", "onDemand", FrequencyType.ON_DEMAND),
        ("snapshot_type", "ondemand", SnapshotType.ON_DEMAND),
        ("type", "REPLICASET", ClusterType.REPLICA_SET),
    ],
)
def test_known_values_are_recognised_in_any_case_and_keep_their_spelling(name: str, value: str, member: Any) -> None:
    wire = {"cloud_provider": "cloudProvider", "frequency_type": "frequencyType", "snapshot_type": "snapshotType"}
    snapshot = Snapshot.parse(body({wire.get(name, name): value}))
    assert getattr(snapshot, name) is member
    assert getattr(snapshot, f"{name}_text") == value


def test_unknown_values_are_kept_as_members_that_are_their_text() -> None:
    one, other = (Snapshot.parse(b'{"status":"paused","n":%d}' % n) for n in range(2))
    status = one.status
    assert isinstance(status, Status)
    assert (status.value, status.name, str(status), f"{status:>8}") == ("paused", "UNKNOWN", "paused", "  paused")
    assert status == other.status == "paused" and hash(status) == hash(other.status)
    assert status not in list(Status)
    assert status != Snapshot.parse(b'{"status":"pausing"}').status
    assert repr(status) == "<Status.UNKNOWN: 'paused'>"


@pytest.mark.parametrize(
    "value", [Status.COMPLETED, Status("paused"), CloudProvider("HETZNER"), ClusterType.REPLICA_SET]
)
def test_enum_members_survive_pickling_and_copying(value: Any) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(value, protocol))
        assert again == value and type(again) is type(value) and again.name == value.name
    assert copy.deepcopy(value) == value and type(copy.deepcopy(value)) is type(value)
    assert pickle.loads(pickle.dumps(Status.COMPLETED)) is Status.COMPLETED


def test_enum_members_are_text_for_people_and_json() -> None:
    assert (str(Status.IN_PROGRESS), f"{Status.IN_PROGRESS}") == ("inProgress", "inProgress")
    assert json.dumps({"status": Status.IN_PROGRESS}) == '{"status": "inProgress"}'
    with pytest.raises(ValueError):
        Status(17)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775807", -(2**63) + 1),
        ("-9223372036854775808", None),
        ("9223372036854775808", None),
        ("123456789012345678901234567890", None),
        ("1.0", None),
        ("1e3", None),
    ],
)
def test_sizes_are_exact_up_to_the_largest(text: str, size: Any) -> None:
    snapshot = Snapshot.parse('{"storageSizeBytes":%s,"id":"x"}' % text)
    assert (snapshot.storage_size_bytes, snapshot.id) == (size, "x")
    assert snapshot.field("storageSizeBytes") == text


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"\"\\\/\b\f\n\r\t", '"\\/\b\f\n\r\t'),
        (r"\u00e9\u4e2d", "é中"),
        (r"\ud83d\ude00", "😀"),
        ("as it is: é 中 💾", "as it is: é 中 💾"),
        (r"a\u0000b", "a\ufffdb"),
        (r"before \ud83d after", "before \ufffd after"),
        (r"\ude00\ud83d", "\ufffd\ufffd"),
    ],
)
def test_text_is_decoded(escaped: str, text: str) -> None:
    document = '{"description":"%s","copyRegions":["%s"],"id":"x"}' % (escaped, escaped)
    snapshot = Snapshot.parse(document)
    assert (snapshot.description, snapshot.copy_regions, snapshot.id) == (text, (text,), "x")
    assert snapshot.field("description") == f'"{escaped}"'
    check(snapshot, document.encode())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T08:00:00+02:00", datetime(2026, 3, 1, 6, tzinfo=timezone.utc)),
        ("2026-03-01T06:00:00.25Z", datetime(2026, 3, 1, 6, 0, 0, 250000, tzinfo=timezone.utc)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=timezone.utc)),
        ("1969-12-31T23:59:59.999Z", datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=timezone.utc)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=timezone.utc)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)),
        ("9999-12-31T23:59:59-01:00", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("yesterday", None),
        ("2026-02-30T06:00:00Z", None),
        ("2026-03-01", None),
    ],
)
def test_dates_are_aware_and_in_utc_or_absent_with_their_text_kept(text: str, moment: Any) -> None:
    snapshot = Snapshot.parse(body({"createdAt": text, "expiresAt": text}))
    assert (snapshot.created_at, snapshot.expires_at) == (moment, moment)
    assert snapshot.created_at is None or snapshot.created_at.tzinfo is timezone.utc
    assert (snapshot.created_at_text, snapshot.expires_at_text) == (text, text)


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    snapshot = Snapshot.parse(b'{"status":17,"id":"a","status":"completed","id":7}')
    assert (snapshot.status, snapshot.id) == (Status.COMPLETED, None)
    assert dict(snapshot.fields) == {"status": '"completed"', "id": "7"}


def test_nothing_that_atlas_sends_is_lost() -> None:
    document = (
        b' {"aText" : "new\\u00e9", "aNumber":-1.25e3,"anObject":{"deep":{"er" : true}},"":[1, 2] ,"\xc3\xa9":null} \n'
    )
    snapshot = Snapshot.parse(document)
    assert dict(snapshot.fields) == {
        "aText": '"new\\u00e9"',
        "aNumber": "-1.25e3",
        "anObject": '{"deep":{"er" : true}}',
        "": "[1, 2]",
        "é": "null",
    }
    assert (snapshot.field("aNumber"), snapshot.field("é"), snapshot.field("missing")) == ("-1.25e3", "null", None)
    assert snapshot.field("aText\0") is None and snapshot.field("\ud800") is None
    assert snapshot.json == document


def test_a_dict_has_what_is_new_too() -> None:
    snapshot = Snapshot.parse(body(EXAMPLE, isNew={"deep": [1.5, None]}, status="paused", aNumber=10**40))
    fields = snapshot.to_dict()
    assert (fields["isNew"], fields["aNumber"], fields["status"]) == ({"deep": [1.5, None]}, 10**40, Status("paused"))
    assert list(fields)[:2] == ["id", "status"] and list(fields)[-2:] == ["isNew", "aNumber"]
    assert fields["created_at"] == snapshot.created_at and fields["links"][0]["rel"] == "self"


def test_a_dict_for_json_has_dates_and_enumerations_as_atlas_wrote_them() -> None:
    snapshot = Snapshot.parse(
        body(EXAMPLE, createdAt="2026-03-01T08:00:00+02:00", expiresAt="soon", status="COMPLETED")
    )
    fields = json.loads(json.dumps(snapshot.to_dict(json=True)))
    assert (fields["created_at"], fields["expires_at"]) == ("2026-03-01T08:00:00+02:00", "soon")
    assert fields["status"] == "COMPLETED" and type(snapshot.to_dict(json=True)["status"]) is str
    assert fields["policy_items"] == ["32b6e34b3d91647abb20e7b9"] and fields["members"] == []
    assert Snapshot.parse(b"{}").to_dict(json=True)["created_at"] is None


@pytest.mark.parametrize("extra", ['"created_at":1', '"toString":1', '"to_dict":1,"created_at":2'])
def test_a_new_field_never_hides_a_documented_one(extra: str) -> None:
    snapshot = Snapshot.parse('{"createdAt":"2026-03-01T06:00:00Z",%s}' % extra)
    assert snapshot.to_dict()["created_at"] == snapshot.created_at is not None
    assert snapshot.fields.get("created_at") in (None, "1", "2")


def test_a_number_of_thousands_of_digits_hides_no_field() -> None:
    digits = "1" * 5000
    assert Snapshot.parse('{"n":%s,"id":"x"}' % digits).to_dict()["n"] in (digits, 10**5000 // 9)


def test_rows_for_a_table_have_the_same_columns(atlas: Simulator) -> None:
    """As pandas.DataFrame(snapshot.to_dict() for snapshot in snapshots) needs them."""
    with atlas.client() as client:
        rows = [snapshot.to_dict() for snapshot in client.list_snapshots(atlas.project, "odd")]
    assert len(rows) == 3 and {tuple(row) for row in rows} == {atlas_backup._snapshot.DOCUMENTED}


def test_an_envelope_is_opened_and_kept() -> None:
    enveloped = b'{"status":200,"content":%s}' % body(EXAMPLE)
    snapshot = Snapshot.parse(enveloped)
    check(snapshot, enveloped)
    assert snapshot.field("content") is None


@pytest.mark.parametrize(
    "text",
    [b"", b" ", b"null", b"[]", b"17", b'"x"', b"{", b'{"id":}', b'{"id":"x"} x', b'\xef\xbb\xbf{"id":"x"}',
     b'{"id":"\xff"}', b'{"id":"a\nb"}', b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", b"\0", '{"id":"\ud800"}'],
    ids=repr,
)  # fmt: skip
def test_what_is_no_json_object_in_utf8_is_refused_with_its_place(text: Any) -> None:
    with pytest.raises(atlas_backup.InvalidResponseError) as caught:
        Snapshot.parse(text)
    assert caught.value.http_status is None and not caught.value.retryable
    assert "line" in str(caught.value) or not text


@pytest.mark.parametrize("enveloped", [False, True])
def test_an_error_that_was_kept_is_raised_as_from_the_server(enveloped: bool) -> None:
    error = b'{"detail":"Gone.","error":404,"errorCode":"SNAPSHOT_NOT_FOUND","parameters":["x"],"reason":"Not Found"}'
    with pytest.raises(atlas_backup.NotFoundError) as caught:
        Snapshot.parse(b'{"status":404,"content":%s}' % error if enveloped else error)
    assert (caught.value.code, caught.value.parameters) == ("SNAPSHOT_NOT_FOUND", ["x"])


def test_parse_takes_text_and_any_bytes() -> None:
    for kind in (bytes, bytearray, memoryview):
        assert Snapshot.parse(kind(b'{"id":"x"}')).id == "x"
    assert Snapshot.parse('{"id":"é"}').id == "é"
    for wrong in (None, 17, {"id": "x"}):
        with pytest.raises(TypeError):
            Snapshot.parse(wrong)  # type: ignore[arg-type]


def test_a_snapshot_parsed_from_text_has_no_answer() -> None:
    snapshot = Snapshot.parse(body(EXAMPLE))
    assert snapshot.http_status is None
    assert len(snapshot.headers) == 0 and "Date" not in snapshot.headers


def test_headers_are_found_in_any_case_and_of_several_the_first_counts(atlas: Simulator) -> None:
    atlas.respond(
        200, b"{}", [("Content-Type", "application/json"), ("Via", "first"), ("via", "second"), ("X-Empty", "")]
    )
    headers = atlas.get().headers
    assert headers["via"] == headers["VIA"] == headers.get("Via") == "first"
    assert headers["x-empty"] == "" and "x-missing" not in headers and headers.get("x-missing") is None
    assert [name.lower() for name in headers].count("via") == 1 and len(headers) == len(list(headers))
    assert repr(headers).count("first") == 1


def test_a_snapshot_cannot_be_changed() -> None:
    snapshot = Snapshot.parse(body(EXAMPLE))
    for name in (*atlas_backup._snapshot.DOCUMENTED, "json", "headers", "anything"):
        with pytest.raises(AttributeError):
            setattr(snapshot, name, None)
    with pytest.raises(TypeError):
        snapshot.fields["id"] = "x"  # type: ignore[index]


def test_a_snapshot_survives_pickling_with_its_answer(atlas: Simulator) -> None:
    for snapshot in (atlas.get(envelope=True), Snapshot.parse(body(EXAMPLE))):
        again = pickle.loads(pickle.dumps(snapshot))
        assert again.to_dict() == snapshot.to_dict()
        assert again.json == snapshot.json
        assert (again.http_status, dict(again.headers)) == (snapshot.http_status, dict(snapshot.headers))
        assert copy.deepcopy(snapshot).json == snapshot.json


def test_every_attribute_explains_itself() -> None:
    for name, field in vars(Snapshot).items():
        if not name.startswith("_"):
            assert field.__doc__, name
    assert repr(Snapshot.parse(body(EXAMPLE))) == "<Snapshot 32b6e34b3d91647abb20e7b8 completed>"
    odd = Snapshot.parse('{"id": "a\\u001b[2J\\n\\u202eb", "status": "x"}')
    assert repr(odd) == "<Snapshot a [2J  b x>"


DOCUMENTS = [f"{0:020}d{number:03x}" for number in range(1, 0x13) if number != 0x10]


@pytest.mark.parametrize("pretty", [False, True], ids=["plain", "pretty"])
@pytest.mark.parametrize("envelope", [False, True], ids=["bare", "enveloped"])
@pytest.mark.parametrize("snapshot_id", ["the documentation's example", *DOCUMENTS])
def test_each_document_of_the_simulator_arrives_intact(
    atlas: Simulator, snapshot_id: str, envelope: bool, pretty: bool
) -> None:
    if " " in snapshot_id:
        snapshot_id = atlas.snapshot
    snapshot = atlas.get(snapshot_id, envelope=envelope, pretty=pretty)
    check(snapshot, snapshot.json)
    assert (b'"content"' in snapshot.json) == envelope
    assert snapshot.http_status == 200
    assert snapshot.headers["ratelimit-limit"] == snapshot.headers["RateLimit-Limit"] == "1200"
    assert "application/vnd.atlas." in snapshot.headers.get("CONTENT-TYPE", "")


def test_a_document_nested_too_deeply_is_refused(atlas: Simulator) -> None:
    with pytest.raises(atlas_backup.InvalidResponseError):
        atlas.get("00000000000000000000d010")
