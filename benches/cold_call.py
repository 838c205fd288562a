"""One snapshot, from the start of a process to its end, over the link that this runs behind: ours beside curl. Prints, as
JSON, a row each: how, who, seconds, connections, requests."""

import json
from statistics import median

from measure import *

TOKEN_AND_SNAPSHOT = """
token=$(curl -q -sf --cacert "$MONGODB_ATLAS_CA_FILE" -u "$MONGODB_ATLAS_CLIENT_ID:$MONGODB_ATLAS_CLIENT_SECRET" \
    -d grant_type=client_credentials "$MONGODB_ATLAS_BASE_URL/api/oauth/token" |
    sed -n 's/.*"access_token":"\\([^"]*\\)".*/\\1/p')
exec "$@" --cacert "$MONGODB_ATLAS_CA_FILE" -H "Authorization: Bearer $token"
"""
OURS = [BENCH + "/ours", "get", "1"]
WAYS = [
    ("a service account", "this library", SERVICE_ACCOUNT, OURS),
    ("a service account", "`curl` twice", SERVICE_ACCOUNT, ["sh", "-c", TOKEN_AND_SNAPSHOT, "sh", *CURL]),
    ("an API key", "this library", DIGEST, OURS),
    ("an API key", "`curl --digest`", DIGEST, [*CURL_DIGEST, "--cacert", CA_FILE]),
]

rows = []
for how, who, env, command in WAYS:
    took = []
    with afresh(record=True):
        before = connections()
        run(command, env)
        opened, requests = connections() - before - 1, len(simulator("GET", "requests"))
    for _ in range(ROUNDS):
        with afresh():
            took.append(Launched(command, env).seconds)
    rows.append((how, who, median(took), opened, requests))
print(json.dumps(rows))
