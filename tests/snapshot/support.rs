//! Documents to read, and how the tests read them.

use atlas_backup::snapshot::{CloudProvider, ClusterType, FrequencyType, SnapshotType, Status};
use atlas_backup::{Error, ErrorKind, Snapshot};

use super::text_fields::TEXTS;

/// The example of Atlas' documentation, with its placeholders filled in.
pub const EXAMPLE: &str = r#"{
  "cloudProvider": "AWS",
  "copyRegions": ["US_EAST_1", "EU_WEST_1"],
  "createdAt": "2024-03-01T10:20:30Z",
  "description": "before the migration",
  "expiresAt": "2024-03-08T10:20:30Z",
  "frequencyType": "hourly",
  "id": "32b6e34b3d91647abb20e7b8",
  "links": [
    {"href": "https://cloud.mongodb.com/api/atlas", "rel": "self"}
  ],
  "masterKeyUUID": "72659f08-8b3c-4913-bb4e-a8a68e036502",
  "mongodVersion": "7.0.5",
  "policyItems": ["32b6e34b3d91647abb20e7b9"],
  "replicaSetName": "atlas-abc-shard-0",
  "snapshotType": "onDemand",
  "status": "queued",
  "storageSizeBytes": 1574477824,
  "type": "replicaSet"
}"#;

pub const SHARDED: &str = r#"{"configServerType":"EMBEDDED","createdAt":"2024-03-01T10:20:30Z","id":"a",
  "members":[{"cloudProvider":"AWS","id":"b","replicaSetName":"shard-0"},
             {"cloudProvider":"GCP","id":"c","replicaSetName":"config"}],
  "snapshotIds":["b","c"],"status":"completed","type":"shardedCluster"}"#;

pub type Count = fn(&Snapshot) -> usize;

/// Every documented field that holds an array, with an array of the right type.
pub const ARRAYS: [(&str, Count, &str); 5] = [
    ("copyRegions", |s| s.copy_regions().len(), r#"["a"]"#),
    ("policyItems", |s| s.policy_items().len(), r#"["a"]"#),
    ("snapshotIds", |s| s.snapshot_ids().len(), r#"["a"]"#),
    ("links", |s| s.links().len(), r#"[{"rel":"a"}]"#),
    ("members", |s| s.members().len(), r#"[{"id":"a"}]"#),
];

pub fn parse(text: &str) -> Snapshot {
    Snapshot::parse(text).unwrap_or_else(|error| panic!("{text:.200}: {error}"))
}

pub fn refused(body: impl Into<Vec<u8>>) -> Error {
    let error = Snapshot::parse(body).expect_err("a body that cannot be read");
    assert_eq!(error.kind, ErrorKind::InvalidResponse, "{error}");
    error
}

/// A document with one field, and another whose sight must not suffer from it.
pub fn with(field: &str, value: &str) -> Snapshot {
    let other = if field == "id" { "status" } else { "id" };
    let snapshot = parse(&format!(r#"{{"{field}":{value},"{other}":"other"}}"#));
    let seen = if field == "id" { snapshot.status() } else { snapshot.id() };
    assert_eq!(seen, Some("other"), "{field}: {value}");
    snapshot
}

pub fn odd(snapshot: &Snapshot) -> Vec<&'static str> {
    snapshot.odd_fields().collect()
}

/// Nothing documented is there.
pub fn assert_all_absent(snapshot: &Snapshot, why: &str) {
    for &(name, get) in TEXTS {
        assert_eq!(get(snapshot), None, "{why}: {name}");
    }
    for (name, count, _) in ARRAYS {
        assert_eq!(count(snapshot), 0, "{why}: {name}");
    }
    assert_eq!(snapshot.storage_size_bytes(), None, "{why}");
    assert_eq!(snapshot.created_at_ms(), None, "{why}");
    assert_eq!(snapshot.expires_at_ms(), None, "{why}");
    assert_eq!(snapshot.status_code(), Status::Unknown, "{why}");
    assert_eq!(snapshot.cloud_provider_code(), CloudProvider::Unknown, "{why}");
    assert_eq!(snapshot.frequency_type_code(), FrequencyType::Unknown, "{why}");
    assert_eq!(snapshot.snapshot_type_code(), SnapshotType::Unknown, "{why}");
    assert_eq!(snapshot.cluster_type_code(), ClusterType::Unknown, "{why}");
}
