//! The enumerations as numbers; they are declared in src/snapshot/enums.rs.

use crate::ffi::handle::{atlas_snapshot, get};

/// `atlas_snapshot_status()` as an `atlas_status`, compared without case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_status_code(snapshot: *const atlas_snapshot) -> i32 {
    get!(snapshot, |snapshot| snapshot.status_code() as i32)
}

/// `atlas_snapshot_cloud_provider()` as an `atlas_cloud_provider`, compared without case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_cloud_provider_code(
    snapshot: *const atlas_snapshot,
) -> i32 {
    get!(snapshot, |snapshot| snapshot.cloud_provider_code() as i32)
}

/// `atlas_snapshot_frequency_type()` as an `atlas_frequency`, compared without case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_frequency_type_code(
    snapshot: *const atlas_snapshot,
) -> i32 {
    get!(snapshot, |snapshot| snapshot.frequency_type_code() as i32)
}

/// `atlas_snapshot_snapshot_type()` as an `ATLAS_SNAPSHOT_TYPE_...` number, compared without case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_snapshot_type_code(snapshot: *const atlas_snapshot) -> i32 {
    get!(snapshot, |snapshot| snapshot.snapshot_type_code() as i32)
}

/// `atlas_snapshot_type()` as an `atlas_cluster_type`, compared without case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_type_code(snapshot: *const atlas_snapshot) -> i32 {
    get!(snapshot, |snapshot| snapshot.cluster_type_code() as i32)
}
