"""Our Python package: `ours.py get COUNT [CLUSTER]` gets snapshots and reads every documented field of each,
`ours.py list COUNT CLUSTER` gets a list and reads five fields of each of its snapshots."""

import os
import sys

import atlas_backup

FIELDS = (
    "id status description created_at expires_at storage_size_bytes snapshot_type frequency_type type cloud_provider "
    "replica_set_name config_server_type mongod_version master_key_uuid copy_regions policy_items links members "
    "snapshot_ids"
).split()

mode, count = sys.argv[1], int(sys.argv[2])
project, snapshot_id = os.environ["ATLAS_SIMULATOR_PROJECT"], os.environ["ATLAS_SIMULATOR_SNAPSHOT"]
cluster = sys.argv[3] if len(sys.argv) > 3 else os.environ["ATLAS_SIMULATOR_CLUSTER"]
with atlas_backup.Client.from_env() as client:
    for _ in range(count):
        if mode == "get":
            snapshot = client.get_snapshot(project, cluster, snapshot_id)
            values = [getattr(snapshot, name) for name in FIELDS]
        else:
            for snapshot in client.list_snapshots(project, cluster):
                values = [
                    snapshot.id,
                    snapshot.status,
                    snapshot.created_at,
                    snapshot.storage_size_bytes,
                    snapshot.snapshot_type,
                ]
