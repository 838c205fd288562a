//! `pthread_cancel()`: a call completes before its thread is cancelled.

use std::ffi::c_int;

/// As glibc and musl have it.
const PTHREAD_CANCEL_DISABLE: c_int = 1;

// Not in the crate libc. With asynchronous cancellation the thread ends where its old state is restored, by unwinding.
unsafe extern "C-unwind" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

/// Runs what may block, or close a descriptor, with cancellation disabled: it would be acted upon in the middle of the
/// system call, and unwinding from there through Rust ends the process.
///
/// `T` has no destructor, since a thread may end as this returns.
pub(super) fn deferred<T: Copy>(body: impl FnOnce() -> T) -> T {
    let mut before = PTHREAD_CANCEL_DISABLE;
    // SAFETY: a state that exists, and where to put the old one. It cannot fail.
    unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut before) };
    let value = body();
    let mut disabled = PTHREAD_CANCEL_DISABLE;
    // SAFETY: the caller's own state. Should the thread end here, no frame up to the caller's has anything to drop.
    unsafe { pthread_setcancelstate(before, &mut disabled) };
    value
}
