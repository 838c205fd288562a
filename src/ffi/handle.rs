//! Handles: opaque types in C, owned boxes in Rust. And how values of the core cross into C.
//!
//! [`Castable`] ties each opaque type to the Rust type behind it, so that no function casts by hand and none can mix
//! them up. [`IntoC`] lets the return type decide what NULL, an absent field and a panic give back.

use std::ffi::c_char;
use std::ptr::{from_ref, null};

use super::{guard, guard_accessor};
use crate::client::Client;
use crate::config::Config;
use crate::snapshot::{CText, Snapshot, SnapshotList};

/// An opaque type of the header.
pub(super) trait Castable {
    /// What its pointers point to.
    type Inner: 'static;
}

/// Settings for a client. Make one, set what differs from the defaults, make clients of it, free it.
///
/// One thread at a time may use it. `atlas_client_new()` copies it, so it can be freed or changed afterwards.
#[allow(non_camel_case_types)]
pub struct atlas_config {
    _opaque: [u8; 0],
}

/// A client of the Atlas Administration API: connections, credentials, settings.
///
/// Many threads may use one at once, and should: they share its connections and its token. After `fork()` the child may
/// go on using its copy, which starts afresh.
#[allow(non_camel_case_types)]
pub struct atlas_client {
    _opaque: [u8; 0],
}

/// One backup snapshot, as Atlas described it in one answer; of a replica set or of a sharded cluster.
///
/// It never changes: many threads may read it at once, without a lock. It is independent of the client it came from and
/// may outlive it. What an accessor returns is the same at every call, stays at the same address and lives until the
/// snapshot is freed. Snapshots that you got from `atlas_client_get_...`, `atlas_client_wait_...`, `atlas_snapshot_parse()`
/// or `atlas_snapshot_copy()` are yours: free them with `atlas_snapshot_free()`. Those that come as `const` (from a list or
/// as the argument of a callback) are lent: never free them, copy them to keep them.
#[allow(non_camel_case_types)]
pub struct atlas_snapshot {
    _opaque: [u8; 0],
}

/// All snapshots of a cluster, in Atlas' order, from `atlas_client_list_snapshots()`, its sharded sibling or
/// `atlas_snapshot_list_parse()`.
///
/// It never changes: many threads may read it at once. It is yours: free it with `atlas_snapshot_list_free()`, which
/// frees the snapshots in it as well.
#[allow(non_camel_case_types)]
pub struct atlas_snapshot_list {
    _opaque: [u8; 0],
}

impl Castable for atlas_config {
    type Inner = Config;
}

impl Castable for atlas_client {
    type Inner = Client;
}

impl Castable for atlas_snapshot {
    type Inner = Snapshot;
}

impl Castable for atlas_snapshot_list {
    type Inner = SnapshotList;
}

/// A new handle, which is the caller's.
pub(super) fn into_handle<T: Castable>(inner: T::Inner) -> *mut T {
    Box::into_raw(Box::new(inner)).cast()
}

/// A handle as a reference; `None` for NULL.
///
/// # Safety
/// `handle` is NULL or alive, and nobody changes it meanwhile.
pub(super) unsafe fn borrow<'a, T: Castable>(handle: *const T) -> Option<&'a T::Inner> {
    // SAFETY: as demanded above; a handle that is not NULL came from `into_handle` or points to a `T::Inner` that
    // another handle owns.
    unsafe { handle.cast::<T::Inner>().as_ref() }
}

/// A handle as a reference to change it through; `None` for NULL.
///
/// # Safety
/// `handle` is NULL or alive, and nobody else uses it meanwhile.
pub(super) unsafe fn borrow_mut<'a, T: Castable>(handle: *mut T) -> Option<&'a mut T::Inner> {
    // SAFETY: as demanded above, and as for `borrow`.
    unsafe { handle.cast::<T::Inner>().as_mut() }
}

/// Frees a handle; NULL does nothing.
///
/// # Safety
/// `handle` is NULL or came from [`into_handle`], and nobody uses it any more.
pub(super) unsafe fn free<T: Castable>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: not NULL, so it came from `Box::into_raw` and is ours again.
        let inner = unsafe { Box::from_raw(handle.cast::<T::Inner>()) };
        guard((), || drop(inner));
    }
}

/// A value that an accessor returns.
pub(super) trait IntoC {
    /// What C sees of it.
    type C;
    /// What C sees for a handle that is NULL, for an absent field and after a panic.
    const ABSENT: Self::C;

    fn into_c(self) -> Self::C;
}

impl IntoC for Option<CText<'_>> {
    type C = *const c_char;
    const ABSENT: *const c_char = null();

    fn into_c(self) -> *const c_char {
        self.map_or(Self::ABSENT, CText::as_ptr)
    }
}

impl IntoC for Option<i64> {
    type C = i64;
    const ABSENT: i64 = i64::MIN;

    fn into_c(self) -> i64 {
        self.unwrap_or(Self::ABSENT)
    }
}

impl IntoC for usize {
    type C = usize;
    const ABSENT: usize = 0;

    fn into_c(self) -> usize {
        self
    }
}

impl IntoC for i32 {
    type C = i32;
    const ABSENT: i32 = 0;

    fn into_c(self) -> i32 {
        self
    }
}

impl IntoC for Option<&Snapshot> {
    type C = *const atlas_snapshot;
    const ABSENT: *const atlas_snapshot = null();

    fn into_c(self) -> *const atlas_snapshot {
        self.map_or(Self::ABSENT, |snapshot| from_ref(snapshot).cast())
    }
}

/// What `find` finds behind a handle that was borrowed.
pub(super) fn read<'a, T, R: IntoC>(inner: Option<&'a T>, find: impl FnOnce(&'a T) -> R) -> R::C {
    match inner {
        Some(inner) => guard_accessor(R::ABSENT, || find(inner).into_c()),
        None => R::ABSENT,
    }
}

/// The body of an accessor: what the closure finds behind the handle.
macro_rules! get {
    ($handle:ident, $find:expr) => {{
        // SAFETY: the header demands that a handle is NULL or alive.
        let inner = unsafe { $crate::ffi::handle::borrow($handle) };
        $crate::ffi::handle::read(inner, $find)
    }};
}

pub(super) use get;
