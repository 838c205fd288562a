"""Our Python package: COUNT snapshots with every documented field read."""

import os
import sys

import atlas_backup

FIELDS = [
    name
    for name, value in vars(atlas_backup.Snapshot).items()
    if not name.startswith("_")
    and hasattr(value, "__get__")
    and not callable(value)
    and not isinstance(value, classmethod)
    and not name.endswith("_text")
    and name not in ("json", "fields", "headers", "http_status")
]

cluster = sys.argv[2] if len(sys.argv) > 2 else os.environ["ATLAS_SIMULATOR_CLUSTER"]
ids = os.environ["ATLAS_SIMULATOR_PROJECT"], cluster, os.environ["ATLAS_SIMULATOR_SNAPSHOT"]
with atlas_backup.Client.from_env() as client:
    for _ in range(int(sys.argv[1])):
        snapshot = client.get_snapshot(*ids)
        values = [getattr(snapshot, name) for name in FIELDS]
