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

use ::http::HeaderValue;

use crate::error::{Error, Hint, Result};
use crate::http::{Request, Response};
use crate::log::Logger;
use crate::runtime::context::Context;
use digest::Digest;
use oauth::ServiceAccount;
use secret::secret_header;
use secret_in_use::{Reread, SecretInUse};

pub(crate) use credentials::{Credentials, Identity};
pub(crate) use secret::Secret;
pub(crate) use secret_file::SecretFile;

/// Sends a request once.
pub(crate) type Send<'a> = dyn FnMut(&Context, &Request) -> Result<Response> + 'a;

/// The credentials in use, with the nonce or token that they have obtained.
#[derive(Debug)]
pub(crate) enum Auth {
    ServiceAccount(Box<ServiceAccount>),
    ApiKey(Digest),
    AccessToken(SecretInUse<HeaderValue>),
}

impl Auth {
    /// `token_cache` is the directory in which processes share a service account's token, if they do.
    pub(crate) fn new(
        credentials: &Credentials,
        base_url: &str,
        token_cache: Option<&Path>,
        logger: &Logger,
    ) -> Result<Auth> {
        Ok(match &credentials.identity {
            Identity::ServiceAccount { client_id } => Auth::ServiceAccount(Box::new(
                ServiceAccount::new(client_id, credentials, base_url, token_cache, logger)?,
            )),
            Identity::ApiKey { public_key } => {
                Auth::ApiKey(Digest::new(public_key, credentials, logger.redactor().clone()))
            }
            Identity::AccessToken => {
                Auth::AccessToken(SecretInUse::new(credentials, bearer(&credentials.secret)?))
            }
        })
    }

    /// Sends `request` with our credentials. That they were refused, after all that could be done about it, is an error.
    pub(crate) fn send(
        &self,
        context: &Context,
        request: &Request,
        send: &mut Send,
    ) -> Result<Response> {
        let mut request = request.clone();
        let mut was_reread = false;
        loop {
            let (response, refused) = self.send_once(context, &request, send)?;
            if response.status != 401 {
                return Ok(response);
            }
            let reread = match refused {
                None => Reread::Refused(None),
                Some(_) if was_reread => Reread::Refused(self.refused_again()),
                Some(secret) => self.reread(&secret, request.logger)?,
            };
            let Reread::Refused(hint) = reread else {
                was_reread = true;
                request.retry_reason = "the secret was read again from its file";
                continue;
            };
            let redactor = request.logger.redactor();
            let Response { status, headers, body } = &response;
            let error = self.refused(Error::from_response(*status, Some(headers), body, redactor));
            return Err(match hint {
                Some(hint) => error.hint(hint),
                None => error,
            });
        }
    }

    /// Sends `request`; with the secret that may be in a file and was refused. A service account sees to that itself.
    fn send_once(
        &self,
        context: &Context,
        request: &Request,
        send: &mut Send,
    ) -> Result<(Response, Option<Secret>)> {
        match self {
            Auth::ServiceAccount(account) => Ok((account.send(context, request, send)?, None)),
            Auth::ApiKey(digest) => digest.send(context, request, send),
            Auth::AccessToken(token) => {
                let token = token.current();
                let response = send_with(&token.made, context, request, send)?;
                let refused = (response.status == 401).then(|| token.secret.clone());
                Ok((response, refused))
            }
        }
    }

    fn reread(&self, refused: &Secret, logger: &Logger) -> Result<Reread> {
        match self {
            Auth::ServiceAccount(_) => Ok(Reread::Refused(None)),
            Auth::ApiKey(digest) => digest.reread(refused, logger),
            Auth::AccessToken(token) => token.reread(refused, logger, bearer),
        }
    }

    fn refused_again(&self) -> Option<Hint> {
        match self {
            Auth::ServiceAccount(_) => None,
            Auth::ApiKey(digest) => digest.refused_again(),
            Auth::AccessToken(token) => token.refused_again(),
        }
    }

    /// Revokes a service account's token. An API key has none, and one that the caller fetched is the caller's to
    /// revoke.
    pub(crate) fn revoke(
        &self,
        context: &Context,
        retry_reason: &str,
        send: &mut Send,
    ) -> Result<()> {
        match self {
            Auth::ServiceAccount(account) => account.revoke(context, retry_reason, send),
            Auth::ApiKey(_) | Auth::AccessToken(_) => Ok(()),
        }
    }

    /// Completes the error for an answer of 401: which credentials were refused, and what to do. Not inlined, since it
    /// is large and seldom called.
    #[inline(never)]
    pub(crate) fn refused(&self, error: Error) -> Error {
        error.hint(match self {
            Auth::ServiceAccount(account) => {
                Hint::service_account_token_refused(account.client_id())
            }
            Auth::ApiKey(digest) => Hint::api_key_refused(&digest.public_key),
            Auth::AccessToken(_) => Hint::ACCESS_TOKEN_REFUSED,
        })
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue> {
    secret_header("Bearer ", token.expose())
}

/// Sends `request` with `header` as its `Authorization`.
fn send_with(
    header: &HeaderValue,
    context: &Context,
    request: &Request,
    send: &mut Send,
) -> Result<Response> {
    send(context, &Request { authorization: &|| Ok(Some(header.clone())), ..request.clone() })
}

/// Bytes as lower-case hexadecimal digits. The text never grows, since it may be a secret, of which growing would leave a
/// copy behind that nobody wipes.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text
}
