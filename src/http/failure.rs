//! What fails on the way to a host, in a person's words.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONTENT_ENCODING, LOCATION};

use super::limits::{BODY_LIMIT, HEADER_LIMIT};
use super::response::Response;
use super::tls_error;
use crate::error::{Error, ErrorKind, Hint, Redactor};
use crate::runtime::interrupted::Interrupted;
use crate::text::system_reason;

/// How much of a header a message shows.
const HEADER_SHOWN: usize = 256;

const FAULTY_FRAMING: &str = "the answer's Transfer-Encoding leaves open where it ends: it is not \"chunked\" alone in \
    HTTP/1.1 without a Content-Length";

/// Whom messages are about.
pub(super) struct Peer {
    pub(super) host: String,
    pub(super) port: u16,
    /// For what a server, a proxy or a certificate says.
    pub(super) redactor: Arc<Redactor>,
}

impl Peer {
    pub(super) fn connect_timeout(&self, limit: Duration) -> Error {
        let (host, port, limit) = (&self.host, self.port, limit.as_millis());
        let cause = format!(
            "connecting to {host}:{port} took longer than the connect timeout ({limit} ms)"
        );
        Error::transient(ErrorKind::Timeout, cause).hint(Hint::CHECK_NETWORK)
    }

    pub(super) fn broken(&self, error: io::Error) -> Error {
        self.io_error(error, &format!("the connection to {} broke", self.host))
    }

    pub(super) fn tls_error(&self, error: &rustls::Error) -> Error {
        tls_error::describe(error, &self.host, &self.redactor)
    }

    /// What a failed read, write or connect means; `what` says what was being done.
    pub(super) fn io_error(&self, error: io::Error, what: &str) -> Error {
        if let Some(inner) = error.get_ref() {
            if let Some(why) = inner.downcast_ref::<Interrupted>() {
                return (*why).into();
            }
            if let Some(error) = inner.downcast_ref::<rustls::Error>() {
                return self.tls_error(error);
            }
            if let Some(error) = inner.downcast_ref::<Error>() {
                return error.clone();
            }
        }
        let why = system_reason(&error);
        Error::transient(ErrorKind::Network, format!("{what} ({why})")).hint(Hint::CHECK_NETWORK)
    }

    pub(super) fn ureq_error(&self, error: ureq::Error) -> Error {
        let host = &self.host;
        let invalid = |cause| Error::new(ErrorKind::InvalidResponse, cause);
        match error {
            ureq::Error::Io(error) => self.broken(error),
            ureq::Error::Other(error) => match error.downcast::<Error>() {
                Ok(error) => *error,
                Err(error) => Error::new(ErrorKind::Internal, format!("ureq: {error}")),
            },
            ureq::Error::BodyStalled => {
                let cause = format!("the connection to {host} ended in the middle of an answer");
                Error::transient(ErrorKind::Network, cause)
            }
            ureq::Error::BodyExceedsLimit(_) => {
                let limit = BODY_LIMIT / 1024 / 1024;
                invalid(format!("{host} sent a body of more than {limit} MiB"))
            }
            ureq::Error::LargeResponseHeader(..) => {
                let limit = HEADER_LIMIT / 1024;
                invalid(format!("{host} sent headers of more than {limit} KiB"))
            }
            other => {
                // Some of them quote what they stumbled over.
                let why = self.redactor.redact(&other.to_string(), HEADER_SHOWN);
                invalid(format!("{host} does not speak HTTP as expected ({why})"))
                    .hint(Hint::CHECK_BASE_URL_AND_PROXIES)
            }
        }
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
        let cause = format!(
            "the answer {} redirects {where_to}, which is not followed, so that credentials are not sent to another \
             host",
            response.status
        );
        Error::new(ErrorKind::InvalidResponse, cause)
            .hint(Hint::CHECK_BASE_URL_AND_PROXIES)
            .answered(response.status)
    }
}

/// The host that a `Location` names; empty if it names none.
fn host_of(location: &str) -> &str {
    let rest = location.split_once("//").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

pub(super) fn faulty_framing() -> ureq::Error {
    let error = Error::new(ErrorKind::InvalidResponse, FAULTY_FRAMING).hint(Hint::CHECK_PROXIES);
    ureq::Error::Other(Box::new(error))
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
        if !self.headers.has(&CONTENT_ENCODING) {
            return Ok(());
        }
        let Some(encoding) = self.headers.get(CONTENT_ENCODING) else {
            return Ok(());
        };
        if encoding.as_bytes().eq_ignore_ascii_case(b"identity") {
            return Ok(());
        }
        let encoding = redactor.redact(&String::from_utf8_lossy(encoding.as_bytes()), HEADER_SHOWN);
        let cause = format!("the answer is packed as \"{encoding}\", which was not asked for");
        Err(Error::new(ErrorKind::InvalidResponse, cause)
            .hint(Hint::CHECK_PROXIES)
            .answered(self.status))
    }
}
