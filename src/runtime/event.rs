//! What one thread tells any number of others, in a form that poll() can wait for.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::write;

use super::descriptor::keep_off_stdio;
use super::interrupted::Interrupted;

/// A descriptor that becomes readable once and stays so, for any number of waiters.
#[derive(Debug)]
pub(crate) struct Event {
    fd: OwnedFd,
    /// Whether somebody notified. A descriptor that is readable without that is another one with the same number.
    notified: AtomicBool,
    /// Whether the descriptor was found closed.
    pub(super) lost: AtomicBool,
}

impl Event {
    pub(crate) fn new() -> Result<Event, Interrupted> {
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .and_then(keep_off_stdio)
            .map(|fd| Event { fd, notified: AtomicBool::new(false), lost: AtomicBool::new(false) })
            .map_err(Interrupted::NoDescriptor)
    }

    /// Wakes all who wait and will wait.
    pub(crate) fn notify(&self) {
        self.notified.store(true, Ordering::SeqCst);
        // Fails only when the counter is full, and then it is readable already.
        let _ = write(&self.fd, &1_u64.to_ne_bytes());
    }

    pub(super) fn is_notified(&self) -> bool {
        self.notified.load(Ordering::SeqCst)
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
