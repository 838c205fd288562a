//! The setting of a proxy, read by curl's rules.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Redactor};
use crate::text::one_line;

pub(super) const LOGIN_REFUSED: &str = "refused the user name or password in the proxy setting";
pub(super) const LOGIN_MISSING: &str = "asks for a user name and password in the proxy setting";

/// A proxy as configured.
pub(crate) struct Proxy {
    scheme: &'static str,
    kind: Kind,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) login: Option<Userinfo>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `CONNECT host:port`.
    Http,
    /// SOCKS5 with the address looked up by us.
    Socks5,
    /// SOCKS5 with the name looked up by the proxy.
    Socks5h,
}

/// The user name and password in a URL, without its escapes (RFC 3986).
pub(super) struct Userinfo {
    pub(super) user: Zeroizing<Vec<u8>>,
    pub(super) password: Zeroizing<Vec<u8>>,
}

const SCHEMES: [(&str, Kind); 3] =
    [("http", Kind::Http), ("socks5", Kind::Socks5), ("socks5h", Kind::Socks5h)];

impl Userinfo {
    fn parse(text: &str) -> Result<Userinfo, String> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        Ok(Userinfo { user: percent_decoded(user)?, password: percent_decoded(password)? })
    }

    fn is_too_long_for_socks(&self) -> bool {
        self.user.len() > 255 || self.password.len() > 255
    }

    pub(super) fn basic(&self) -> Zeroizing<String> {
        let pair = Zeroizing::new([&self.user[..], b":", &self.password[..]].concat());
        Zeroizing::new(BASE64_STANDARD.encode(&*pair))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Proxy {
    /// Reads `[scheme://][user[:password]@]host[:port]`; without a scheme `http`, without a port 1080, as in curl. The
    /// error says what is wrong without repeating the text, which may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Proxy, String> {
        let (scheme, rest) = text
            .split_once("://")
            // What looks otherwise may be the beginning of a login.
            .filter(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            .unwrap_or(("http", text));
        let is_meant = |(name, _): &&(&str, Kind)| name.eq_ignore_ascii_case(scheme);
        let &(scheme, kind) = SCHEMES.iter().find(is_meant).ok_or_else(|| {
            let scheme = one_line(&scheme.to_ascii_lowercase());
            format!("its scheme \"{scheme}\" is not supported; http, socks5 and socks5h are")
        })?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (login, address) = match authority.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, authority),
        };
        let (host, port) = split_port(address).ok_or("its port is not a number from 1 to 65535")?;
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("it names no host".into());
        }
        let login = login.map(Userinfo::parse).transpose()?;
        if kind != Kind::Http && login.as_ref().is_some_and(Userinfo::is_too_long_for_socks) {
            return Err("its user name or password is longer than SOCKS allows (255 bytes)".into());
        }
        Ok(Proxy { scheme, kind, host: host.to_owned(), port: port.unwrap_or(1080), login })
    }

    /// For messages: the proxy without its login.
    pub(crate) fn shown(&self) -> String {
        format!("{}://{}", self.scheme, authority(&self.host, self.port))
    }

    /// What of the login nobody may see, in each form in which it is sent. A user without a password is a token.
    pub(crate) fn secrets(&self) -> Vec<Zeroizing<String>> {
        let Some(login) = &self.login else {
            return Vec::new();
        };
        let secret = match login.password.is_empty() {
            true => &login.user,
            false => &login.password,
        };
        // What is not UTF-8 is in no text either.
        let text = str::from_utf8(secret).unwrap_or_default();
        let basic = login.basic();
        // Without the padding it is the whole secret, too.
        let unpadded = Zeroizing::new(basic.trim_end_matches('=').to_owned());
        vec![Zeroizing::new(text.to_owned()), basic, unpadded]
    }

    /// Whether the name of the target has to be looked up before [`Proxy::open_tunnel`].
    pub(super) fn needs_address(&self) -> bool {
        self.kind == Kind::Socks5
    }

    /// Asks the proxy on `stream` for a tunnel to `host:port`; `address` is the host's, if looked up.
    pub(super) fn open_tunnel(
        &self,
        stream: &mut (impl Read + Write),
        host: &str,
        port: u16,
        address: Option<IpAddr>,
        redactor: &Redactor,
    ) -> io::Result<()> {
        match self.kind {
            Kind::Http => self.http_connect(stream, host, port, redactor),
            Kind::Socks5 | Kind::Socks5h => self.socks_connect(stream, host, port, address),
        }
    }

    pub(super) fn failed(&self, what: &str) -> io::Error {
        Error::new(ErrorKind::Network, format!("the proxy {} {what}", self.shown())).into()
    }
}

pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// `host[:port]` or `[address][:port]`; `None` when the port is none.
pub(crate) fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    if rest.is_empty() {
        return Some((host, None));
    }
    // What `parse` takes besides digits is a plus sign.
    let digits = rest.strip_prefix(':').filter(|digits| !digits.starts_with('+'))?;
    let port = digits.parse().ok().filter(|port| *port != 0)?;
    Some((host, Some(port)))
}

fn percent_decoded(text: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let is_escape = |rest: &str| {
        rest.as_bytes()
            .first_chunk::<2>()
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return Err("its user name or password has a % that begins no %XX".into());
    }
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    decoded.extend(percent_decode_str(text));
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_setting_is_read_or_refused_without_showing_its_password() {
        let good: &[(&str, &str)] = &[
            ("proxy.local", "http://proxy.local:1080"),
            ("http://proxy.local:3128/", "http://proxy.local:3128"),
            ("HTTP://u:p@proxy.local:3128", "http://proxy.local:3128"),
            ("socks5://u%40x:p%3a@[::1]:9", "socks5://[::1]:9"),
            ("socks5h://h", "socks5h://h:1080"),
        ];
        for (text, shown) in good {
            assert_eq!(Proxy::parse(text).unwrap().shown(), *shown, "{text}");
        }
        for text in [
            "https://s3cret@h",
            "socks4://s3cret@h",
            "http://s3cret@",
            "http://s3cret@h:0",
            "http://s3cret@h:99999",
            "http://s3cret%zz@h",
            "http://s3cret@h:8o",
            "http://s3cret@[::1",
            "",
            "http://s3cret@h h",
            "user:s3cret://x@h",
            "s3cret@h://x",
        ] {
            let error = Proxy::parse(text).unwrap_err();
            assert!(!error.contains("s3cret"), "{text}: {error}");
        }
    }
}
