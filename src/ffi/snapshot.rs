//! Snapshots and lists of them: accessors that hand out pointers into what the core keeps.
//!
//! A handle is a [`Snapshot`] or a [`SnapshotList`] behind an opaque type, since the header needs a C name for it.

use std::ffi::c_char;
use std::ptr::{from_ref, null, null_mut};
use std::slice;

use super::error::atlas_error;
use super::{borrow, fallible, free, guard, text};
use crate::json::{self, MAX_BODY};
use crate::snapshot::{
    ArrayField, CloudProvider, ClusterType, FrequencyType, Snapshot, SnapshotList, SnapshotType,
    Status, Text, TextField,
};

/// One backup snapshot, as Atlas described it in one answer; of a replica set or of a sharded cluster.
///
/// It never changes: many threads may read it at once, without a lock. It is independent of the client it came from and
/// may outlive it. What an accessor returns is the same at every call, stays at the same address and lives until the
/// snapshot is freed. Snapshots that you got from `atlas_client_get_...`, `atlas_client_wait_...`, `atlas_snapshot_parse()`
/// or `atlas_snapshot_copy()` are yours: free them with `atlas_snapshot_free()`. Those that come as `const` (from
/// `atlas_snapshot_list_get()` or as the argument of a callback) are lent: never free them, copy them to keep them.
#[allow(non_camel_case_types)]
pub struct atlas_snapshot {
    _opaque: [u8; 0],
}

/// All snapshots of a cluster, in Atlas' order, from `atlas_client_list_snapshots()` or its sharded sibling.
///
/// It never changes: many threads may read it at once. It is yours: free it with `atlas_snapshot_list_free()`, which
/// frees the snapshots in it as well.
#[allow(non_camel_case_types)]
pub struct atlas_snapshot_list {
    _opaque: [u8; 0],
}

/// What an accessor finds in a snapshot; `absent` for NULL, for an absent field and after a panic.
///
/// # Safety
/// As for [`borrow`].
unsafe fn read<T: Copy>(
    snapshot: *const atlas_snapshot,
    absent: T,
    find: impl FnOnce(&Snapshot) -> Option<T>,
) -> T {
    // SAFETY: behind the opaque type is a Snapshot.
    let snapshot = unsafe { borrow(snapshot.cast::<Snapshot>()) };
    guard(absent, || snapshot.and_then(find).unwrap_or(absent))
}

/// The same for text.
///
/// # Safety
/// As for [`borrow`].
unsafe fn read_text(
    snapshot: *const atlas_snapshot,
    find: impl FnOnce(&Snapshot) -> Option<Text<'_>>,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe {
        read(snapshot, null(), |snapshot| {
            find(snapshot).map(Text::as_ptr)
        })
    }
}

/// The same for a text that is an element of an array, or part of one.
///
/// # Safety
/// As for [`borrow`].
unsafe fn read_element(
    snapshot: *const atlas_snapshot,
    array: ArrayField,
    i: usize,
    part: usize,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.element(array, i, part)) }
}

// ---- Snapshots: making and freeing ----

/// Reads a body that you kept, such as the output of `atlas_snapshot_json()` or a recorded answer. The body may be plain
/// or enveloped (an object "content" beside an integer "status"). Needs no client and no network.
///
/// `json` are `length` bytes of UTF-8, which need no NUL at the end; they are copied, you may free them at once.
///
/// Returns a snapshot that is yours (`atlas_snapshot_free()`), or NULL with `*error` filled:
/// - `ATLAS_ERROR_INVALID_ARGUMENT`: `json` is NULL.
/// - `ATLAS_ERROR_INTERNAL`: there is no memory for it.
/// - `ATLAS_ERROR_INVALID_RESPONSE`: not a JSON object in valid UTF-8, empty, with a byte-order mark, larger than 16 MiB
///   (then nothing of it is read) or nested more than 128 levels deep; the message says line, column and what.
/// - The kind that the error had from the server, if the body is one: an envelope with a "status" from 300 to 599 (a
///   redirect is `ATLAS_ERROR_INVALID_RESPONSE`), or an object with an integer "error" from 400 to 599 and no "id". Other
///   numbers are no status of an error.
///
/// A field of another type than documented is no error: it is absent, and `atlas_snapshot_field()` still has its text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_parse(
    json: *const c_char,
    length: usize,
    error: *mut atlas_error,
) -> *mut atlas_snapshot {
    let parse = || {
        if json.is_null() {
            return Err(super::null("json"));
        }
        // Before anything is read: a negative length, made a size_t, is more than there is.
        if length > MAX_BODY {
            return Err(json::too_large());
        }
        // With room for the NUL that the core adds.
        let mut body = Vec::new();
        body.try_reserve_exact(length + 1)?;
        // SAFETY: not NULL, so the caller promises `length` bytes that stay as they are during the call.
        body.extend_from_slice(unsafe { slice::from_raw_parts(json.cast(), length) });
        Snapshot::parse(body)
    };
    // SAFETY: the caller's contract.
    unsafe { fallible(error, parse) }.cast()
}

/// Copies a snapshot, so that it can be kept beyond its list or callback. The copy is independent of the original and is
/// yours: free it with `atlas_snapshot_free()`. NULL for NULL, and when there is no memory for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_copy(
    snapshot: *const atlas_snapshot,
) -> *mut atlas_snapshot {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe {
        read(snapshot, null_mut(), |snapshot| {
            Some(Box::into_raw(Box::new(snapshot.try_clone().ok()?)))
        })
    }
    .cast()
}

/// Frees a snapshot that is yours, and with it every pointer an accessor of it returned. NULL does nothing. Nobody may be
/// using it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_free(snapshot: *mut atlas_snapshot) {
    // SAFETY: the caller's contract; behind the opaque type is a Snapshot.
    unsafe { free(snapshot.cast::<Snapshot>()) }
}

// ---- Text, as Atlas spells it. Absent: NULL ----

/// The snapshot's id, 24 hexadecimal digits: "32b6e34b3d91647abb20e7b8". Atlas' field "id".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_id(snapshot: *const atlas_snapshot) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.text(TextField::Id)) }
}

/// Who stores the snapshot: "AWS", "AZURE" or "GCP". Atlas names it only once it works on the snapshot. Absent for
/// sharded clusters, where each member has its own. Atlas' field "cloudProvider".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_cloud_provider(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.text(TextField::CloudProvider)) }
}

/// How the config servers of a sharded cluster run: "EMBEDDED" or "DEDICATED". Absent for replica sets. Atlas' field
/// "configServerType".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_config_server_type(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe {
        read_text(snapshot, |snapshot| {
            snapshot.text(TextField::ConfigServerType)
        })
    }
}

/// When Atlas took the snapshot, ISO 8601 in UTC: "2026-08-10T03:27:08Z". Absent until it was taken.
/// `atlas_snapshot_created_at_ms()` has it as a number. Atlas' field "createdAt".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_created_at(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.text(TextField::CreatedAt)) }
}

/// The label that somebody gave an on-demand snapshot: "before the migration". It may be empty. Absent for snapshots of
/// the backup policy. Atlas' field "description".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_description(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.text(TextField::Description)) }
}

/// When Atlas will delete the snapshot, ISO 8601 in UTC: "2026-08-11T03:28:21Z". Atlas changes it when the snapshot is
/// completed. `atlas_snapshot_expires_at_ms()` has it as a number. Atlas' field "expiresAt".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_expires_at(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.text(TextField::ExpiresAt)) }
}

/// Which rule of the backup policy took the snapshot: "hourly", "daily", "weekly", "monthly", "yearly", or "ondemand"
/// when it was none. `atlas_snapshot_frequency_type_code()` has it as a number. Atlas' field "frequencyType".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_frequency_type(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.text(TextField::FrequencyType)) }
}

/// The key in your key management that encrypts the snapshot: "72659f08-8b3c-4913-bb4e-a8a68e036502". Absent where Atlas
/// uses its own. Atlas' field "masterKeyUUID".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_master_key_uuid(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.text(TextField::MasterKeyUuid)) }
}

/// Version of the MongoDB server that was saved: "8.0.29", "8.0.24-rc0". Absent while the snapshot is queued. Atlas' field
/// "mongodVersion".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_mongod_version(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.text(TextField::MongodVersion)) }
}

/// Name of the replica set that was saved: "cluster-989". Absent for sharded clusters, where each member has its own.
/// Atlas' field "replicaSetName".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_replica_set_name(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe {
        read_text(snapshot, |snapshot| {
            snapshot.text(TextField::ReplicaSetName)
        })
    }
}

/// Why the snapshot was taken: "onDemand", "scheduled" or "fallback". `atlas_snapshot_snapshot_type_code()` has it as a
/// number. Atlas' field "snapshotType".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_snapshot_type(
    snapshot: *const atlas_snapshot,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.text(TextField::SnapshotType)) }
}

/// How far Atlas is: "queued", "inProgress", "completed" or "failed". Only this tells whether a snapshot can be restored:
/// its size and dates may be there before it is completed. `atlas_snapshot_status_code()` has it as a number. Atlas' field
/// "status".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_status(snapshot: *const atlas_snapshot) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.text(TextField::Status)) }
}

/// What was saved: "replicaSet" or "shardedCluster". `atlas_snapshot_type_code()` has it as a number. Atlas' field "type".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_type(snapshot: *const atlas_snapshot) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.text(TextField::Type)) }
}

// ---- The same as numbers to switch on. Absent, or new to this version: 0, then look at the text ----

/// How far Atlas is with a snapshot: what `atlas_snapshot_status_code()` returns. New values may be added.
#[repr(C)]
#[allow(non_camel_case_types)]
pub enum atlas_status {
    /// Absent, or a value that this version of the library does not know: look at the text.
    ATLAS_STATUS_UNKNOWN = 0,
    /// Atlas has accepted the request and has not begun.
    ATLAS_STATUS_QUEUED = 1,
    /// Atlas is taking the snapshot.
    ATLAS_STATUS_IN_PROGRESS = 2,
    /// The snapshot can be restored.
    ATLAS_STATUS_COMPLETED = 3,
    /// The snapshot could not be taken.
    ATLAS_STATUS_FAILED = 4,
}

/// Who stores a snapshot: what `atlas_snapshot_cloud_provider_code()` returns. New values may be added.
#[repr(C)]
#[allow(non_camel_case_types)]
pub enum atlas_cloud_provider {
    /// Absent, or a value that this version of the library does not know: look at the text.
    ATLAS_CLOUD_PROVIDER_UNKNOWN = 0,
    /// Amazon Web Services.
    ATLAS_CLOUD_PROVIDER_AWS = 1,
    /// Microsoft Azure.
    ATLAS_CLOUD_PROVIDER_AZURE = 2,
    /// Google Cloud.
    ATLAS_CLOUD_PROVIDER_GCP = 3,
}

/// Which rule of the backup policy took a snapshot: what `atlas_snapshot_frequency_type_code()` returns. New values may be
/// added.
#[repr(C)]
#[allow(non_camel_case_types)]
pub enum atlas_frequency {
    /// Absent, or a value that this version of the library does not know: look at the text.
    ATLAS_FREQUENCY_UNKNOWN = 0,
    /// The hourly rule.
    ATLAS_FREQUENCY_HOURLY = 1,
    /// The daily rule.
    ATLAS_FREQUENCY_DAILY = 2,
    /// The weekly rule.
    ATLAS_FREQUENCY_WEEKLY = 3,
    /// The monthly rule.
    ATLAS_FREQUENCY_MONTHLY = 4,
    /// The yearly rule.
    ATLAS_FREQUENCY_YEARLY = 5,
    /// None: somebody asked for the snapshot.
    ATLAS_FREQUENCY_ON_DEMAND = 6,
}

/// Why a snapshot was taken: what `atlas_snapshot_snapshot_type_code()` returns. New values may be added.
#[repr(C)]
#[allow(non_camel_case_types)]
pub enum atlas_snapshot_type_kind {
    /// Absent, or a value that this version of the library does not know: look at the text.
    ATLAS_SNAPSHOT_TYPE_UNKNOWN = 0,
    /// Somebody asked for it.
    ATLAS_SNAPSHOT_TYPE_ON_DEMAND = 1,
    /// The backup policy asked for it.
    ATLAS_SNAPSHOT_TYPE_SCHEDULED = 2,
    /// Atlas took it in place of one that it could not take as planned.
    ATLAS_SNAPSHOT_TYPE_FALLBACK = 3,
}

/// What was saved: what `atlas_snapshot_type_code()` returns. New values may be added.
#[repr(C)]
#[allow(non_camel_case_types)]
pub enum atlas_cluster_type {
    /// Absent, or a value that this version of the library does not know: look at the text.
    ATLAS_CLUSTER_TYPE_UNKNOWN = 0,
    /// A replica set.
    ATLAS_CLUSTER_TYPE_REPLICA_SET = 1,
    /// A sharded cluster, whose snapshot has members.
    ATLAS_CLUSTER_TYPE_SHARDED_CLUSTER = 2,
}

/// `atlas_snapshot_status()` as an `atlas_status`, compared without case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_status_code(snapshot: *const atlas_snapshot) -> i32 {
    let code = |snapshot: &Snapshot| match snapshot.status_code() {
        Status::Unknown => atlas_status::ATLAS_STATUS_UNKNOWN,
        Status::Queued => atlas_status::ATLAS_STATUS_QUEUED,
        Status::InProgress => atlas_status::ATLAS_STATUS_IN_PROGRESS,
        Status::Completed => atlas_status::ATLAS_STATUS_COMPLETED,
        Status::Failed => atlas_status::ATLAS_STATUS_FAILED,
    };
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read(snapshot, 0, |snapshot| Some(code(snapshot) as i32)) }
}

/// `atlas_snapshot_cloud_provider()` as an `atlas_cloud_provider`, compared without case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_cloud_provider_code(
    snapshot: *const atlas_snapshot,
) -> i32 {
    let code = |snapshot: &Snapshot| match snapshot.cloud_provider_code() {
        CloudProvider::Unknown => atlas_cloud_provider::ATLAS_CLOUD_PROVIDER_UNKNOWN,
        CloudProvider::Aws => atlas_cloud_provider::ATLAS_CLOUD_PROVIDER_AWS,
        CloudProvider::Azure => atlas_cloud_provider::ATLAS_CLOUD_PROVIDER_AZURE,
        CloudProvider::Gcp => atlas_cloud_provider::ATLAS_CLOUD_PROVIDER_GCP,
    };
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read(snapshot, 0, |snapshot| Some(code(snapshot) as i32)) }
}

/// `atlas_snapshot_frequency_type()` as an `atlas_frequency`, compared without case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_frequency_type_code(
    snapshot: *const atlas_snapshot,
) -> i32 {
    let code = |snapshot: &Snapshot| match snapshot.frequency_type_code() {
        FrequencyType::Unknown => atlas_frequency::ATLAS_FREQUENCY_UNKNOWN,
        FrequencyType::Hourly => atlas_frequency::ATLAS_FREQUENCY_HOURLY,
        FrequencyType::Daily => atlas_frequency::ATLAS_FREQUENCY_DAILY,
        FrequencyType::Weekly => atlas_frequency::ATLAS_FREQUENCY_WEEKLY,
        FrequencyType::Monthly => atlas_frequency::ATLAS_FREQUENCY_MONTHLY,
        FrequencyType::Yearly => atlas_frequency::ATLAS_FREQUENCY_YEARLY,
        FrequencyType::OnDemand => atlas_frequency::ATLAS_FREQUENCY_ON_DEMAND,
    };
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read(snapshot, 0, |snapshot| Some(code(snapshot) as i32)) }
}

/// `atlas_snapshot_snapshot_type()` as an `ATLAS_SNAPSHOT_TYPE_...` number, compared without case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_snapshot_type_code(snapshot: *const atlas_snapshot) -> i32 {
    let code = |snapshot: &Snapshot| match snapshot.snapshot_type_code() {
        SnapshotType::Unknown => atlas_snapshot_type_kind::ATLAS_SNAPSHOT_TYPE_UNKNOWN,
        SnapshotType::OnDemand => atlas_snapshot_type_kind::ATLAS_SNAPSHOT_TYPE_ON_DEMAND,
        SnapshotType::Scheduled => atlas_snapshot_type_kind::ATLAS_SNAPSHOT_TYPE_SCHEDULED,
        SnapshotType::Fallback => atlas_snapshot_type_kind::ATLAS_SNAPSHOT_TYPE_FALLBACK,
    };
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read(snapshot, 0, |snapshot| Some(code(snapshot) as i32)) }
}

/// `atlas_snapshot_type()` as an `atlas_cluster_type`, compared without case.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_type_code(snapshot: *const atlas_snapshot) -> i32 {
    let code = |snapshot: &Snapshot| match snapshot.cluster_type_code() {
        ClusterType::Unknown => atlas_cluster_type::ATLAS_CLUSTER_TYPE_UNKNOWN,
        ClusterType::ReplicaSet => atlas_cluster_type::ATLAS_CLUSTER_TYPE_REPLICA_SET,
        ClusterType::ShardedCluster => atlas_cluster_type::ATLAS_CLUSTER_TYPE_SHARDED_CLUSTER,
    };
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read(snapshot, 0, |snapshot| Some(code(snapshot) as i32)) }
}

// ---- Numbers and times ----

/// What an absent number or time is: the least `int64_t`, which is no size and no time that Atlas sends. It shows that a
/// field is missing, null, of another type than documented, or (for a time) text that is no date.
pub const ATLAS_ABSENT: i64 = i64::MIN;

/// Size of the snapshot in bytes: 1574477824; 0 until Atlas knows it. `ATLAS_ABSENT` if absent, which a number with a
/// fraction, with an exponent or out of the range of `int64_t` is, too. Atlas' field "storageSizeBytes".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_storage_size_bytes(snapshot: *const atlas_snapshot) -> i64 {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read(snapshot, ATLAS_ABSENT, Snapshot::storage_size_bytes) }
}

/// When Atlas took the snapshot, in milliseconds since 1970-01-01T00:00:00Z (rounded down; leap seconds do not count),
/// 1786332428000 say. Divide by 1000 for a `time_t`. `ATLAS_ABSENT` if absent or no date in the form of RFC 3339, which allows a
/// blank for the T; second 60 is the second after 59, as in POSIX time. Whatever it is, `atlas_snapshot_created_at()` has the
/// text. Atlas' field "createdAt".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_created_at_ms(snapshot: *const atlas_snapshot) -> i64 {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read(snapshot, ATLAS_ABSENT, Snapshot::created_at_ms) }
}

/// When Atlas will delete the snapshot, in milliseconds since 1970-01-01T00:00:00Z, as in
/// `atlas_snapshot_created_at_ms()`. `ATLAS_ABSENT` if absent or no date. Atlas' field "expiresAt".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_expires_at_ms(snapshot: *const atlas_snapshot) -> i64 {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read(snapshot, ATLAS_ABSENT, Snapshot::expires_at_ms) }
}

// ---- Arrays. Elements are counted from 0; at or beyond the count: NULL ----

/// To how many regions Atlas copies the snapshot; 0 if absent, or if an element is no text. Atlas' field "copyRegions".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_copy_region_count(
    snapshot: *const atlas_snapshot,
) -> usize {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe {
        read(snapshot, 0, |snapshot| {
            Some(snapshot.element_count(ArrayField::CopyRegions))
        })
    }
}

/// The region number `i` that Atlas copies the snapshot to: "US_EAST_1". NULL if there are not that many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_copy_region(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_element(snapshot, ArrayField::CopyRegions, i, 0) }
}

/// How many items of the backup policy took the snapshot; 0 if absent, or if an element is no text. Atlas' field
/// "policyItems".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_policy_item_count(
    snapshot: *const atlas_snapshot,
) -> usize {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe {
        read(snapshot, 0, |snapshot| {
            Some(snapshot.element_count(ArrayField::PolicyItems))
        })
    }
}

/// The id of the policy item number `i`, 24 hexadecimal digits. NULL if there are not that many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_policy_item(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_element(snapshot, ArrayField::PolicyItems, i, 0) }
}

/// How many web links to the snapshot, and to what it belongs to, Atlas sent; 0 if absent, or if an element is no object.
/// Atlas' field "links".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_link_count(snapshot: *const atlas_snapshot) -> usize {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe {
        read(snapshot, 0, |snapshot| {
            Some(snapshot.element_count(ArrayField::Links))
        })
    }
}

/// The address of link number `i`: "https://cloud.mongodb.com/api/atlas/v2/groups/...". NULL if the link has none, or if there
/// are not that many. Atlas' field "href".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_link_href(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_element(snapshot, ArrayField::Links, i, 0) }
}

/// What is behind link number `i`: "self", or a URL that names the relation. NULL if the link does not say, or if there are
/// not that many. Atlas' field "rel".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_link_rel(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_element(snapshot, ArrayField::Links, i, 1) }
}

// ---- Sharded clusters: one member per shard and config server ----

/// How many shards and config servers the snapshot consists of; 0 for a replica set, if absent, or if an element is no
/// object. Atlas' field "members".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_member_count(snapshot: *const atlas_snapshot) -> usize {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe {
        read(snapshot, 0, |snapshot| {
            Some(snapshot.element_count(ArrayField::Members))
        })
    }
}

/// The id of member number `i`, 24 hexadecimal digits. NULL if it has none, or if there are not that many. Atlas' field
/// "id" of a member.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_member_id(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_element(snapshot, ArrayField::Members, i, 0) }
}

/// Who stores member number `i`: "AWS", "AZURE" or "GCP". NULL if Atlas does not say, or if there are not that many. Atlas'
/// field "cloudProvider" of a member.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_member_cloud_provider(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_element(snapshot, ArrayField::Members, i, 1) }
}

/// The name of the shard or config server number `i`: "cluster-989-shard-0". NULL if it has none, or if there are not that
/// many. Atlas' field "replicaSetName" of a member.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_member_replica_set_name(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_element(snapshot, ArrayField::Members, i, 2) }
}

/// How many snapshots of single members the snapshot consists of; 0 for a replica set, if absent, or if an element is no
/// text. Atlas' field "snapshotIds".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_snapshot_id_count(
    snapshot: *const atlas_snapshot,
) -> usize {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe {
        read(snapshot, 0, |snapshot| {
            Some(snapshot.element_count(ArrayField::SnapshotIds))
        })
    }
}

/// The id of the member's snapshot number `i`, 24 hexadecimal digits. NULL if there are not that many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_snapshot_id(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_element(snapshot, ArrayField::SnapshotIds, i, 0) }
}

// ---- Everything else: nothing that Atlas sends is lost ----

/// The whole body byte for byte, envelope included; of an item of a list its bytes in the page. NUL-terminated, so that it
/// can be printed; its length without the NUL goes to `*length`, unless `length` is NULL. `atlas_snapshot_parse()` reads it
/// again, but for an item of a list that is no snapshot: `42`, say, is in the list with all its fields absent, and
/// `atlas_snapshot_parse()` refuses it. NULL, and a length of 0, only if `snapshot` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_json(
    snapshot: *const atlas_snapshot,
    length: *mut usize,
) -> *const c_char {
    let json = |snapshot: &Snapshot| {
        let text = snapshot.json_text();
        Some((text.as_ptr(), text.as_str().len()))
    };
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    let (text, bytes) = unsafe { read(snapshot, (null(), 0), json) };
    if !length.is_null() {
        // SAFETY: not NULL, so the caller promises that it is writable.
        unsafe { length.write(bytes) };
    }
    text
}

/// How many members the snapshot's object (inside "content" of an envelope) has, documented or not, of any type. A name that
/// comes twice counts once, at its first place and with its last value. The first call of this or of the next two functions builds an index; many threads may do that at
/// once. Without memory for it there are no members.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_field_count(snapshot: *const atlas_snapshot) -> usize {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read(snapshot, 0, |snapshot| Some(snapshot.field_count())) }
}

/// The name of member number `i`, counted from 0 in the order they came in: "storageSizeBytes". NULL if there are not that
/// many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_field_name(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.field_name(i)) }
}

/// A member of the snapshot's object by its name, which is case-sensitive, as the JSON text received: `"completed"` with its
/// quotes, `1574477824`, `["US_EAST_1"]`, `null`. For what this library has no accessor for, and for fields of another type
/// than documented. Of a name that came twice the last. NULL if there is no such member, or `name` is NULL or not UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_field(
    snapshot: *const atlas_snapshot,
    name: *const c_char,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe {
        read_text(snapshot, |snapshot| {
            snapshot.field_text(text(name, "name").ok()??)
        })
    }
}

/// Status of the HTTP answer that the snapshot came in: 200. 0 if it was parsed from text or is an item of a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_http_status(snapshot: *const atlas_snapshot) -> i32 {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe {
        read(snapshot, 0, |snapshot| {
            snapshot.http_status().map(i32::from)
        })
    }
}

/// A header of the HTTP answer by its name, in any case: "RateLimit-Remaining" gives "1186". Of several the first. NULL if
/// there is none, if the snapshot was parsed from text or is an item of a list, or if `name` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_header(
    snapshot: *const atlas_snapshot,
    name: *const c_char,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe {
        read_text(snapshot, |snapshot| {
            snapshot.header_text(text(name, "name").ok()??)
        })
    }
}

/// How many headers the HTTP answer had; of those that came several times each counts. 0 if the snapshot was parsed from text
/// or is an item of a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_header_count(snapshot: *const atlas_snapshot) -> usize {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read(snapshot, 0, |snapshot| Some(snapshot.header_count())) }
}

/// The name of header number `i`, counted from 0, in lower case: "ratelimit-remaining". NULL if there are not that many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_header_name(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.header_name(i)) }
}

/// The value of header number `i`; U+FFFD stands for bytes that are not UTF-8. It may be empty. NULL if there are not that
/// many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_header_value(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_text(snapshot, |snapshot| snapshot.header_value(i)) }
}

// ---- Lists ----

/// How many snapshots are in the list; 0 if `list` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_list_count(list: *const atlas_snapshot_list) -> usize {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_list(list, 0, |list| Some(list.len())) }
}

/// How many snapshots there are by Atlas' own estimate, which may differ from `atlas_snapshot_list_count()`. This library
/// does not ask for it, as counting slows long lists down, so it is often `ATLAS_ABSENT`. Atlas' field "totalCount".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_list_total_count(list: *const atlas_snapshot_list) -> i64 {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe { read_list(list, ATLAS_ABSENT, SnapshotList::total_count) }
}

/// Snapshot number `i` of the list, counted from 0 in Atlas' order. It belongs to the list and dies with it: never free it,
/// `atlas_snapshot_copy()` keeps it. Its JSON is that of the item; it has neither HTTP status nor headers. NULL if there are
/// not that many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_list_get(
    list: *const atlas_snapshot_list,
    i: usize,
) -> *const atlas_snapshot {
    // SAFETY: the caller's pointers, under the contract of mod.rs.
    unsafe {
        read_list(list, null(), |list| {
            list.get(i).map(|item| from_ref(item).cast())
        })
    }
}

/// Frees a list and the snapshots in it. NULL does nothing. Nobody may be using them any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_list_free(list: *mut atlas_snapshot_list) {
    // SAFETY: the caller's contract; behind the opaque type is a SnapshotList.
    unsafe { free(list.cast::<SnapshotList>()) }
}

/// What an accessor finds in a list, as [`read`] does in a snapshot.
///
/// # Safety
/// As for [`borrow`].
unsafe fn read_list<T: Copy>(
    list: *const atlas_snapshot_list,
    absent: T,
    find: impl FnOnce(&SnapshotList) -> Option<T>,
) -> T {
    // SAFETY: behind the opaque type is a SnapshotList.
    let list = unsafe { borrow(list.cast::<SnapshotList>()) };
    guard(absent, || list.and_then(find).unwrap_or(absent))
}
