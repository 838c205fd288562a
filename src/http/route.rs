//! The way to one host: its addresses or a proxy's, and TLS unless it is this machine.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};

use super::dns::DnsCache;
use super::proxy::Proxy;
use super::stream::{self, Stream};
use super::tcp::Socket;
use super::{Destination, tls, tls_error};
use crate::error::{Error, ErrorKind, Redactor, Result};
use crate::runtime::context::Context;

/// Shared by all connections to the host.
pub(super) struct Route {
    pub(super) to: Destination,
    /// For what a server, a proxy or a certificate says.
    pub(super) redactor: Arc<Redactor>,
    /// `None`: plain HTTP, to this machine only.
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    dns: DnsCache,
    /// How many responses had faulty framing. Connections that were opened before the last of them are not used again:
    /// ureq has put that of a response without a body back into its pool by the time its headers can be looked at.
    pub(super) faults: AtomicU32,
}

/// Short: all that TLS knows would be pages, and kilobytes of code that never run.
impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route to {}:{}", self.to.host, self.to.port)
    }
}

impl Route {
    pub(super) fn new(to: Destination, redactor: Arc<Redactor>) -> Result<Route> {
        let tls = |roots: &Arc<RootCertStore>| {
            let name = ServerName::try_from(to.host.clone()).map_err(|_| {
                let cause = format!("base_url: {} is no host name", to.host);
                Error::new(ErrorKind::Config, cause)
            })?;
            Ok::<_, Error>((tls::client_config(roots.clone())?, name))
        };
        let tls = to.roots.as_ref().map(tls).transpose()?;
        Ok(Route { to, redactor, tls, dns: DnsCache::default(), faults: AtomicU32::new(0) })
    }

    /// Opens a connection within the connect timeout.
    pub(super) fn open(&self, context: &Context) -> Result<Stream> {
        self.open_within(&context.within(self.to.connect_timeout)).map_err(|error| {
            let ours_is_up = context.deadline().is_some_and(|deadline| deadline <= Instant::now());
            match error.kind {
                ErrorKind::Timeout if !ours_is_up => self.connect_timeout(),
                _ => error,
            }
        })
    }

    fn open_within(&self, context: &Context) -> Result<Stream> {
        let (host, port) = (&self.to.host, self.to.port);
        let socket = match &self.to.proxy {
            Some(proxy) => self.connect_through(context, proxy)?,
            None => self.connect(context, host, port, &format!("{host}:{port}"))?,
        };
        let session = self.tls.as_ref().map(|(config, name)| stream::session(config, name));
        let session = session
            .transpose()
            .map_err(|error| tls_error::describe(&error, host, &self.redactor))?;
        Stream::open(context, socket, session).map_err(|error| {
            self.io_error(error, &format!("the TLS handshake with {host} broke off"))
        })
    }

    fn connect(&self, context: &Context, host: &str, port: u16, peer: &str) -> Result<Socket> {
        let addresses = self.dns.resolve(context, host, port)?;
        Socket::connect(context, &addresses).map_err(|error| {
            self.dns.forget(host);
            self.io_error(error, &format!("cannot connect to {peer}"))
        })
    }

    fn connect_through(&self, context: &Context, proxy: &Proxy) -> Result<Socket> {
        let peer = format!("the proxy {}", proxy.shown());
        let mut socket = self.connect(context, &proxy.host, proxy.port, &peer)?;
        let (host, port) = (&self.to.host, self.to.port);
        let address = match proxy.needs_address() {
            true => self.dns.resolve(context, host, port)?.first().map(SocketAddr::ip),
            false => None,
        };
        proxy
            .open_tunnel(&mut socket.bounded(context), host, port, address, &self.redactor)
            .map_err(|error| self.io_error(error, &format!("no tunnel through {peer}")))?;
        Ok(socket)
    }
}
