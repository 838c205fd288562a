"""The same with requests: `requests_.py COUNT`. One Session, the 16 fields of a replica set's snapshot."""

import os
import sys

import requests
from requests.auth import HTTPDigestAuth

FIELDS = (
    "cloudProvider copyRegions createdAt description expiresAt frequencyType id links masterKeyUUID mongodVersion "
    "policyItems replicaSetName snapshotType status storageSizeBytes type"
).split()

env = os.environ
url = (
    "{MONGODB_ATLAS_BASE_URL}/api/atlas/v2/groups/{ATLAS_SIMULATOR_PROJECT}/clusters/{ATLAS_SIMULATOR_CLUSTER}"
    "/backup/snapshots/{ATLAS_SIMULATOR_SNAPSHOT}"
).format(**env)
with requests.Session() as session:
    session.headers.clear()  # of what nobody else sends
    session.headers["User-Agent"] = "atlas-backup/0.0.0 (linux; x86_64)"
    session.headers["Accept"] = "application/vnd.atlas.2024-05-30+json"
    session.verify = env["MONGODB_ATLAS_CA_FILE"]
    if "MONGODB_ATLAS_ACCESS_TOKEN" in env:
        session.headers["Authorization"] = "Bearer " + env["MONGODB_ATLAS_ACCESS_TOKEN"]
    else:
        session.auth = HTTPDigestAuth(env["MONGODB_ATLAS_PUBLIC_API_KEY"], env["MONGODB_ATLAS_PRIVATE_API_KEY"])
    for _ in range(int(sys.argv[1])):
        answer = session.get(url, timeout=30)
        answer.raise_for_status()
        snapshot = answer.json()
        values = [snapshot.get(name) for name in FIELDS]
