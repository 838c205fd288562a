"""What a snapshot's attributes shall be, worked out from its JSON without the library."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import Any, Dict, Optional

from conftest import REPOSITORY

import atlas_backup
from atlas_backup import CloudProvider, ClusterType, FrequencyType, Link, Member, Snapshot, SnapshotType, Status

HEADER = (REPOSITORY / "include" / "atlas_backup.h").read_text(encoding="utf-8")


def documented_texts() -> Dict[str, str]:
    """Each field that holds text, and the end of its accessor's name, from the accessors' comments in the header."""
    accessor = r"/\*\*((?:(?!\*/).)*)\*/\nconst char \*atlas_snapshot_(\w+)\(const atlas_snapshot \*snapshot\);"
    found = {}
    for comment, name in re.findall(accessor, HEADER, flags=re.DOTALL):
        field = re.search(r"Atlas'\s+field\s+\"(\w+)\"", comment.replace("\n *", "\n"))
        assert field, f"the comment of atlas_snapshot_{name} does not say which field of Atlas it is"
        found[field[1]] = name
    return found


DOCUMENTED_TEXTS = documented_texts()
TIMES = {field: name for field, name in DOCUMENTED_TEXTS.items() if f"atlas_snapshot_{name}_ms(" in HEADER}
CHOICES: Dict[str, Any] = {
    "status": ("status", Status),
    "cloudProvider": ("cloud_provider", CloudProvider),
    "frequencyType": ("frequency_type", FrequencyType),
    "snapshotType": ("snapshot_type", SnapshotType),
    "type": ("type", ClusterType),
}
# A field without an attribute fails one test, which says so, and not each that looks at all fields.
TEXTS = {
    field: name
    for field, name in DOCUMENTED_TEXTS.items()
    if field not in TIMES and field not in CHOICES and hasattr(Snapshot, name)
}
LISTS = {"copyRegions": "copy_regions", "policyItems": "policy_items", "snapshotIds": "snapshot_ids"}
ROWS = {
    "links": ("links", Link, ("href", "rel")),
    "members": ("members", Member, ("id", "cloudProvider", "replicaSetName")),
}
WIRE_NAMES = {*TEXTS, *TIMES, *CHOICES, *LISTS, *ROWS, "storageSizeBytes"}


def text(value: Any) -> Optional[str]:
    """NUL and lone surrogates cannot be in the library's text: U+FFFD stands for them."""
    return re.sub("[\0\ud800-\udfff]", "\ufffd", value) if isinstance(value, str) else None


def time(value: Any) -> Optional[datetime]:
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(timezone.utc)
    except (AttributeError, ValueError):
        return None


def attributes(body: bytes) -> Dict[str, Any]:
    """Every documented attribute and its value, for a body that is a snapshot."""
    document = json.loads(body)
    if isinstance(document.get("content"), dict) and isinstance(document.get("status"), int):
        document = document["content"]
    expected: Dict[str, Any] = {attribute: text(document.get(name)) for name, attribute in TEXTS.items()}
    for name, attribute in TIMES.items():
        expected[f"{attribute}_text"] = text(document.get(name))
        expected[attribute] = time(document.get(name))
    for name, (attribute, choices) in CHOICES.items():
        value = text(document.get(name))
        known: Dict[str, Any] = {member.value.lower(): member for member in choices}
        expected[f"{attribute}_text"] = value
        expected[attribute] = None if value is None else known.get(value.lower(), value)
    for name, attribute in LISTS.items():
        value = document.get(name)
        fits = isinstance(value, list) and all(isinstance(element, str) for element in value)
        expected[attribute] = tuple(map(text, value)) if fits else ()
    for name, (attribute, row, columns) in ROWS.items():
        value = document.get(name)
        fits = isinstance(value, list) and all(isinstance(element, dict) for element in value)
        expected[attribute] = (
            tuple(row(*[text(element.get(column)) for column in columns]) for element in value) if fits else ()
        )
    size = document.get("storageSizeBytes")
    fits = type(size) is int and -(2**63) < size < 2**63
    expected["storage_size_bytes"] = size if fits else None
    return expected


def plain(value: Any) -> Any:
    """Lists and dicts in the place of tuples."""
    if isinstance(value, tuple):
        return [dict(zip(row._fields, row)) if hasattr(row, "_fields") else row for row in value]
    return value


def check(snapshot: Snapshot, body: bytes) -> None:
    """Compares every attribute, and that the snapshot still has all that was sent."""
    expected = attributes(body)
    actual = {name: getattr(snapshot, name) for name in expected}
    assert actual == expected
    for name, (attribute, choices) in CHOICES.items():
        assert expected[attribute] is None or type(actual[attribute]) is choices
    assert snapshot.json == body
    document = json.loads(body)
    if isinstance(document.get("content"), dict) and isinstance(document.get("status"), int):
        document = document["content"]
    assert {name: json.loads(value) for name, value in snapshot.fields.items()} == {
        name if text(name) == name else text(name): value for name, value in document.items()
    }
    for name in snapshot.fields:
        assert snapshot.field(name) == snapshot.fields[name]
    documented = {name for name in expected if not name.endswith("_text")}
    more = {text(name): value for name, value in document.items() if name not in WIRE_NAMES}
    assert snapshot.to_dict() == {**more, **{name: plain(expected[name]) for name in documented}}
    ready = {name: expected.get(f"{name}_text", plain(expected[name])) for name in documented}
    assert json.loads(json.dumps(snapshot.to_dict(json=True))) == {**more, **ready}
    assert atlas_backup.Snapshot.parse(snapshot.json).to_dict() == snapshot.to_dict()
