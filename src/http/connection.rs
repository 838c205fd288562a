//! A connection to Atlas as ureq's transport: our socket, through a proxy if need be, under TLS unless it is local.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::Uri;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::config::Config;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use zeroize::{Zeroize, Zeroizing};

use super::framing::{self, Chunks, Faulty};
use super::proxy::Proxy;
use super::resolve::DnsCache;
use super::socket::{self, Socket};
use super::tls;
use crate::call::{Context, Interrupted};
use crate::error::{Error, ErrorKind, Redactor};

/// What may wait unread in a connection. ureq stops at its limit for headers, which is half of this, and consumes bodies
/// as they come; but it would collect a chunk size or trailer without end.
const ROOM_LIMIT: usize = 2 * super::HEADER_LIMIT;

const FAULTY_CHUNK: &str =
    "the answer is cut into chunks in a way that HTTP does not know; check proxies on the way";

/// The way to one host, shared by all connections to it.
pub(super) struct Route {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) proxy: Option<Arc<Proxy>>,
    /// `None`: plain HTTP, to this machine only.
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    pub(super) connect_timeout: Duration,
    pub(super) names: DnsCache,
    /// For what a proxy or a certificate says.
    pub(super) redactor: Arc<Redactor>,
}

/// Short: all that TLS knows would be pages, and kilobytes of code that nobody runs.
impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route to {}:{}", self.host, self.port)
    }
}

impl Route {
    fn open(&self, context: &Context) -> Result<Stream, Error> {
        let limited = context.within(self.connect_timeout);
        let (outcome, exchange) = socket::exchange(&limited, false, || self.open_within(&limited));
        drop(exchange);
        outcome.map_err(|error| {
            let ours_is_up = context.deadline().is_some_and(|deadline| deadline <= Instant::now());
            if error.kind != ErrorKind::Timeout || ours_is_up {
                return error;
            }
            Error::transient(
                ErrorKind::Timeout,
                format!(
                    "connecting to {}:{} took longer than the connect timeout ({} ms); check the network, firewalls and proxies",
                    self.host,
                    self.port,
                    self.connect_timeout.as_millis()
                ),
            )
        })
    }

    fn open_within(&self, context: &Context) -> Result<Stream, Error> {
        let (host, port) = match &self.proxy {
            Some(proxy) => (proxy.host.as_str(), proxy.port),
            None => (self.host.as_str(), self.port),
        };
        let addresses = self.names.resolve(context, host, port)?;
        let mut socket = Socket::connect(context, &addresses).map_err(|error| {
            self.names.forget(host);
            let whom = match &self.proxy {
                Some(proxy) => format!("the proxy {}", proxy.shown()),
                None => format!("{host}:{port}"),
            };
            self.explain(error, &format!("cannot connect to {whom}"))
        })?;
        if let Some(proxy) = &self.proxy {
            let address = if proxy.needs_address() {
                let found = self.names.resolve(context, &self.host, self.port)?;
                found.first().map(std::net::SocketAddr::ip)
            } else {
                None
            };
            proxy
                .open_tunnel(&mut socket, &self.host, self.port, address, &self.redactor)
                .map_err(|error| {
                    self.explain(
                        error,
                        &format!("no tunnel through the proxy {}", proxy.shown()),
                    )
                })?;
        }
        let Some((config, name)) = &self.tls else {
            return Ok(Stream::Plain(socket));
        };
        let session = tls_session(config, name)
            .map_err(|error| tls::explain(&error, &self.host, &self.redactor))?;
        let mut stream = tls_stream(session, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(|error| {
                self.explain(
                    error,
                    &format!("the TLS handshake with {} broke off", self.host),
                )
            })?;
        }
        Ok(Stream::Tls(stream))
    }

    /// What a failed read, write or connect means; `what` says what was being done.
    pub(super) fn explain(&self, error: io::Error, what: &str) -> Error {
        if let Some(inner) = error.get_ref() {
            if let Some(stop) = inner.downcast_ref::<Interrupted>() {
                return (*stop).into();
            }
            if let Some(error) = inner.downcast_ref::<rustls::Error>() {
                return tls::explain(error, &self.host, &self.redactor);
            }
            if let Some(error) = inner.downcast_ref::<Error>() {
                return error.clone();
            }
        }
        let mut why = error.to_string();
        // Without what Rust adds to the system's words: " (os error 111)".
        if let Some(at) = why.find(" (os error") {
            why.truncate(at);
        }
        Error::transient(
            ErrorKind::Network,
            format!("{what} ({why}); check the network, firewalls and proxies"),
        )
    }
}

// These two are functions of their own, since a session is more than a KiB, is moved by way of the stack several times
// over, and nothing lies deeper on a small stack than a handshake.

#[inline(never)]
fn tls_session(
    config: &Arc<ClientConfig>,
    name: &ServerName<'static>,
) -> Result<Box<ClientConnection>, rustls::Error> {
    ClientConnection::new(config.clone(), name.clone()).map(Box::new)
}

#[inline(never)]
fn tls_stream(
    session: Box<ClientConnection>,
    socket: Socket,
) -> Box<StreamOwned<ClientConnection, Socket>> {
    Box::new(StreamOwned::new(*session, socket))
}

/// Opens connections for ureq.
#[derive(Debug)]
pub(super) struct TcpConnector(pub(super) Arc<Route>);

impl Connector for TcpConnector {
    type Out = Connection;

    fn connect(
        &self,
        _: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Connection>, ureq::Error> {
        let context = socket::current(|exchange| {
            exchange.connected.set(true);
            exchange.context.clone()
        })?;
        let opened =
            ConnectionBuffers::new().and_then(|buffers| Ok((buffers, self.0.open(&context)?)));
        let (buffers, stream) = opened.map_err(|error| ureq::Error::Other(Box::new(error)))?;
        Ok(Some(Connection {
            stream,
            buffers,
            route: self.0.clone(),
            kept: false,
        }))
    }
}

/// Opens no connection at all.
#[derive(Debug)]
pub(super) struct NoConnector;

impl Connector for NoConnector {
    type Out = Connection;

    fn connect(
        &self,
        _: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Connection>, ureq::Error> {
        Ok(None)
    }
}

/// Tells ureq nothing: [`TcpConnector`] looks up names itself, since it may be the proxy's that counts.
#[derive(Debug)]
pub(super) struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

enum Stream {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

/// An open connection.
pub(super) struct Connection {
    stream: Stream,
    buffers: ConnectionBuffers,
    route: Arc<Route>,
    /// Whether it was kept after an answer.
    kept: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection over {:?}", self.route)
    }
}

// ureq's timeouts are not used: the call of the exchange bounds every read and write.
impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        // ureq asks for them before it looks at a body, whose beginning came with the head.
        if self.buffers.chunks.is_none() && matches!(stage(), Stage::Body { chunked: true }) {
            self.buffers.expect_chunks();
        }
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.buffers.chunks = None;
        let bytes = &mut self.buffers.output[..amount];
        let sent = match &mut self.stream {
            Stream::Plain(socket) => socket.write_all(bytes),
            Stream::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        };
        // It held credentials.
        bytes.zeroize();
        Ok(sent?)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        loop {
            if let Some(error) = self.buffers.failure.take() {
                return Err(ureq::Error::Other(Box::new(error)));
            }
            let space = self.buffers.input_append_buf();
            if space.is_empty() {
                let error = self.buffers.failure.take().unwrap_or_else(|| {
                    let message = format!(
                        "{} sent more than {} KiB where HTTP has a short line",
                        self.route.host,
                        ROOM_LIMIT / 1024
                    );
                    Error::new(ErrorKind::InvalidResponse, message)
                });
                return Err(ureq::Error::Other(Box::new(error)));
            }
            let outcome = match &mut self.stream {
                Stream::Plain(socket) => socket.read(space),
                Stream::Tls(tls) => tls.read(space),
            };
            let count = match outcome {
                Ok(count) => count,
                // ureq would take a reset, or TLS cut off, for the end of a body without a length.
                Err(error) if socket::current(|exchange| exchange.received.get())? => {
                    let what = format!("the connection to {} broke", self.route.host);
                    let error = self.route.explain(error, &what);
                    return Err(ureq::Error::Other(Box::new(error)));
                }
                Err(error) => return Err(error.into()),
            };
            if count == 0 {
                return Ok(false);
            }
            socket::current(|exchange| exchange.received.set(true))?;
            if self.buffers.appended(count) > 0 {
                return Ok(true);
            }
            // Nothing but what ureq does not get to see; it would take that for the end.
        }
    }

    /// ureq asks when it takes a connection from its pool, and when it puts one back that was read to the answer's end.
    fn is_open(&mut self) -> bool {
        let Ok((is_put_back, only_new)) =
            socket::current(|exchange| (exchange.received.get(), exchange.only_new))
        else {
            return false;
        };
        if only_new && !is_put_back {
            return false;
        }
        let socket = match &mut self.stream {
            Stream::Plain(socket) => &*socket,
            Stream::Tls(tls) => {
                // Bytes beyond the answer, or the server's goodbye, came with it.
                let clean = tls.conn.process_new_packets().is_ok_and(|state| {
                    state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed()
                });
                if !clean {
                    return false;
                }
                &tls.sock
            }
        };
        // What nobody asked for would be taken for the next answer. That costs a system call, but only once.
        if !is_put_back {
            return socket.is_quiet();
        }
        if !self.kept {
            self.kept = true;
            // Where that cannot be, a peer that vanishes costs a later call its time.
            let _ = socket.expect_acknowledgement();
        }
        true
    }

    fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }
}

/// The buffers of a connection: small to begin with, since most answers are, and grown for long headers. Tokens and
/// credentials pass through them.
struct ConnectionBuffers {
    input: Zeroizing<Vec<u8>>,
    consumed: usize,
    filled: usize,
    output: Zeroizing<Vec<u8>>,
    progress: bool,
    /// What rewrites the body, if it comes in chunks.
    chunks: Option<Chunks>,
    /// Why it could not grow, or what is wrong with the chunks.
    failure: Option<Error>,
}

impl ConnectionBuffers {
    fn new() -> Result<ConnectionBuffers, Error> {
        Ok(ConnectionBuffers {
            input: zeros(8 * 1024)?,
            consumed: 0,
            filled: 0,
            // Each line of a request's head has to fit: the longest credentials in base64 are 22 KiB.
            output: zeros(32 * 1024)?,
            progress: false,
            chunks: None,
            failure: None,
        })
    }

    /// The head has come, and what is there beyond it is chunks, as is what will come.
    fn expect_chunks(&mut self) {
        self.chunks = Some(Chunks::new());
        self.rewrite(self.consumed);
    }

    /// Adds what was read; returns how much of it is for ureq to see. A failure counts as that.
    fn appended(&mut self, count: usize) -> usize {
        let start = self.filled;
        self.filled += count;
        if self.chunks.is_some() {
            self.rewrite(start);
        } else if matches!(stage(), Stage::Head) {
            self.skip_continue();
            return count;
        }
        self.filled - start
    }

    fn rewrite(&mut self, start: usize) {
        let Some(chunks) = &mut self.chunks else {
            return;
        };
        match chunks.rewrite(&mut self.input[start..self.filled]) {
            Ok(left) => self.filled = start + left,
            Err(Faulty) => {
                self.filled = start;
                let error = Error::new(ErrorKind::InvalidResponse, FAULTY_CHUNK);
                self.failure = Some(error);
            }
        }
    }

    fn skip_continue(&mut self) {
        while let Some(length) = framing::continue_at_start(self.input()) {
            self.consumed += length;
        }
    }
}

/// What of the answer is being read.
enum Stage {
    Head,
    Body { chunked: bool },
}

fn stage() -> Stage {
    match socket::current(|exchange| exchange.chunked.get()) {
        Ok(Some(chunked)) => Stage::Body { chunked },
        _ => Stage::Head,
    }
}

fn zeros(count: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut bytes = Zeroizing::new(Vec::new());
    bytes.try_reserve_exact(count)?;
    bytes.resize(count, 0);
    Ok(bytes)
}

impl Buffers for ConnectionBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        &self.input[self.consumed..self.filled]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        if self.consumed > 0 {
            self.input.copy_within(self.consumed..self.filled, 0);
            self.filled -= self.consumed;
            self.consumed = 0;
        }
        if self.filled == self.input.len() && self.filled < ROOM_LIMIT {
            match zeros(self.filled * 2) {
                Ok(mut larger) => {
                    larger[..self.filled].copy_from_slice(&self.input);
                    self.input = larger;
                }
                Err(error) => self.failure = Some(error),
            }
        }
        &mut self.input[self.filled..]
    }

    fn input_appended(&mut self, amount: usize) {
        self.filled += amount;
    }

    fn input_consume(&mut self, amount: usize) {
        // Another interim answer may follow one; behind any other head a body does.
        let is_interim = amount > 0 && self.input().starts_with(b"HTTP/1.1 1");
        self.progress = amount > 0;
        self.consumed += amount;
        if is_interim && matches!(stage(), Stage::Head) {
            self.skip_continue();
        }
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        // The scratch space is for chunked request bodies, which we do not send.
        (&mut self.input[self.filled..], &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.filled > self.consumed && self.progress
    }
}
