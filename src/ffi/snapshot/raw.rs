//! Everything Atlas sent, as it was received.

use std::ffi::c_char;

use crate::ffi::handle::{IntoC, atlas_snapshot, borrow, get};
use crate::ffi::{guard_accessor, text};
use crate::snapshot::Table;

/// The whole body byte for byte, envelope included; of an item of a list its bytes in the page. NUL-terminated, so that it
/// can be printed; its length without the NUL goes to `*length`, unless `length` is NULL. `atlas_snapshot_parse()` reads it
/// again, but for an item of a list that is no snapshot: `42`, say, is in the list with all its fields absent, and
/// `atlas_snapshot_parse()` refuses it. NULL, and a length of 0, only if `snapshot` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_json(
    snapshot: *const atlas_snapshot,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: the header demands that a handle is NULL or alive.
    let snapshot = unsafe { borrow(snapshot) };
    let json = guard_accessor(None, || snapshot.map(|it| (it.json_text(), it.json().len())));
    if !length.is_null() {
        // SAFETY: not NULL, so the caller promises that it is writable.
        unsafe { length.write(json.map_or(0, |(_, length)| length)) };
    }
    json.map(|(text, _)| text).into_c()
}

/// How many members the snapshot's object (inside "content" of an envelope) has, documented or not, of any type. A name that
/// comes twice counts once, at its first place and with its last value. The first call of this or of the next two functions
/// builds an index; many threads may do that at once. Without memory for it there are no members.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_field_count(snapshot: *const atlas_snapshot) -> usize {
    get!(snapshot, |snapshot| snapshot.field_table().map_or(0, |fields| fields.all.len()))
}

/// The name of member number `i`, counted from 0 in the order they came in: "storageSizeBytes". NULL if there are not that
/// many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_field_name(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.field_table()?.all.name(i))
}

/// A member of the snapshot's object by its name, which is case-sensitive, as the JSON text received: `"completed"` with its
/// quotes, `1574477824`, `["US_EAST_1"]`, `null`. For what this library has no accessor for, and for fields of another type
/// than documented. Of a name that came twice the last. NULL if there is no such member, or `name` is NULL or not UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_field(
    snapshot: *const atlas_snapshot,
    name: *const c_char,
) -> *const c_char {
    // SAFETY: the header demands that text is NULL or NUL-terminated.
    let name = unsafe { text(name, "name") };
    get!(snapshot, |snapshot| snapshot.field_table()?.find(name.ok()??))
}

/// Status of the HTTP answer that the snapshot came in: 200. 0 if it was parsed from text or is an item of a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_http_status(snapshot: *const atlas_snapshot) -> i32 {
    get!(snapshot, |snapshot| snapshot.http_status().map_or(0, i32::from))
}

/// A header of the HTTP answer by its name, in any case: "RateLimit-Remaining" gives "1186". Of several the first. NULL if
/// there is none, if the snapshot was parsed from text or is an item of a list, or if `name` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_header(
    snapshot: *const atlas_snapshot,
    name: *const c_char,
) -> *const c_char {
    // SAFETY: the header demands that text is NULL or NUL-terminated.
    let name = unsafe { text(name, "name") };
    get!(snapshot, |snapshot| snapshot.header_table()?.header(name.ok()??))
}

/// How many headers the HTTP answer had; of those that came several times each counts. 0 if the snapshot was parsed from text
/// or is an item of a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_header_count(snapshot: *const atlas_snapshot) -> usize {
    get!(snapshot, |snapshot| snapshot.header_table().map_or(0, Table::len))
}

/// The name of header number `i`, counted from 0, in lower case: "ratelimit-remaining". NULL if there are not that many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_header_name(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.header_table()?.name(i))
}

/// The value of header number `i`; U+FFFD stands for bytes that are not UTF-8. It may be empty. NULL if there are not that
/// many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_header_value(
    snapshot: *const atlas_snapshot,
    i: usize,
) -> *const c_char {
    get!(snapshot, |snapshot| snapshot.header_table()?.value(i))
}
