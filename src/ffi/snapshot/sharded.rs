//! What only snapshots of sharded clusters have.

use std::ffi::c_char;

use crate::ffi::handle::{atlas_snapshot, get};
use crate::snapshot::ArrayField;

/// How many shards and config servers the snapshot consists of; 0 for a replica set, if absent, or if an element is no
/// object. Atlas' field "members".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_member_count(snapshot: *const atlas_snapshot) -> usize {
    get!(snapshot, |snapshot| snapshot.members().len())
}

/// The id of member number `i`, 24 hexadecimal digits. NULL if it has none, or if there are not that many. Atlas' field
/// "id" of a member.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_member_id(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.member(i)?.id)
}

/// Who stores member number `i`: "AWS", "AZURE" or "GCP". NULL if Atlas does not say, or if there are not that many. Atlas'
/// field "cloudProvider" of a member.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_member_cloud_provider(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.member(i)?.cloud_provider)
}

/// The name of the shard or config server number `i`: "cluster-989-shard-0". NULL if it has none, or if there are not that
/// many. Atlas' field "replicaSetName" of a member.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_member_replica_set_name(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.member(i)?.replica_set_name)
}

/// How many snapshots of single members the snapshot consists of; 0 for a replica set, if absent, or if an element is no
/// text. Atlas' field "snapshotIds".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_snapshot_id_count(
    snapshot: *const atlas_snapshot,
) -> usize {
    get!(snapshot, |snapshot| snapshot.snapshot_ids().len())
}

/// The id of the member's snapshot number `i`, 24 hexadecimal digits. NULL if there are not that many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_snapshot_id(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text_in(ArrayField::SnapshotIds, i))
}
