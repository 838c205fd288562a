//! What can go wrong.
//!
//! A failure is data: its kind, what Atlas said, what was being done, the cause, and hints. message.rs makes the
//! sentence of it when somebody asks.

mod api_body;
mod message;
mod redact;

use std::borrow::Cow;
use std::collections::TryReserveError;
use std::ffi::CStr;
use std::fmt;
use std::ops::{Deref, DerefMut};

use zeroize::Zeroize;

pub(crate) use api_body::status_in_body;
pub(crate) use message::Hint;
pub(crate) use redact::Redactor;

use crate::json::Malformed;
use crate::runtime::interrupted::Interrupted;

/// Result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kinds of failure. The numbers are those of `atlas_error_kind` in the C header and never change meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is missing, not UTF-8, or against its documented pattern; nothing was sent.
    InvalidArgument = 1,
    /// A setting is missing, contradictory or unreadable; the message names it.
    Config = 2,
    /// 401, or the token endpoint's `invalid_client`.
    Unauthenticated = 3,
    /// 403: the role is missing, or the address is not on the access list.
    Forbidden = 4,
    /// 404.
    NotFound = 5,
    /// 400 and every other 4xx.
    BadRequest = 6,
    /// 429, after the retries.
    RateLimited = 7,
    /// 5xx, after the retries; gateways' HTML pages included.
    Server = 8,
    /// Our own deadline, or a 408.
    Timeout = 9,
    /// DNS, connect, proxy, reset, cut off.
    Network = 10,
    /// Certificate or handshake.
    Tls = 11,
    /// Not what Atlas promises: not a JSON object, invalid UTF-8, 204, too large, a redirect; no token endpoint (404).
    InvalidResponse = 12,
    /// The call was cancelled.
    Cancelled = 13,
    /// Waiting for a snapshot ended in `failed`.
    SnapshotFailed = 14,
    /// A defect of this library, or a lack of what it cannot do without: memory, random numbers, waiting.
    Internal = 15,
}

impl ErrorKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [ErrorKind; 15] = [
        ErrorKind::InvalidArgument,
        ErrorKind::Config,
        ErrorKind::Unauthenticated,
        ErrorKind::Forbidden,
        ErrorKind::NotFound,
        ErrorKind::BadRequest,
        ErrorKind::RateLimited,
        ErrorKind::Server,
        ErrorKind::Timeout,
        ErrorKind::Network,
        ErrorKind::Tls,
        ErrorKind::InvalidResponse,
        ErrorKind::Cancelled,
        ErrorKind::SnapshotFailed,
        ErrorKind::Internal,
    ];

    /// The kind's name, `not_found`.
    pub fn name(self) -> &'static str {
        self.c_name().to_str().unwrap_or("unknown")
    }

    pub(crate) fn c_name(self) -> &'static CStr {
        match self {
            ErrorKind::InvalidArgument => c"invalid_argument",
            ErrorKind::Config => c"config",
            ErrorKind::Unauthenticated => c"unauthenticated",
            ErrorKind::Forbidden => c"forbidden",
            ErrorKind::NotFound => c"not_found",
            ErrorKind::BadRequest => c"bad_request",
            ErrorKind::RateLimited => c"rate_limited",
            ErrorKind::Server => c"server",
            ErrorKind::Timeout => c"timeout",
            ErrorKind::Network => c"network",
            ErrorKind::Tls => c"tls",
            ErrorKind::InvalidResponse => c"invalid_response",
            ErrorKind::Cancelled => c"cancelled",
            ErrorKind::SnapshotFailed => c"snapshot_failed",
            ErrorKind::Internal => c"internal",
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            ErrorKind::RateLimited | ErrorKind::Server | ErrorKind::Timeout | ErrorKind::Network
        )
    }

    fn of_status(status: u16) -> ErrorKind {
        match status {
            401 => ErrorKind::Unauthenticated,
            403 => ErrorKind::Forbidden,
            404 => ErrorKind::NotFound,
            408 => ErrorKind::Timeout,
            429 => ErrorKind::RateLimited,
            400..=499 => ErrorKind::BadRequest,
            500..=599 => ErrorKind::Server,
            _ => ErrorKind::InvalidResponse,
        }
    }
}

/// A failure with everything known about it.
///
/// One pointer wide, so that a `Result` stays small. The details are reached through `Deref`.
#[derive(Clone)]
pub struct Error(Box<ErrorDetails>);

/// What is known about a failure. Texts from outside have at most 16 KiB, and `[secret]` in the place of each secret that
/// was echoed in them.
#[derive(Clone)]
#[non_exhaustive]
pub struct ErrorDetails {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// HTTP status of Atlas (inside an envelope: the inner one); 0 if there was no HTTP answer.
    pub http_status: u16,
    /// Seconds the server asked to wait, if it did.
    pub retry_after: Option<u32>,
    /// Atlas' `errorCode` (`RESOURCE_NOT_FOUND`) or the OAuth error; empty if none.
    pub code: String,
    /// Atlas' `reason` (`Not Found`); empty if none.
    pub reason: String,
    /// Atlas' `detail` or OAuth's `error_description`, then each field of `badRequestDetail` as `; field: description`.
    pub detail: String,
    /// Atlas' `parameters` as JSON text; empty if none.
    pub parameters: String,
    /// What was being done, the innermost first.
    operations: Vec<Cow<'static, str>>,
    /// What happened.
    cause: String,
    hints: Vec<Hint>,
    /// Whether the call tries again by itself. Narrower than [`ErrorKind::is_retryable`], by which a later call may
    /// succeed: of statuses 429, 500, 502, 503 and 504 alone are likely to pass within the time of this one.
    pub(crate) transient: bool,
    /// Whether the body was so long that only its beginning was looked into.
    pub(crate) truncated: bool,
}

impl Error {
    /// A failure with a cause alone.
    pub fn new(kind: ErrorKind, cause: impl Into<String>) -> Error {
        Error(Box::new(ErrorDetails {
            kind,
            http_status: 0,
            retry_after: None,
            code: String::new(),
            reason: String::new(),
            detail: String::new(),
            parameters: String::new(),
            operations: Vec::new(),
            cause: cause.into(),
            hints: Vec::new(),
            transient: false,
            truncated: false,
        }))
    }

    /// A failure that may be gone at the next try.
    pub(crate) fn transient(kind: ErrorKind, cause: impl Into<String>) -> Error {
        let mut error = Error::new(kind, cause);
        error.transient = true;
        error
    }

    /// Notes the status of the answer that could not be read, unless the error has that of an envelope.
    pub(crate) fn answered(mut self, status: u16) -> Error {
        if self.http_status == 0 {
            self.http_status = status;
        }
        self
    }

    /// Notes what was being done.
    pub(crate) fn during(mut self, operation: impl Into<Cow<'static, str>>) -> Error {
        self.operations.push(operation.into());
        self
    }

    /// Notes what a person can do about it.
    pub(crate) fn hint(mut self, hint: Hint) -> Error {
        self.hints.push(hint);
        self
    }

    /// Another kind and cause for what Atlas said.
    pub(crate) fn instead(mut self, kind: ErrorKind, cause: &str) -> Error {
        self.kind = kind;
        self.cause = cause.to_owned();
        self.hints.clear();
        self
    }

    /// Takes secrets out that are too long to be words, should one have got here after all.
    pub(crate) fn redacted(mut self, redactor: &Redactor) -> Error {
        let details = &mut *self.0;
        let texts = [
            &mut details.code,
            &mut details.reason,
            &mut details.detail,
            &mut details.parameters,
            &mut details.cause,
        ];
        let hints = details.hints.iter_mut().map(|hint| &mut hint.0);
        let sentences = details.operations.iter_mut().chain(hints);
        for text in texts.into_iter().chain(sentences.map(Cow::to_mut)) {
            if let Cow::Owned(shown) = redactor.redact_whole(text) {
                text.zeroize();
                *text = shown;
            }
        }
        self
    }
}

impl Deref for Error {
    type Target = ErrorDetails;

    fn deref(&self) -> &ErrorDetails {
        &self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut ErrorDetails {
        &mut self.0
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {}

/// There was no memory for something large, mostly what an answer needs. Only that is asked for; when there is none for
/// the little things of a call, Rust ends the process.
impl From<TryReserveError> for Error {
    fn from(_: TryReserveError) -> Error {
        Error::new(ErrorKind::Internal, "not enough memory")
    }
}

impl From<Interrupted> for Error {
    fn from(why: Interrupted) -> Error {
        let kind = match why {
            Interrupted::Cancelled | Interrupted::Forked => ErrorKind::Cancelled,
            Interrupted::DeadlinePassed => ErrorKind::Timeout,
            Interrupted::NoDescriptor(_) => ErrorKind::Network,
            Interrupted::Refused(_) | Interrupted::Closed => ErrorKind::Internal,
        };
        Error::new(kind, why.to_string())
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Error {
        Error::new(ErrorKind::InvalidResponse, malformed.0)
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn a_long_secret_is_taken_out_of_every_text() {
        let secret = "0123456789-0123456789";
        let redactor = Redactor::new(vec![Zeroizing::new(secret.to_owned())]);
        let mut error = Error::new(ErrorKind::Server, format!("a {secret}"))
            .during(format!("get {secret}"))
            .hint(Hint::api_key_refused(secret));
        error.code = secret.into();
        error.reason = "no".into();
        error.detail = format!("{secret}{secret}");
        error.parameters = format!("[\"{secret}\"]");
        let error = error.redacted(&Redactor::none()).redacted(&redactor);
        let message = error.message();
        assert!(message.starts_with("get [secret]: a [secret]; the API key"), "{message}");
        assert!(!message.contains(secret), "{message}");
        assert_eq!((&*error.code, &*error.reason), ("[secret]", "no"));
        assert_eq!(error.detail, "[secret]");
        assert_eq!(error.parameters, "[\"[secret]\"]");
    }

    #[test]
    fn an_error_keeps_the_status_it_has() {
        assert_eq!(Error::new(ErrorKind::Server, "").answered(502).http_status, 502);
        assert_eq!(
            Error::from_response(503, None, b"", &Redactor::none()).answered(200).http_status,
            503
        );
    }
}
