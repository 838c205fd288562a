//! The steps of waiting for a snapshot.

use std::time::{Duration, Instant};

use super::warnings;
use crate::error::{Error, ErrorKind, Hint, Redactor, Result};
use crate::log::{Level, Logger};
use crate::retry::{self, RateLimits};
use crate::runtime::context::Context;
use crate::runtime::interrupted::Interrupted;
use crate::snapshot::{Snapshot, Status};
use crate::text::VALUE_SHOWN;

/// What the polls of a wait have shown so far.
#[derive(Default)]
pub(super) struct Wait {
    pub(super) limits: RateLimits,
    last_status: Option<String>,
    /// How the last poll failed, if it did.
    failure: Option<Error>,
}

impl Wait {
    /// Notes a snapshot that is not completed yet; an error if it never will be.
    pub(super) fn note_snapshot(&mut self, snapshot: &Snapshot, redactor: &Redactor) -> Result<()> {
        if snapshot.status_code() == Status::Failed {
            return Err(failed(snapshot, redactor));
        }
        let status = snapshot.status().unwrap_or("unknown");
        *self = Wait { last_status: Some(redactor.redact(status, VALUE_SHOWN)), ..Wait::default() };
        Ok(())
    }

    /// Notes the failure of a poll, which is the error unless the next poll may succeed.
    pub(super) fn note_failure(&mut self, error: Error, logger: &Logger) -> Result<()> {
        if error.kind == ErrorKind::NotFound && self.last_status.is_some() {
            return Err(error.hint(Hint::DELETED_MEANWHILE));
        }
        if !error.kind.is_retryable() {
            return Err(error);
        }
        logger.log(Level::Warning, || format!("{error}; the wait goes on"));
        self.failure = Some(error);
        Ok(())
    }

    /// Sleeps until the next poll. If the time of the wait is up before that, what is left of it is waited out, so that
    /// a cancellation can still come.
    pub(super) fn pause(&self, context: &Context, interval: Duration) -> Result<()> {
        let spread = retry::part_of(interval / 5, retry::random());
        let mut pause = (interval - interval / 10).saturating_add(spread);
        if let Some(asked) = self.failure.as_ref().and_then(|error| self.limits.pause(error)) {
            pause = pause.max(asked);
        }
        let resume = Instant::now().checked_add(pause);
        match (resume, context.deadline()) {
            (Some(resume), end) if end.is_none_or(|end| resume < end) => {
                Ok(context.sleep_until(resume)?)
            }
            (_, None) => Err(self.not_in_time()),
            (_, Some(end)) => match context.sleep_until(end) {
                Ok(()) | Err(Interrupted::DeadlinePassed) => Err(self.not_in_time()),
                Err(why) => Err(why.into()),
            },
        }
    }

    fn not_in_time(&self) -> Error {
        let status = self.last_status.as_deref().unwrap_or("none");
        let mut cause = format!(
            "it was not completed in the time set for the wait; the last status seen was {status}"
        );
        if let Some(error) = &self.failure {
            cause += &format!("; the last try failed: {error}");
        }
        Error::new(ErrorKind::Timeout, cause)
    }
}

fn failed(snapshot: &Snapshot, redactor: &Redactor) -> Error {
    let id = warnings::id_of(snapshot, redactor);
    let cause = format!(
        "snapshot {id} failed; Atlas gives no reason, so see the project's activity feed and take another"
    );
    Error::new(ErrorKind::SnapshotFailed, cause).answered(snapshot.http_status().unwrap_or(0))
}
