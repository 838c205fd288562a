//! HTTP Digest (RFC 7616, 2617 and 2069), the server's side.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use crate::answer::Request;
use crate::settings::{DigestSettings, NonceCount};
use crate::{PUBLIC_KEY, random};

/// Enough for every test; the oldest are forgotten first, and a forgotten nonce is a stale one.
const MAX_NONCES: usize = 50_000;

#[derive(Default)]
pub(crate) struct Nonces(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    known: HashMap<String, Nonce>,
    oldest_first: VecDeque<String>,
}

struct Nonce {
    connection: u64,
    uses: u32,
    highest: u32,
    counts: HashSet<u32>,
}

/// Why a request was not let in, for the record.
pub(crate) struct Refusal {
    pub stale: bool,
    pub why: String,
}

fn wrong(why: impl Into<String>) -> Refusal {
    Refusal { stale: false, why: why.into() }
}

fn stale(why: &str) -> Refusal {
    Refusal { stale: true, why: why.into() }
}

impl Nonces {
    /// The `WWW-Authenticate` lines with a new nonce.
    pub fn challenge(
        &self,
        settings: &DigestSettings,
        connection: u64,
        stale: bool,
    ) -> Vec<String> {
        let nonce = self.give_out(connection);
        if let Some(lines) = &settings.challenges {
            let fill = |line: &String| {
                line.replace("{nonce}", &nonce).replace("{stale}", &stale.to_string())
            };
            return lines.iter().map(fill).collect();
        }
        let DigestSettings { realm, algorithm, .. } = settings;
        let mut line =
            format!(r#"Digest realm="{realm}", domain="", nonce="{nonce}", algorithm={algorithm}"#);
        if let Some(qop) = &settings.qop {
            let _ = write!(line, r#", qop="{qop}""#);
        }
        if let Some(opaque) = &settings.opaque {
            let _ = write!(line, r#", opaque="{opaque}""#);
        }
        let _ = write!(line, ", stale={stale}");
        vec![line]
    }

    pub fn forget_all(&self) {
        *self.0.lock().unwrap() = Inner::default();
    }

    fn give_out(&self, connection: u64) -> String {
        // `+` and `/` are what careless parsers stumble over, so that every nonce has both.
        let nonce = loop {
            let nonce = STANDARD.encode(random::<24>());
            if nonce.contains('+') && nonce.contains('/') {
                break nonce;
            }
        };
        let mut inner = self.0.lock().unwrap();
        if inner.oldest_first.len() >= MAX_NONCES
            && let Some(oldest) = inner.oldest_first.pop_front()
        {
            inner.known.remove(&oldest);
        }
        inner.oldest_first.push_back(nonce.clone());
        let state = Nonce { connection, uses: 0, highest: 0, counts: HashSet::new() };
        inner.known.insert(nonce.clone(), state);
        nonce
    }

    /// Checks what follows `Digest ` in an `Authorization` header.
    pub fn check(
        &self,
        credentials: &str,
        request: &Request,
        settings: &DigestSettings,
        connection: u64,
    ) -> Result<(), Refusal> {
        let given = parameters(credentials).ok_or_else(|| wrong("digest: cannot be parsed"))?;
        let get = |name: &str| given.get(name).map(String::as_str);
        let need = |name: &str| get(name).ok_or_else(|| wrong(format!("digest: no {name}")));
        let free_choice = settings.challenges.is_some();

        if need("username")? != PUBLIC_KEY {
            return Err(wrong("digest: unknown username"));
        }
        if need("realm")? != settings.realm {
            return Err(wrong("digest: another realm"));
        }
        if get("opaque") != settings.opaque.as_deref() {
            return Err(wrong("digest: another opaque"));
        }
        let uri = need("uri")?;
        if uri != request.target {
            return Err(wrong(format!("digest: uri {uri} is not the request's target")));
        }
        let algorithm = get("algorithm").unwrap_or("MD5").to_ascii_uppercase();
        let (hash_name, session) = match algorithm.strip_suffix("-SESS") {
            Some(name) => (name, true),
            None => (algorithm.as_str(), false),
        };
        let hash: fn(&[u8]) -> String = match hash_name {
            "MD5" => |bytes| hex(&Md5::digest(bytes)),
            "SHA-256" => |bytes| hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref()),
            _ => return Err(wrong(format!("digest: unknown algorithm {algorithm}"))),
        };
        if !free_choice && !algorithm.eq_ignore_ascii_case(&settings.algorithm) {
            return Err(wrong(format!("digest: algorithm {algorithm} was not offered")));
        }
        let qop = get("qop");
        let offered = |qop: &str| {
            settings.qop.iter().flat_map(|list| list.split(',')).any(|one| one.trim() == qop)
        };
        match qop {
            Some("auth" | "auth-int") if free_choice => {}
            Some(qop) if offered(qop) => {}
            None if free_choice || settings.qop.is_none() => {}
            _ => return Err(wrong(format!("digest: qop {qop:?} was not offered"))),
        }

        let nonce = need("nonce")?;
        let mut a1 = format!("{PUBLIC_KEY}:{}:{}", settings.realm, settings.private_key);
        if session {
            a1 = format!("{}:{nonce}:{}", hash(a1.as_bytes()), need("cnonce")?);
        }
        let mut a2 = format!("{}:{uri}", request.method);
        if qop == Some("auth-int") {
            a2 = format!("{a2}:{}", hash(&request.body));
        }
        let (a1, a2) = (hash(a1.as_bytes()), hash(a2.as_bytes()));
        let (expected, count) = match qop {
            Some(qop) => {
                let (count, cnonce) = (need("nc")?, need("cnonce")?);
                if cnonce.is_empty() {
                    return Err(wrong("digest: empty cnonce"));
                }
                (
                    hash(format!("{a1}:{nonce}:{count}:{cnonce}:{qop}:{a2}").as_bytes()),
                    Some(parse_count(count)?),
                )
            }
            None => (hash(format!("{a1}:{nonce}:{a2}").as_bytes()), None),
        };
        if need("response")? != expected {
            return Err(wrong("digest: wrong response"));
        }
        self.spend(nonce, count, settings, connection)
    }

    /// The key is right; is the nonce still good?
    fn spend(
        &self,
        nonce: &str,
        count: Option<u32>,
        settings: &DigestSettings,
        connection: u64,
    ) -> Result<(), Refusal> {
        let mut inner = self.0.lock().unwrap();
        let Some(nonce) = inner.known.get_mut(nonce) else {
            return Err(stale("digest: unknown nonce"));
        };
        if settings.nonce_per_connection && nonce.connection != connection {
            return Err(stale("digest: another connection's nonce"));
        }
        if settings.nonce_uses != 0 && nonce.uses >= settings.nonce_uses {
            return Err(stale("digest: used up nonce"));
        }
        if let Some(count) = count {
            let good = match settings.nonce_count {
                NonceCount::Once => !nonce.counts.contains(&count),
                NonceCount::Rising => count > nonce.highest,
            };
            if !good {
                return Err(stale("digest: nc used before or not rising"));
            }
            nonce.counts.insert(count);
            nonce.highest = nonce.highest.max(count);
        }
        nonce.uses += 1;
        Ok(())
    }
}

fn parse_count(text: &str) -> Result<u32, Refusal> {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match u32::from_str_radix(text, 16) {
        Ok(count) if digits && count > 0 => Ok(count),
        _ => Err(wrong(format!("digest: nc {text} is not eight hex digits from 1"))),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `name=token` and `name="quoted \" text"`, separated by commas; None if malformed or if a name comes twice.
fn parameters(text: &str) -> Option<HashMap<String, String>> {
    let mut found = HashMap::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => match after.find(',') {
                Some(end) => (after[..end].trim().to_owned(), &after[end..]),
                None => (after.trim().to_owned(), ""),
            },
        };
        if found.insert(name.trim().to_ascii_lowercase(), value).is_some() {
            return None;
        }
        rest = match after.trim_start() {
            "" => "",
            more => more.strip_prefix(',')?.trim_start(),
        };
    }
    Some(found)
}

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_spent_as_the_settings_say() {
        let nonces = Nonces::default();
        let spend = |nonce: &str, settings: &DigestSettings, counts: [u32; 5]| {
            counts.map(|count| nonces.spend(nonce, Some(count), settings, 1).is_ok())
        };
        let mut settings = DigestSettings::default();
        let any_order = spend(&nonces.give_out(1), &settings, [3, 1, 1, 2, 3]);
        assert_eq!(any_order, [true, true, false, true, false]);
        settings.nonce_count = NonceCount::Rising;
        let rising = spend(&nonces.give_out(1), &settings, [1, 1, 3, 2, 4]);
        assert_eq!(rising, [true, false, true, false, true]);
        settings.nonce_uses = 2;
        let twice = spend(&nonces.give_out(1), &settings, [1, 2, 3, 4, 5]);
        assert_eq!(twice, [true, true, false, false, false]);
    }

    #[test]
    fn parameters_are_read_as_written() {
        let read = parameters(r#"a=1 ,B = "x, \"y\"=z\\",c="""#).unwrap();
        assert_eq!(
            (read["a"].as_str(), read["b"].as_str(), read["c"].as_str()),
            ("1", "x, \"y\"=z\\", "")
        );
        for bad in ["a", "a=\"open", "a=1, a=2", "a=\"x\" b=2"] {
            assert!(parameters(bad).is_none(), "{bad}");
        }
    }
}
