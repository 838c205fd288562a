//! The version of the library that is loaded.

use std::ffi::{CStr, c_char};

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("the version has a NUL"),
    };

const NUMBER: i32 = part(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
    + part(env!("CARGO_PKG_VERSION_MINOR")) * 1_000
    + part(env!("CARGO_PKG_VERSION_PATCH"));

const fn part(text: &str) -> i32 {
    match i32::from_str_radix(text, 10) {
        Ok(part) if part < 1_000 => part,
        _ => panic!("a part of the version is no number below 1000"),
    }
}

/// The version of the library that is loaded: "1.2.3". ATLAS_BACKUP_VERSION_STRING is that of the header you compiled
/// with. Static text: never free it.
#[unsafe(no_mangle)]
pub extern "C" fn atlas_backup_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The same as a number, major * 1000000 + minor * 1000 + patch: 1002003. For languages where splitting text is work.
/// ATLAS_BACKUP_VERSION_NUMBER is that of the header you compiled with.
#[unsafe(no_mangle)]
pub extern "C" fn atlas_backup_runtime_version() -> i32 {
    NUMBER
}
