//! The operations people call.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use once_cell::race::OnceBox;

use crate::auth::Auth;
use crate::call::{Canceller, Context, Interrupted};
use crate::config::{Config, Settings};
use crate::error::{Error, ErrorKind, Hint, Redactor, Result};
use crate::http::{self, Http, Request, Response};
use crate::log::{Level, Logger};
use crate::retry::{self, RateLimits};
use crate::snapshot::{Snapshot, SnapshotList, Status};
use crate::sys;
use crate::target::Target;

/// How Atlas is asked to format its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Format {
    /// `envelope=true`: the answer is wrapped with its status; the snapshot is found inside.
    pub envelope: bool,
    /// `pretty=true`: the JSON is indented.
    pub pretty: bool,
}

/// Which of Atlas' two kinds of cluster, and so which of its resources, a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterType {
    /// A replica set.
    ReplicaSet,
    /// A sharded cluster.
    ShardedCluster,
}

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

/// How much of a value from a snapshot or from the caller a message shows, in bytes.
pub(crate) const VALUE_SHOWN: usize = 64;
/// The largest page that Atlas documents.
const PAGE_SIZE: usize = 500;

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// A client of the Atlas Administration API that reads backup snapshots. It may be used by many threads at once.
///
/// After `fork()` the child's copy starts afresh with connections, nonces and tokens of its own.
pub struct Client {
    settings: Settings,
    /// Whether the log was told that Atlas will end this version of its API.
    warned_of_end: AtomicBool,
    first: Process,
}

/// What a client has going in one process. A child of `fork()` finds its parent's here and puts its own behind it:
/// the parent's locks may be held for ever, and its connections are the parent's to use.
struct Process {
    fork_epoch: u32,
    /// Taken only when dropped.
    parts: Option<Parts>,
    next: OnceBox<Process>,
}

struct Parts {
    canceller: Canceller,
    http: Http,
    auth: Auth,
    /// Knows the tokens that this process has seen.
    logger: Logger,
}

/// A call in progress, and what it uses.
struct CallInProgress<'a> {
    parts: &'a Parts,
    context: Context,
}

impl Process {
    fn new(settings: &Settings) -> Result<Process> {
        let logger = settings.logger.with(redactor(settings));
        let parts = Parts {
            canceller: Canceller::default(),
            http: Http::new(&settings.destination, logger.redactor().clone())?,
            auth: Auth::new(
                &settings.credentials,
                &settings.base_url,
                settings.token_cache.as_deref(),
                &logger,
            )?,
            logger,
        };
        Ok(Process {
            fork_epoch: sys::fork_epoch(),
            parts: Some(parts),
            next: OnceBox::new(),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The parent's parts are leaked: freeing them could wait for a lock or speak on a connection of the parent.
        if self.fork_epoch != sys::fork_epoch() {
            mem::forget(self.parts.take());
        }
    }
}

impl Client {
    /// A client with a copy of the settings. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// `Config`, naming the setting that is missing, contradictory or unreadable.
    pub fn new(config: &Config) -> Result<Client> {
        sys::watch_forks(http::initialise_ureq).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("pthread_atfork failed: {error}"),
            )
        })?;
        http::initialise_ureq();
        let settings = config
            .check()
            .map_err(|error| error.during("set up a client"))?;
        let first = Process::new(&settings)?;
        settings.logger.log(Level::Info, || settings.summary());
        Ok(Client {
            settings,
            warned_of_end: AtomicBool::new(false),
            first,
        })
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
        self.reported(|| {
            let target = self.target(
                "get snapshot",
                cluster_type,
                group_id,
                cluster_name,
                Some(snapshot_id),
            )?;
            let mut entered = self.enter(Some(self.settings.timeout))?;
            self.fetch(&mut entered, &mut RateLimits::default(), &target, format)
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
        self.reported(|| {
            let target =
                self.target("list snapshots", cluster_type, group_id, cluster_name, None)?;
            let mut entered = self.enter(Some(self.settings.timeout))?;
            let mut limits = RateLimits::default();
            let mut list = SnapshotList::default();
            let mut seen = HashSet::new();
            let mut number = 1;
            // This ends: each page but the last adds as many items as were asked for, or more, and a list takes no more
            // than a certain number of them.
            loop {
                let query = match cluster_type {
                    ClusterType::ReplicaSet => format!("itemsPerPage={PAGE_SIZE}&pageNum={number}"),
                    ClusterType::ShardedCluster => String::new(),
                };
                let uri = target.uri(&self.settings.base_url, &query, format)?;
                let start = list.len();
                self.ask(&mut entered, &mut limits, &uri, |mut response, redactor| {
                    let body = mem::take(&mut *response.body);
                    list.add_page(Some(&response.headers), body, redactor)
                })
                .map_err(|error| target.explain(error))?;
                let page = || list.iter().skip(start);
                warn_of_oddities(&entered.parts.logger, &list.iter().as_slice()[start..]);
                let count = list.len() - start;
                if count < PAGE_SIZE || cluster_type == ClusterType::ShardedCluster {
                    return Ok(list);
                }
                // Items may move by a place while pages are read, so only a page of the same items is a loop.
                if !seen.insert(fingerprint(page())) {
                    return Err(target.explain(Error::new(
                        ErrorKind::InvalidResponse,
                        format!(
                            "page {number} repeats an earlier page; this is not what Atlas promises"
                        ),
                    )));
                }
                number += 1;
            }
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
        self.reported(|| {
            let target = self.target(
                "wait for snapshot",
                cluster_type,
                group_id,
                cluster_name,
                Some(snapshot_id),
            )?;
            let mut whole = self.enter(polling.timeout)?;
            let mut last_status: Option<String> = None;
            let mut limits = RateLimits::default();
            loop {
                let mut poll = CallInProgress {
                    parts: whole.parts,
                    context: whole.context.within(self.settings.timeout),
                };
                let spread = retry::part_of(polling.interval / 5, retry::random());
                let mut pause = (polling.interval - polling.interval / 10).saturating_add(spread);
                let outcome = self.fetch(&mut poll, &mut limits, &target, polling.format);
                let trouble = match outcome {
                    Ok(snapshot) => {
                        limits = RateLimits::default();
                        if !progress(&snapshot) {
                            let why = "progress asked to stop";
                            return Err(target.explain(Error::new(ErrorKind::Cancelled, why)));
                        }
                        let redactor = poll.parts.logger.redactor();
                        match snapshot.status_code() {
                            Status::Completed => return Ok(snapshot),
                            Status::Failed => {
                                return Err(target.explain(failed(&snapshot, redactor)));
                            }
                            _ => {}
                        }
                        let status = snapshot.status().unwrap_or("unknown");
                        last_status = Some(redactor.redact(status, VALUE_SHOWN));
                        None
                    }
                    Err(error) if error.kind == ErrorKind::NotFound && last_status.is_some() => {
                        return Err(error.hint(Hint::DELETED_MEANWHILE));
                    }
                    Err(error) if error.kind.is_retryable() => {
                        poll.parts
                            .logger
                            .log(Level::Warning, || format!("{error}; the wait goes on"));
                        pause = pause.max(limits.pause(&error).unwrap_or_default());
                        Some(error)
                    }
                    Err(error) => return Err(error),
                };
                self.reenter(&mut whole)?;
                let whole = &whole.context;
                let resume = Instant::now().checked_add(pause);
                let ends_before = |at: &Instant| whole.deadline().is_some_and(|end| end <= *at);
                let Some(resume) = resume.filter(|at| !ends_before(at)) else {
                    // The rest of the time is waited out, so that a cancellation can still come.
                    if let Some(end) = whole.deadline()
                        && let Err(stop) = whole.sleep_until(end)
                        && stop != Interrupted::DeadlinePassed
                    {
                        return Err(target.explain(stop.into()));
                    }
                    return Err(target.explain(not_in_time(last_status, trouble)));
                };
                whole
                    .sleep_until(resume)
                    .map_err(|stop| target.explain(stop.into()))?;
            }
        })
    }

    /// Gives a service account's access token back to Atlas; fine if there is none. Later calls fetch a new one.
    ///
    /// # Errors
    ///
    /// What the revoke endpoint answers, or that it could not be reached; the token is then kept.
    pub fn revoke_token(&self) -> Result<()> {
        self.reported(|| {
            let mut entered = self.enter(Some(self.settings.timeout))?;
            self.run(&mut entered, |parts, context| {
                let mut limits = RateLimits::default();
                retry::run(
                    context,
                    self.settings.max_retries,
                    &mut limits,
                    |retry_reason| {
                        parts
                            .auth
                            .revoke(context, retry_reason, &mut |context, request| {
                                self.send(parts, context, request)
                            })
                    },
                )
            })
            .map_err(|error| error.during("revoke the access token"))
        })
    }

    /// Ends every call of this client that was entered before, with `Cancelled`. Later calls are not touched.
    pub fn cancel(&self) {
        if let Ok(parts) = self.parts() {
            parts.canceller.cancel();
        }
    }

    fn fetch<'a>(
        &'a self,
        entered: &mut CallInProgress<'a>,
        limits: &mut RateLimits,
        target: &Target,
        format: Format,
    ) -> Result<Snapshot> {
        let uri = target.uri(&self.settings.base_url, "", format)?;
        let snapshot = self
            .ask(entered, limits, &uri, |mut response, redactor| {
                let body = mem::take(&mut *response.body);
                let enveloped = format.envelope;
                Snapshot::from_response(
                    response.status,
                    response.headers,
                    body,
                    enveloped,
                    redactor,
                )
            })
            .map_err(|error| target.explain(error))?;
        warn_of_oddities(&entered.parts.logger, slice::from_ref(&snapshot));
        Ok(snapshot)
    }

    /// Sends a GET until it succeeds or fails for good, and has the answer read.
    fn ask<'a, T>(
        &'a self,
        entered: &mut CallInProgress<'a>,
        limits: &mut RateLimits,
        uri: &Uri,
        mut read: impl FnMut(Response, &Redactor) -> Result<T>,
    ) -> Result<T> {
        self.run(entered, |parts, context| {
            let redactor = parts.logger.redactor();
            retry::run(context, self.settings.max_retries, limits, |retry_reason| {
                let request = Request {
                    uri,
                    accept: &self.settings.accept,
                    authorization: &|| Ok(None),
                    may_resend: true,
                    form: None,
                    retry_reason,
                    logger: &parts.logger,
                };
                let response = parts
                    .auth
                    .send(context, &request, &mut |context, request| {
                        self.send(parts, context, request)
                    })?;
                let status = response.status;
                let outcome = match status {
                    200 => response
                        .refuse_encoding(redactor)
                        .and_then(|()| read(response, redactor))
                        .map_err(|error| error.answered(status)),
                    _ => Err(Error::from_response(
                        status,
                        Some(&response.headers),
                        &response.body,
                        redactor,
                    )),
                };
                outcome.map_err(|error| match error.kind {
                    ErrorKind::Unauthenticated => parts.auth.refused(error),
                    _ => error,
                })
            })
        })
    }

    /// One round trip, whose headers are looked at whatever its status is.
    fn send(&self, parts: &Parts, context: &Context, request: &Request) -> Result<Response> {
        let response = parts.http.send(context, request)?;
        self.warn_of_end(&parts.logger, &response.headers);
        Ok(response)
    }

    /// Warns, once for each client, when Atlas announces that it will stop serving what was asked for.
    fn warn_of_end(&self, logger: &Logger, headers: &HeaderMap) {
        if self.warned_of_end.load(Ordering::Relaxed) {
            return;
        }
        let (deprecation, sunset) = (headers.get(DEPRECATION), headers.get(SUNSET));
        if (deprecation.is_some() || sunset.is_some())
            && !self.warned_of_end.swap(true, Ordering::Relaxed)
        {
            let said = |value: Option<&HeaderValue>| match value {
                Some(value) => logger
                    .redactor()
                    .redact(&String::from_utf8_lossy(value.as_bytes()), VALUE_SHOWN),
                None => "not said".to_owned(),
            };
            logger.log(Level::Warning, || {
                format!(
                    "Atlas announces the end of this version of its API (Deprecation: {}; Sunset: {}); set a newer \
                     api_version, or use a newer release of this library",
                    said(deprecation),
                    said(sunset)
                )
            });
        }
    }

    /// Runs a call that has been entered; once more, if the logger forked, in the child.
    fn run<'a, T>(
        &'a self,
        entered: &mut CallInProgress<'a>,
        mut body: impl FnMut(&Parts, &Context) -> Result<T>,
    ) -> Result<T> {
        loop {
            // The logger may have forked since, for a page of a list that is odd.
            self.reenter(entered)?;
            let before = entered.parts;
            let outcome = body(before, &entered.context);
            self.reenter(entered)?;
            if outcome.is_ok() || ptr::eq(before, entered.parts) {
                return outcome;
            }
        }
    }

    /// Enters a call that may take `timeout`.
    fn enter(&self, timeout: Option<Duration>) -> Result<CallInProgress<'_>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let parts = self.parts()?;
        let context = parts.canceller.enter(deadline)?;
        Ok(CallInProgress { parts, context })
    }

    /// After a callback, which may have forked: the child goes on with parts of its own, and hears no cancellation of
    /// its parent.
    fn reenter<'a>(&'a self, entered: &mut CallInProgress<'a>) -> Result<()> {
        let parts = self.parts()?;
        if !ptr::eq(parts, entered.parts) {
            let context = parts.canceller.enter(entered.context.deadline())?;
            *entered = CallInProgress { parts, context };
        }
        Ok(())
    }

    /// What belongs to this process.
    fn parts(&self) -> Result<&Parts> {
        let fork_epoch = sys::fork_epoch();
        let mut process = &self.first;
        while process.fork_epoch != fork_epoch {
            process = process
                .next
                .get_or_try_init(|| Process::new(&self.settings).map(Box::new))?;
        }
        process
            .parts
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "the client is being freed"))
    }

    /// What a call is about, checked.
    fn target<'a>(
        &self,
        doing: &'static str,
        cluster_type: ClusterType,
        group_id: &'a str,
        cluster_name: &'a str,
        snapshot_id: Option<&'a str>,
    ) -> Result<Target<'a>> {
        let redactor = self.parts()?.logger.redactor();
        Target::new(
            doing,
            cluster_type,
            group_id,
            cluster_name,
            snapshot_id,
            redactor,
        )
    }

    /// Runs a call and logs its failure.
    fn reported<T>(&self, body: impl FnOnce() -> Result<T>) -> Result<T> {
        body().map_err(|error| {
            let logger = match self.parts() {
                Ok(parts) => &parts.logger,
                Err(_) => &self.settings.logger,
            };
            let error = error.redacted(logger.redactor());
            logger.log(Level::Error, || error.message());
            error
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.settings.base_url)
            .finish_non_exhaustive()
    }
}

/// Knows every secret of the settings.
pub(crate) fn redactor(settings: &Settings) -> Redactor {
    let mut secrets = settings.credentials.secrets();
    if let Some(proxy) = &settings.destination.proxy {
        secrets.append(&mut proxy.secrets());
    }
    Redactor::new(secrets)
}

/// Warns of fields with another type than documented, once for each field.
fn warn_of_oddities(logger: &Logger, snapshots: &[Snapshot]) {
    let mut odd: Vec<(&str, &Snapshot, usize)> = Vec::new();
    for snapshot in snapshots {
        for name in snapshot.odd_fields() {
            match odd.iter_mut().find(|(field, ..)| *field == name) {
                Some((.., count)) => *count += 1,
                None => odd.push((name, snapshot, 1)),
            }
        }
    }
    for (field, first, count) in odd {
        logger.log(Level::Warning, || {
            let id = id_of(first, logger.redactor());
            let whose = match count {
                1 => format!("snapshot {id}"),
                _ => format!("{count} snapshots, {id} the first,"),
            };
            format!("{field} of {whose} has another type than documented and counts as absent")
        });
    }
}

fn id_of(snapshot: &Snapshot, redactor: &Redactor) -> String {
    redactor.redact(snapshot.id().unwrap_or("(without id)"), VALUE_SHOWN)
}

fn failed(snapshot: &Snapshot, redactor: &Redactor) -> Error {
    let id = id_of(snapshot, redactor);
    let mut error = Error::new(
        ErrorKind::SnapshotFailed,
        format!(
            "snapshot {id} failed; Atlas gives no reason, so see the project's activity feed and take another"
        ),
    );
    error.http_status = snapshot.http_status().unwrap_or(0);
    error
}

fn not_in_time(last_status: Option<String>, trouble: Option<Error>) -> Error {
    let status = last_status.as_deref().unwrap_or("none");
    let trouble = trouble.map_or_else(String::new, |error| {
        format!("; the last try failed: {error}")
    });
    Error::new(
        ErrorKind::Timeout,
        format!(
            "it was not completed in the time set for the wait; the last status seen was {status}{trouble}"
        ),
    )
}

/// The same for pages with the same items, to notice a server that goes round in circles.
fn fingerprint<'a>(page: impl Iterator<Item = &'a Snapshot>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for snapshot in page {
        snapshot.json().hash(&mut hasher);
    }
    hasher.finish()
}
