//! Keeps `fork()` and the system's resolver apart: glibc reads nsswitch.conf and resolv.conf behind locks that, in a
//! child forked at that moment, would be held for ever.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

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

/// Runs a lookup of names, as the last thing a thread does, apart from forks.
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
    // SAFETY: asks for a number. glibc has no function for it before 2.30.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
    LOOKUPS.iter().find(|slot| {
        let old = slot.load(Ordering::SeqCst);
        (old == 0 || old & ENDING != 0 && !is_alive(old))
            && slot.compare_exchange(old, thread, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    })
}

fn is_alive(thread: u32) -> bool {
    let thread = thread & !(ENDING | WAITED_FOR);
    // SAFETY: signal 0 only asks whether the thread is there.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, 0) == 0 }
}

/// Waits until no lookup is at its beginning or end, for a moment at most.
pub(super) extern "C" fn before_fork() {
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
            let now = if thread & ENDING != 0 { 0 } else { thread | WAITED_FOR };
            let _ = slot.compare_exchange(thread, now, Ordering::SeqCst, Ordering::SeqCst);
            break;
        }
    }
}

pub(super) extern "C" fn after_fork_in_parent() {
    FORKS.fetch_sub(1, Ordering::SeqCst);
}

pub(super) fn after_fork_in_child() {
    // Whoever looked up or was about to fork is not here.
    for slot in &LOOKUPS {
        slot.store(0, Ordering::SeqCst);
    }
    FORKS.store(0, Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::thread::spawn;

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
            after_fork_in_parent();
        }
        // Lookups of other tests of this process may each cost a wait too.
        assert!(start.elapsed() < FORK_WAIT * 100, "{:?}", start.elapsed());
    }
}
