//! What the system offers only to unsafe code and no crate of ours wraps: fork detection, signal masks, the environment.

use std::ffi::{CStr, CString, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::runtime::panic::silenced;

static FORK_EPOCH: AtomicU32 = AtomicU32::new(0);
static WATCHED: AtomicBool = AtomicBool::new(false);

/// How many `fork()`s lie between the process that loaded the library and this one: what was made in another
/// generation is the parent's. Cheaper than `getpid()`, which is a system call.
pub(crate) fn fork_epoch() -> u32 {
    FORK_EPOCH.load(Ordering::Relaxed)
}

/// Makes [`fork_epoch`] count, and has `before` run before each fork, on the thread that forks. To be called before
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

/// The threads that look up names, 0 where there is none; more than these are not waited for.
static LOOKUPS: [AtomicU32; 64] = [const { AtomicU32::new(0) }; 64];
/// Added to a thread's number when it has its answer. Its end needs a lock of the resolver too.
const ENDING: u32 = 1 << 31;
/// Added to a thread's number when a fork has waited for it in vain: no other fork waits for the same lookup.
const WAITED_FOR: u32 = 1 << 30;
/// Forks about to happen.
static FORKS: AtomicU32 = AtomicU32::new(0);
/// How long lookups and forks wait for each other. What must not meet is at the beginning and end of a lookup and takes
/// a fraction of that; the rest may take seconds.
const FORK_WAIT: Duration = Duration::from_millis(20);

/// Runs a lookup of names, as the last thing a thread does, apart from forks: glibc reads nsswitch.conf and resolv.conf
/// behind locks that, in a child forked at that moment, would be held for ever.
pub(crate) fn look_up<T>(body: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let slot = loop {
        let slot = enter_lookup();
        if FORKS.load(Ordering::SeqCst) == 0 || start.elapsed() > FORK_WAIT {
            break slot;
        }
        if let Some(slot) = slot {
            slot.store(0, Ordering::SeqCst);
        }
        thread::sleep(Duration::from_micros(50));
    };
    let value = body();
    if let Some(slot) = slot {
        slot.fetch_or(ENDING, Ordering::SeqCst);
    }
    value
}

fn enter_lookup() -> Option<&'static AtomicU32> {
    // SAFETY: asks for a number.
    let thread = unsafe { libc::gettid() } as u32;
    LOOKUPS.iter().find(|slot| {
        let old = slot.load(Ordering::SeqCst);
        (old == 0 || old & ENDING != 0 && !is_alive(old))
            && slot
                .compare_exchange(old, thread, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
    })
}

fn is_alive(thread: u32) -> bool {
    let thread = thread & !(ENDING | WAITED_FOR);
    // SAFETY: signal 0 only asks whether the thread is there.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, 0) == 0 }
}

extern "C" fn before_fork() {
    FORKS.fetch_add(1, Ordering::SeqCst);
    let start = Instant::now();
    for slot in &LOOKUPS {
        loop {
            let thread = slot.load(Ordering::SeqCst);
            if thread == 0 || thread & (ENDING | WAITED_FOR) == WAITED_FOR {
                break;
            }
            if is_alive(thread) && start.elapsed() < FORK_WAIT {
                thread::sleep(Duration::from_micros(50));
                continue;
            }
            // It is gone, or another thread has its number by now; or it is still at it, keeps its place, and is long
            // past its beginning.
            let now = if thread & ENDING != 0 {
                0
            } else {
                thread | WAITED_FOR
            };
            let _ = slot.compare_exchange(thread, now, Ordering::SeqCst, Ordering::SeqCst);
            break;
        }
    }
}

extern "C" fn in_parent() {
    FORKS.fetch_sub(1, Ordering::SeqCst);
}

extern "C" fn in_child() {
    FORK_EPOCH.fetch_add(1, Ordering::Relaxed);
    // Whoever looked up or was about to fork is not here.
    for slot in &LOOKUPS {
        slot.store(0, Ordering::SeqCst);
    }
    FORKS.store(0, Ordering::SeqCst);
}

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
    let spawned = thread::Builder::new()
        .name(name.into())
        .stack_size(256 * 1024)
        .spawn(|| silenced(body));
    // SAFETY: `old` was filled above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), ptr::null_mut()) };
    spawned.map(drop)
}

/// The same open file under a number above 2. Where a host was started with descriptors 0 to 2 closed, the system gives
/// their numbers to whoever opens something, and what the host then says on its standard error goes into it.
pub(crate) fn keep_off_stdio(fd: OwnedFd) -> rustix::io::Result<OwnedFd> {
    if fd.as_raw_fd() > libc::STDERR_FILENO {
        return Ok(fd);
    }
    rustix::io::fcntl_dupfd_cloexec(&fd, libc::STDERR_FILENO + 1)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_wait_once_for_a_lookup_that_hangs() {
        let hang = || {
            look_up(|| {
                loop {
                    thread::park();
                }
            })
        };
        spawn("atlas-resolver", hang).unwrap();
        while LOOKUPS.iter().all(|slot| slot.load(Ordering::SeqCst) == 0) {
            thread::yield_now();
        }
        let start = Instant::now();
        for _ in 0..200 {
            before_fork();
            in_parent();
        }
        // Lookups of other tests of this process may each cost a wait too.
        assert!(start.elapsed() < FORK_WAIT * 100, "{:?}", start.elapsed());
    }
}
