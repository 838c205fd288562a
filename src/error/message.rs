//! The only place where the sentences of errors are made.

use std::borrow::Cow;
use std::fmt;

use super::{Error, ErrorDetails, ErrorKind};
use crate::text::one_line;

impl ErrorDetails {
    /// One line for people: what was tried, what happened, what to do.
    pub fn message(&self) -> String {
        let mut message = String::new();
        for operation in self.operations.iter().rev() {
            message.push_str(operation);
            message.push_str(": ");
        }
        message.push_str(&self.cause);
        for hint in &self.hints {
            message.push_str("; ");
            message.push_str(&hint.0);
        }
        one_line(&message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

/// With the message in the place of what it is made of.
impl fmt::Debug for ErrorDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("http_status", &self.http_status)
            .field("retry_after", &self.retry_after)
            .field("code", &self.code)
            .field("reason", &self.reason)
            .field("detail", &self.detail)
            .field("parameters", &self.parameters)
            .field("message", &self.message())
            .finish_non_exhaustive()
    }
}

/// What happened when Atlas answered with an error. `page` describes a body that is not Atlas' JSON.
pub(super) fn answered(error: &Error, page: Option<&str>) -> String {
    let status = error.http_status.to_string();
    let mut words = vec!["Atlas answered", &status, &error.code, &error.reason];
    words.retain(|word| !word.is_empty());
    let cause = words.join(" ");
    match page.filter(|_| error.detail.is_empty()) {
        None if error.detail.is_empty() => cause,
        None => format!("{cause} ({})", error.detail.trim_end_matches('.')),
        Some(page) => format!("{cause} ({page})"),
    }
}

/// What a person can do about a failure, or should know of it besides its cause.
#[derive(Clone)]
pub(crate) struct Hint(pub(super) Cow<'static, str>);

impl Hint {
    pub(crate) const CHECK_BASE_URL: Hint = Hint::new("check the base URL");
    pub(crate) const CHECK_BASE_URL_AND_PROXIES: Hint =
        Hint::new("check the base URL and proxies on the way");
    pub(crate) const CHECK_NETWORK: Hint = Hint::new("check the network, firewalls and proxies");
    pub(crate) const CHECK_PROXIES: Hint = Hint::new("check proxies on the way");
    pub(crate) const USE_SHARDED_CALLS: Hint =
        Hint::new("for a sharded cluster use the calls for sharded clusters");
    pub(crate) const USE_REPLICA_SET_CALLS: Hint =
        Hint::new("for a replica set use the calls for replica sets");
    pub(crate) const DELETED_MEANWHILE: Hint =
        Hint::new("the snapshot was there before, so it was deleted meanwhile");
    pub(crate) const NO_ANSWER_IN_TIME: Hint =
        Hint::new("the server did not answer in time; try again or allow more time");
    pub(crate) const TIME_WAS_UP: Hint = Hint::new("the time was up during another try");
    pub(crate) const NO_TIME_LEFT: Hint =
        Hint::new("the time set for the call leaves none for another try");
    pub(crate) const ACCESS_TOKEN_REFUSED: Hint = Hint::new(
        "the access token was refused: it is wrong or over (tokens live an hour); fetch a new one",
    );
    pub(crate) const NO_DIGEST_OFFERED: Hint = Hint::new(
        "the API key was not sent, since the server offers no Digest authentication that this library knows; check the \
         base URL and proxies on the way",
    );

    const fn new(sentence: &'static str) -> Hint {
        Hint(Cow::Borrowed(sentence))
    }

    pub(crate) fn tries_made(tries: u32) -> Hint {
        Hint(format!("{tries} tries were made").into())
    }

    pub(crate) fn api_key_refused(public_key: &str) -> Hint {
        let sentence = format!(
            "the API key with the public key {public_key} was refused: check both halves, and that it belongs to this \
             project's organization"
        );
        Hint(sentence.into())
    }

    pub(crate) fn service_account_refused(client_id: &str) -> Hint {
        let sentence = format!(
            "the service account {client_id} was refused: check client id and secret, and that the secret has not \
             expired"
        );
        Hint(sentence.into())
    }

    pub(crate) fn secret_is_the_same(file: &dyn fmt::Display) -> Hint {
        Hint(format!("{file} still holds what was refused").into())
    }

    pub(crate) fn secret_not_read_again(why: &str) -> Hint {
        Hint(format!("read again after that, {why}").into())
    }

    pub(crate) fn secret_refused_again(file: &dyn fmt::Display) -> Hint {
        Hint(format!("{file} was read again, and what it holds now was refused, too").into())
    }

    pub(crate) fn service_account_token_refused(client_id: &str) -> Hint {
        let sentence = format!(
            "an access token of the service account {client_id} was refused: check that it belongs to this project's \
             organization and still exists"
        );
        Hint(sentence.into())
    }

    /// What to do about an error of Atlas. `address` is the one that Atlas saw, if it said which.
    pub(super) fn of_response(error: &Error, code: &str, address: Option<&str>) -> Option<Hint> {
        Some(Hint::new(match (error.kind, code) {
            (ErrorKind::Forbidden, "IP_ADDRESS_NOT_ON_ACCESS_LIST") => {
                let seen = match address {
                    Some(address) => format!("{address}, the address Atlas saw,"),
                    None => "the address of this machine".to_owned(),
                };
                let sentence =
                    format!("add {seen} to the API access list of these credentials in Atlas");
                return Some(Hint(sentence.into()));
            }
            (ErrorKind::Forbidden, "access_denied") => {
                "the service account probably has too many live access tokens (Atlas allows 100, and each lives an \
                 hour): share a token cache between processes, or have each program give its token back before it ends"
            }
            (ErrorKind::Forbidden, _) => {
                "the credentials need the role Project Read Only or Project Backup Manager in this project"
            }
            (ErrorKind::NotFound, "CLUSTER_NOT_FOUND") => {
                "check the cluster's name and that it is in this project"
            }
            (ErrorKind::NotFound, "GROUP_NOT_FOUND") => {
                "check the project id and that the credentials belong to its organization"
            }
            (ErrorKind::NotFound, _) => {
                "check the ids; a snapshot that expired or was deleted is gone"
            }
            (ErrorKind::BadRequest, "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API") => {
                "snapshots of flex clusters are not read by this library"
            }
            (ErrorKind::BadRequest, "INVALID_VERSION_DATE" | "VERSION_GONE") => {
                "set an API version that Atlas still serves, such as 2024-05-30"
            }
            (ErrorKind::RateLimited, _) => match error.retry_after {
                Some(seconds) => {
                    let sentence = format!("call less often; Atlas asks to wait {seconds} s");
                    return Some(Hint(sentence.into()));
                }
                None => "call less often and try again later",
            },
            (ErrorKind::Server, _) => {
                "the trouble is on Atlas' side: try again later, see status.mongodb.com"
            }
            (ErrorKind::Timeout, _) => "try again",
            (ErrorKind::InvalidResponse, _) => {
                "this is not what Atlas promises: check the base URL and proxies on the way"
            }
            _ => return None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Redactor;

    #[test]
    fn the_message_says_what_to_do() {
        for (status, body, advice) in [
            (
                403,
                r#"{"errorCode":"IP_ADDRESS_NOT_ON_ACCESS_LIST","parameters":["203.0.113.7"]}"#,
                "add 203.0.113.7, the address Atlas saw, to the API access list",
            ),
            (
                403,
                r#"{"errorCode":"IP_ADDRESS_NOT_ON_ACCESS_LIST"}"#,
                "add the address of this machine to the API access list",
            ),
            (403, r#"{"error":"access_denied"}"#, "too many live access tokens"),
            (403, "", "need the role Project Read Only"),
            (404, r#"{"errorCode":"CLUSTER_NOT_FOUND"}"#, "check the cluster's name"),
            (404, r#"{"errorCode":"GROUP_NOT_FOUND"}"#, "check the project id"),
            (404, "", "check the ids"),
            (400, r#"{"errorCode":"CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API"}"#, "flex clusters"),
            (406, r#"{"errorCode":"INVALID_VERSION_DATE"}"#, "set an API version"),
            (410, r#"{"errorCode":"VERSION_GONE"}"#, "set an API version"),
            (429, "", "call less often and try again later"),
            (500, "", "see status.mongodb.com"),
            (408, "", "try again"),
            (302, "", "check the base URL"),
        ] {
            let message = answered(status, body).message();
            let said = message.split_once("; ").map_or("", |it| it.1);
            assert!(said.contains(advice), "{status} {body}: {message}");
        }
        assert_eq!(answered(409, "").to_string(), "Atlas answered 409");
    }

    fn answered(status: u16, body: &str) -> Error {
        Error::from_response(status, None, body.as_bytes(), &Redactor::none())
    }
}
