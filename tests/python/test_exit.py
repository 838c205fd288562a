"""The end of the process, where Python ends every thread but the main one."""

from __future__ import annotations

import pytest
from conftest import Simulator, run_python

PROGRAM = """
import logging, signal, sys
import atlas_backup

{before}

class Owner:
    def __init__(self):
        self.client = atlas_backup.Client(
            client_id={client_id!r}, client_secret={client_secret!r}, base_url={url!r}, ca_file={ca_file!r})
        self.write = sys.stdout.write
    def __del__(self):
        {body}
        self.write("given back\\n")

owner = Owner()
owner.client.get_snapshot({project!r}, {cluster!r}, {snapshot!r})
"""
WAIT = "self.client.wait_for_snapshot({project!r}, {cluster!r}, {snapshot!r}, progress=lambda _: None); "


@pytest.mark.parametrize(
    "before",
    ["", "logging.basicConfig(level=logging.INFO)", "signal.signal(signal.SIGTERM, lambda *_: None)"],
    ids=["plain", "with a logger", "with a signal handler"],
)
@pytest.mark.parametrize("waits", [False, True], ids=["", "and waits"])
def test_a_client_gives_its_token_back_in_del_at_exit(atlas: Simulator, before: str, waits: bool) -> None:
    values = {
        **atlas.service_account,
        "url": atlas.url,
        "ca_file": atlas.ca_file,
        "project": atlas.project,
        "cluster": atlas.cluster,
        "snapshot": atlas.snapshot,
    }
    body = (WAIT.format(**values) if waits else "") + "self.client.revoke_token()"
    done = run_python("-c", PROGRAM.format(before=before, body=body, **values))
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"given back\n", done.stderr
