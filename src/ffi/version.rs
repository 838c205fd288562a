//! The version of the library that is loaded.

use std::ffi::{CStr, c_char};

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("the version has a NUL"),
    };

/// The version of the library that is loaded, "0.1.0"; ATLAS_BACKUP_VERSION is that of the header you compiled with.
/// Static text: never free it.
#[unsafe(no_mangle)]
pub extern "C" fn atlas_backup_version() -> *const c_char {
    VERSION.as_ptr()
}
