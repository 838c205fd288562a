//! Signs requests: answers challenges, fetches and revokes tokens, reads a secret in a file again when it was refused.
//! It is handed a way to send, and knows neither connections nor retries nor settings.

mod challenge;
mod credentials;
mod digest;
mod oauth;
mod secret;
mod secret_file;
mod secret_in_use;

use std::path::Path;

use ::http::{HeaderValue, Uri};

use crate::error::{Error, Hint, Result};
use crate::http::{Request, Response};
use crate::log::Logger;
use crate::runtime::context::Context;
use digest::Digest;
use oauth::ServiceAccount;
use secret::bearer;
use secret_in_use::{Failure, SecretInUse};

pub(crate) use credentials::{Credentials, Identity};
pub(crate) use secret::Secret;
pub(crate) use secret_file::SecretFile;

/// What an attempt of a call sends its requests with.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) context: &'a Context,
    /// Why the attempt is made; empty the first time.
    pub(crate) retry_reason: &'a str,
    pub(crate) logger: &'a Logger,
    /// Sends a request once.
    pub(crate) send: &'a dyn Fn(&Context, &Request) -> Result<Response>,
}

impl<'a> Sender<'a> {
    /// A GET without credentials.
    pub(crate) fn get(&self, uri: &'a Uri, accept: &'a HeaderValue) -> Request<'a> {
        Request {
            uri,
            accept,
            authorization: &|| Ok(None),
            may_resend: true,
            form: None,
            retry_reason: self.retry_reason,
            logger: self.logger,
        }
    }

    fn send(&self, request: &Request) -> Result<Response> {
        (self.send)(self.context, request)
    }

    /// Sends `request` with `header` as its `Authorization`.
    fn send_with(&self, header: &HeaderValue, request: &Request) -> Result<Response> {
        self.send(&Request { authorization: &|| Ok(Some(header.clone())), ..request.clone() })
    }
}

/// The credentials in use, with the nonce or token that they have obtained.
pub(crate) enum Auth {
    ServiceAccount(ServiceAccount),
    ApiKey(Digest),
    AccessToken(SecretInUse<HeaderValue>),
}

impl Auth {
    /// `token_cache` is the directory in which processes share a service account's token, if they do.
    pub(crate) fn new(
        credentials: &Credentials,
        base_url: &str,
        token_cache: Option<&Path>,
    ) -> Result<Auth> {
        Ok(match &credentials.identity {
            Identity::ServiceAccount { client_id } => Auth::ServiceAccount(ServiceAccount::new(
                client_id,
                credentials,
                base_url,
                token_cache,
            )?),
            Identity::ApiKey { public_key } => Auth::ApiKey(Digest::new(public_key, credentials)?),
            Identity::AccessToken => Auth::AccessToken(SecretInUse::new(credentials, bearer)?),
        })
    }

    /// Sends `request` with our credentials. That they were refused, after all that could be done about it, is an
    /// error.
    pub(crate) fn send(&self, request: &Request, sender: &Sender) -> Result<Response> {
        let again =
            Request { retry_reason: "the secret was read again from its file", ..request.clone() };
        let with_reason = |was_reread| if was_reread { &again } else { request };
        match self {
            // Its secret is for the token endpoint alone.
            Auth::ServiceAccount(account) => self.accepted(account.send(request, sender)?, sender),
            Auth::ApiKey(digest) => digest.private_key.run(sender.logger, |key, was_reread| {
                let (response, is_refusal) = digest.send(key, with_reason(was_reread), sender)?;
                self.accepted(response, sender).map_err(|error| Failure { error, is_refusal })
            }),
            Auth::AccessToken(token) => token.run(sender.logger, |token, was_reread| {
                let response = sender.send_with(&token.made, with_reason(was_reread))?;
                self.accepted(response, sender).map_err(|error| Failure { error, is_refusal: true })
            }),
        }
    }

    fn accepted(&self, response: Response, sender: &Sender) -> Result<Response> {
        match response.status {
            401 => Err(self.refused(response.error(sender.logger.redactor()))),
            _ => Ok(response),
        }
    }

    /// Revokes a service account's token. An API key has none, and one that the caller fetched is the caller's to
    /// revoke.
    pub(crate) fn revoke(&self, sender: &Sender) -> Result<()> {
        match self {
            Auth::ServiceAccount(account) => account.revoke(sender),
            Auth::ApiKey(_) | Auth::AccessToken(_) => Ok(()),
        }
    }

    /// Completes the error for an answer of 401: which credentials were refused, and what to do. Not inlined, since it
    /// is large and seldom called.
    #[inline(never)]
    pub(crate) fn refused(&self, error: Error) -> Error {
        error.hint(match self {
            Auth::ServiceAccount(account) => {
                Hint::service_account_token_refused(&account.client_id)
            }
            Auth::ApiKey(digest) => Hint::api_key_refused(&digest.public_key),
            Auth::AccessToken(_) => Hint::ACCESS_TOKEN_REFUSED,
        })
    }
}

/// Bytes as lower-case hexadecimal digits. The text never grows, since it may be a secret, of which growing would leave
/// a copy behind that nobody wipes.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text
}
