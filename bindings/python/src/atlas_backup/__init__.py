"""Read MongoDB Atlas cloud backup snapshots.

    import atlas_backup

    with atlas_backup.Client(client_id="mdb_sa_id_…", client_secret="mdb_sa_sk_…") as client:
        snapshot = client.get_snapshot("32b6e34b3d91647abb20e7b8", "Cluster0", "5f4007f327a3bd7b6f4103c5")
    print(snapshot.status, snapshot.created_at, snapshot.storage_size_bytes)

All errors of the library are AtlasError; its subclasses say what went wrong. ``python -m atlas_backup`` does the same
from a shell. The work is done by the C library libatlas_backup, which this package finds in the path that
ATLAS_BACKUP_LIBRARY names, inside the package, or installed on the system, in this order.
"""

from ._client import Client, Settings
from ._errors import (
    AtlasError,
    AtlasTimeoutError,
    BadRequestError,
    CancelledError,
    ConfigError,
    ErrorKind,
    ForbiddenError,
    InternalError,
    InvalidArgumentError,
    InvalidResponseError,
    NetworkError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    SnapshotFailedError,
    TLSError,
    UnauthenticatedError,
)
from ._library import __version__
from ._snapshot import (
    CloudProvider,
    ClusterType,
    FrequencyType,
    Headers,
    Link,
    Member,
    Snapshot,
    SnapshotList,
    SnapshotType,
    Status,
)

__all__ = [
    "AtlasError",
    "AtlasTimeoutError",
    "BadRequestError",
    "CancelledError",
    "Client",
    "CloudProvider",
    "ClusterType",
    "ConfigError",
    "ErrorKind",
    "ForbiddenError",
    "FrequencyType",
    "Headers",
    "InternalError",
    "InvalidArgumentError",
    "InvalidResponseError",
    "Link",
    "Member",
    "NetworkError",
    "NotFoundError",
    "RateLimitedError",
    "ServerError",
    "Settings",
    "Snapshot",
    "SnapshotFailedError",
    "SnapshotList",
    "SnapshotType",
    "Status",
    "TLSError",
    "UnauthenticatedError",
    "__version__",
]
