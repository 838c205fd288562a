//! The C ABI: the only place with pointers. Each function is a few lines over the safe core.
//!
//! What every function here relies on: a handle is NULL or came from this library and is alive, text is NULL or
//! NUL-terminated, and an `atlas_error` is NULL or writable. The header says so to the caller.

mod cancellation;
mod client;
mod config;
mod error;
mod handle;
#[cfg(test)]
#[path = "../../tests/unit/panics.rs"]
mod panics;
mod snapshot;
mod version;

use std::any::Any;
use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crate::error::{Error, ErrorKind, Result};
use crate::runtime::panic;
use error::atlas_error;
use handle::{Castable, into_handle};

/// The functions as Rust names them, for the fuzz targets.
#[cfg(fuzzing)]
pub mod all {
    pub use super::{client::*, config::*, error::*, handle::*, snapshot::*, version::*};
}

/// Runs what a function of the ABI does. A panic, which would be the end of the host, ends here.
fn caught<T>(body: impl FnOnce() -> T) -> thread::Result<T> {
    // Unwind safety: what a panic may leave half-done is behind locks that ignore poisoning or is dropped here.
    catch_unwind(AssertUnwindSafe(|| {
        #[cfg(test)]
        panics::panic_if_injected();
        body()
    }))
}

/// The same, and nothing that a panic says is printed; it becomes an error.
fn caught_silently<T>(body: impl FnOnce() -> T) -> Result<T> {
    panic::install_hook();
    panic::silenced(|| caught(body)).map_err(defect)
}

// Of its own, so that it is not compiled into each function of the ABI.
#[cold]
#[inline(never)]
fn defect(payload: Box<dyn Any + Send>) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = panic::take_place().map_or_else(String::new, |place| format!(", in {place}"));
    Error::new(
        ErrorKind::Internal,
        format!("a defect in atlas-backup ({text}{place}); please report it"),
    )
}

/// Runs the body of a function without an error; a panic becomes `absent`.
fn guard<T>(absent: T, body: impl FnOnce() -> T) -> T {
    caught_silently(body).unwrap_or(absent)
}

/// Runs the body of an accessor, at no cost; a panic becomes `absent`.
fn guard_accessor<T>(absent: T, body: impl FnOnce() -> T) -> T {
    caught(body).unwrap_or(absent)
}

/// Runs the body of a call that can fail: fills `*error` whatever happens and returns what `body` made, or why not.
///
/// # Safety
/// `error` is NULL or points to a writable `atlas_error`.
unsafe fn attempt<T>(
    error: *mut atlas_error,
    body: impl FnOnce() -> Result<T>,
) -> Result<T, ErrorKind> {
    let outcome = caught_silently(body).and_then(|outcome| outcome);
    // SAFETY: `error` is NULL or writable, as our own contract demands.
    unsafe { error::store(error, outcome.as_ref().err()) };
    outcome.map_err(|error| error.kind)
}

/// Like [`attempt`] for calls that return a new handle: boxes what `body` made, or returns NULL.
///
/// # Safety
/// `error` is NULL or points to a writable `atlas_error`.
unsafe fn fallible<T: Castable>(
    error: *mut atlas_error,
    body: impl FnOnce() -> Result<T::Inner>,
) -> *mut T {
    // SAFETY: the same contract.
    unsafe { attempt(error, body) }.map_or(std::ptr::null_mut(), into_handle)
}

/// Like [`fallible`] for calls that block, which a cancellation of their thread must not end half-way.
///
/// # Safety
/// The same.
unsafe fn blocking<T: Castable>(
    error: *mut atlas_error,
    body: impl FnOnce() -> Result<T::Inner>,
) -> *mut T {
    // SAFETY: the same contract.
    cancellation::deferred(|| unsafe { fallible(error, body) })
}

/// Text from the caller: `None` for NULL, an error when it is not UTF-8. `name` is for the message.
///
/// # Safety
/// `text` is NULL or NUL-terminated and stays unchanged while the result is in use.
unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<Option<&'a str>> {
    // SAFETY: the same contract.
    let Some(bytes) = (unsafe { bytes(text) }) else {
        return Ok(None);
    };
    str::from_utf8(bytes).map(Some).map_err(|error| {
        let place = error.valid_up_to() + 1;
        Error::new(ErrorKind::InvalidArgument, format!("{name} is not UTF-8 (byte {place})"))
    })
}

/// The bytes of a text; `None` for NULL.
///
/// # Safety
/// `text` is NULL or NUL-terminated and stays unchanged while the result is in use.
unsafe fn bytes<'a>(text: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: NUL-terminated where it is not NULL.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// Text from the caller that must be there.
///
/// # Safety
/// As for [`text`].
unsafe fn required<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: the same contract.
    unsafe { text(pointer, name) }?.ok_or_else(|| null(name))
}

/// The error for a NULL where something is needed.
fn null(name: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{name} is NULL"))
}
