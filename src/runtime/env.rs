//! The environment, as far as it is to be trusted.

use std::ffi::{CStr, CString, OsString};
use std::os::unix::ffi::OsStringExt;

/// A variable of the environment; none if unset or empty, and none at all in a program that runs with rights its caller
/// does not have: the caller made the environment. That is secure_getenv(), which the libc crate does not declare. Not
/// `std::env`, whose lock a forked child could find held.
pub(crate) fn env(name: &str) -> Option<OsString> {
    if is_privileged() {
        return None;
    }
    let name = CString::new(name).ok()?;
    // SAFETY: the name is NUL-terminated; that nobody changes the environment meanwhile is the host's duty, as for
    // every getenv() in it.
    let value = unsafe {
        let value = libc::getenv(name.as_ptr());
        if value.is_null() {
            return None;
        }
        CStr::from_ptr(value).to_bytes().to_vec()
    };
    (!value.is_empty()).then(|| OsString::from_vec(value))
}

/// Whether this process runs with rights its caller does not have (set-user-id, capabilities).
pub(crate) fn is_privileged() -> bool {
    // SAFETY: reads a number the kernel left for us.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}
