//! One request, one answer: bounded in time and size, to one host, following nobody.

mod connection;
mod framing;
pub(crate) mod proxy;
mod resolve;
pub(crate) mod roots;
mod socket;
mod tls;

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::http::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, USER_AGENT};
use ::http::{HeaderMap, HeaderValue, Method, Uri};
use once_cell::race::OnceBox;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use ureq::Agent;
use zeroize::Zeroizing;

use crate::call::Context;
use crate::error::{Error, ErrorKind, Redactor, Result};
use crate::log::{Level, Logger};
use crate::runtime::fork::Process;
use connection::{NoConnector, NoResolver, Route, TcpConnector};
use proxy::Proxy;

/// The largest body we read; Atlas' largest page is below 1 MiB.
pub(crate) const BODY_LIMIT: usize = crate::json::MAX_BODY;
const HEADER_LIMIT: usize = 64 * 1024;
/// How much of a header a message shows.
const HEADER_SHOWN: usize = 256;
/// Idle connections are kept for this long; a poller asking once a minute need not shake hands each time.
const IDLE_AGE: Duration = Duration::from_secs(90);
/// More threads than this at once open connections that are not kept.
const IDLE_CONNECTIONS: usize = 512;

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

/// What came back, read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Wiped when freed, since it may be a token.
    pub(crate) body: Zeroizing<Vec<u8>>,
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

/// Has ureq initialise its `static ACCEPTS: LazyLock<String>` (run.rs, `add_headers`). That is locked while the first
/// request of a process builds its head, and a child forked at that moment would find it locked for ever. ureq offers no
/// other way to initialise it than a request. Before each fork this finds it initialised, or waits until it is; before
/// the first request it spares forks the work.
pub(crate) extern "C" fn initialise_ureq() {
    static INITIALISED: AtomicBool = AtomicBool::new(false);
    if !INITIALISED.load(Ordering::Acquire) {
        let mut request = ::http::Request::new(());
        *request.uri_mut() = Uri::from_static("http://localhost/");
        // Fails without a connection, but not before the request's head was made.
        let _ = Agent::with_parts(settings(), NoConnector, NoResolver).run(request);
        INITIALISED.store(true, Ordering::Release);
    }
}

/// Made once per process: ureq begins each configuration with the proxies of the environment, which it then parses and
/// frees unwiped, before it can be told to have none.
fn settings() -> ureq::config::Config {
    static SETTINGS: OnceBox<ureq::config::Config> = OnceBox::new();
    SETTINGS.get_or_init(|| Box::new(new_settings())).clone()
}

fn new_settings() -> ureq::config::Config {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent("") // both are set for each request, from a kept value
        .accept("")
        .accept_encoding("")
        .max_response_header_size(HEADER_LIMIT)
        .max_idle_connections(IDLE_CONNECTIONS)
        .max_idle_connections_per_host(IDLE_CONNECTIONS)
        .max_idle_age(IDLE_AGE)
        .build()
}

impl Http {
    pub(crate) fn new(to: &Destination, redactor: Arc<Redactor>) -> Result<Http> {
        let tls = match &to.roots {
            None => None,
            Some(roots) => {
                let name = ServerName::try_from(to.host.clone()).map_err(|_| {
                    Error::new(
                        ErrorKind::Config,
                        format!("base_url: {} is no host name", to.host),
                    )
                })?;
                Some((tls::client_config(roots.clone())?, name))
            }
        };
        let route = Arc::new(Route {
            host: to.host.clone(),
            port: to.port,
            proxy: to.proxy.clone(),
            tls,
            connect_timeout: to.connect_timeout,
            names: Default::default(),
            redactor,
        });
        let agent = Agent::with_parts(settings(), TcpConnector(route.clone()), NoResolver);
        Ok(Http {
            agent,
            route,
            user_agent: to.user_agent.clone(),
            process: Process::current(),
        })
    }

    /// Sends `request` and reads the answer to its end, whatever its status, except that a redirect is an error.
    pub(crate) fn send(&self, context: &Context, request: &Request) -> Result<Response> {
        match self.send_once(context, request, false)? {
            Sent::Response(response) => Ok(response),
            // A server may close an idle connection at any time, so this is nobody's fault and counts as no retry.
            // Its neighbours in the pool were probably closed too.
            Sent::Stale => {
                let retry_reason = Request {
                    retry_reason: "the kept connection was closed",
                    ..request.clone()
                };
                match self.send_once(context, &retry_reason, true)? {
                    Sent::Response(response) => Ok(response),
                    Sent::Stale => Err(Error::transient(
                        ErrorKind::Network,
                        format!("{} closes every connection at once", self.route.host),
                    )),
                }
            }
        }
    }

    fn send_once(&self, context: &Context, request: &Request, only_new: bool) -> Result<Sent> {
        let authorization = (request.authorization)()?;
        let start = Instant::now();
        let mut status = 0;
        let (outcome, exchange) = socket::exchange(context, only_new, || {
            self.run(request, authorization).and_then(|response| {
                status = response.status().as_u16();
                let chunked = framing::is_chunked(response.version(), response.headers());
                // The body is left unread, so the connection is not kept.
                socket::expect_body(chunked.map_err(|framing::Faulty| faulty_framing())?)?;
                read(response)
            })
        });
        request.logger.log(Level::Info, || {
            let connection = if exchange.connected.get() {
                "new"
            } else {
                "reused"
            };
            let method = if request.form.is_some() {
                "POST"
            } else {
                "GET"
            };
            let answered = match &outcome {
                Err(_) if status == 0 => "no answer".to_owned(),
                Err(_) => format!("{status} cut off"),
                Ok(_) => status.to_string(),
            };
            let retry_reason = match request.retry_reason {
                "" => String::new(),
                retry_reason => format!(", again because {retry_reason}"),
            };
            format!(
                "{method} {} {answered} in {} ms, {connection} connection{retry_reason}",
                request
                    .uri
                    .path_and_query()
                    .map_or("/", |path| path.as_str()),
                start.elapsed().as_millis()
            )
        });
        // The logger forked, and this is the child. What became of the parent's request is the parent's, like the
        // connection and the nonce or token it was sent with; the client asks anew with its own.
        self.process.check()?;
        match outcome {
            Ok(response) if (300..=399).contains(&response.status) => {
                Err(redirected(&response, &self.route.redactor))
            }
            Ok(response) => Ok(Sent::Response(response)),
            Err(error) => {
                let kept = !exchange.connected.get();
                let may_resend = kept && request.may_resend;
                if may_resend && !exchange.received.get() && is_disconnect(&error) {
                    return Ok(Sent::Stale);
                }
                let mut error = self.explain(error);
                if error.kind == ErrorKind::InvalidResponse {
                    error.http_status = status;
                }
                Err(error)
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

    fn explain(&self, error: ureq::Error) -> Error {
        let host = &self.route.host;
        match error {
            ureq::Error::Io(error) => self
                .route
                .explain(error, &format!("the connection to {host} broke")),
            ureq::Error::Other(error) => match error.downcast::<Error>() {
                Ok(error) => *error,
                Err(error) => Error::new(ErrorKind::Internal, format!("ureq: {error}")),
            },
            ureq::Error::BodyExceedsLimit(_) => Error::new(
                ErrorKind::InvalidResponse,
                format!(
                    "{host} sent a body of more than {} MiB",
                    BODY_LIMIT / 1024 / 1024
                ),
            ),
            ureq::Error::LargeResponseHeader(..) => Error::new(
                ErrorKind::InvalidResponse,
                format!(
                    "{host} sent headers of more than {} KiB",
                    HEADER_LIMIT / 1024
                ),
            ),
            ureq::Error::BodyStalled => Error::transient(
                ErrorKind::Network,
                format!("the connection to {host} ended in the middle of an answer"),
            ),
            other => {
                // Some of them quote what they stumbled over.
                let redactor = &self.route.redactor;
                let why = redactor.redact(&other.to_string(), HEADER_SHOWN);
                Error::new(
                    ErrorKind::InvalidResponse,
                    format!(
                        "{host} does not speak HTTP as expected ({why}); check the base URL and proxies on the way"
                    ),
                )
            }
        }
    }
}

enum Sent {
    Response(Response),
    /// A kept connection turned out dead before a byte came back.
    Stale,
}

fn read(response: ::http::Response<ureq::Body>) -> std::result::Result<Response, ureq::Error> {
    let (parts, body) = response.into_parts();
    let length = body.content_length();
    if length.is_some_and(|length| length > BODY_LIMIT as u64) {
        return Err(ureq::Error::BodyExceedsLimit(BODY_LIMIT as u64));
    }
    let reader = body.into_with_config().limit(BODY_LIMIT as u64).reader();
    // One byte of room more than needed shows the end, the rest is for the NUL.
    let room = length.map_or(4096, |length| length as usize + 2);
    Ok(Response {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: read_to_end(reader, room)?,
    })
}

/// Reads to the end, with `room` to begin with. What is outgrown is wiped, and a lack of memory is an error.
fn read_to_end(mut reader: impl Read, room: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let with_room = |room: usize| {
        let mut bytes = Zeroizing::new(Vec::new());
        let reserved = bytes.try_reserve_exact(room);
        reserved.map_err(|error| io::Error::other(Error::from(error)))?;
        Ok::<_, io::Error>(bytes)
    };
    let mut bytes = with_room(room)?;
    loop {
        let room = bytes.capacity() - bytes.len();
        let count = (&mut reader).take(room as u64).read_to_end(&mut bytes)?;
        if count < room {
            return Ok(bytes);
        }
        let mut larger = with_room(2 * bytes.capacity())?;
        larger.extend_from_slice(&bytes);
        bytes = larger;
    }
}

impl Response {
    /// The error for an encoding that was not asked for: unpacking it would let a small answer fill the memory.
    pub(crate) fn refuse_encoding(&self, redactor: &Redactor) -> Result<()> {
        match self.headers.get(CONTENT_ENCODING) {
            Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
                let encoding =
                    redactor.redact(&String::from_utf8_lossy(encoding.as_bytes()), HEADER_SHOWN);
                let mut error = Error::new(
                    ErrorKind::InvalidResponse,
                    format!(
                        "the answer is packed as \"{encoding}\", which was not asked for; check proxies on the way"
                    ),
                );
                error.http_status = self.status;
                Err(error)
            }
            _ => Ok(()),
        }
    }
}

fn faulty_framing() -> ureq::Error {
    ureq::Error::Other(Box::new(Error::new(
        ErrorKind::InvalidResponse,
        "the answer's Transfer-Encoding leaves open where it ends: it is not \"chunked\" alone in HTTP/1.1 without a \
         Content-Length; check proxies on the way",
    )))
}

/// Whether the peer ended the connection, or is gone without a word (the last three).
fn is_disconnect(error: &ureq::Error) -> bool {
    use std::io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, HostUnreachable, NetworkUnreachable,
        TimedOut, UnexpectedEof,
    };
    match error {
        ureq::Error::Io(error) => {
            matches!(
                error.kind(),
                UnexpectedEof
                    | ConnectionReset
                    | ConnectionAborted
                    | BrokenPipe
                    | TimedOut
                    | HostUnreachable
                    | NetworkUnreachable
            )
        }
        _ => false,
    }
}

fn redirected(response: &Response, redactor: &Redactor) -> Error {
    // As a whole, since a secret may have a slash, behind which the host ends.
    let target = response.headers.get(LOCATION).map(|location| {
        redactor.redact(&String::from_utf8_lossy(location.as_bytes()), HEADER_SHOWN)
    });
    let host = target.as_deref().map(|target| {
        let rest = target.split_once("//").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit('@').next().unwrap_or_default().to_owned()
    });
    let where_to = match host.as_deref() {
        None => "without saying where to".to_owned(),
        Some("") => "to another path of the same host".to_owned(),
        Some(host) => format!("to {host}"),
    };
    let mut error = Error::new(
        ErrorKind::InvalidResponse,
        format!(
            "the answer {} redirects {where_to}, which is not followed, so that credentials are not sent to another \
             host; check the base URL and proxies on the way",
            response.status
        ),
    );
    error.http_status = response.status;
    error
}
