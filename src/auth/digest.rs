//! HTTP Digest (RFC 7616, and 2069 for servers without `qop`) in one round trip: the first request is challenged,
//! every later one signs ahead with the kept nonce and a rising count.

use std::cell::Cell;
use std::cmp::Reverse;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::http::{HeaderMap, HeaderValue};
use md5::{Digest as _, Md5};
use ring::digest;
use rustix::rand::{GetRandomFlags, getrandom};
use zeroize::Zeroizing;

use super::challenge::{self, Challenge};
use super::secret_in_use::{Held, SecretInUse};
use super::{Credentials, Secret, Sender, hex};
use crate::error::{Error, ErrorKind, Hint, Result};
use crate::http::{Request, Response};
use crate::text::system_reason;

/// How often a nonce may turn out stale within one request before we stop: other threads may use it up
/// meanwhile, and a strict server may accept it for a moment only.
const STALE_LIMIT: u32 = 3;

type KeptNonce = Mutex<Option<Arc<Nonce>>>;

/// An API key and the nonce that all threads share.
pub(crate) struct Digest {
    pub(super) public_key: String,
    pub(super) private_key: SecretInUse<KeptNonce>,
}

impl Digest {
    pub(super) fn new(public_key: &str, credentials: &Credentials) -> Result<Digest> {
        let private_key = SecretInUse::new(credentials, |_| Ok(KeptNonce::default()))?;
        Ok(Digest { public_key: public_key.to_owned(), private_key })
    }

    /// Sends `request` signed; true if the private key was refused.
    pub(super) fn send(
        &self,
        key: &Held<KeptNonce>,
        request: &Request,
        sender: &Sender,
    ) -> Result<(Response, bool)> {
        let mut request = request.clone();
        let mut nonce = kept(key).clone();
        // Whether the nonce was given out for this request. No other thread uses it until it has worked, so that its
        // refusal is the key's.
        let mut is_ours = false;
        let mut stale = 0;
        loop {
            let times_sent = Cell::new(0);
            let sign = || {
                times_sent.set(times_sent.get() + 1);
                nonce.as_ref().map(|nonce| nonce.sign(&self.public_key, &request)).transpose()
            };
            let response = sender.send(&Request { authorization: &sign, ..request.clone() })?;
            let was_resent = times_sent.get() > 1;
            if response.status != 401 {
                if is_ours {
                    *kept(key) = nonce;
                }
                return Ok((response, false));
            }
            let Some(fresh) = self.challenged(&key.secret, &response.headers)? else {
                return match nonce {
                    Some(_) => Ok((response, true)),
                    // The key was never sent.
                    None => {
                        Err(response.error(sender.logger.redactor()).hint(Hint::NO_DIGEST_OFFERED))
                    }
                };
            };
            // A nonce that was refused on another connection than the one it was given out for says nothing of the key.
            let is_refused = is_ours && !fresh.stale && !was_resent;
            if is_refused || stale == STALE_LIMIT {
                return Ok((response, is_refused));
            }
            // A server that resets the connection after each signed request, and wants a new nonce on the next one,
            // would otherwise be asked twice for each challenge, and seem to refuse the key in the end.
            request.may_resend &= !was_resent;
            request.retry_reason = "the server challenged";
            let mut others = None;
            if let Some(used) = nonce {
                request.retry_reason = "the nonce was stale";
                stale += 1;
                // Another thread may have had the same response and already a nonce that works. The last attempt has a
                // nonce of its own, which no other thread can use up.
                let is_usable = |kept: &Arc<Nonce>| {
                    stale < STALE_LIMIT && !is_ours && !Arc::ptr_eq(kept, &used)
                };
                others = kept(key).clone().filter(is_usable);
            }
            is_ours = others.is_none();
            nonce = others.or_else(|| Some(Arc::new(fresh)));
        }
    }

    /// The strongest challenge that we can answer, of several the first.
    fn challenged(&self, private_key: &Secret, headers: &HeaderMap) -> Result<Option<Nonce>> {
        let challenges = challenge::of(headers);
        let mut digests = challenges.iter().filter(|challenge| challenge.is("Digest")).peekable();
        if digests.peek().is_none() {
            return Ok(None);
        }
        let client_nonce = client_nonce()?;
        let public_key = &self.public_key;
        Ok(digests
            .filter_map(|digest| Nonce::new(digest, public_key, private_key, &client_nonce))
            .min_by_key(|nonce| Reverse(nonce.algorithm)))
    }
}

/// The nonce that worked last with this key.
fn kept(key: &Held<KeptNonce>) -> MutexGuard<'_, Option<Arc<Nonce>>> {
    key.made.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Md5,
    Sha256,
    Sha512Trunc256,
}

impl Algorithm {
    fn parse(name: &str) -> Option<(Algorithm, bool)> {
        let name = name.to_ascii_lowercase();
        let (name, is_session) = match name.strip_suffix("-sess") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let algorithm = match name {
            "md5" => Algorithm::Md5,
            "sha-256" => Algorithm::Sha256,
            "sha-512-256" => Algorithm::Sha512Trunc256,
            _ => return None,
        };
        Some((algorithm, is_session))
    }

    fn hash(self, parts: &[&str]) -> String {
        let text = Zeroizing::new(parts.join(":"));
        let ring = |algorithm| hex(digest::digest(algorithm, text.as_bytes()).as_ref());
        match self {
            Algorithm::Md5 => hex(&Md5::digest(text.as_bytes())),
            Algorithm::Sha256 => ring(&digest::SHA256),
            Algorithm::Sha512Trunc256 => ring(&digest::SHA512_256),
        }
    }
}

/// A challenge with what is needed to answer it again and again.
pub(super) struct Nonce {
    realm: String,
    value: String,
    opaque: Option<String>,
    /// As the server spelled it; absent if it named none.
    algorithm_name: Option<String>,
    algorithm: Algorithm,
    is_session: bool,
    /// Whether to answer with `qop=auth`; without it the older form counts nothing.
    has_qop: bool,
    stale: bool,
    /// H(A1) of the RFC: as good as the password here, so wiped like it.
    secret: Secret,
    /// One for the life of the nonce: a `-sess` server may compute its key with the first or with the current one.
    client_nonce: String,
    uses: AtomicU32,
}

impl Nonce {
    fn new(
        challenge: &Challenge,
        public_key: &str,
        private_key: &Secret,
        client_nonce: &str,
    ) -> Option<Nonce> {
        let realm = challenge.get("realm")?;
        let algorithm_name = challenge.get("algorithm");
        let (algorithm, is_session) = Algorithm::parse(algorithm_name.unwrap_or("MD5"))?;
        let is_auth = |qop: &str| qop.trim().eq_ignore_ascii_case("auth");
        let has_qop = match challenge.get("qop") {
            None => false,
            Some(list) if list.split(',').any(is_auth) => true,
            Some(_) => return None,
        };
        let value = challenge.get("nonce")?;
        let hash = |parts: &[&str]| Secret(Zeroizing::new(algorithm.hash(parts)));
        let mut secret = hash(&[public_key, realm, private_key.expose()]);
        if is_session {
            secret = hash(&[secret.expose(), value, client_nonce]);
        }
        Some(Nonce {
            value: value.to_owned(),
            opaque: challenge.get("opaque").map(str::to_owned),
            algorithm_name: algorithm_name.map(str::to_owned),
            stale: challenge.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            secret,
            client_nonce: client_nonce.to_owned(),
            realm: realm.to_owned(),
            algorithm,
            is_session,
            has_qop,
            uses: AtomicU32::new(0),
        })
    }

    /// The `Authorization` for one request; no two have the same count.
    fn sign(&self, public_key: &str, request: &Request) -> Result<HeaderValue> {
        let count = self.uses.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let count = format!("{count:08x}");
        let uri = request.path();
        let response = self.response(&count, request.method().as_str(), uri);

        let cnonce = (self.has_qop || self.is_session).then_some(&*self.client_nonce);
        let mut header = String::with_capacity(384);
        for (name, value, is_quoted) in [
            ("Digest username", Some(public_key), true),
            (", realm", Some(&*self.realm), true),
            (", nonce", Some(&*self.value), true),
            (", uri", Some(uri), true),
            (", algorithm", self.algorithm_name.as_deref(), false),
            (", qop", self.has_qop.then_some("auth"), false),
            (", nc", self.has_qop.then_some(&*count), false),
            (", cnonce", cnonce, true),
            (", response", Some(&*response), true),
            (", opaque", self.opaque.as_deref(), true),
        ] {
            let Some(value) = value else { continue };
            header.push_str(name);
            header.push('=');
            match is_quoted {
                true => push_quoted(&mut header, value),
                false => header.push_str(value),
            }
        }
        HeaderValue::try_from(header).map_err(|_| {
            Error::new(
                ErrorKind::InvalidResponse,
                "the server's Digest challenge cannot be answered in a header",
            )
        })
    }

    /// The hash that shows that we know the key.
    fn response(&self, count: &str, method: &str, uri: &str) -> String {
        let target = self.algorithm.hash(&[method, uri]);
        let (secret, nonce) = (self.secret.expose(), &self.value);
        if self.has_qop {
            let parts = [secret, nonce, count, &self.client_nonce, "auth", &target];
            self.algorithm.hash(&parts)
        } else {
            self.algorithm.hash(&[secret, nonce, &target])
        }
    }
}

fn push_quoted(header: &mut String, value: &str) {
    header.push('"');
    for character in value.chars() {
        if matches!(character, '"' | '\\') {
            header.push('\\');
        }
        header.push(character);
    }
    header.push('"');
}

/// 64 bits from the kernel: a generator in this process would be copied by `fork()`.
fn client_nonce() -> Result<String> {
    let mut bytes = [0; 8];
    getrandom(&mut bytes, GetRandomFlags::empty()).map_err(|errno| {
        let why = system_reason(&errno.into());
        let message = format!(
            "the API key was not used, since there are no random numbers (getrandom: {why})"
        );
        Error::new(ErrorKind::Internal, message)
    })?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616, 3.9.1: the client nonce there is fixed, so only the hashes are compared.
    #[test]
    fn hashes_are_those_of_the_rfc() {
        let realm = "http-auth@example.org";
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let client_nonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let secret = algorithm.hash(&["Mufasa", realm, "Circle of Life"]);
            let target = algorithm.hash(&["GET", "/dir/index.html"]);
            let response =
                algorithm.hash(&[&secret, nonce, "00000001", client_nonce, "auth", &target]);
            assert_eq!(response, expected);
        }
    }

    #[test]
    fn algorithms_are_recognized_in_any_case() {
        for (name, expected) in [
            ("MD5", Some((Algorithm::Md5, false))),
            ("md5-SESS", Some((Algorithm::Md5, true))),
            ("sha-256", Some((Algorithm::Sha256, false))),
            ("SHA-256-sess", Some((Algorithm::Sha256, true))),
            ("SHA-512-256", Some((Algorithm::Sha512Trunc256, false))),
            ("SHA-1", None),
            ("", None),
        ] {
            assert_eq!(Algorithm::parse(name), expected, "{name}");
        }
    }
}
