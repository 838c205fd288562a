//! What a call hands down to everything that blocks: its deadline, and the event by which it is cancelled. What blocks
//! waits here, except the beginning of a read (http/tcp.rs), so that a call ends in time whatever it waits for.

use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::event::Event;
use super::interrupted::Interrupted;

/// What cancels the calls of a client: a call keeps the event that was current when it began, and cancelling notifies
/// that event and makes the next call begin with a new one.
#[derive(Debug, Default)]
pub(crate) struct Canceller(Mutex<Option<Arc<Event>>>);

impl Canceller {
    /// Enters a call that must end by `deadline`.
    pub(crate) fn enter(&self, deadline: Option<Instant>) -> Result<Context, Interrupted> {
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

/// The deadline and the cancellation of a call. Clones belong to the same call.
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
    ) -> Result<bool, Interrupted> {
        let mut fds =
            [PollFd::from_borrowed_fd(fd, interest), PollFd::new(&*self.event, PollFlags::IN)];
        self.poll(&mut fds, until)?;
        Ok(!fds[0].revents().is_empty())
    }

    /// Waits until one of `fds` is ready or `until` has come; `revents` tells which.
    pub(crate) fn wait_any<'a>(
        &'a self,
        fds: &mut Vec<PollFd<'a>>,
        until: Option<Instant>,
    ) -> Result<(), Interrupted> {
        fds.push(PollFd::new(&*self.event, PollFlags::IN));
        let outcome = self.poll(fds, until);
        fds.pop();
        outcome
    }

    /// Waits until `event` is notified (true) or `until` has come (false).
    pub(crate) fn wait_for(
        &self,
        event: &Event,
        until: Option<Instant>,
    ) -> Result<bool, Interrupted> {
        if event.is_notified() {
            return Ok(true);
        }
        match self.wait(event.as_fd(), PollFlags::IN, until)? {
            true if !event.is_notified() => Err(Interrupted::Closed),
            notified => Ok(notified),
        }
    }

    /// Sleeps until `until`.
    pub(crate) fn sleep_until(&self, until: Instant) -> Result<(), Interrupted> {
        self.poll(&mut [PollFd::new(&*self.event, PollFlags::IN)], Some(until))
    }

    /// The last of `fds` is the event.
    fn poll(&self, fds: &mut [PollFd<'_>], until: Option<Instant>) -> Result<(), Interrupted> {
        let until = earlier(self.deadline, until);
        loop {
            let now = Instant::now();
            // A server that always has a byte ready must not outlast the deadline.
            if self.deadline.is_some_and(|deadline| deadline <= now) {
                return Err(Interrupted::DeadlinePassed);
            }
            let left = until.map(|until| timespec(until.saturating_duration_since(now)));
            match poll(fds, left.as_ref()) {
                Ok(0) if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                    return Err(Interrupted::DeadlinePassed);
                }
                Ok(0) => return Ok(()),
                Ok(_) if !fds[fds.len() - 1].revents().is_empty() => {
                    if self.event.is_notified() {
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
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::write;

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
    fn a_descriptor_that_is_ready_without_being_notified_is_another() {
        let context = Canceller::default().enter(None).unwrap();
        let event = Event::new().unwrap();
        let soon = Instant::now().checked_add(Duration::from_millis(5));
        assert_eq!(context.wait_for(&event, soon), Ok(false));
        write(&event, &1_u64.to_ne_bytes()).unwrap();
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
            assert_eq!(context.wait(silent.as_fd(), PollFlags::IN, until), Ok(false));
            assert!(now.elapsed() >= Duration::from_millis(20));
            let within = context.within(Duration::from_millis(5));
            assert_eq!(
                within.wait(silent.as_fd(), PollFlags::IN, None),
                Err(Interrupted::DeadlinePassed)
            );
        }
    }
}
