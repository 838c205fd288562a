"""The same with requests and json: `requests_.py get COUNT`, `requests_.py list COUNT CLUSTER`. One Session; the 16 fields
of a replica set's snapshot, or five of each in a list."""

import os
import sys

import requests
from requests.auth import HTTPDigestAuth

FIELDS = (
    "cloudProvider copyRegions createdAt description expiresAt frequencyType id links masterKeyUUID mongodVersion "
    "policyItems replicaSetName snapshotType status storageSizeBytes type"
).split()
PAGE_SIZE = 500

env = os.environ
mode, count = sys.argv[1], int(sys.argv[2])
cluster = sys.argv[3] if len(sys.argv) > 3 else env["ATLAS_SIMULATOR_CLUSTER"]
url = (
    "{MONGODB_ATLAS_BASE_URL}/api/atlas/v2/groups/{ATLAS_SIMULATOR_PROJECT}/clusters/{cluster}/backup/snapshots"
).format(**env, cluster=cluster)


def get(url, **query):
    answer = session.get(url, params=query, timeout=30)
    answer.raise_for_status()
    return answer.json()


def get_list():
    snapshots, number = [], 1
    while True:
        page = get(url, itemsPerPage=PAGE_SIZE, pageNum=number)["results"]
        snapshots += page
        if len(page) < PAGE_SIZE:
            return snapshots
        number += 1


with requests.Session() as session:
    session.headers.clear()  # of what nobody else sends
    session.headers["User-Agent"] = "atlas-backup/0.0.0 (linux; x86_64)"
    session.headers["Accept"] = "application/vnd.atlas.2024-05-30+json"
    session.verify = env["MONGODB_ATLAS_CA_FILE"]
    if "MONGODB_ATLAS_ACCESS_TOKEN" in env:
        session.headers["Authorization"] = "Bearer " + env["MONGODB_ATLAS_ACCESS_TOKEN"]
    else:
        session.auth = HTTPDigestAuth(env["MONGODB_ATLAS_PUBLIC_API_KEY"], env["MONGODB_ATLAS_PRIVATE_API_KEY"])
    for _ in range(count):
        if mode == "get":
            snapshot = get(f"{url}/{env['ATLAS_SIMULATOR_SNAPSHOT']}")
            values = [snapshot.get(name) for name in FIELDS]
        else:
            for snapshot in get_list():
                values = [
                    snapshot.get("id"),
                    snapshot.get("status"),
                    snapshot.get("createdAt"),
                    snapshot.get("storageSizeBytes"),
                    snapshot.get("snapshotType"),
                ]
