//! One call of an operation: what it sends, how it is retried, and how it goes on in a child that a callback forked
//! off.

use std::mem;
use std::ptr;
use std::slice;
use std::time::{Duration, Instant};

use super::{Client, warnings};
use crate::auth::{Auth, Sender};
use crate::config::Settings;
use crate::error::{ErrorKind, Redactor, Result};
use crate::http::{Http, Request, Response};
use crate::log::Logger;
use crate::retry::{self, RateLimits};
use crate::runtime::context::{Canceller, Context};
use crate::runtime::interrupted::Interrupted;
use crate::snapshot::{Snapshot, SnapshotList};
use crate::target::Target;

/// What a client has of its own in each process.
pub(super) struct Parts {
    pub(super) canceller: Canceller,
    http: Http,
    auth: Auth,
    /// Its redactor knows the tokens that this process has seen.
    pub(super) logger: Logger,
}

impl Parts {
    pub(super) fn new(settings: &Settings) -> Result<Parts> {
        let logger = settings.logger.with(redactor(settings));
        Ok(Parts {
            canceller: Canceller::default(),
            http: Http::new(&settings.destination, logger.redactor().clone())?,
            auth: Auth::new(
                &settings.credentials,
                &settings.base_url,
                settings.token_cache.as_deref(),
            )?,
            logger,
        })
    }
}

/// A redactor that knows every secret of the settings.
pub(crate) fn redactor(settings: &Settings) -> Redactor {
    let mut secrets = settings.credentials.identity.forms(&settings.credentials.secret);
    if let Some(proxy) = &settings.destination.proxy {
        secrets.append(&mut proxy.secrets());
    }
    Redactor::new(secrets)
}

/// A call in progress, and what it uses.
pub(super) struct Call<'a> {
    client: &'a Client,
    pub(super) parts: &'a Parts,
    pub(super) context: Context,
}

impl<'a> Call<'a> {
    /// Begins a call that may take `timeout`.
    pub(super) fn begin(client: &'a Client, timeout: Option<Duration>) -> Result<Call<'a>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let parts = client.parts()?;
        let context = parts.canceller.enter(deadline)?;
        Ok(Call { client, parts, context })
    }

    /// A part of this call that may take `timeout`.
    pub(super) fn within(&self, timeout: Duration) -> Call<'a> {
        Call { context: self.context.within(timeout), ..*self }
    }

    /// After a callback, which may have forked: the child goes on with parts of its own, and is not ended when the
    /// parent's call is cancelled.
    pub(super) fn resume(&mut self) -> Result<()> {
        let parts = self.client.parts()?;
        if !ptr::eq(parts, self.parts) {
            self.context = parts.canceller.enter(self.context.deadline())?;
            self.parts = parts;
        }
        Ok(())
    }

    /// Asks for a snapshot.
    pub(super) fn snapshot(
        &mut self,
        target: &Target,
        limits: &mut RateLimits,
    ) -> Result<Snapshot> {
        let snapshot = self.get(target, "", limits, |mut response, redactor| {
            let body = mem::take(&mut *response.body);
            let (status, headers) = (response.status, response.headers);
            Snapshot::from_response(status, headers, body, target.format.envelope, redactor)
        })?;
        warnings::odd_fields(&self.parts.logger, slice::from_ref(&snapshot));
        Ok(snapshot)
    }

    /// Asks for a list, or for a page of it, and adds that to `list`.
    pub(super) fn page(
        &mut self,
        target: &Target,
        query: &str,
        limits: &mut RateLimits,
        list: &mut SnapshotList,
    ) -> Result<()> {
        let start = list.len();
        self.get(target, query, limits, |mut response, redactor| {
            let body = mem::take(&mut *response.body);
            list.add_page(Some(&response.headers), body, redactor)
        })?;
        warnings::odd_fields(&self.parts.logger, &list.iter().as_slice()[start..]);
        Ok(())
    }

    /// Gives the access token back.
    pub(super) fn revoke(&mut self) -> Result<()> {
        self.run(&mut RateLimits::default(), |parts, sender| parts.auth.revoke(sender))
    }

    /// Sends a GET until it succeeds or fails for good, and has the answer read.
    fn get<T>(
        &mut self,
        target: &Target,
        query: &str,
        limits: &mut RateLimits,
        mut read: impl FnMut(Response, &Redactor) -> Result<T>,
    ) -> Result<T> {
        let client = self.client;
        let uri = target.uri(&client.settings.base_url, query)?;
        let outcome = self.run(limits, |parts, sender| {
            let redactor = sender.logger.redactor();
            let request = sender.get(&uri, &client.settings.accept);
            let response = parts.auth.send(&request, sender)?;
            let status = response.status;
            let outcome = match status {
                200 => response
                    .refuse_encoding(redactor)
                    .and_then(|()| read(response, redactor))
                    .map_err(|error| error.answered(status)),
                _ => Err(response.error(redactor)),
            };
            outcome.map_err(|error| match error.kind {
                ErrorKind::Unauthenticated => parts.auth.refused(error),
                _ => error,
            })
        });
        outcome.map_err(|error| target.complete(error))
    }

    /// Makes attempts until one succeeds or fails for good; once more, if the logger forked, in the child.
    fn run<T>(
        &mut self,
        limits: &mut RateLimits,
        mut attempt: impl FnMut(&Parts, &Sender) -> Result<T>,
    ) -> Result<T> {
        let client = self.client;
        let max_retries = client.settings.max_retries;
        loop {
            // The logger may have forked since, for a page of a list that is odd.
            self.resume()?;
            let (parts, context) = (self.parts, &self.context);
            let outcome = retry::run(context, max_retries, limits, |retry_reason| {
                let send =
                    |context: &Context, request: &Request| client.send(parts, context, request);
                attempt(
                    parts,
                    &Sender { context, retry_reason, logger: &parts.logger, send: &send },
                )
            });
            self.resume()?;
            if outcome.is_ok() || ptr::eq(parts, self.parts) {
                return outcome;
            }
        }
    }
}

impl Client {
    /// One round trip, whose headers are looked at whatever its status is. In a child that the logger forked off it is
    /// the parent's, like the connection and what the request was signed with.
    fn send(&self, parts: &Parts, context: &Context, request: &Request) -> Result<Response> {
        let response = parts.http.send(context, request)?;
        warnings::clock_and_limits(&response.headers, request.logger);
        warnings::end_of_version(&self.warned_of_end, &response.headers, request.logger);
        match ptr::eq(self.parts()?, parts) {
            true => Ok(response),
            false => Err(Interrupted::Forked.into()),
        }
    }
}
