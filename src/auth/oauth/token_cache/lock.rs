//! The lock of an entry, against other processes and other threads.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{Entry, TokenCache, file};
use crate::log::Logger;
use crate::runtime::context::Context;
use crate::runtime::interrupted::Interrupted;

/// flock() cannot wait for a cancellation too, so the lock is tried again and again.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// The entry, locked until dropped.
pub(in crate::auth::oauth) struct Locked<'a> {
    cache: &'a TokenCache,
    logger: &'a Logger,
    directory: OwnedFd,
    lock: OwnedFd,
}

impl TokenCache {
    /// Locks the entry; `None` if the cache cannot be used or stays locked for as long as `wait`: a process that was
    /// stopped while it held the lock must not stop all others. What `logger` gets must be held back until the lock is
    /// dropped.
    pub(in crate::auth::oauth) fn lock<'a>(
        &'a self,
        wait: Option<Duration>,
        context: &Context,
        logger: &'a Logger,
    ) -> Result<Option<Locked<'a>>, Interrupted> {
        let opened = self.warned(logger, || {
            let directory = file::open_directory(&self.directory)?;
            let lock = file::open_lock(&directory, &self.name)?;
            Ok((directory, lock))
        });
        let Ok((directory, lock)) = opened else {
            return Ok(None);
        };
        let end = wait.map(|wait| Instant::now() + wait);
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => {
                    let now = Instant::now();
                    if end.is_some_and(|end| now >= end) {
                        return Ok(None);
                    }
                    context.sleep_until(now + LOCK_POLL)?;
                }
                Err(errno) => {
                    self.warn(logger, &errno.into());
                    return Ok(None);
                }
            }
        }
        Ok(Some(Locked { cache: self, logger, directory, lock }))
    }
}

impl Locked<'_> {
    /// The entry as it is now that nobody else changes it.
    pub(in crate::auth::oauth) fn read(&self) -> io::Result<Option<Entry>> {
        let read = || self.cache.read_in(&self.directory, self.logger);
        self.cache.warned(self.logger, read)
    }

    /// Replaces the entry, all of it or nothing.
    pub(in crate::auth::oauth) fn write(&self, entry: &Entry) {
        let _ = self.cache.warned(self.logger, || {
            // A file that cannot be trusted is left as it is.
            self.cache.read_in(&self.directory, self.logger)?;
            file::replace(&self.directory, &self.cache.name, &entry.render()?)
        });
    }

    /// Removes the entry.
    pub(in crate::auth::oauth) fn clear(&self) {
        let _ = self.cache.warned(self.logger, || {
            self.cache.read_in(&self.directory, self.logger)?;
            file::remove(&self.directory, &self.cache.name)
        });
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Closing the descriptor would not unlock: a child that another thread forked meanwhile has it too.
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::auth::Secret;
    use crate::auth::oauth::half_of_time_left;
    use crate::runtime::context::Canceller;

    #[test]
    fn a_locked_entry_is_waited_for_half_the_time_left() {
        let place = std::env::temp_dir().join(format!("atlas-token-cache-{}", std::process::id()));
        let secret = Secret::new("secret");
        let cache = TokenCache::new(&place, "https://x", "id", &secret);
        let logger = Logger::default();
        let context = |limit| {
            let deadline = Instant::now() + Duration::from_millis(limit);
            Canceller::default().enter(Some(deadline)).unwrap()
        };
        let Ok(Some(held)) = cache.lock(Some(Duration::ZERO), &context(1000), &logger) else {
            panic!("not locked");
        };
        // Sleeping, but for a look now and then.
        let worked = || {
            let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
            text.split(' ').next().map_or(0, |it| it.parse().unwrap_or(0)) // not every kernel tells
        };
        let (start, before): (Instant, u64) = (Instant::now(), worked());
        let call = context(400);
        assert!(matches!(cache.lock(half_of_time_left(&call), &call, &logger), Ok(None)));
        assert!(start.elapsed() >= Duration::from_millis(200));
        let spent = Duration::from_nanos(worked() - before);
        assert!(spent < Duration::from_millis(20), "{spent:?}");
        assert!(matches!(cache.lock(Some(Duration::ZERO), &call, &logger), Ok(None)));
        let token = "t".repeat(8 * 1024);
        held.write(&Entry {
            token: Secret::new(&token),
            issued_at: UNIX_EPOCH,
            ends_at: UNIX_EPOCH,
        });
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let call = context(20_000);
                let locked = cache.lock(half_of_time_left(&call), &call, &logger);
                let entry = locked.ok().flatten().and_then(|locked| locked.read().ok());
                entry.flatten().map(|entry| entry.token.expose().len())
            });
            std::thread::sleep(Duration::from_millis(50));
            drop(held);
            assert_eq!(waiter.join().unwrap(), Some(token.len()));
        });
        std::fs::remove_dir_all(&place).unwrap();
    }
}
