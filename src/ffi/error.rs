//! `atlas_error`: a plain struct that every language can read, filled by every call that can fail.

use std::borrow::Cow;
use std::ffi::c_char;
use std::mem::{offset_of, size_of};

use super::guard;
use crate::error::{Error, ErrorKind};
use crate::text::boundary;

/// What went wrong, as a number. Numbers never change meaning; new ones may be added, so treat a number you do not
/// know like `ATLAS_ERROR_INTERNAL`. `atlas_error_kind_name()` spells them.
#[repr(C)]
#[allow(non_camel_case_types)]
#[expect(dead_code, reason = "for the header: functions pass the numbers")]
/// cbindgen:rename-all=None
pub enum atlas_error_kind {
    /// No error.
    ATLAS_ERROR_NONE = 0,
    /// An argument is NULL, not UTF-8, or against its documented pattern. Nothing was sent. Correct the call.
    ATLAS_ERROR_INVALID_ARGUMENT = 1,
    /// A setting is missing, contradictory or unreadable. The message names the setting.
    ATLAS_ERROR_CONFIG = 2,
    /// Atlas refused the credentials: 401, or the token endpoint's `invalid_client`.
    ATLAS_ERROR_UNAUTHENTICATED = 3,
    /// 403: the role is missing, or this machine's address is not on the access list (see `code`).
    ATLAS_ERROR_FORBIDDEN = 4,
    /// 404: no such project, cluster or snapshot. An expired or deleted snapshot is gone.
    ATLAS_ERROR_NOT_FOUND = 5,
    /// 400 and every other 4xx: Atlas did not accept the request; `code` and `detail` say why.
    ATLAS_ERROR_BAD_REQUEST = 6,
    /// 429 after the retries: too many requests. `retry_after` says how long to wait, if Atlas did.
    ATLAS_ERROR_RATE_LIMITED = 7,
    /// 5xx after the retries, gateways' HTML pages included: the trouble is on Atlas' side.
    ATLAS_ERROR_SERVER = 8,
    /// The time set by the caller was up, or Atlas answered 408.
    ATLAS_ERROR_TIMEOUT = 9,
    /// DNS, connect, proxy (its 407 too), reset, cut off.
    ATLAS_ERROR_NETWORK = 10,
    /// The certificate was not accepted or the TLS handshake failed. The message says which.
    ATLAS_ERROR_TLS = 11,
    /// The answer is not what Atlas promises: not a JSON object, invalid UTF-8, 204, too large, a redirect. Also a 404 of
    /// the token or revoke endpoint: it tells nothing of a snapshot, and the base URL is probably wrong.
    ATLAS_ERROR_INVALID_RESPONSE = 12,
    /// The call was cancelled.
    ATLAS_ERROR_CANCELLED = 13,
    /// Waiting for a snapshot ended because it failed.
    ATLAS_ERROR_SNAPSHOT_FAILED = 14,
    /// A defect of this library: please report it with the message. Or something that it cannot do without was denied or
    /// taken away, which the message names: memory, random numbers, waiting (a sandbox), a file descriptor.
    ATLAS_ERROR_INTERNAL = 15,
}

/// Flag of `atlas_error`: the same call may succeed later (RATE_LIMITED, SERVER, TIMEOUT and NETWORK).
pub const ATLAS_ERROR_FLAG_RETRYABLE: u32 = 1u32;
/// Flag of `atlas_error`: some text in the struct was cut, at a character boundary; or the body of the error was longer
/// than 256 KiB, and what lies beyond that is missing.
pub const ATLAS_ERROR_FLAG_TRUNCATED: u32 = 2u32;

/// Why a call failed. 2048 bytes, 4-byte aligned, without pointers: frozen for ever.
///
/// You own it: put it on the stack and pass its address, or pass NULL if you do not care why. Every call that takes
/// one sets every byte of it; after success `kind` is `ATLAS_ERROR_NONE`, `retry_after` -1 and all else zero. All
/// text is NUL-terminated UTF-8 and "" when there is none. No secret is ever in it.
#[repr(C)]
#[allow(non_camel_case_types)]
pub struct atlas_error {
    /// An `atlas_error_kind`.
    pub kind: i32,
    /// HTTP status of Atlas, the inner one of an envelope; 0: no HTTP answer.
    pub http_status: i32,
    /// Seconds Atlas asked to wait before the next try, in `Retry-After` or in the body of a 429; -1: it named none. 0
    /// seconds are none.
    pub retry_after: i32,
    /// `ATLAS_ERROR_FLAG_RETRYABLE`, `ATLAS_ERROR_FLAG_TRUNCATED`; other bits are zero today.
    pub flags: u32,
    /// Atlas' `errorCode` ("CLUSTER_NOT_FOUND"), or the OAuth error ("invalid_client").
    pub code: [c_char; 96],
    /// Atlas' `reason` ("Not Found").
    pub reason: [c_char; 64],
    /// Atlas' `detail` or OAuth's `error_description`, then each faulty field as "; field: description".
    pub detail: [c_char; 768],
    /// Atlas' `parameters`, as JSON text: `["cluster-209","b0123456789abcdef012345b"]`.
    pub parameters: [c_char; 256],
    /// One line for people: what was tried, what happened, what to do.
    pub message: [c_char; 768],
    /// Zero.
    pub reserved: [u8; 80],
}

const _: () = {
    assert!(size_of::<atlas_error>() == 2048 && align_of::<atlas_error>() == 4);
    assert!(offset_of!(atlas_error, kind) == 0);
    assert!(offset_of!(atlas_error, http_status) == 4);
    assert!(offset_of!(atlas_error, retry_after) == 8);
    assert!(offset_of!(atlas_error, flags) == 12);
    assert!(offset_of!(atlas_error, code) == 16);
    assert!(offset_of!(atlas_error, reason) == 112);
    assert!(offset_of!(atlas_error, detail) == 176);
    assert!(offset_of!(atlas_error, parameters) == 944);
    assert!(offset_of!(atlas_error, message) == 1200);
};

/// The name of an error kind: "not_found" for `ATLAS_ERROR_NOT_FOUND`, "none" for 0; "unknown" for a number this
/// version does not know. Static text: never free it.
#[unsafe(no_mangle)]
pub extern "C" fn atlas_error_kind_name(kind: i32) -> *const c_char {
    let name = || {
        let mut known = ErrorKind::ALL.into_iter();
        match known.find(|known| *known as i32 == kind) {
            Some(known) => known.c_name(),
            None if kind == 0 => c"none",
            None => c"unknown",
        }
    };
    guard(c"unknown", name).as_ptr()
}

/// The size of `atlas_error` in the library that is loaded: 2048. Bindings compare it with their own when they load.
#[unsafe(no_mangle)]
pub extern "C" fn atlas_error_size() -> usize {
    size_of::<atlas_error>()
}

/// Fills `*target`, every byte of it.
///
/// # Safety
/// `target` is NULL or writable; what it holds may be uninitialised.
pub(super) unsafe fn store(target: *mut atlas_error, error: Option<&Error>) {
    if target.is_null() {
        return;
    }
    // SAFETY: not NULL, hence writable; all zeros is a valid atlas_error.
    unsafe { target.write_bytes(0, 1) };
    // SAFETY: not NULL, and initialised by the line above.
    let target = unsafe { &mut *target };
    target.retry_after = -1;
    let Some(error) = error else { return };

    target.kind = error.kind as i32;
    target.http_status = i32::from(error.http_status);
    if let Some(seconds) = error.retry_after {
        target.retry_after = i32::try_from(seconds).unwrap_or(i32::MAX);
    }
    if error.kind.is_retryable() {
        target.flags |= ATLAS_ERROR_FLAG_RETRYABLE;
    }
    let complete = copy(&error.code, &mut target.code)
        & copy(&error.reason, &mut target.reason)
        & copy(&error.detail, &mut target.detail)
        & copy(&error.parameters, &mut target.parameters)
        & copy(&error.message(), &mut target.message);
    if !complete || error.truncated {
        target.flags |= ATLAS_ERROR_FLAG_TRUNCATED;
    }
}

/// Copies as many whole characters as fit before the final NUL; whether that was all of them.
fn copy(text: &str, target: &mut [c_char]) -> bool {
    // A NUL would end the text for a C reader.
    let text: Cow<str> = match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}").into(),
        false => text.into(),
    };
    let end = boundary(&text, target.len() - 1);
    for (to, byte) in target.iter_mut().zip(text[..end].bytes()) {
        *to = byte as c_char;
    }
    end == text.len()
}

const _: () = assert!(ErrorKind::Internal as i32 == atlas_error_kind::ATLAS_ERROR_INTERNAL as i32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_does_not_fit_is_cut_at_a_character() {
        for (text, expected, is_whole) in [
            ("", "", true),
            ("abc", "abc", true),
            ("abcd", "abc", false),
            ("a\u{e9}", "a\u{e9}", true),
            ("ab\u{e9}", "ab", false),
            ("\0", "\u{fffd}", true),
            ("a\0", "a", false),
        ] {
            let mut target = [0; 4];
            assert_eq!(copy(text, &mut target), is_whole, "{text:?}");
            let bytes = target.map(|byte: c_char| byte.to_ne_bytes()[0]);
            assert_eq!(
                bytes.split(|byte| *byte == 0).next(),
                Some(expected.as_bytes()),
                "{text:?}"
            );
            assert_eq!(bytes[3], 0, "{text:?}");
        }
    }
}
