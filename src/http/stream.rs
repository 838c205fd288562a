//! The bytes of a connection: plain, or under TLS.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Stream as TlsStream};

use super::tcp::Socket;
use crate::runtime::context::Context;

pub(super) struct Stream {
    pub(super) socket: Socket,
    tls: Option<Box<ClientConnection>>,
}

impl Stream {
    /// A stream over `socket`: if there is a TLS session, under that, once both sides have agreed on it.
    pub(super) fn open(
        context: &Context,
        mut socket: Socket,
        mut tls: Option<Box<ClientConnection>>,
    ) -> io::Result<Stream> {
        if let Some(session) = &mut tls {
            while session.is_handshaking() {
                session.complete_io(&mut socket.bounded(context))?;
            }
        }
        Ok(Stream { socket, tls })
    }

    pub(super) fn read(&mut self, context: &Context, buffer: &mut [u8]) -> io::Result<usize> {
        let mut socket = self.socket.bounded(context);
        match &mut self.tls {
            None => socket.read(buffer),
            Some(session) => TlsStream::new(&mut **session, &mut socket).read(buffer),
        }
    }

    pub(super) fn write_all(&mut self, context: &Context, bytes: &[u8]) -> io::Result<()> {
        let mut socket = self.socket.bounded(context);
        match &mut self.tls {
            None => socket.write_all(bytes),
            Some(session) => {
                let mut stream = TlsStream::new(&mut **session, &mut socket);
                stream.write_all(bytes).and_then(|()| stream.flush())
            }
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether TLS has nothing left of what was read: neither bytes beyond the response nor its close_notify.
    pub(super) fn is_read_up(&mut self) -> bool {
        self.tls.as_mut().is_none_or(|session| {
            session
                .process_new_packets()
                .is_ok_and(|state| state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed())
        })
    }
}

// A function of its own, since a session is more than a KiB, is moved by way of the stack, and nothing lies deeper on a
// small stack than a handshake.
#[inline(never)]
pub(super) fn session(
    config: &Arc<ClientConfig>,
    name: &ServerName<'static>,
) -> Result<Box<ClientConnection>, rustls::Error> {
    ClientConnection::new(config.clone(), name.clone()).map(Box::new)
}
