//! Who we are: signs a request, answers challenges, fetches tokens. Knows neither sockets nor retries: it is handed a
//! way to send.

mod challenge;
mod digest;
mod service_account;
mod token_cache;

use std::fmt;

use ::http::HeaderValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use zeroize::{Zeroize, Zeroizing};

use crate::call::Context;
use crate::config::Settings;
use crate::error::{Error, ErrorKind, Hint, Result};
use crate::http::{Request, Response};
use crate::log::Logger;
use digest::Digest;
use service_account::ServiceAccount;

/// One round trip, bounded by a call.
pub(crate) type Send<'a> = dyn FnMut(&Context, &Request) -> Result<Response> + 'a;

/// Text that is wiped when freed and never shown.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: &str) -> Secret {
        Secret(Zeroizing::new(text.to_owned()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What the settings say about who we are.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    /// OAuth 2.0 client credentials.
    ServiceAccount {
        client_id: String,
        client_secret: Secret,
    },
    /// HTTP Digest.
    ApiKey {
        public_key: String,
        private_key: Secret,
    },
    /// A bearer token somebody else fetched.
    AccessToken(Secret),
}

impl Credentials {
    /// What of them nobody may see, in each form in which it is sent.
    pub(crate) fn secrets(&self) -> Vec<Zeroizing<String>> {
        match self {
            Credentials::ServiceAccount {
                client_id,
                client_secret,
            } => vec![client_secret.0.clone(), basic(client_id, client_secret)],
            Credentials::ApiKey {
                private_key: secret,
                ..
            }
            | Credentials::AccessToken(secret) => vec![secret.0.clone()],
        }
    }
}

/// The credentials at work, with what they have earned: a nonce, a token.
#[derive(Debug)]
pub(crate) enum Auth {
    ServiceAccount(Box<ServiceAccount>),
    ApiKey(Digest),
    AccessToken(HeaderValue),
}

impl Auth {
    pub(crate) fn new(settings: &Settings, logger: &Logger) -> Result<Auth> {
        Ok(match &settings.credentials {
            Credentials::ServiceAccount {
                client_id,
                client_secret,
            } => Auth::ServiceAccount(Box::new(ServiceAccount::new(
                client_id,
                client_secret,
                settings,
                logger,
            )?)),
            Credentials::ApiKey {
                public_key,
                private_key,
            } => Auth::ApiKey(Digest::new(
                public_key.clone(),
                private_key.clone(),
                logger.redactor().clone(),
            )),
            Credentials::AccessToken(token) => {
                Auth::AccessToken(secret_header("Bearer ", token.expose().as_bytes())?)
            }
        })
    }

    /// Sends `request` with our credentials. An answer of 401 means that they were refused after all that could be
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
            Auth::AccessToken(header) => send(
                context,
                &Request {
                    authorization: &|| Ok(Some(header.clone())),
                    ..request.clone()
                },
            ),
        }
    }

    /// Gives a service account's token back. Other credentials have none that would be ours to give back.
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

    /// Completes the error for an answer of 401: which credentials were refused, and what to do.
    pub(crate) fn refused(&self, settings: &Settings, error: Error) -> Error {
        match &settings.credentials {
            Credentials::ServiceAccount { client_id, .. } => {
                error.hint(Hint::service_account_token_refused(client_id))
            }
            Credentials::ApiKey { public_key, .. } => error.hint(Hint::api_key_refused(public_key)),
            Credentials::AccessToken(_) => error.hint(Hint::ACCESS_TOKEN_REFUSED),
        }
    }
}

/// What HTTP Basic sends for a service account.
fn basic(client_id: &str, client_secret: &Secret) -> Zeroizing<String> {
    let pair = Zeroizing::new(format!("{client_id}:{}", client_secret.expose()));
    Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()))
}

/// Bytes as lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    text
}

/// The text that a raw JSON string stands for; `None` for any other value. serde_json would collect a text with escapes
/// in a buffer that nobody wipes, so it gets one escape at a time.
fn secret_text(raw: &str) -> Option<Zeroizing<String>> {
    let mut rest = raw.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = Zeroizing::new(String::with_capacity(rest.len()));
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let length = if rest[at..].starts_with("\\u") { 6 } else { 2 };
        let (escape, behind) = rest[at..].split_at_checked(length)?;
        text.push(serde_json::from_str(&format!("\"{escape}\"")).ok()?);
        rest = behind;
    }
    text.push_str(rest);
    Some(text)
}

/// A header value whose bytes are wiped when the last copy is freed.
fn secret_header(scheme: &str, value: &[u8]) -> Result<HeaderValue> {
    struct Wiped(Vec<u8>);
    impl AsRef<[u8]> for Wiped {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    impl Drop for Wiped {
        fn drop(&mut self) {
            self.0.zeroize();
        }
    }
    let text = [scheme.as_bytes(), value].concat();
    let mut header =
        HeaderValue::from_maybe_shared(Bytes::from_owner(Wiped(text))).map_err(|_| {
            Error::new(
                ErrorKind::InvalidResponse,
                "an access token has characters no header can carry",
            )
        })?;
    header.set_sensitive(true);
    Ok(header)
}
