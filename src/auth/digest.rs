//! HTTP Digest (RFC 7616, and 2069 for servers without `qop`) in one round trip: the first request is challenged,
//! every later one signs ahead with the kept nonce and a rising count.

use std::cell::Cell;
use std::cmp::Reverse;
use std::fmt::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::http::{HeaderMap, HeaderValue};
use md5::{Digest as _, Md5};
use ring::digest;
use rustix::rand::{GetRandomFlags, getrandom};
use zeroize::Zeroizing;

use super::secret_in_use::{Held, Reread, SecretInUse};
use super::{Credentials, Secret, Send, challenge, hex};
use crate::error::{Error, ErrorKind, Hint, Redactor, Result};
use crate::http::{Request, Response};
use crate::log::Logger;
use crate::runtime::context::Context;
use crate::text::system_reason;

/// How often a nonce may turn out stale within one request before we stop: other threads may use it up
/// meanwhile, and a strict server may accept it for a moment only.
const STALE_LIMIT: u32 = 3;

type KeptNonce = Mutex<Option<Arc<Nonce>>>;

/// An API key and the nonce that all threads share.
#[derive(Debug)]
pub(crate) struct Digest {
    pub(super) public_key: String,
    private_key: SecretInUse<KeptNonce>,
    redactor: Arc<Redactor>,
}

impl Digest {
    pub(super) fn new(
        public_key: &str,
        credentials: &Credentials,
        redactor: Arc<Redactor>,
    ) -> Digest {
        let private_key = SecretInUse::new(credentials, KeptNonce::default());
        Digest { public_key: public_key.to_owned(), private_key, redactor }
    }

    /// Sends `request` signed; with the private key if that was refused.
    pub(super) fn send(
        &self,
        context: &Context,
        request: &Request,
        send: &mut Send,
    ) -> Result<(Response, Option<Secret>)> {
        let private_key = &*self.private_key.current();
        let secret = || private_key.secret.clone();
        let mut attempt = Attempt {
            nonce: kept(private_key).clone(),
            is_ours: false,
            stale: 0,
            retry_reason: request.retry_reason,
            may_resend: true,
        };
        loop {
            let (response, was_resent) = self.send_signed(&attempt, context, request, send)?;
            if response.status != 401 {
                if attempt.is_ours {
                    *kept(private_key) = attempt.nonce;
                }
                return Ok((response, None));
            }
            let Some(fresh) = self.challenged(&private_key.secret, &response.headers)? else {
                return match attempt.nonce {
                    Some(_) => Ok((response, Some(secret()))),
                    None => Err(unusable(&response, &self.redactor)),
                };
            };
            // A nonce that was refused on another connection than the one it was given out for says nothing of the key.
            let is_refused = attempt.is_ours && !fresh.stale && !was_resent;
            if is_refused || attempt.stale == STALE_LIMIT {
                return Ok((response, is_refused.then(secret)));
            }
            // A server that resets the connection after each signed request, and wants a new nonce on the next one, would
            // otherwise be asked twice for each challenge, and seem to refuse the key in the end.
            attempt.may_resend &= !was_resent;
            attempt.renew(fresh, private_key);
        }
    }

    /// After Atlas refused this private key.
    pub(super) fn reread(&self, refused: &Secret, logger: &Logger) -> Result<Reread> {
        self.private_key.reread(refused, logger, |_| Ok(KeptNonce::default()))
    }

    pub(super) fn refused_again(&self) -> Option<Hint> {
        self.private_key.refused_again()
    }

    /// Sends `request` signed with the attempt's nonce, if there is one; true if it was sent twice, since the kept
    /// connection was closed.
    fn send_signed(
        &self,
        attempt: &Attempt,
        context: &Context,
        request: &Request,
        send: &mut Send,
    ) -> Result<(Response, bool)> {
        let times_sent = Cell::new(0);
        let sign = || {
            times_sent.set(times_sent.get() + 1);
            let nonce = attempt.nonce.as_deref();
            nonce.map(|nonce| nonce.sign(&self.public_key, request)).transpose()
        };
        let signed = Request {
            authorization: &sign,
            may_resend: attempt.may_resend,
            retry_reason: attempt.retry_reason,
            ..request.clone()
        };
        let response = send(context, &signed)?;
        Ok((response, times_sent.get() > 1))
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
fn kept(private_key: &Held<KeptNonce>) -> MutexGuard<'_, Option<Arc<Nonce>>> {
    private_key.made.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a request is sent next, and what came of it so far.
struct Attempt<'a> {
    nonce: Option<Arc<Nonce>>,
    /// Whether the nonce was given out for this request. No other thread uses it until it has worked, so that its refusal
    /// is the key's.
    is_ours: bool,
    /// How often a nonce was stale.
    stale: u32,
    retry_reason: &'a str,
    may_resend: bool,
}

impl Attempt<'_> {
    /// Chooses the nonce for the next attempt, after the server has given out a `fresh` one.
    fn renew(&mut self, fresh: Nonce, private_key: &Held<KeptNonce>) {
        self.retry_reason = "the server challenged";
        if let Some(used) = &self.nonce {
            self.retry_reason = "the nonce was stale";
            self.stale += 1;
            // Another thread may have had the same response and already a nonce that works. The last attempt has a nonce
            // of its own, which no other thread can use up.
            if let Some(kept) = kept(private_key).clone()
                && self.stale < STALE_LIMIT
                && !self.is_ours
                && !Arc::ptr_eq(&kept, used)
            {
                self.nonce = Some(kept);
                return;
            }
        }
        self.nonce = Some(Arc::new(fresh));
        self.is_ours = true;
    }
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
#[derive(Debug)]
struct Nonce {
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
        challenge: &challenge::Challenge,
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
        let uri = request.uri.path_and_query().map_or("/", |uri| uri.as_str());
        let method = match request.form {
            Some(_) => "POST",
            None => "GET",
        };
        let response = self.response(&count, method, uri);

        let mut header = String::with_capacity(384);
        header.push_str("Digest username=");
        push_quoted(&mut header, public_key);
        for (name, value) in
            [(", realm=", self.realm.as_str()), (", nonce=", &self.value), (", uri=", uri)]
        {
            header.push_str(name);
            push_quoted(&mut header, value);
        }
        if let Some(name) = &self.algorithm_name {
            header.push_str(", algorithm=");
            header.push_str(name);
        }
        let client_nonce = &self.client_nonce;
        if self.has_qop {
            let _ = write!(header, ", qop=auth, nc={count}, cnonce=\"{client_nonce}\"");
        } else if self.is_session {
            let _ = write!(header, ", cnonce=\"{client_nonce}\"");
        }
        let _ = write!(header, ", response=\"{response}\"");
        if let Some(opaque) = &self.opaque {
            header.push_str(", opaque=");
            push_quoted(&mut header, opaque);
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

/// The error when the key was never sent, since the server did not ask for it in a way we can answer.
fn unusable(response: &Response, redactor: &Redactor) -> Error {
    Error::from_response(response.status, Some(&response.headers), &response.body, redactor)
        .hint(Hint::NO_DIGEST_OFFERED)
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
