//! The bytes of a connection: plain, or under TLS.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Stream as TlsStream};

use super::tcp::Socket;
use crate::runtime::context::Context;

pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<ClientConnection>, Socket),
}

impl Stream {
    /// TLS on `socket`, once both sides have agreed on it.
    pub(super) fn handshake(
        context: &Context,
        mut session: Box<ClientConnection>,
        mut socket: Socket,
    ) -> io::Result<Stream> {
        while session.is_handshaking() {
            session.complete_io(&mut socket.bounded(context))?;
        }
        Ok(Stream::Tls(session, socket))
    }

    pub(super) fn read(&mut self, context: &Context, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.bounded(context).read(buffer),
            Stream::Tls(session, socket) => {
                TlsStream::new(&mut **session, &mut socket.bounded(context)).read(buffer)
            }
        }
    }

    pub(super) fn write_all(&mut self, context: &Context, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.bounded(context).write_all(bytes),
            Stream::Tls(session, socket) => {
                let mut socket = socket.bounded(context);
                let mut stream = TlsStream::new(&mut **session, &mut socket);
                stream.write_all(bytes).and_then(|()| stream.flush())
            }
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Stream::Tls(..))
    }

    pub(super) fn socket(&mut self) -> &mut Socket {
        match self {
            Stream::Plain(socket) | Stream::Tls(_, socket) => socket,
        }
    }

    /// Whether TLS has nothing left of what was read: neither bytes beyond the response nor its close_notify.
    pub(super) fn is_read_up(&mut self) -> bool {
        match self {
            Stream::Plain(_) => true,
            Stream::Tls(session, _) => session.process_new_packets().is_ok_and(|state| {
                state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed()
            }),
        }
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
