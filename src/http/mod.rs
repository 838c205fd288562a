//! One request, one response: bounded in time and size, to one host, without following redirects.

mod agent;
mod buffers;
mod connect;
mod connection;
mod dns;
mod exchange;
mod failure;
mod framing;
mod head;
mod limits;
pub(crate) mod no_proxy;
pub(crate) mod proxy;
mod response;
pub(crate) mod roots;
mod route;
mod socks;
mod stream;
mod tcp;
mod tls;
mod tls_error;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use ::http::{HeaderValue, Method, Uri};
use rustls::RootCertStore;
use ureq::Agent;

use crate::error::{ErrorKind, Redactor, Result};
use crate::log::{Level, Logger};
use crate::runtime::context::Context;
use crate::runtime::fork::Process;
use connection::TcpConnector;
use exchange::{Exchange, Stage};
use proxy::Proxy;
use route::Route;

pub(crate) use response::Response;

/// Makes the `Authorization` header of a request, if it has one.
pub(crate) type Authorize<'a> = dyn Fn() -> Result<Option<HeaderValue>> + 'a;

/// What to send.
#[derive(Clone)]
pub(crate) struct Request<'a> {
    pub(crate) uri: &'a Uri,
    pub(crate) accept: &'a HeaderValue,
    /// Called each time the request is sent, also on a new connection in place of a dead one: the server may have seen
    /// the first already, and under Digest no two may have the same count.
    pub(crate) authorization: &'a Authorize<'a>,
    /// Whether it is sent again, once, when a kept connection turns out dead.
    pub(crate) may_resend: bool,
    /// A form to POST; without one it is a GET. We send nothing else, so nothing can be changed or deleted.
    pub(crate) form: Option<&'a [u8]>,
    /// Why it is sent once more; empty the first time.
    pub(crate) retry_reason: &'a str,
    /// Takes a line for each time it is sent.
    pub(crate) logger: &'a Logger,
}

impl Request<'_> {
    pub(crate) fn method(&self) -> Method {
        match self.form {
            Some(_) => Method::POST,
            None => Method::GET,
        }
    }

    /// With the query.
    pub(crate) fn path(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }
}

/// Where requests go and how.
#[derive(Clone)]
pub(crate) struct Destination {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The authorities to trust; `None`: plain HTTP, which the settings allow to this machine alone.
    pub(crate) roots: Option<Arc<RootCertStore>>,
    pub(crate) proxy: Option<Arc<Proxy>>,
    pub(crate) connect_timeout: Duration,
    pub(crate) user_agent: HeaderValue,
}

/// The connections to one host.
#[derive(Debug)]
pub(crate) struct Http {
    agent: Agent,
    route: Arc<Route>,
    process: Process,
}

/// What became of one sending of a request.
struct Sent {
    outcome: Result<Response, ureq::Error>,
    /// Of the response, also of one that was cut off; 0 if there is none.
    status: u16,
    exchange: Exchange,
}

impl Http {
    pub(crate) fn new(to: &Destination, redactor: Arc<Redactor>) -> Result<Http> {
        let route = Arc::new(Route::new(to.clone(), redactor)?);
        let agent = agent::new(TcpConnector(route.clone()))?;
        Ok(Http { agent, route, process: Process::current() })
    }

    /// Sends `request` and reads the response to its end, whatever its status, except that a redirect is an error.
    pub(crate) fn send(&self, context: &Context, request: &Request) -> Result<Response> {
        let mut sent = self.send_once(context, request, false)?;
        if request.may_resend && sent.is_stale() {
            // A server may close an idle connection at any time, so this is no failure and counts as no retry. The other
            // kept connections were probably closed too.
            let again =
                Request { retry_reason: "the kept connection was closed", ..request.clone() };
            sent = self.send_once(context, &again, true)?;
        }
        let response = sent.outcome.map_err(|error| {
            let error = self.route.ureq_error(error);
            match error.kind {
                ErrorKind::InvalidResponse => error.answered(sent.status),
                _ => error,
            }
        })?;
        match response.status {
            300..=399 => Err(self.route.redirected(&response)),
            _ => Ok(response),
        }
    }

    fn send_once(&self, context: &Context, request: &Request, only_new: bool) -> Result<Sent> {
        let authorization = (request.authorization)()?;
        let start = Instant::now();
        let mut status = 0;
        let (outcome, exchange) = exchange::run(context, only_new, || {
            let response = self.run(request, authorization)?;
            status = response.status().as_u16();
            let chunked = framing::is_chunked(&response).inspect_err(|_| {
                self.route.faults.fetch_add(1, Ordering::Relaxed);
            })?;
            let head = exchange::with_current(|exchange| {
                exchange.stage.set(Stage::Body { chunked });
                exchange.head.take()
            })?;
            Response::read(response, head)
        });
        let sent = Sent { outcome, status, exchange };
        request.logger.log(Level::Info, || sent.log_line(request, start.elapsed()));
        // In a child that the logger forked off, what became of the request is the parent's, like the connection and the
        // nonce or token it was sent with; the client asks anew with its own.
        self.process.check()?;
        Ok(sent)
    }

    fn run(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
    ) -> Result<::http::Response<ureq::Body>, ureq::Error> {
        let mut message = ::http::Request::new(());
        *message.uri_mut() = request.uri.clone();
        let headers = message.headers_mut();
        headers.insert(USER_AGENT, self.route.to.user_agent.clone());
        headers.insert(ACCEPT, request.accept.clone());
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        match request.form {
            None => self.agent.run(message),
            Some(form) => {
                *message.method_mut() = request.method();
                let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
                message.headers_mut().insert(CONTENT_TYPE, form_type);
                self.agent.run(message.map(|()| form))
            }
        }
    }
}

impl Sent {
    /// Whether it failed because a kept connection was dead before a byte came back.
    fn is_stale(&self) -> bool {
        let is_dead = self.outcome.as_ref().is_err_and(failure::is_disconnect);
        is_dead && !self.exchange.connected.get() && !self.exchange.received.get()
    }

    fn log_line(&self, request: &Request, took: Duration) -> String {
        let (method, path) = (request.method(), request.path());
        let outcome = match (self.status, &self.outcome) {
            (0, _) => "no answer".to_owned(),
            (status, Err(_)) => format!("{status} cut off"),
            (status, Ok(_)) => status.to_string(),
        };
        let connection = if self.exchange.connected.get() { "new" } else { "reused" };
        let again = match request.retry_reason {
            "" => String::new(),
            reason => format!(", again because {reason}"),
        };
        let took = took.as_millis();
        format!("{method} {path} {outcome} in {took} ms, {connection} connection{again}")
    }
}
