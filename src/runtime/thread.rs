//! Threads of the library in a process of the host's.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::thread;

use super::panic::silenced;

/// Starts a thread on which no signal handler of the host ever runs, and whose panics are not printed.
pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut old = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are ours; sigfillset initialises `all`, pthread_sigmask `old`. Neither fails with these arguments.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
    }
    // The stack size is named so that std does not read RUST_MIN_STACK behind its lock on the environment.
    let spawned =
        thread::Builder::new().name(name.into()).stack_size(256 * 1024).spawn(|| silenced(body));
    // SAFETY: `old` was filled above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), ptr::null_mut()) };
    spawned.map(drop)
}
