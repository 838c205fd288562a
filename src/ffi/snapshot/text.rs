//! Text, as Atlas spells it.

use std::ffi::c_char;

use crate::ffi::handle::{atlas_snapshot, get};
use crate::snapshot::TextField;

/// The snapshot's id, 24 hexadecimal digits: "32b6e34b3d91647abb20e7b8". Atlas' field "id".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_id(snapshot: *const atlas_snapshot) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text(TextField::Id))
}

/// Who stores the snapshot: "AWS", "AZURE" or "GCP". Atlas names it only once it works on the snapshot. Absent for
/// sharded clusters, where each member has its own. Atlas' field "cloudProvider".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_cloud_provider(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text(TextField::CloudProvider))
}

/// How the config servers of a sharded cluster run: "EMBEDDED" or "DEDICATED". Absent for replica sets. Atlas' field
/// "configServerType".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_config_server_type(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text(TextField::ConfigServerType))
}

/// When Atlas took the snapshot, ISO 8601 in UTC: "2026-08-10T03:27:08Z". Absent until it was taken.
/// `atlas_snapshot_created_at_ms()` has it as a number. Atlas' field "createdAt".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_created_at(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text(TextField::CreatedAt))
}

/// The label that somebody gave an on-demand snapshot: "before the migration". It may be empty. Absent for snapshots of
/// the backup policy. Atlas' field "description".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_description(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text(TextField::Description))
}

/// When Atlas will delete the snapshot, ISO 8601 in UTC: "2026-08-11T03:28:21Z". Atlas changes it when the snapshot is
/// completed. `atlas_snapshot_expires_at_ms()` has it as a number. Atlas' field "expiresAt".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_expires_at(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text(TextField::ExpiresAt))
}

/// Which rule of the backup policy took the snapshot: "hourly", "daily", "weekly", "monthly", "yearly", or "ondemand"
/// when it was none. `atlas_snapshot_frequency_type_code()` has it as a number. Atlas' field "frequencyType".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_frequency_type(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text(TextField::FrequencyType))
}

/// The key in your key management that encrypts the snapshot: "72659f08-8b3c-4913-bb4e-a8a68e036502". Absent where Atlas
/// uses its own. Atlas' field "masterKeyUUID".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_master_key_uuid(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text(TextField::MasterKeyUuid))
}

/// Version of the MongoDB server that was saved: "8.0.29", "8.0.24-rc0". Absent while the snapshot is queued. Atlas' field
/// "mongodVersion".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_mongod_version(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text(TextField::MongodVersion))
}

/// Name of the replica set that was saved: "cluster-989". Absent for sharded clusters, where each member has its own.
/// Atlas' field "replicaSetName".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_replica_set_name(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text(TextField::ReplicaSetName))
}

/// Why the snapshot was taken: "onDemand", "scheduled" or "fallback". `atlas_snapshot_snapshot_type_code()` has it as a
/// number. Atlas' field "snapshotType".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_snapshot_type(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text(TextField::SnapshotType))
}

/// How far Atlas is: "queued", "inProgress", "completed" or "failed". Only this tells whether a snapshot can be restored:
/// its size and dates may be there before it is completed. `atlas_snapshot_status_code()` has it as a number. Atlas' field
/// "status".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_status(snapshot: *const atlas_snapshot) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text(TextField::Status))
}

/// What was saved: "replicaSet" or "shardedCluster". `atlas_snapshot_type_code()` has it as a number. Atlas' field "type".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_type(snapshot: *const atlas_snapshot) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text(TextField::Type))
}
