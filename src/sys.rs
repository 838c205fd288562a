//! What the system offers only to unsafe code and no crate of ours wraps: fork detection, signal masks, the environment.

use std::ffi::{CStr, CString, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStringExt;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

static GENERATION: AtomicU32 = AtomicU32::new(0);
static WATCHED: AtomicBool = AtomicBool::new(false);

/// How many `fork()`s lie between the process that loaded the library and this one: what was made in another
/// generation is the parent's. Cheaper than `getpid()`, which is a system call.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Makes [`generation`] count, and has `before` run before each fork, on the thread that forks. To be called before
/// anything is kept that a child must not use.
pub(crate) fn watch_forks(before: extern "C" fn()) -> io::Result<()> {
    if !WATCHED.load(Ordering::Acquire) {
        // Two threads may both register; then a fork counts double, which is as good. A lock here is what a child
        // forked meanwhile would wait for.
        // SAFETY: what runs in the child only touches atomics, and the library is never unloaded (-z nodelete).
        let code = unsafe {
            match libc::pthread_atfork(Some(before), None, None) {
                0 => libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)),
                code => code,
            }
        };
        if code != 0 {
            return Err(io::Error::from_raw_os_error(code));
        }
        WATCHED.store(true, Ordering::Release);
    }
    Ok(())
}

/// Lookups of names going on, and forks about to happen.
static LOOKUPS: AtomicU32 = AtomicU32::new(0);
static FORKS: AtomicU32 = AtomicU32::new(0);
/// How long one waits for the other. What must not meet is at the beginning of a lookup and takes a fraction of that; the
/// rest may take seconds.
const AT_THE_GATE: Duration = Duration::from_millis(20);

/// Runs a lookup of names apart from forks: glibc reads nsswitch.conf and resolv.conf behind locks that, in a child
/// forked at that moment, would be held for ever.
pub(crate) fn look_up<T>(body: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    loop {
        LOOKUPS.fetch_add(1, Ordering::SeqCst);
        if FORKS.load(Ordering::SeqCst) == 0 || start.elapsed() > AT_THE_GATE {
            break;
        }
        LOOKUPS.fetch_sub(1, Ordering::SeqCst);
        thread::sleep(Duration::from_micros(50));
    }
    let value = body();
    LOOKUPS.fetch_sub(1, Ordering::SeqCst);
    value
}

extern "C" fn before_fork() {
    FORKS.fetch_add(1, Ordering::SeqCst);
    if LOOKUPS.load(Ordering::SeqCst) > 0 {
        let start = Instant::now();
        while LOOKUPS.load(Ordering::SeqCst) > 0 && start.elapsed() < AT_THE_GATE {
            thread::sleep(Duration::from_micros(50));
        }
    }
}

extern "C" fn in_parent() {
    FORKS.fetch_sub(1, Ordering::SeqCst);
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    // Whoever looked up or was about to fork is not here.
    LOOKUPS.store(0, Ordering::SeqCst);
    FORKS.store(0, Ordering::SeqCst);
}

/// Starts a thread on which no signal handler of the host ever runs.
pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut old = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are ours; sigfillset initialises `all`, pthread_sigmask `old`. Neither fails with these arguments.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
    }
    // The stack size is named so that std does not read RUST_MIN_STACK behind its lock on the environment.
    let spawned = thread::Builder::new()
        .name(name.into())
        .stack_size(256 * 1024)
        .spawn(body);
    // SAFETY: `old` was filled above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), ptr::null_mut()) };
    spawned.map(drop)
}

/// A variable of the environment; none if unset or empty. Not `std::env`, whose lock a forked child could find held.
pub(crate) fn env(name: &str) -> Option<OsString> {
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
