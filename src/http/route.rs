//! The way to one host: its addresses or a proxy's, and TLS unless it is this machine.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::dns::DnsCache;
use super::failure::Peer;
use super::proxy::Proxy;
use super::stream::{self, Stream};
use super::tcp::Socket;
use crate::error::{ErrorKind, Result};
use crate::runtime::context::Context;

/// Shared by all connections to the host.
pub(super) struct Route {
    pub(super) peer: Peer,
    pub(super) proxy: Option<Arc<Proxy>>,
    /// `None`: plain HTTP, to this machine only.
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    pub(super) connect_timeout: Duration,
    pub(super) dns: DnsCache,
    /// How many responses had faulty framing. Connections that were opened before the last of them are not used again:
    /// ureq has put that of a response without a body back into its pool by the time its headers can be looked at.
    pub(super) faults: AtomicU32,
}

/// Short: all that TLS knows would be pages, and kilobytes of code that never run.
impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route to {}:{}", self.peer.host, self.peer.port)
    }
}

impl Route {
    /// Opens a connection within the connect timeout.
    pub(super) fn open(&self, context: &Context) -> Result<Stream> {
        self.open_within(&context.within(self.connect_timeout)).map_err(|error| {
            let ours_is_up = context.deadline().is_some_and(|deadline| deadline <= Instant::now());
            if error.kind == ErrorKind::Timeout && !ours_is_up {
                self.peer.connect_timeout(self.connect_timeout)
            } else {
                error
            }
        })
    }

    fn open_within(&self, context: &Context) -> Result<Stream> {
        let socket = match &self.proxy {
            Some(proxy) => self.connect_through(context, proxy)?,
            None => {
                let peer = format!("{}:{}", self.peer.host, self.peer.port);
                self.connect(context, &self.peer.host, self.peer.port, &peer)?
            }
        };
        let Some((config, name)) = &self.tls else {
            return Ok(Stream::Plain(socket));
        };
        let session = stream::session(config, name).map_err(|error| self.peer.tls_error(&error))?;
        Stream::handshake(context, session, socket).map_err(|error| {
            let what = format!("the TLS handshake with {} broke off", self.peer.host);
            self.peer.io_error(error, &what)
        })
    }

    fn connect(&self, context: &Context, host: &str, port: u16, peer: &str) -> Result<Socket> {
        let addresses = self.dns.resolve(context, host, port)?;
        Socket::connect(context, &addresses).map_err(|error| {
            self.dns.forget(host);
            self.peer.io_error(error, &format!("cannot connect to {peer}"))
        })
    }

    fn connect_through(&self, context: &Context, proxy: &Proxy) -> Result<Socket> {
        let peer = format!("the proxy {}", proxy.shown());
        let mut socket = self.connect(context, &proxy.host, proxy.port, &peer)?;
        let address = if proxy.needs_address() { self.address_of_host(context)? } else { None };
        let (host, port) = (self.peer.host.as_str(), self.peer.port);
        proxy
            .open_tunnel(&mut socket.bounded(context), host, port, address, &self.peer.redactor)
            .map_err(|error| {
            let what = format!("no tunnel through {peer}");
            self.peer.io_error(error, &what)
        })?;
        Ok(socket)
    }

    fn address_of_host(&self, context: &Context) -> Result<Option<IpAddr>> {
        let addresses = self.dns.resolve(context, &self.peer.host, self.peer.port)?;
        Ok(addresses.first().map(SocketAddr::ip))
    }
}
