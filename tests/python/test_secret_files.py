"""Secrets in files: settings of a client, and variables of the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict

import pytest
from conftest import Simulator

from atlas_backup import Client, ConfigError, UnauthenticatedError

WAYS_IN = {"service_account": "client_secret", "api_key": "private_key", "access_token": "access_token"}


def in_file(atlas: Simulator, way_in: str, place: Path) -> Dict[str, Any]:
    """The credentials of this kind, with the secret in a file."""
    settings = dict(getattr(atlas, way_in))
    path = place / "secret"
    path.write_text(settings.pop(WAYS_IN[way_in]) + "\n")
    path.chmod(0o600)
    return {**settings, f"{WAYS_IN[way_in]}_file": path}


@pytest.mark.parametrize("way_in", WAYS_IN)
def test_a_secret_is_read_again_when_atlas_has_refused_it(atlas: Simulator, way_in: str, tmp_path: Path) -> None:
    settings = in_file(atlas, way_in, tmp_path)
    path = settings[f"{WAYS_IN[way_in]}_file"]
    right = path.read_text()
    path.write_text("wrong\n")
    with Client(base_url=atlas.plain_url, **settings) as client:
        with pytest.raises(UnauthenticatedError, match=f"{WAYS_IN[way_in]}_file {path} still holds what was refused"):
            client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)
        path.write_text(right)
        assert client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot).id == atlas.snapshot


@pytest.mark.parametrize("way_in", WAYS_IN)
def test_from_env_reads_the_file_that_a_variable_names(
    atlas: Simulator, monkeypatch: pytest.MonkeyPatch, way_in: str, tmp_path: Path
) -> None:
    for name in os.environ:
        if name.startswith("MONGODB_ATLAS_"):
            monkeypatch.delenv(name)
    names = {"public_key": "PUBLIC_API_KEY", "private_key_file": "PRIVATE_API_KEY_FILE"}
    for name, value in in_file(atlas, way_in, tmp_path).items():
        monkeypatch.setenv(f"MONGODB_ATLAS_{names.get(name, name.upper())}", str(value))
    with Client.from_env(base_url=atlas.plain_url) as client:
        client.get_snapshot(atlas.project, atlas.cluster, atlas.snapshot)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"client_id": "a", "client_secret_file": None}, "client_secret_file is missing"),
        ({"client_id": "a", "client_secret_file": "/no/such/file"}, "client_secret_file /no/such/file cannot be read"),
        ({"client_secret_file": "/no/such/file"}, "client_id is missing"),
        ({"public_key": "a", "private_key_file": ""}, "private_key_file is empty"),
        ({"access_token_file": "s3cret"}, "access_token_file cannot be read"),
        ({"access_token": "s3cret", "access_token_file": "/f"}, "give access_token or access_token_file, not both"),
        ({"access_token_file": "/f", "client_id": "a"}, "one kind of credentials"),
    ],
)
def test_what_is_wrong_with_a_secret_file_is_said_by_name(settings: Dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as raised:
        Client(**settings)
    assert "s3cret" not in str(raised.value)
