//! One request, one response: bounded in time and size, to one host, without following redirects.

mod agent;
mod buffers;
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
use rustls::pki_types::ServerName;
use ureq::Agent;

use crate::error::{Error, ErrorKind, Redactor, Result};
use crate::log::{Level, Logger};
use crate::runtime::context::Context;
use crate::runtime::fork::Process;
use connection::TcpConnector;
use exchange::{Exchange, Stage};
use failure::Peer;
use proxy::Proxy;
use route::Route;

pub(crate) use agent::initialise_ureq;
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

/// Where requests go and how.
#[derive(Debug, Clone)]
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
    user_agent: HeaderValue,
    process: Process,
}

/// What became of one sending of a request.
enum Sent {
    Response(Response),
    /// A kept connection turned out dead before a byte came back.
    Stale,
}

impl Http {
    pub(crate) fn new(to: &Destination, redactor: Arc<Redactor>) -> Result<Http> {
        let tls = match &to.roots {
            None => None,
            Some(roots) => {
                let name = ServerName::try_from(to.host.clone()).map_err(|_| {
                    let message = format!("base_url: {} is no host name", to.host);
                    Error::new(ErrorKind::Config, message)
                })?;
                Some((tls::client_config(roots.clone())?, name))
            }
        };
        let peer = Peer { host: to.host.clone(), port: to.port, redactor };
        let route = Arc::new(Route {
            peer,
            proxy: to.proxy.clone(),
            tls,
            connect_timeout: to.connect_timeout,
            dns: Default::default(),
            faults: Default::default(),
        });
        Ok(Http {
            agent: agent::new(TcpConnector(route.clone())),
            route,
            user_agent: to.user_agent.clone(),
            process: Process::current(),
        })
    }

    /// Sends `request` and reads the response to its end, whatever its status, except that a redirect is an error.
    pub(crate) fn send(&self, context: &Context, request: &Request) -> Result<Response> {
        if let Sent::Response(response) = self.send_once(context, request, false)? {
            return Ok(response);
        }
        // A server may close an idle connection at any time, so this is no failure and counts as no retry. The other
        // kept connections were probably closed too.
        let again = Request { retry_reason: "the kept connection was closed", ..request.clone() };
        match self.send_once(context, &again, true)? {
            Sent::Response(response) => Ok(response),
            Sent::Stale => {
                let cause = format!("{} closes every connection at once", self.route.peer.host);
                Err(Error::transient(ErrorKind::Network, cause))
            }
        }
    }

    fn send_once(&self, context: &Context, request: &Request, only_new: bool) -> Result<Sent> {
        let authorization = (request.authorization)()?;
        let start = Instant::now();
        let mut status = 0;
        let (outcome, exchange) = exchange::run(context, only_new, || {
            let response = self.run(request, authorization)?;
            status = response.status().as_u16();
            let chunked =
                framing::is_chunked(response.status(), response.version(), response.headers())
                    .map_err(|framing::Faulty| {
                        self.route.faults.fetch_add(1, Ordering::Relaxed);
                        failure::faulty_framing()
                    })?;
            let head = exchange::with_current(|exchange| {
                exchange.stage.set(Stage::Body { chunked });
                exchange.head.take()
            })?;
            Response::read(response, head)
        });
        request.logger.log(Level::Info, || {
            let is_whole = outcome.is_ok();
            log_line(request, start.elapsed(), status, is_whole, &exchange)
        });
        // In a child that the logger forked off, what became of the request is the parent's, like the connection and the
        // nonce or token it was sent with; the client asks anew with its own.
        self.process.check()?;
        self.conclude(request, outcome, status, &exchange)
    }

    fn conclude(
        &self,
        request: &Request,
        outcome: std::result::Result<Response, ureq::Error>,
        status: u16,
        exchange: &Exchange,
    ) -> Result<Sent> {
        match outcome {
            Ok(response) if (300..=399).contains(&response.status) => {
                Err(self.route.peer.redirected(&response))
            }
            Ok(response) => Ok(Sent::Response(response)),
            Err(error) if request.may_resend && exchange.was_stale(&error) => Ok(Sent::Stale),
            Err(error) => {
                let error = self.route.peer.ureq_error(error);
                Err(match error.kind {
                    ErrorKind::InvalidResponse => error.answered(status),
                    _ => error,
                })
            }
        }
    }

    fn run(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
    ) -> std::result::Result<::http::Response<ureq::Body>, ureq::Error> {
        let mut message = ::http::Request::new(());
        *message.uri_mut() = request.uri.clone();
        let headers = message.headers_mut();
        headers.insert(USER_AGENT, self.user_agent.clone());
        headers.insert(ACCEPT, request.accept.clone());
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        match request.form {
            None => self.agent.run(message),
            Some(form) => {
                *message.method_mut() = Method::POST;
                let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
                message.headers_mut().insert(CONTENT_TYPE, form_type);
                self.agent.run(message.map(|()| form))
            }
        }
    }
}

fn log_line(
    request: &Request,
    took: Duration,
    status: u16,
    is_whole: bool,
    exchange: &Exchange,
) -> String {
    let method = match request.form {
        Some(_) => Method::POST,
        None => Method::GET,
    };
    let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
    let outcome = match (status, is_whole) {
        (0, _) => "no answer".to_owned(),
        (_, false) => format!("{status} cut off"),
        (_, true) => status.to_string(),
    };
    let connection = match exchange.connected.get() {
        true => "new",
        false => "reused",
    };
    let again = match request.retry_reason {
        "" => String::new(),
        reason => format!(", again because {reason}"),
    };
    format!("{method} {path} {outcome} in {} ms, {connection} connection{again}", took.as_millis())
}
