"""Snapshots and errors as the command line shows them: tables for people, JSON for programs."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Iterator, List, Optional

from ._errors import AtlasError, hint
from ._snapshot import DOCUMENTED, Snapshot, SnapshotList
from ._text import printable


def told(error: AtlasError, on_timeout: str, sharded: bool) -> str:
    """The message of an error, with a hint in the words of the command line."""
    advice = hint(
        error,
        on_timeout=on_timeout,
        on_shards="leave out --sharded" if sharded else "add --sharded",
        on_tokens="--token-cache shares one token between runs",
        arguments=("PROJECT", "CLUSTER", "SNAPSHOT"),
    )
    return printable(error.message if advice is None else f"{error.message}; {advice}")


def json_array(snapshots: SnapshotList) -> Iterator[bytes]:
    """What Atlas sent; a line break in it, which can only stand between tokens, becomes a blank."""
    before = b"[\n"
    for snapshot in snapshots:
        yield before + snapshot.json.replace(b"\n", b" ").replace(b"\r", b" ")
        before = b",\n"
    yield b"\n]\n" if snapshots else b"[]\n"


def rows(snapshots: SnapshotList) -> Iterator[str]:
    """A line for each snapshot, in columns that are wide enough for all values that Atlas documents."""
    if snapshots:
        yield _row("ID", "STATUS", "TYPE", "CREATED", "SIZE", "EXPIRES")
    for snapshot in snapshots:
        size = snapshot.storage_size_bytes
        yield _row(
            snapshot.id,
            snapshot.status_text,
            snapshot.snapshot_type_text,
            _date(snapshot.created_at) or snapshot.created_at_text,
            None if size is None else _short_size(size),
            _date(snapshot.expires_at) or snapshot.expires_at_text,
        )
    yield f"{len(snapshots)} snapshot{'' if len(snapshots) == 1 else 's'}\n"


def _row(*cells: Optional[str]) -> str:
    texts = ["-" if cell is None else printable(cell) for cell in cells]
    return "".join(text.ljust(width) for text, width in zip(texts, (26, 12, 11, 25, 12, 0))) + "\n"


def table(snapshot: Snapshot) -> str:
    """The documented fields that are there, for people: a label and a value, or several values one below the other."""
    width = max(map(len, DOCUMENTED)) + 2
    lines = []
    for name in DOCUMENTED:
        label = name.replace("_", " ")
        for value in _values(snapshot, name):
            lines.append(f"{label:{width}}{printable(value)}\n")
            label = ""
    return "".join(lines)


def _values(snapshot: Snapshot, name: str) -> List[str]:
    value = getattr(snapshot, name)
    if name == "storage_size_bytes" and value is not None:
        return [_size(value)]
    if isinstance(value, datetime):
        return [f"{_date(value)} ({_distance(value)})"]
    if isinstance(value, tuple):
        return [" ".join(filter(None, row)) if isinstance(row, tuple) else row for row in value]
    if value is None:  # perhaps a date that could not be read
        value = getattr(snapshot, f"{name}_text", None)
    return [] if value is None else [value]


def _date(moment: Optional[datetime]) -> Optional[str]:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _size(size: int) -> str:
    """1.5 GiB (1574477824 bytes)"""
    return _short_size(size) if size < 1024 else f"{_short_size(size)} ({size} bytes)"


def _short_size(size: int) -> str:
    """1.5 GiB"""
    if size < 1024:
        return f"{size} bytes"
    amount, units = size / 1024, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while amount >= 1023.95 and len(units) > 1:  # would be shown as 1024.0
        amount /= 1024
        del units[0]
    return f"{amount:.1f} {units[0]}"


def _distance(moment: datetime) -> str:
    """3 hours ago, in 2 days"""
    seconds = (moment - datetime.now(timezone.utc)).total_seconds()
    for unit, length in (
        ("year", 31556952),
        ("month", 2629746),
        ("day", 86400),
        ("hour", 3600),
        ("minute", 60),
        ("second", 1),
    ):
        if abs(seconds) >= 2 * length:
            break
    count = int(abs(seconds)) // length
    words = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"in {words}" if seconds > 0 else f"{words} ago"
