//! Lists.

use crate::ffi::handle::{atlas_snapshot, atlas_snapshot_list, free, get};
use crate::snapshot::SnapshotList;

/// How many snapshots are in the list; 0 if `list` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_list_count(list: *const atlas_snapshot_list) -> usize {
    get!(list, SnapshotList::len)
}

/// How many snapshots there are by Atlas' own estimate, which may differ from `atlas_snapshot_list_count()`. This library
/// does not ask for it, as counting slows long lists down, so it is often `ATLAS_ABSENT`. Atlas' field "totalCount".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_list_total_count(list: *const atlas_snapshot_list) -> i64 {
    get!(list, SnapshotList::total_count)
}

/// Snapshot number `i` of the list, counted from 0 in Atlas' order. It belongs to the list and dies with it: never free it,
/// `atlas_snapshot_copy()` keeps it. Its JSON is that of the item; it has neither HTTP status nor headers. NULL if there are
/// not that many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_list_get(
    list: *const atlas_snapshot_list,
    i: usize,
) -> *const atlas_snapshot {
    get!(list, |list| list.get(i))
}

/// Frees a list and the snapshots in it. NULL does nothing. Nobody may be using them any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_list_free(list: *mut atlas_snapshot_list) {
    // SAFETY: the caller gives back what is its own, or NULL.
    unsafe { free(list) }
}
