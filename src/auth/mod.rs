//! Signs requests: answers challenges, fetches and revokes tokens. It is handed a way to send, and knows neither
//! connections nor retries nor settings.

mod challenge;
mod credentials;
mod digest;
mod oauth;
mod secret;

use std::path::Path;

use ::http::HeaderValue;

use crate::error::{Error, Hint, Result};
use crate::http::{Request, Response};
use crate::log::Logger;
use crate::runtime::context::Context;
use digest::Digest;
use oauth::ServiceAccount;
use secret::secret_header;

pub(crate) use credentials::Credentials;
pub(crate) use secret::Secret;

/// Sends a request once.
pub(crate) type Send<'a> = dyn FnMut(&Context, &Request) -> Result<Response> + 'a;

/// The credentials in use, with the nonce or token that they have obtained.
#[derive(Debug)]
pub(crate) enum Auth {
    ServiceAccount(Box<ServiceAccount>),
    ApiKey(Digest),
    AccessToken(HeaderValue),
}

impl Auth {
    /// `token_cache` is the directory in which processes share a service account's token, if they do.
    pub(crate) fn new(
        credentials: &Credentials,
        base_url: &str,
        token_cache: Option<&Path>,
        logger: &Logger,
    ) -> Result<Auth> {
        Ok(match credentials {
            Credentials::ServiceAccount { client_id, client_secret } => {
                Auth::ServiceAccount(Box::new(ServiceAccount::new(
                    client_id,
                    client_secret,
                    base_url,
                    token_cache,
                    logger,
                )?))
            }
            Credentials::ApiKey { public_key, private_key } => Auth::ApiKey(Digest::new(
                public_key.clone(),
                private_key.clone(),
                logger.redactor().clone(),
            )),
            Credentials::AccessToken(token) => {
                Auth::AccessToken(secret_header("Bearer ", token.expose())?)
            }
        })
    }

    /// Sends `request` with our credentials. A response of 401 means that they were refused after all that could be
    /// done about it.
    pub(crate) fn send(
        &self,
        context: &Context,
        request: &Request,
        send: &mut Send,
    ) -> Result<Response> {
        match self {
            Auth::ServiceAccount(account) => account.send(context, request, send),
            Auth::ApiKey(digest) => digest.send(context, request, send),
            Auth::AccessToken(header) => send_with(header, context, request, send),
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

    /// Completes the error for a response of 401: which credentials were refused, and what to do.
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
