//! Numbers and times.

use crate::ffi::handle::{IntoC, atlas_snapshot, get};
use crate::snapshot::Snapshot;

/// What an absent number or time is: the least `int64_t`, which is no size and no time that Atlas sends. It shows that a
/// field is missing, null, of another type than documented, or (for a time) text that is no date.
pub const ATLAS_ABSENT: i64 = i64::MIN;

const _: () = assert!(ATLAS_ABSENT == <Option<i64> as IntoC>::ABSENT);

/// Size of the snapshot in bytes: 1574477824; 0 until Atlas knows it. `ATLAS_ABSENT` if absent, which a number with a
/// fraction, with an exponent or out of the range of `int64_t` is, too. Atlas' field "storageSizeBytes".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_storage_size_bytes(snapshot: *const atlas_snapshot) -> i64 {
    get!(snapshot, Snapshot::storage_size_bytes)
}

/// When Atlas took the snapshot, in milliseconds since 1970-01-01T00:00:00Z (rounded down; leap seconds do not count),
/// 1786332428000 say. Divide by 1000 for a `time_t`. `ATLAS_ABSENT` if absent or no date in the form of RFC 3339, which allows a
/// blank for the T; second 60 is the second after 59, as in POSIX time. Whatever it is, `atlas_snapshot_created_at()` has the
/// text. Atlas' field "createdAt".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_created_at_ms(snapshot: *const atlas_snapshot) -> i64 {
    get!(snapshot, Snapshot::created_at_ms)
}

/// When Atlas will delete the snapshot, in milliseconds since 1970-01-01T00:00:00Z, as in
/// `atlas_snapshot_created_at_ms()`. `ATLAS_ABSENT` if absent or no date. Atlas' field "expiresAt".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atlas_snapshot_expires_at_ms(snapshot: *const atlas_snapshot) -> i64 {
    get!(snapshot, Snapshot::expires_at_ms)
}
