//! What `fork()` does to what the library keeps.
//!
//! A child finds everything its parent had: locks that a thread of the parent holds and that nobody will ever release,
//! connections on which the parent speaks, tokens and nonces that the parent counts. It can use none of it. So whatever
//! a process keeps is made anew in each process, by [`PerProcess`]. An attempt during which a callback of the host forks
//! ends in the child, by [`Process::check`], and the call goes on there with what that process has of its own.

use std::io;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use once_cell::race::OnceBox;

use super::interrupted::Interrupted;
use super::lookup;

/// How many `fork()`s lie between the process that loaded the library and this one. Cheaper than `getpid()`, which is a
/// system call.
static FORK_EPOCH: AtomicU32 = AtomicU32::new(0);

/// A process as this library tells a child from its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    fork_epoch: u32,
}

impl Process {
    pub(crate) fn current() -> Process {
        Process { fork_epoch: FORK_EPOCH.load(Ordering::Relaxed) }
    }

    pub(crate) fn is_current(self) -> bool {
        self == Process::current()
    }

    /// To be asked after a callback of the host, which may have forked: an error in the child.
    pub(crate) fn check(self) -> Result<(), Interrupted> {
        if self.is_current() { Ok(()) } else { Err(Interrupted::Forked) }
    }

    /// For tests of what a child finds.
    #[cfg(test)]
    pub(crate) fn another() -> Process {
        Process { fork_epoch: u32::MAX }
    }
}

/// A value of which each process has its own: a child of `fork()` finds its parent's, leaves it alone, and makes another.
///
/// The parent's is not even dropped in the child, where that could wait for a lock or speak on a connection of the
/// parent. The memory and the descriptors it has there are leaked, so a connection ends when both processes are done
/// with it.
///
/// No lock is taken, which a child could find held: threads that come at once may each make a value, of which one is
/// kept. [`watch`] has to be called before the first is made, and making a client's connections does.
#[derive(Debug)]
pub(crate) struct PerProcess<T> {
    process: Process,
    value: ManuallyDrop<T>,
    /// The child's.
    next: OnceBox<PerProcess<T>>,
}

impl<T> PerProcess<T> {
    /// With the value of this process.
    pub(crate) fn new(value: T) -> PerProcess<T> {
        PerProcess {
            process: Process::current(),
            value: ManuallyDrop::new(value),
            next: OnceBox::new(),
        }
    }

    /// The value of this process, which `make` makes if this is a child that has none yet.
    pub(crate) fn get_or_try_init<E>(&self, make: impl Fn() -> Result<T, E>) -> Result<&T, E> {
        let mut each = self;
        while !each.process.is_current() {
            each = each.next.get_or_try_init(|| make().map(PerProcess::new).map(Box::new))?;
        }
        Ok(&each.value)
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        if self.process.is_current() {
            // SAFETY: dropped here alone, and not used behind this.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

/// Has `fork()` noticed from now on, and `before` run before each, on the thread that forks.
pub(crate) fn watch(before: extern "C" fn()) -> io::Result<()> {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.load(Ordering::Acquire) {
        // Two threads may both register; then a fork counts double, which is as good. A lock here is what a child
        // forked meanwhile would wait for.
        // SAFETY: what runs in the child only touches atomics, and the library is never unloaded (-z nodelete).
        let code = unsafe {
            match libc::pthread_atfork(Some(before), None, None) {
                0 => libc::pthread_atfork(
                    Some(lookup::before_fork),
                    Some(lookup::after_fork_in_parent),
                    Some(in_child),
                ),
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

extern "C" fn in_child() {
    FORK_EPOCH.fetch_add(1, Ordering::Relaxed);
    lookup::after_fork_in_child();
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    static DROPPED: AtomicU32 = AtomicU32::new(0);

    struct Counted(&'static str);

    impl Drop for Counted {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }

    extern "C" fn nothing() {}

    /// Whether `body` is true in a child of `fork()`.
    fn in_a_child(body: impl FnOnce() -> bool) -> bool {
        let mut status = 0;
        // SAFETY: the child calls nothing that needs another thread, and leaves without running the host's destructors.
        unsafe {
            match libc::fork() {
                0 => libc::_exit(i32::from(!body())),
                child => assert_eq!(libc::waitpid(child, &mut status, 0), child),
            }
        }
        status == 0
    }

    #[test]
    fn each_process_has_its_own_and_drops_no_other() {
        watch(nothing).unwrap();
        let value = PerProcess::new(Counted("parent"));
        let name = |value: &PerProcess<Counted>, made: &'static str| {
            let Ok(own) = value.get_or_try_init(|| Ok::<_, Infallible>(Counted(made)));
            own.0
        };
        assert_eq!(name(&value, "unused"), "parent");
        assert!(in_a_child(|| {
            let is_own = name(&value, "child") == "child" && name(&value, "unused") == "child";
            let grandchild = in_a_child(|| name(&value, "grandchild") == "grandchild");
            drop(value);
            is_own && grandchild && DROPPED.load(Ordering::Relaxed) == 1
        }));
    }

    #[test]
    fn what_cannot_be_made_in_a_child_is_tried_again() {
        watch(nothing).unwrap();
        let value = PerProcess::new(1);
        assert!(in_a_child(|| {
            value.get_or_try_init(|| Err("not now")) == Err("not now")
                && value.get_or_try_init(|| Ok::<_, Infallible>(2)) == Ok(&2)
        }));
    }

    #[test]
    fn a_call_ends_in_the_child_that_a_callback_forked_off() {
        watch(nothing).unwrap();
        let process = Process::current();
        assert!(in_a_child(|| process.check() == Err(Interrupted::Forked)));
        assert_eq!(process.check(), Ok(()));
    }
}
