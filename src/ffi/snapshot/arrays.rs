//! Arrays of texts and of links.

use std::ffi::c_char;

use crate::ffi::handle::{atlas_snapshot, get};
use crate::snapshot::ArrayField;

/// To how many regions Atlas copies the snapshot; 0 if absent, or if an element is no text. Atlas' field "copyRegions".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_copy_region_count(
    snapshot: *const atlas_snapshot,
) -> usize {
    get!(snapshot, |snapshot| snapshot.copy_regions().len())
}

/// The region number `i` that Atlas copies the snapshot to: "US_EAST_1". NULL if there are not that many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_copy_region(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text_in(ArrayField::CopyRegions, i))
}

/// How many items of the backup policy took the snapshot; 0 if absent, or if an element is no text. Atlas' field
/// "policyItems".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_policy_item_count(
    snapshot: *const atlas_snapshot,
) -> usize {
    get!(snapshot, |snapshot| snapshot.policy_items().len())
}

/// The id of the policy item number `i`, 24 hexadecimal digits. NULL if there are not that many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_policy_item(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.text_in(ArrayField::PolicyItems, i))
}

/// How many web links to the snapshot, and to what it belongs to, Atlas sent; 0 if absent, or if an element is no object.
/// Atlas' field "links".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_link_count(snapshot: *const atlas_snapshot) -> usize {
    get!(snapshot, |snapshot| snapshot.links().len())
}

/// The address of link number `i`: "https://cloud.mongodb.com/api/atlas/v2/groups/...". NULL if the link has none, or if there
/// are not that many. Atlas' field "href".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_link_href(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.link(i)?.href)
}

/// What is behind link number `i`: "self", or a URL that names the relation. NULL if the link does not say, or if there are
/// not that many. Atlas' field "rel".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_link_rel(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.link(i)?.rel)
}
