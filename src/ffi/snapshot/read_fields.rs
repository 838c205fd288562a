//! All documented fields in one call.

use std::ffi::c_char;
use std::mem::offset_of;
use std::ops::Range;
use std::ptr::{self, null};

use crate::ffi::guard_accessor;
use crate::ffi::handle::{IntoC, atlas_snapshot, borrow};
use crate::snapshot::{ArrayField, Snapshot, TextField};

/// A link of a snapshot. This struct stays as it is, since there are arrays of it.
#[repr(C)]
#[allow(non_camel_case_types)]
pub struct atlas_link {
    /// `atlas_snapshot_link_href()`
    pub href: *const c_char,
    /// `atlas_snapshot_link_rel()`
    pub rel: *const c_char,
}

/// A member of a sharded cluster's snapshot. This struct stays as it is, since there are arrays of it.
#[repr(C)]
#[allow(non_camel_case_types)]
pub struct atlas_member {
    /// `atlas_snapshot_member_id()`
    pub id: *const c_char,
    /// `atlas_snapshot_member_cloud_provider()`
    pub cloud_provider: *const c_char,
    /// `atlas_snapshot_member_replica_set_name()`
    pub replica_set_name: *const c_char,
}

/// What `atlas_snapshot_read_fields()` fills: each member is what the function named beside it returns, and absent as that
/// says. An empty array is a count of 0 and NULL. Members are only ever added at the end.
#[repr(C)]
#[allow(non_camel_case_types)]
pub struct atlas_snapshot_fields {
    /// `atlas_snapshot_id()`
    pub id: *const c_char,
    /// `atlas_snapshot_cloud_provider()`
    pub cloud_provider: *const c_char,
    /// `atlas_snapshot_config_server_type()`
    pub config_server_type: *const c_char,
    /// `atlas_snapshot_created_at()`
    pub created_at: *const c_char,
    /// `atlas_snapshot_description()`
    pub description: *const c_char,
    /// `atlas_snapshot_expires_at()`
    pub expires_at: *const c_char,
    /// `atlas_snapshot_frequency_type()`
    pub frequency_type: *const c_char,
    /// `atlas_snapshot_master_key_uuid()`
    pub master_key_uuid: *const c_char,
    /// `atlas_snapshot_mongod_version()`
    pub mongod_version: *const c_char,
    /// `atlas_snapshot_replica_set_name()`
    pub replica_set_name: *const c_char,
    /// `atlas_snapshot_snapshot_type()`
    pub snapshot_type: *const c_char,
    /// `atlas_snapshot_status()`
    pub status: *const c_char,
    /// `atlas_snapshot_type()`
    pub r#type: *const c_char,
    /// `atlas_snapshot_storage_size_bytes()`
    pub storage_size_bytes: i64,
    /// `atlas_snapshot_created_at_ms()`
    pub created_at_ms: i64,
    /// `atlas_snapshot_expires_at_ms()`
    pub expires_at_ms: i64,
    /// `atlas_snapshot_status_code()`
    pub status_code: i32,
    /// `atlas_snapshot_cloud_provider_code()`
    pub cloud_provider_code: i32,
    /// `atlas_snapshot_frequency_type_code()`
    pub frequency_type_code: i32,
    /// `atlas_snapshot_snapshot_type_code()`
    pub snapshot_type_code: i32,
    /// `atlas_snapshot_type_code()`
    pub type_code: i32,
    /// `atlas_snapshot_http_status()`
    pub http_status: i32,
    /// `atlas_snapshot_copy_region_count()`
    pub copy_region_count: usize,
    /// `atlas_snapshot_copy_region()` of each
    pub copy_regions: *const *const c_char,
    /// `atlas_snapshot_policy_item_count()`
    pub policy_item_count: usize,
    /// `atlas_snapshot_policy_item()` of each
    pub policy_items: *const *const c_char,
    /// `atlas_snapshot_snapshot_id_count()`
    pub snapshot_id_count: usize,
    /// `atlas_snapshot_snapshot_id()` of each
    pub snapshot_ids: *const *const c_char,
    /// `atlas_snapshot_link_count()`
    pub link_count: usize,
    /// Each link
    pub links: *const atlas_link,
    /// `atlas_snapshot_member_count()`
    pub member_count: usize,
    /// Each member
    pub members: *const atlas_member,
}

impl atlas_snapshot_fields {
    /// Bytes that belong to no member: a number may have to begin at a multiple of 8 where a pointer has 4 bytes, as on
    /// armv7. Behind the last member there are none so far.
    const GAPS: [Range<usize>; 2] = {
        let pointer = size_of::<*const c_char>();
        [
            offset_of!(Self, r#type) + pointer..offset_of!(Self, storage_size_bytes),
            offset_of!(Self, members) + pointer..size_of::<Self>(),
        ]
    };

    /// Of no snapshot: everything absent.
    fn of(snapshot: Option<&Snapshot>) -> atlas_snapshot_fields {
        let text = |field| snapshot.and_then(|snapshot| snapshot.text(field)).into_c();
        let code = |read: fn(&Snapshot) -> i32| snapshot.map_or(0, read);
        let (copy_region_count, copy_regions) = array(snapshot, ArrayField::CopyRegions);
        let (policy_item_count, policy_items) = array(snapshot, ArrayField::PolicyItems);
        let (snapshot_id_count, snapshot_ids) = array(snapshot, ArrayField::SnapshotIds);
        let (link_count, links) = array(snapshot, ArrayField::Links);
        let (member_count, members) = array(snapshot, ArrayField::Members);
        atlas_snapshot_fields {
            id: text(TextField::Id),
            cloud_provider: text(TextField::CloudProvider),
            config_server_type: text(TextField::ConfigServerType),
            created_at: text(TextField::CreatedAt),
            description: text(TextField::Description),
            expires_at: text(TextField::ExpiresAt),
            frequency_type: text(TextField::FrequencyType),
            master_key_uuid: text(TextField::MasterKeyUuid),
            mongod_version: text(TextField::MongodVersion),
            replica_set_name: text(TextField::ReplicaSetName),
            snapshot_type: text(TextField::SnapshotType),
            status: text(TextField::Status),
            r#type: text(TextField::Type),
            storage_size_bytes: snapshot.and_then(Snapshot::storage_size_bytes).into_c(),
            created_at_ms: snapshot.and_then(Snapshot::created_at_ms).into_c(),
            expires_at_ms: snapshot.and_then(Snapshot::expires_at_ms).into_c(),
            status_code: code(|snapshot| snapshot.status_code() as i32),
            cloud_provider_code: code(|snapshot| snapshot.cloud_provider_code() as i32),
            frequency_type_code: code(|snapshot| snapshot.frequency_type_code() as i32),
            snapshot_type_code: code(|snapshot| snapshot.snapshot_type_code() as i32),
            type_code: code(|snapshot| snapshot.cluster_type_code() as i32),
            http_status: snapshot.and_then(Snapshot::http_status).map_or(0, i32::from),
            copy_region_count,
            copy_regions,
            policy_item_count,
            policy_items,
            snapshot_id_count,
            snapshot_ids,
            link_count,
            links,
            member_count,
            members,
        }
    }
}

/// How many elements an array has, and where they are; `T` consists of the pointers to the texts of an element alone.
fn array<T>(snapshot: Option<&Snapshot>, array: ArrayField) -> (usize, *const T) {
    let pointers = snapshot.map_or(&[][..], |snapshot| snapshot.pointers(array));
    let count = pointers.len() / (size_of::<T>() / size_of::<*const c_char>());
    (count, if count == 0 { null() } else { pointers.as_ptr().cast() })
}

/// Reads all documented fields at once, which for languages where a call costs much is cheaper than the accessors above.
///
/// `size` is `sizeof(atlas_snapshot_fields)` in your program. So many bytes of `*fields` are filled: with what this version
/// of the library knows, which may be less than a later header has, and zeros behind it and in gaps between members.
/// Pointers live as long as the snapshot, and are the same at every call. Many threads may call it at once. Without memory
/// for the arrays of pointers, which the first call makes, these arrays are empty.
///
/// Returns `sizeof(atlas_snapshot_fields)` in the library. Returns 0 if `snapshot` is NULL; everything is absent then. If
/// `fields` is NULL nothing is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_read_fields(
    snapshot: *const atlas_snapshot,
    fields: *mut atlas_snapshot_fields,
    size: usize,
) -> usize {
    // SAFETY: the header demands that a handle is NULL or alive.
    let snapshot = unsafe { borrow(snapshot) };
    let found = guard_accessor(None, || Some(atlas_snapshot_fields::of(Some(snapshot?))));
    let known = if found.is_some() { size_of::<atlas_snapshot_fields>() } else { 0 };
    if !fields.is_null() {
        let mut found = found.unwrap_or_else(|| atlas_snapshot_fields::of(None));
        let both = size.min(size_of::<atlas_snapshot_fields>());
        // SAFETY: not NULL, so the caller promises `size` writable bytes; `found` has no fewer than are copied, and the
        // gaps are inside it. It is copied from where it lies, byte by byte, so that these stay zero.
        unsafe {
            let found = ptr::from_mut(&mut found).cast::<u8>();
            for gap in atlas_snapshot_fields::GAPS {
                found.add(gap.start).write_bytes(0, gap.len());
            }
            let fields = fields.cast::<u8>();
            ptr::copy_nonoverlapping(found, fields, both);
            fields.add(both).write_bytes(0, size - both);
        }
    }
    known
}
