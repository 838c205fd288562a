//! One call of the user: its deadline, and the wire on which it can be cancelled. Everything that blocks waits here,
//! so that a call ends in time whatever it waits for.

use std::fmt;
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, write};

use crate::error::{Error, ErrorKind, Result};
use crate::sys;

/// Why a wait ended before what it waited for happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// `atlas_client_cancel` was called.
    Cancelled,
    /// The deadline passed.
    DeadlinePassed,
    /// The system does not let us wait: a filter of system calls, a limit below the number of descriptors.
    Refused(Errno),
    /// A descriptor that we wait with is no longer ours: the program closed it.
    Closed,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Interrupted::Cancelled => "the call was cancelled",
            Interrupted::DeadlinePassed => "the time set for the call was up",
            Interrupted::Refused(errno) => {
                return write!(f, "the system refused to wait (ppoll: {errno})");
            }
            Interrupted::Closed => {
                "this program closed a file descriptor of the library; it may close only its own"
            }
        })
    }
}

impl std::error::Error for Interrupted {}

impl From<Interrupted> for Error {
    fn from(stop: Interrupted) -> Error {
        let kind = match stop {
            Interrupted::Cancelled => ErrorKind::Cancelled,
            Interrupted::DeadlinePassed => ErrorKind::Timeout,
            Interrupted::Refused(_) | Interrupted::Closed => ErrorKind::Internal,
        };
        Error::new(kind, stop.to_string())
    }
}

impl From<Interrupted> for io::Error {
    fn from(stop: Interrupted) -> io::Error {
        io::Error::other(stop)
    }
}

/// A descriptor that becomes readable once and stays so, for any number of waiters.
#[derive(Debug)]
pub(crate) struct Event {
    fd: OwnedFd,
    /// Whether it was rung. A descriptor that is readable without that is another one with the same number.
    rung: AtomicBool,
    /// Whether the descriptor was found closed.
    lost: AtomicBool,
}

impl Event {
    pub(crate) fn new() -> Result<Event> {
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .and_then(sys::keep_off_stdio)
            .map(|fd| Event {
                fd,
                rung: AtomicBool::new(false),
                lost: AtomicBool::new(false),
            })
            .map_err(|errno| {
                Error::new(
                    ErrorKind::Network,
                    format!("no file descriptor to wait with: {errno}"),
                )
            })
    }

    /// Wakes all who wait and will wait.
    pub(crate) fn notify(&self) {
        self.rung.store(true, Ordering::SeqCst);
        // Fails only when the counter is full, and then it is readable already.
        let _ = write(&self.fd, &1_u64.to_ne_bytes());
    }

    fn was_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What cancels the calls of a client: a call keeps the event that was current when it began, and cancelling notifies
/// that event and makes the next call begin with a new one.
#[derive(Debug, Default)]
pub(crate) struct Canceller(Mutex<Option<Arc<Event>>>);

impl Canceller {
    /// Enters a call that must end by `deadline`.
    pub(crate) fn enter(&self, deadline: Option<Instant>) -> Result<Context> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lost) = current.take_if(|event| event.lost.load(Ordering::SeqCst)) {
            // Its number may be another's by now, which is not ours to close.
            mem::forget(lost);
        }
        let event = match &*current {
            Some(event) => event.clone(),
            None => current.insert(Arc::new(Event::new()?)).clone(),
        };
        Ok(Context { deadline, event })
    }

    /// Ends every call entered so far.
    pub(crate) fn cancel(&self) {
        let event = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(event) = event {
            event.notify();
        }
    }
}

/// A call in progress. Clones are the same call.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    deadline: Option<Instant>,
    event: Arc<Event>,
}

impl Context {
    /// The same call with an earlier deadline.
    pub(crate) fn within(&self, limit: Duration) -> Context {
        Context {
            deadline: earlier(self.deadline, Instant::now().checked_add(limit)),
            event: self.event.clone(),
        }
    }

    /// When the call must have ended, if ever.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Waits until `fd` is ready for `interest` (true) or `until` has come (false).
    pub(crate) fn wait(
        &self,
        fd: BorrowedFd<'_>,
        interest: PollFlags,
        until: Option<Instant>,
    ) -> std::result::Result<bool, Interrupted> {
        let mut fds = [
            PollFd::from_borrowed_fd(fd, interest),
            PollFd::new(&*self.event, PollFlags::IN),
        ];
        self.poll(&mut fds, until)?;
        Ok(!fds[0].revents().is_empty())
    }

    /// Waits until one of `fds` is ready or `until` has come; `revents` tells which.
    pub(crate) fn wait_any<'a>(
        &'a self,
        fds: &mut Vec<PollFd<'a>>,
        until: Option<Instant>,
    ) -> std::result::Result<(), Interrupted> {
        fds.push(PollFd::new(&*self.event, PollFlags::IN));
        let outcome = self.poll(fds, until);
        fds.pop();
        outcome
    }

    /// Waits until `event` was rung (true) or `until` has come (false).
    pub(crate) fn wait_for(
        &self,
        event: &Event,
        until: Option<Instant>,
    ) -> std::result::Result<bool, Interrupted> {
        if event.was_rung() {
            return Ok(true);
        }
        match self.wait(event.as_fd(), PollFlags::IN, until)? {
            true if !event.was_rung() => Err(Interrupted::Closed),
            rung => Ok(rung),
        }
    }

    /// Sleeps until `until`.
    pub(crate) fn sleep_until(&self, until: Instant) -> std::result::Result<(), Interrupted> {
        self.poll(&mut [PollFd::new(&*self.event, PollFlags::IN)], Some(until))
    }

    /// The last of `fds` is the event.
    fn poll(
        &self,
        fds: &mut [PollFd<'_>],
        until: Option<Instant>,
    ) -> std::result::Result<(), Interrupted> {
        let until = earlier(self.deadline, until);
        loop {
            let now = Instant::now();
            // A server that always has a byte ready must not outlast the deadline.
            if self.deadline.is_some_and(|deadline| deadline <= now) {
                return Err(Interrupted::DeadlinePassed);
            }
            let left = until.map(|until| timespec(until.saturating_duration_since(now)));
            match poll(fds, left.as_ref()) {
                Ok(0)
                    if self
                        .deadline
                        .is_some_and(|deadline| deadline <= Instant::now()) =>
                {
                    return Err(Interrupted::DeadlinePassed);
                }
                Ok(0) => return Ok(()),
                Ok(_) if !fds[fds.len() - 1].revents().is_empty() => {
                    if self.event.was_rung() {
                        return Err(Interrupted::Cancelled);
                    }
                    self.event.lost.store(true, Ordering::SeqCst);
                    return Err(Interrupted::Closed);
                }
                Ok(_) => return Ok(()),
                // A signal neither fails nor prolongs a call: the time left is computed anew. Out of kernel memory
                // (EAGAIN) is passing too.
                Err(Errno::INTR | Errno::AGAIN) => {}
                // EINVAL and ENOMEM: more descriptors than RLIMIT_NOFILE or than memory.
                Err(errno) => return Err(Interrupted::Refused(errno)),
            }
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

/// The earlier of two times that may never come.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_always_ready_outlasts_neither_deadline_nor_cancellation() {
        let ready = Event::new().unwrap();
        ready.notify();
        let wait = |context: &Context| context.wait(ready.as_fd(), PollFlags::IN, None);
        let canceller = Canceller::default();
        let now = Instant::now();
        let in_time = canceller.enter(now.checked_add(Duration::from_secs(60)));
        let late = canceller.enter(Some(now));
        let (in_time, late) = (in_time.unwrap(), late.unwrap());
        assert_eq!(wait(&in_time), Ok(true));
        assert_eq!(wait(&late), Err(Interrupted::DeadlinePassed));
        assert_eq!(late.sleep_until(now), Err(Interrupted::DeadlinePassed));
        canceller.cancel();
        assert_eq!(wait(&in_time), Err(Interrupted::Cancelled));
        assert_eq!(in_time.sleep_until(now), Err(Interrupted::Cancelled));
        assert_eq!(wait(&canceller.enter(None).unwrap()), Ok(true));
    }

    #[test]
    fn a_descriptor_that_is_ready_without_being_rung_is_another() {
        let context = Canceller::default().enter(None).unwrap();
        let event = Event::new().unwrap();
        let soon = Instant::now().checked_add(Duration::from_millis(5));
        assert_eq!(context.wait_for(&event, soon), Ok(false));
        write(&event.fd, &1_u64.to_ne_bytes()).unwrap();
        assert_eq!(context.wait_for(&event, None), Err(Interrupted::Closed));
        event.notify();
        assert_eq!(context.wait_for(&event, None), Ok(true));
    }

    #[test]
    fn an_earlier_time_than_the_deadline_is_no_failure() {
        let silent = Event::new().unwrap();
        let canceller = Canceller::default();
        let now = Instant::now();
        for deadline in [None, now.checked_add(Duration::from_secs(60))] {
            let context = canceller.enter(deadline).unwrap();
            let until = now.checked_add(Duration::from_millis(20));
            assert_eq!(
                context.wait(silent.as_fd(), PollFlags::IN, until),
                Ok(false)
            );
            assert!(now.elapsed() >= Duration::from_millis(20));
            let within = context.within(Duration::from_millis(5));
            assert_eq!(
                within.wait(silent.as_fd(), PollFlags::IN, None),
                Err(Interrupted::DeadlinePassed)
            );
        }
    }
}
