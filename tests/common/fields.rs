//! The documented fields of a snapshot that hold text.

use atlas_backup::Snapshot;

type TextAccessor = fn(&Snapshot) -> Option<&str>;

/// Atlas' name of each, and its accessor.
pub const TEXTS: &[(&str, TextAccessor)] = &[
    ("id", Snapshot::id),
    ("cloudProvider", Snapshot::cloud_provider),
    ("configServerType", Snapshot::config_server_type),
    ("createdAt", Snapshot::created_at),
    ("description", Snapshot::description),
    ("expiresAt", Snapshot::expires_at),
    ("frequencyType", Snapshot::frequency_type),
    ("masterKeyUUID", Snapshot::master_key_uuid),
    ("mongodVersion", Snapshot::mongod_version),
    ("replicaSetName", Snapshot::replica_set_name),
    ("snapshotType", Snapshot::snapshot_type),
    ("status", Snapshot::status),
    ("type", Snapshot::cluster_type),
];
