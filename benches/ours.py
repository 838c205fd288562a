"""Our Python package: `ours.py [CLUSTER] COUNT` gets snapshots and reads every documented field of each."""

import os
import sys

import atlas_backup

FIELDS = (
    "id status description created_at expires_at storage_size_bytes snapshot_type frequency_type type cloud_provider "
    "replica_set_name config_server_type mongod_version master_key_uuid copy_regions policy_items links members "
    "snapshot_ids"
).split()

cluster = sys.argv[1] if len(sys.argv) > 2 else os.environ["ATLAS_SIMULATOR_CLUSTER"]
ids = os.environ["ATLAS_SIMULATOR_PROJECT"], cluster, os.environ["ATLAS_SIMULATOR_SNAPSHOT"]
with atlas_backup.Client.from_env() as client:
    for _ in range(int(sys.argv[-1])):
        snapshot = client.get_snapshot(*ids)
        values = [getattr(snapshot, name) for name in FIELDS]
