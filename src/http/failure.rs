//! What fails on the way to a host, in a person's words.

use std::io;

use ::http::header::LOCATION;

use super::limits::{BODY_LIMIT, HEADER_LIMIT, SHOWN};
use super::response::Response;
use super::route::Route;
use super::{Destination, tls_error};
use crate::error::{Error, ErrorKind, Hint};
use crate::runtime::interrupted::Interrupted;
use crate::text::system_reason;

impl Route {
    pub(super) fn connect_timeout(&self) -> Error {
        let Destination { host, port, connect_timeout, .. } = &self.to;
        let limit = connect_timeout.as_millis();
        let cause = format!(
            "connecting to {host}:{port} took longer than the connect timeout ({limit} ms)"
        );
        Error::transient(ErrorKind::Timeout, cause).hint(Hint::CHECK_NETWORK)
    }

    pub(super) fn broken(&self, error: io::Error) -> Error {
        self.io_error(error, &format!("the connection to {} broke", self.to.host))
    }

    /// What a failed read, write or connect means; `what` says what was being done.
    pub(super) fn io_error(&self, error: io::Error, what: &str) -> Error {
        if let Some(inner) = error.get_ref() {
            if let Some(why) = inner.downcast_ref::<Interrupted>() {
                return (*why).into();
            }
            if let Some(error) = inner.downcast_ref::<rustls::Error>() {
                return tls_error::describe(error, &self.to.host, &self.redactor);
            }
            if let Some(error) = inner.downcast_ref::<Error>() {
                return error.clone();
            }
        }
        let why = system_reason(&error);
        Error::transient(ErrorKind::Network, format!("{what} ({why})")).hint(Hint::CHECK_NETWORK)
    }

    pub(super) fn ureq_error(&self, error: ureq::Error) -> Error {
        let host = &self.to.host;
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
                let why = self.redactor.redact(&other.to_string(), SHOWN);
                invalid(format!("{host} does not speak HTTP as expected ({why})"))
                    .hint(Hint::CHECK_BASE_URL_AND_PROXIES)
            }
        }
    }

    pub(super) fn redirected(&self, response: &Response) -> Error {
        // As a whole, since a secret may have a slash, behind which the host ends.
        let target = response.headers.get(LOCATION).map(|location| {
            let location = String::from_utf8_lossy(location.as_bytes());
            self.redactor.redact(&location, SHOWN)
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

/// Whether the peer ended the connection, or is gone without a word (the last three).
pub(super) fn is_disconnect(error: &ureq::Error) -> bool {
    use io::ErrorKind as Kind;
    let ureq::Error::Io(error) = error else {
        return false;
    };
    matches!(
        error.kind(),
        Kind::UnexpectedEof
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
    )
}

// On its way through ureq and rustls an error of ours lies in one of theirs.

impl From<Error> for ureq::Error {
    fn from(error: Error) -> ureq::Error {
        ureq::Error::Other(Box::new(error))
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::other(error)
    }
}
