//! What fails on the way to a host, in a person's words.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONTENT_ENCODING, LOCATION};

use super::limits::{BODY_LIMIT, HEADER_LIMIT};
use super::response::Response;
use super::tls_error;
use crate::error::{Error, ErrorKind, Redactor};
use crate::runtime::interrupted::Interrupted;

/// How much of a header a message shows.
const HEADER_SHOWN: usize = 256;

const FAULTY_FRAMING: &str = "the answer's Transfer-Encoding leaves open where it ends: it is not \"chunked\" alone in \
    HTTP/1.1 without a Content-Length; check proxies on the way";

/// Whom messages are about.
pub(super) struct Peer {
    pub(super) host: String,
    pub(super) port: u16,
    /// For what a server, a proxy or a certificate says.
    pub(super) redactor: Arc<Redactor>,
}

impl Peer {
    pub(super) fn connect_timeout(&self, limit: Duration) -> Error {
        Error::transient(
            ErrorKind::Timeout,
            format!(
                "connecting to {}:{} took longer than the connect timeout ({} ms); check the network, firewalls and \
                 proxies",
                self.host,
                self.port,
                limit.as_millis()
            ),
        )
    }

    pub(super) fn closes_at_once(&self) -> Error {
        Error::transient(
            ErrorKind::Network,
            format!("{} closes every connection at once", self.host),
        )
    }

    pub(super) fn line_too_long(&self, limit: usize) -> Error {
        Error::new(
            ErrorKind::InvalidResponse,
            format!(
                "{} sent more than {} KiB where HTTP has a short line",
                self.host,
                limit / 1024
            ),
        )
    }

    pub(super) fn broken(&self, error: io::Error) -> Error {
        self.io_error(error, &format!("the connection to {} broke", self.host))
    }

    /// What a failed read, write or connect means; `what` says what was being done.
    pub(super) fn io_error(&self, error: io::Error, what: &str) -> Error {
        if let Some(inner) = error.get_ref() {
            if let Some(why) = inner.downcast_ref::<Interrupted>() {
                return (*why).into();
            }
            if let Some(error) = inner.downcast_ref::<rustls::Error>() {
                return tls_error::describe(error, &self.host, &self.redactor);
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

    pub(super) fn ureq_error(&self, error: ureq::Error) -> Error {
        let host = &self.host;
        let message = match error {
            ureq::Error::Io(error) => return self.broken(error),
            ureq::Error::Other(error) => {
                return error.downcast::<Error>().map_or_else(
                    |error| Error::new(ErrorKind::Internal, format!("ureq: {error}")),
                    |error| *error,
                );
            }
            ureq::Error::BodyStalled => {
                let message = format!("the connection to {host} ended in the middle of an answer");
                return Error::transient(ErrorKind::Network, message);
            }
            ureq::Error::BodyExceedsLimit(_) => {
                format!(
                    "{host} sent a body of more than {} MiB",
                    BODY_LIMIT / 1024 / 1024
                )
            }
            ureq::Error::LargeResponseHeader(..) => {
                format!(
                    "{host} sent headers of more than {} KiB",
                    HEADER_LIMIT / 1024
                )
            }
            other => {
                // Some of them quote what they stumbled over.
                let why = self.redactor.redact(&other.to_string(), HEADER_SHOWN);
                format!(
                    "{host} does not speak HTTP as expected ({why}); check the base URL and proxies on the way"
                )
            }
        };
        Error::new(ErrorKind::InvalidResponse, message)
    }

    pub(super) fn redirected(&self, response: &Response) -> Error {
        // As a whole, since a secret may have a slash, behind which the host ends.
        let target = response.headers.get(LOCATION).map(|location| {
            let location = String::from_utf8_lossy(location.as_bytes());
            self.redactor.redact(&location, HEADER_SHOWN)
        });
        let where_to = match target.as_deref().map(host_of) {
            None => "without saying where to".to_owned(),
            Some("") => "to another path of the same host".to_owned(),
            Some(host) => format!("to {host}"),
        };
        let mut error = Error::new(
            ErrorKind::InvalidResponse,
            format!(
                "the answer {} redirects {where_to}, which is not followed, so that credentials are not sent to \
                 another host; check the base URL and proxies on the way",
                response.status
            ),
        );
        error.http_status = response.status;
        error
    }
}

/// The host that a `Location` names; empty if it names none.
fn host_of(location: &str) -> &str {
    let rest = location.split_once("//").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

pub(super) fn faulty_framing() -> ureq::Error {
    ureq::Error::Other(Box::new(Error::new(
        ErrorKind::InvalidResponse,
        FAULTY_FRAMING,
    )))
}

/// Whether the peer ended the connection, or is gone without a word (the last three).
pub(super) fn is_disconnect(error: &ureq::Error) -> bool {
    use std::io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, HostUnreachable, NetworkUnreachable,
        TimedOut, UnexpectedEof,
    };
    let ureq::Error::Io(error) = error else {
        return false;
    };
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

impl Response {
    /// The error for an encoding that was not asked for: unpacking it would let a small answer fill the memory.
    pub(crate) fn refuse_encoding(&self, redactor: &Redactor) -> Result<(), Error> {
        let Some(encoding) = self.headers.get(CONTENT_ENCODING) else {
            return Ok(());
        };
        if encoding.as_bytes().eq_ignore_ascii_case(b"identity") {
            return Ok(());
        }
        let encoding = redactor.redact(&String::from_utf8_lossy(encoding.as_bytes()), HEADER_SHOWN);
        let mut error = Error::new(
            ErrorKind::InvalidResponse,
            format!(
                "the answer is packed as \"{encoding}\", which was not asked for; check proxies on the way"
            ),
        );
        error.http_status = self.status;
        Err(error)
    }
}
