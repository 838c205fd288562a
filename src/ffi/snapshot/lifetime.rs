//! Making and freeing snapshots.

use std::ffi::c_char;
use std::ptr::null_mut;
use std::slice;

use crate::error::Result;
use crate::ffi::error::atlas_error;
use crate::ffi::handle::{atlas_snapshot, borrow, free, into_handle};
use crate::ffi::{fallible, guard_accessor, null};
use crate::json::{self, MAX_BODY};
use crate::runtime::memory;
use crate::snapshot::Snapshot;

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
    // SAFETY: the header demands that `json` is NULL or `length` bytes.
    let parse = || Snapshot::parse(unsafe { kept(json, length) }?);
    // SAFETY: the header demands that `error` is NULL or writable.
    unsafe { fallible(error, parse) }
}

/// A body that the caller kept, with room for the NUL that the core adds.
///
/// # Safety
/// `json` is NULL or `length` bytes that nobody changes meanwhile.
pub(super) unsafe fn kept(json: *const c_char, length: usize) -> Result<Vec<u8>> {
    if json.is_null() {
        return Err(null("json"));
    }
    // Before anything is read: a negative length, made a size_t, is more than there is.
    if length > MAX_BODY {
        return Err(json::Malformed::too_large().into());
    }
    let mut body = memory::vec(length + 1)?;
    // SAFETY: not NULL, and so as demanded above.
    body.extend_from_slice(unsafe { slice::from_raw_parts(json.cast(), length) });
    Ok(body)
}

/// Copies a snapshot, so that it can be kept beyond its list or callback. The copy is independent of the original and is
/// yours: free it with `atlas_snapshot_free()`. NULL for NULL, and when there is no memory for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_copy(
    snapshot: *const atlas_snapshot,
) -> *mut atlas_snapshot {
    // SAFETY: the header demands that a handle is NULL or alive.
    let snapshot = unsafe { borrow(snapshot) };
    let copy = || snapshot?.try_clone().ok().map(into_handle);
    guard_accessor(None, copy).unwrap_or(null_mut())
}

/// Frees a snapshot that is yours, and with it every pointer an accessor of it returned. NULL does nothing. Nobody may be
/// using it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_free(snapshot: *mut atlas_snapshot) {
    // SAFETY: the caller gives back what is its own, or NULL.
    unsafe { free(snapshot) }
}
