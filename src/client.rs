//! The operations people call.

mod call;
mod wait;
mod warnings;

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

#[cfg(fuzzing)]
pub(crate) use call::redactor;
use call::{Call, Parts};
use wait::Wait;

use crate::config::{Config, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::log::Level;
use crate::retry::RateLimits;
use crate::runtime::fork::PerProcess;
use crate::snapshot::{Snapshot, SnapshotList, Status};
use crate::target::Target;

pub use crate::snapshot::ClusterType;
pub use crate::target::Format;

/// How to wait for a snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Polling {
    /// The pause between two polls, give or take a tenth; `Retry-After` may lengthen it.
    pub interval: Duration,
    /// How long to wait at most; `None`: for ever. Each poll is bounded by the client's timeout besides.
    pub timeout: Option<Duration>,
    /// How Atlas is asked to format its answers.
    pub format: Format,
}

/// The largest page that Atlas documents.
const PAGE_SIZE: usize = 500;

/// A client of the Atlas Administration API that reads backup snapshots. It may be used by many threads at once.
///
/// After `fork()` the child's copy starts afresh with connections, nonces and tokens of its own.
pub struct Client {
    settings: Settings,
    /// Whether the log was told that Atlas will end this version of its API.
    warned_of_end: AtomicBool,
    parts: PerProcess<Parts>,
}

impl Client {
    /// A client with a copy of the settings. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// `Config`, naming the setting that is missing, contradictory or unreadable.
    pub fn new(config: &Config) -> Result<Client> {
        let settings = config.check().map_err(|error| error.during("set up a client"))?;
        // From here on forks are noticed: making the connections sees to that.
        let parts = PerProcess::new(Parts::new(&settings)?);
        settings.logger.log(Level::Info, || settings.summary());
        Ok(Client { settings, warned_of_end: AtomicBool::new(false), parts })
    }

    /// One snapshot: Atlas' `getGroupClusterBackupSnapshot`, or `getGroupClusterBackupSnapshotShardedCluster`.
    ///
    /// `group_id` (the project's) and `snapshot_id` are 24 lower-case hexadecimal digits, `cluster_name` is 1 to 64
    /// letters, digits and hyphens.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`] but `SnapshotFailed`.
    pub fn get_snapshot(
        &self,
        cluster_type: ClusterType,
        group_id: &str,
        cluster_name: &str,
        snapshot_id: &str,
        format: Format,
    ) -> Result<Snapshot> {
        let target = Target {
            operation: "get snapshot",
            cluster_type,
            group_id,
            cluster_name,
            snapshot_id: Some(snapshot_id),
            format,
        };
        self.run(Some(&target), Some(self.settings.timeout), |mut call| {
            call.snapshot(&target, &mut RateLimits::default())
        })
    }

    /// All snapshots of a cluster, in Atlas' order: every page of a replica set's list; a sharded cluster's has none.
    ///
    /// # Errors
    ///
    /// As for [`get_snapshot`](Self::get_snapshot); `InvalidResponse` also when pages repeat, and for more than 50,000
    /// snapshots or 256 MiB of them.
    pub fn list_snapshots(
        &self,
        cluster_type: ClusterType,
        group_id: &str,
        cluster_name: &str,
        format: Format,
    ) -> Result<SnapshotList> {
        let target = Target {
            operation: "list snapshots",
            cluster_type,
            group_id,
            cluster_name,
            snapshot_id: None,
            format,
        };
        self.run(Some(&target), Some(self.settings.timeout), |mut call| {
            let mut limits = RateLimits::default();
            let mut list = SnapshotList::default();
            if cluster_type == ClusterType::ShardedCluster {
                call.page(&target, "", &mut limits, &mut list)?;
                return Ok(list);
            }
            let mut seen = HashSet::new();
            // This ends: each page but the last adds as many items as were asked for, or more, and a list takes no more
            // than a certain number of them.
            for number in 1.. {
                let start = list.len();
                let query = format!("itemsPerPage={PAGE_SIZE}&pageNum={number}");
                call.page(&target, &query, &mut limits, &mut list)?;
                let page = &list.iter().as_slice()[start..];
                if page.len() < PAGE_SIZE {
                    break;
                }
                // Items may move by a place while pages are read, so only a page of the same items is a loop.
                if !seen.insert(fingerprint(page)) {
                    let cause = format!(
                        "page {number} repeats an earlier page; this is not what Atlas promises"
                    );
                    return Err(target.complete(Error::new(ErrorKind::InvalidResponse, cause)));
                }
            }
            Ok(list)
        })
    }

    /// Asks for a snapshot again and again until it is completed. `progress` sees every answer; returning false
    /// cancels.
    ///
    /// Passing failures between polls are ridden out, permanent ones end the wait.
    ///
    /// # Errors
    ///
    /// `SnapshotFailed` when its status is `failed`; `NotFound` also when it was deleted meanwhile; `Timeout` naming
    /// the last status seen; `Cancelled`; and what [`get_snapshot`](Self::get_snapshot) fails with for good.
    pub fn wait_for_snapshot(
        &self,
        cluster_type: ClusterType,
        group_id: &str,
        cluster_name: &str,
        snapshot_id: &str,
        polling: Polling,
        progress: &mut dyn FnMut(&Snapshot) -> bool,
    ) -> Result<Snapshot> {
        let target = Target {
            operation: "wait for snapshot",
            cluster_type,
            group_id,
            cluster_name,
            snapshot_id: Some(snapshot_id),
            format: polling.format,
        };
        self.run(Some(&target), polling.timeout, |mut call| {
            let mut wait = Wait::default();
            loop {
                let mut poll = call.within(self.settings.timeout);
                let outcome = poll.snapshot(&target, &mut wait.limits);
                if let Ok(snapshot) = &outcome
                    && !progress(snapshot)
                {
                    let cause = "progress asked to stop";
                    return Err(target.complete(Error::new(ErrorKind::Cancelled, cause)));
                }
                match outcome {
                    Ok(snapshot) if snapshot.status_code() == Status::Completed => {
                        return Ok(snapshot);
                    }
                    Ok(snapshot) => wait
                        .note_snapshot(&snapshot, poll.parts.logger.redactor())
                        .map_err(|error| target.complete(error))?,
                    Err(error) => wait.note_failure(error, &poll.parts.logger)?,
                }
                call.resume()?;
                wait.pause(&call.context, polling.interval)
                    .map_err(|error| target.complete(error))?;
            }
        })
    }

    /// Gives a service account's access token back to Atlas; fine if there is none. Later calls fetch a new one.
    ///
    /// # Errors
    ///
    /// What the revoke endpoint answers, or that it could not be reached; the token is then kept.
    pub fn revoke_token(&self) -> Result<()> {
        self.run(None, Some(self.settings.timeout), |mut call| {
            call.revoke().map_err(|error| error.during("revoke the access token"))
        })
    }

    /// Ends every call of this client that was entered before, with `Cancelled`. Later calls are not touched.
    pub fn cancel(&self) {
        if let Ok(parts) = self.parts() {
            parts.canceller.cancel();
        }
    }

    /// What belongs to this process.
    fn parts(&self) -> Result<&Parts> {
        self.parts.get_or_try_init(|| Parts::new(&self.settings))
    }

    /// Runs an operation, which may take `timeout`, and logs its failure.
    fn run<'a, T>(
        &'a self,
        target: Option<&Target>,
        timeout: Option<Duration>,
        operation: impl FnOnce(Call<'a>) -> Result<T>,
    ) -> Result<T> {
        self.begin(target, timeout).and_then(operation).map_err(|error| self.logged(error))
    }

    fn begin(&self, target: Option<&Target>, timeout: Option<Duration>) -> Result<Call<'_>> {
        if let Some(target) = target {
            target.check(self.parts()?.logger.redactor())?;
        }
        Call::begin(self, timeout)
    }

    /// Not inlined, since it is large and seldom called.
    #[inline(never)]
    fn logged(&self, error: Error) -> Error {
        let logger = self.parts().map_or(&self.settings.logger, |parts| &parts.logger);
        let error = error.redacted(logger.redactor());
        logger.log(Level::Error, || error.message());
        error
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.settings.base_url).finish_non_exhaustive()
    }
}

/// The same for pages with the same items, to notice a server that goes round in circles.
fn fingerprint(page: &[Snapshot]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for snapshot in page {
        snapshot.json().hash(&mut hasher);
    }
    hasher.finish()
}
