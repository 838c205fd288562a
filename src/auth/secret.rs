//! Text that is wiped when freed and never shown.

use std::fmt;

use ::http::HeaderValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::text::unprintable;

/// In bytes: longer than any credential or token of Atlas, and short enough for one header line.
pub(crate) const LONGEST: usize = 8 * 1024;

/// A client secret, a private key, a token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(super) Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: &str) -> Secret {
        Secret(Zeroizing::new(text.to_owned()))
    }

    /// A credential as it was given. What is wrong with it is said without showing it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Secret, String> {
        let text = str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
        if let Some(why) = unprintable(text) {
            return Err(why);
        }
        if text.is_empty() {
            return Err("is empty".into());
        }
        if text.len() > LONGEST {
            return Err("is longer than any credential of Atlas".into());
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err("begins or ends with a space".into());
        }
        Ok(Secret::new(text))
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

/// What HTTP Basic sends for a service account.
pub(super) fn basic(client_id: &str, client_secret: &Secret) -> Zeroizing<String> {
    let pair = Zeroizing::new(format!("{client_id}:{}", client_secret.expose()));
    Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()))
}

/// The `Authorization` of a request with `token`.
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue> {
    secret_header("Bearer ", token.expose())
}

/// A header value whose bytes are wiped when the last copy is freed.
pub(super) fn secret_header(scheme: &str, value: &str) -> Result<HeaderValue> {
    let text = Zeroizing::new([scheme, value].concat());
    let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(text)).map_err(|_| {
        Error::new(ErrorKind::InvalidResponse, "an access token has characters no header can carry")
    })?;
    header.set_sensitive(true);
    Ok(header)
}
