//! What the fuzz targets call of the inside. Here only under cargo-fuzz, and no part of the API.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ::http::header::InvalidHeaderValue;
use ::http::{HeaderMap, HeaderValue, Uri};

use crate::auth::{Auth, Sender};
use crate::client::redactor;
use crate::config::{Config, Settings};
use crate::error::{Error, ErrorKind, Redactor, Result};
use crate::http::{self, Request, Response};
use crate::log::Logger;
use crate::runtime::context::{Canceller, Context};
use crate::snapshot::Snapshot;

pub use crate::ffi::all as c;
pub use crate::snapshot::one_pass_compared::assert_same;

/// An answer of a server.
#[derive(Clone, Debug, Default)]
pub struct Scripted {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Scripted {
    /// An answer without headers.
    pub fn new(status: u16, body: &[u8]) -> Scripted {
        Scripted { status, headers: HeaderMap::new(), body: body.to_vec() }
    }

    /// Adds a header, unless no header can have that value.
    pub fn with(
        mut self,
        name: &'static str,
        value: &[u8],
    ) -> Result<Scripted, InvalidHeaderValue> {
        self.headers.append(name, HeaderValue::from_bytes(value)?);
        Ok(self)
    }

    /// The answer as the error it is.
    pub fn error(&self) -> Error {
        let redactor = Redactor::none();
        Error::from_response(self.status, Some(&self.headers), &self.body, &redactor)
    }

    /// The answer as a snapshot, asked for with an envelope or without.
    pub fn snapshot(&self, enveloped: bool) -> Result<Snapshot> {
        Snapshot::from_response(
            self.status,
            self.headers.clone().into(),
            self.body.clone(),
            enveloped,
            &Redactor::none(),
        )
    }
}

/// Credentials at work, towards a server that is a list of answers.
pub struct Account {
    settings: Settings,
    auth: Auth,
    logger: Logger,
}

/// What was sent in one call, and what came of it.
#[derive(Debug)]
pub struct Exchange {
    /// For each request its path and its `Authorization`.
    pub sent: Vec<(String, Option<String>)>,
    /// The status of the last answer, if that was no failure by itself.
    pub outcome: Result<u16>,
}

impl Account {
    /// As `Client::new` makes it.
    pub fn new(config: &Config) -> Result<Account> {
        let settings = config.check()?;
        let logger = settings.logger.with(redactor(&settings));
        Ok(Account {
            auth: Auth::new(
                &settings.credentials,
                &settings.base_url,
                settings.token_cache.as_deref(),
            )?,
            logger,
            settings,
        })
    }

    /// Sends a request for a snapshot and whatever has to be sent before; without an answer left the network fails.
    pub fn exchange(&self, responses: impl IntoIterator<Item = Scripted>) -> Exchange {
        let responses: RefCell<VecDeque<Scripted>> = RefCell::new(responses.into_iter().collect());
        let sent = RefCell::new(Vec::new());
        let uri = Uri::from_static("http://localhost/snapshot?pretty=true");
        let send = |_: &Context, request: &Request| {
            let authorization = (request.authorization)()?;
            let authorization =
                authorization.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            sent.borrow_mut().push((request.uri.path().to_owned(), authorization));
            let response = responses
                .borrow_mut()
                .pop_front()
                .ok_or_else(|| Error::new(ErrorKind::Network, "the script has no more answers"))?;
            Ok(Response {
                status: response.status,
                headers: response.headers.into(),
                body: response.body.into(),
            })
        };
        let deadline = Instant::now() + Duration::from_secs(5);
        let outcome = Canceller::default()
            .enter(Some(deadline))
            .map_err(Error::from)
            .and_then(|context| {
                let sender = Sender {
                    context: &context,
                    retry_reason: "",
                    logger: &self.logger,
                    send: &send,
                };
                self.auth.send(&sender.get(&uri, &self.settings.accept), &sender)
            })
            .map(|response| response.status)
            .map_err(|error| error.redacted(self.logger.redactor()));
        Exchange { sent: sent.into_inner(), outcome }
    }
}

/// Whether `NO_PROXY` keeps a host from the proxy.
pub fn is_bypassed(no_proxy: &str, host: &str) -> bool {
    http::no_proxy::is_bypassed(no_proxy, host)
}

/// Where a base URL leads: itself as it is used, host, port, and whether without TLS.
pub fn base_url(config: &Config) -> Result<(String, String, u16, bool)> {
    let settings = config.check()?;
    let is_plain = settings.destination.roots.is_none();
    Ok((settings.base_url, settings.destination.host, settings.destination.port, is_plain))
}
