"""Answers recorded from the live service, kept outside this repository."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import List, NamedTuple, Tuple

import pytest
from conftest import Simulator
from expectation import check

from atlas_backup import AtlasError, InvalidResponseError, Snapshot

VARIABLE = "ATLAS_BACKUP_FIXTURES"


class Recording(NamedTuple):
    status: int
    headers: List[Tuple[str, str]]
    body: bytes


def read(path: Path) -> Recording:
    head, _, body = path.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
    status, *lines = head.decode().splitlines()
    headers = [tuple(line.split(": ", 1)) for line in lines]
    return Recording(int(status.split()[1]), headers, body)  # type: ignore[arg-type]


FOLDER = os.environ.get(VARIABLE, "")
NAMES = sorted(path.name for path in Path(FOLDER).glob("*.http")) if FOLDER else ["none"]


def recorded(name: str) -> Recording:
    if not FOLDER:
        pytest.skip(f"{VARIABLE} does not name the folder of recorded answers")
    return read(Path(FOLDER) / name)


def test_the_folder_has_recordings() -> None:
    assert NAMES, FOLDER


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_body_is_read(name: str) -> None:
    recording = recorded(name)
    if recording.status < 400 and recording.body.strip():
        check(Snapshot.parse(recording.body), recording.body)
        for item in json.loads(recording.body).get("results", []):
            text = json.dumps(item).encode()
            check(Snapshot.parse(text), text)
    else:
        with pytest.raises(AtlasError) as caught:
            Snapshot.parse(recording.body)
        assert isinstance(caught.value, InvalidResponseError) == (not recording.body.strip())


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_answer_comes_through(atlas: Simulator, name: str) -> None:
    recording = recorded(name)
    atlas.respond(
        recording.status,
        recording.body,
        [header for header in recording.headers if header[0] not in ("Content-Length", "Date", "Transfer-Encoding")],
    )
    if recording.status == 200:
        snapshot = atlas.get()
        check(snapshot, recording.body)
        assert snapshot.http_status == 200
        assert snapshot.headers["X-MONGODB-service-version"] == dict(recording.headers)["X-Mongodb-Service-Version"]
        return
    with pytest.raises(AtlasError) as caught:
        atlas.get()
    error = caught.value
    assert error.http_status == recording.status
    if recording.body.strip():
        document = json.loads(recording.body)
        header = dict(recording.headers).get("X-Error-Code")
        assert error.code == (document.get("errorCode") or header)
        assert (error.reason, error.detail) == (document["reason"], document["detail"])
        assert error.parameters == document.get("parameters")
