//! Lists.

use std::ffi::c_char;

use super::lifetime::kept;
use crate::ffi::error::atlas_error;
use crate::ffi::fallible;
use crate::ffi::handle::{atlas_snapshot, atlas_snapshot_list, free, get};
use crate::snapshot::SnapshotList;

/// Reads a page of a list that you kept, plain or enveloped: an object with an array "results". Needs no client and no
/// network.
///
/// `json` are `length` bytes of UTF-8, as for `atlas_snapshot_parse()`: at most 16 MiB, copied, without a NUL at the end.
/// The page may have 50,000 snapshots.
///
/// Returns a list that is yours (`atlas_snapshot_list_free()`), or NULL with `*error` filled, as by
/// `atlas_snapshot_parse()`; a page without "results" is ATLAS_ERROR_INVALID_RESPONSE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_list_parse(
    json: *const c_char,
    length: usize,
    error: *mut atlas_error,
) -> *mut atlas_snapshot_list {
    // SAFETY: the header demands that `json` is NULL or `length` bytes.
    let parse = || SnapshotList::parse(unsafe { kept(json, length) }?);
    // SAFETY: the header demands that `error` is NULL or writable.
    unsafe { fallible(error, parse) }
}

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

/// The newest snapshot of the list, by "createdAt", of those whose codes are these: `atlas_snapshot_status_code()`
/// (ATLAS_STATUS_COMPLETED for what can be restored), `atlas_snapshot_frequency_type_code()` and
/// `atlas_snapshot_snapshot_type_code()`; 0 takes any. NULL if there is none.
///
/// Those without a readable date are older than all that have one. Of several at the same time, or without a date, it is
/// the one with the greatest id, whose first eight digits are a time; one without an id comes last. The snapshot belongs
/// to the list, as in `atlas_snapshot_list_get()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_list_newest(
    list: *const atlas_snapshot_list,
    status: i32,
    frequency_type: i32,
    snapshot_type: i32,
) -> *const atlas_snapshot {
    let fits = |code: i32, wanted: i32| wanted == 0 || code == wanted;
    get!(list, |list| list.newest(|snapshot| {
        fits(snapshot.status_code() as i32, status)
            && fits(snapshot.frequency_type_code() as i32, frequency_type)
            && fits(snapshot.snapshot_type_code() as i32, snapshot_type)
    }))
}

/// Frees a list and the snapshots in it. NULL does nothing. Nobody may be using them any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_list_free(list: *mut atlas_snapshot_list) {
    // SAFETY: the caller gives back what is its own, or NULL.
    unsafe { free(list) }
}
