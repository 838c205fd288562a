//! Proxies by curl's rules: which one a client uses, and the words it exchanges with it.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Redactor, one_line};

/// How much a proxy may say before the tunnel stands.
const REPLY_LIMIT: usize = 16 * 1024;
/// How much of a reason phrase a message shows.
const REASON_SHOWN: usize = 256;

/// A proxy as configured.
pub(crate) struct Proxy {
    kind: Kind,
    pub(super) host: String,
    pub(super) port: u16,
    login: Option<Login>,
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

struct Login {
    user: Zeroizing<Vec<u8>>,
    password: Zeroizing<Vec<u8>>,
}

impl Login {
    fn basic(&self) -> Zeroizing<String> {
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
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => Kind::Http,
            "socks5" => Kind::Socks5,
            "socks5h" => Kind::Socks5h,
            other => {
                return Err(format!(
                    "its scheme \"{}\" is not supported; http, socks5 and socks5h are",
                    one_line(other)
                ));
            }
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (login, address) = match authority.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, authority),
        };
        let (host, port) = split_port(address).ok_or("its port is not a number from 1 to 65535")?;
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("it names no host".into());
        }
        let login = match login {
            None => None,
            Some(login) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                let login = Login {
                    user: percent_decoded(user)?,
                    password: percent_decoded(password)?,
                };
                if kind != Kind::Http && (login.user.len() > 255 || login.password.len() > 255) {
                    return Err(
                        "its user name or password is longer than SOCKS allows (255 bytes)".into(),
                    );
                }
                Some(login)
            }
        };
        Ok(Proxy {
            kind,
            host: host.to_owned(),
            port: port.unwrap_or(1080),
            login,
        })
    }

    /// For messages: the proxy without its login.
    pub(crate) fn shown(&self) -> String {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
            Kind::Socks5h => "socks5h",
        };
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        format!("{scheme}://{host}:{}", self.port)
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
        vec![Zeroizing::new(text.to_owned()), login.basic()]
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

    fn http_connect(
        &self,
        stream: &mut (impl Read + Write),
        host: &str,
        port: u16,
        redactor: &Redactor,
    ) -> io::Result<()> {
        let target = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let mut request = Zeroizing::new(format!(
            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Connection: keep-alive\r\n"
        ));
        if let Some(login) = &self.login {
            let encoded = login.basic();
            // Room for all, since growing would leave a copy behind that nobody wipes.
            request.reserve(encoded.len() + 64);
            request.push_str("Proxy-Authorization: Basic ");
            request.push_str(&encoded);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes())?;

        let mut reply = Vec::new();
        loop {
            let mut chunk = [0; 1024];
            let count = stream.read(&mut chunk)?;
            if count == 0 {
                return Err(self.failed("closed the connection instead of answering CONNECT"));
            }
            reply.extend_from_slice(&chunk[..count]);
            loop {
                let mut headers = [httparse::EMPTY_HEADER; 64];
                let mut head = httparse::Response::new(&mut headers);
                let length = match head.parse(&reply) {
                    Ok(httparse::Status::Complete(length)) => length,
                    Ok(httparse::Status::Partial) if reply.len() <= REPLY_LIMIT => break,
                    Ok(httparse::Status::Partial) => {
                        return Err(self.failed("answered CONNECT without end"));
                    }
                    Err(_) => return Err(self.failed("does not speak HTTP")),
                };
                match (head.code.unwrap_or(0), head.reason.unwrap_or_default()) {
                    (100..=199, _) => {
                        // An interim answer; the real one follows.
                        reply.drain(..length);
                    }
                    (200..=299, _) if reply.len() == length => return Ok(()),
                    (200..=299, _) => {
                        return Err(self.failed("sent data before the tunnel was used"));
                    }
                    // tinyproxy answers 401 to a wrong login.
                    (code @ (401 | 407), _) => {
                        let what = if self.login.is_some() {
                            "it refused the user name or password in the proxy setting"
                        } else {
                            "it asks for a user name and password in the proxy setting"
                        };
                        return Err(self.failed(&format!("answered {code}: {what}")));
                    }
                    (code, reason) => {
                        let reason = redactor.redact(reason, REASON_SHOWN);
                        return Err(
                            self.failed(&format!("answered {code} {reason} to CONNECT {target}"))
                        );
                    }
                }
            }
        }
    }

    fn socks_connect(
        &self,
        stream: &mut (impl Read + Write),
        host: &str,
        port: u16,
        address: Option<IpAddr>,
    ) -> io::Result<()> {
        const NO_LOGIN: u8 = 0;
        const PASSWORD: u8 = 2;
        let methods: &[u8] = if self.login.is_some() {
            &[NO_LOGIN, PASSWORD]
        } else {
            &[NO_LOGIN]
        };
        stream.write_all(&[&[5, methods.len() as u8], methods].concat())?;
        let mut chosen = [0; 2];
        self.read(stream, &mut chosen)?;
        match (chosen, &self.login) {
            ([5, NO_LOGIN], _) => {}
            ([5, PASSWORD], Some(login)) => {
                let mut message = Zeroizing::new(vec![1, login.user.len() as u8]);
                message.extend_from_slice(&login.user);
                message.push(login.password.len() as u8);
                message.extend_from_slice(&login.password);
                stream.write_all(&message)?;
                let mut response = [0; 2];
                self.read(stream, &mut response)?;
                if response[1] != 0 {
                    return Err(
                        self.failed("refused the user name or password in the proxy setting")
                    );
                }
            }
            ([5, _], Some(_)) => return Err(self.failed("accepts no user name and password")),
            ([5, _], None) => {
                return Err(self.failed("asks for a user name and password in the proxy setting"));
            }
            _ => return Err(self.failed("does not speak SOCKS5")),
        }

        let mut request = vec![5, 1, 0];
        match address.or_else(|| host.parse().ok()) {
            Some(IpAddr::V4(ip)) => {
                request.push(1);
                request.extend_from_slice(&ip.octets());
            }
            Some(IpAddr::V6(ip)) => {
                request.push(4);
                request.extend_from_slice(&ip.octets());
            }
            None => {
                let length = u8::try_from(host.len())
                    .map_err(|_| self.failed("cannot be told a host name of over 255 bytes"))?;
                request.extend_from_slice(&[3, length]);
                request.extend_from_slice(host.as_bytes());
            }
        }
        request.extend_from_slice(&port.to_be_bytes());
        stream.write_all(&request)?;

        let mut reply = [0; 4];
        self.read(stream, &mut reply)?;
        if reply[0] != 5 {
            return Err(self.failed("does not speak SOCKS5"));
        }
        if reply[1] != 0 {
            let why = match reply[1] {
                1 => "a general failure",
                2 => "not allowed by its rules",
                3 => "network unreachable",
                4 => "host unreachable",
                5 => "connection refused",
                6 => "time to live expired",
                _ => "an unknown error",
            };
            return Err(self.failed(&format!("could not connect to {host}:{port}: {why}")));
        }
        // The address it connected from is of no use, but has to be read.
        let length = match reply[3] {
            1 => 4,
            4 => 16,
            3 => {
                let mut length = [0];
                self.read(stream, &mut length)?;
                usize::from(length[0])
            }
            _ => return Err(self.failed("does not speak SOCKS5")),
        };
        self.read(stream, &mut vec![0; length + 2])
    }

    fn read(&self, stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<()> {
        stream
            .read_exact(buffer)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => self.failed("closed the connection"),
                _ => error,
            })
    }

    fn failed(&self, what: &str) -> io::Error {
        io::Error::other(Error::new(
            ErrorKind::Network,
            format!("the proxy {} {what}", self.shown()),
        ))
    }
}

/// Whether `NO_PROXY` says that `host`, in no brackets, is reached directly: names with their subdomains, addresses and CIDR blocks,
/// separated by commas or blanks, or `*` and nothing else. What curl does not take for one of these (`*.name`,
/// `name:port`, `*` in a list, an address in brackets) counts for nothing here either, so that no list opens a direct
/// way that curl would not take.
pub(crate) fn is_bypassed(no_proxy: &str, host: &str) -> bool {
    if no_proxy == "*" {
        return true;
    }
    let address: Option<IpAddr> = host.parse().ok();
    let host = host.strip_suffix('.').unwrap_or(host);
    no_proxy.split([',', ' ', '\t']).any(|entry| match address {
        Some(address) => in_block(address, entry),
        None => {
            let name = entry.strip_suffix('.').unwrap_or(entry);
            let name = name.strip_prefix('.').unwrap_or(name);
            is_or_is_below(host, name)
        }
    })
}

/// Whether a host is the named one or one of its domain.
fn is_or_is_below(host: &str, name: &str) -> bool {
    let (host, name) = (host.as_bytes(), name.as_bytes());
    let Some(at) = host.len().checked_sub(name.len()) else {
        return false;
    };
    let (before, rest) = host.split_at(at);
    !name.is_empty()
        && rest.eq_ignore_ascii_case(name)
        && matches!(before.last(), None | Some(b'.'))
}

/// Whether `block` is this address or a block around it. A length of 0 does not mean all addresses, as in curl, but the
/// one that is written there.
fn in_block(address: IpAddr, block: &str) -> bool {
    let (network, bits) = match block.split_once('/') {
        Some((network, bits)) => match bits.parse::<u32>() {
            Ok(0) => (network, None),
            Ok(bits) => (network, Some(bits)),
            Err(_) => return false,
        },
        None => (block, None),
    };
    match (address, network.parse()) {
        (IpAddr::V4(address), Ok(IpAddr::V4(network))) => {
            let bits = bits.unwrap_or(32);
            bits <= 32 && same_prefix(v4(address), v4(network), 96 + bits)
        }
        (IpAddr::V6(address), Ok(IpAddr::V6(network))) => {
            let bits = bits.unwrap_or(128);
            bits <= 128 && same_prefix(address.to_bits(), network.to_bits(), bits)
        }
        _ => false,
    }
}

fn v4(address: Ipv4Addr) -> u128 {
    u128::from(address.to_bits())
}

fn same_prefix(one: u128, other: u128, bits: u32) -> bool {
    (one ^ other) >> (128 - bits) == 0
}

/// `host[:port]` or `[address][:port]`; `None` when the port is none.
pub(crate) fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']')?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return None,
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    match port {
        None => Some((host, None)),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .map(|port| (host, Some(port))),
        Some(_) => None,
    }
}

fn percent_decoded(text: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| (byte as char).to_digit(16));
        match (digit(), digit()) {
            (Some(high), Some(low)) => decoded.push((high * 16 + low) as u8),
            _ => return Err("its user name or password has a % that begins no %XX".into()),
        }
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::process::Command;
    use std::thread;

    use super::*;

    #[test]
    fn no_proxy_is_never_wider_than_curl() {
        // The list, the host, whether it is reached directly, whether every curl since 7.86 agrees.
        let cases: &[(&str, &str, bool, bool)] = &[
            ("*", "cloud.mongodb.com", true, true),
            ("*", "127.0.0.1", true, true),
            ("mongodb.com", "cloud.mongodb.com", true, true),
            ("mongodb.com", "mongodb.com", true, true),
            (".mongodb.com", "cloud.mongodb.com", true, true),
            (".mongodb.com", "mongodb.com", true, true),
            ("mongodb.com.", "cloud.mongodb.com", true, true),
            ("MongoDB.com", "CLOUD.mongodb.COM.", true, true),
            ("mongodb.com.", "cloud.mongodb.com.", true, true),
            ("ongodb.com", "cloud.mongodb.com", false, true),
            ("cloud.mongodb.com.evil", "cloud.mongodb.com", false, true),
            ("a,mongodb.com", "cloud.mongodb.com", true, true),
            ("a ,, mongodb.com ,b", "cloud.mongodb.com", true, true),
            (",mongodb.com", "cloud.mongodb.com", true, true),
            ("*.mongodb.com", "cloud.mongodb.com", false, true),
            ("..mongodb.com", "cloud.mongodb.com", false, true),
            ("mongodb.com..", "cloud.mongodb.com", false, true),
            ("mongodb.com:443", "cloud.mongodb.com", false, true),
            ("mongodb.com:https", "cloud.mongodb.com", false, true),
            ("a,*", "cloud.mongodb.com", false, true),
            ("*,a", "cloud.mongodb.com", false, true),
            (" *", "cloud.mongodb.com", false, true),
            ("", "cloud.mongodb.com", false, true),
            (" , ", "cloud.mongodb.com", false, true),
            (".", "cloud.mongodb.com", false, true),
            ("127.0.0.1", "localhost", false, true),
            ("localhost", "127.0.0.1", false, true),
            ("127.0.0.1", "127.0.0.1", true, true),
            ("127.0.0.1:443", "127.0.0.1", false, true),
            ("127.0.0.1.", "127.0.0.1", false, true),
            ("127.0.0.1/8", "127.0.0.1.", false, true),
            ("0.0.1", "127.0.0.1", false, true),
            (".0.0.1", "127.0.0.1", false, true),
            ("127.0.0.0/8", "127.9.9.9", true, true),
            ("126.0.0.0/7", "127.9.9.9", true, true),
            ("127.0.0.1/32", "127.0.0.1", true, true),
            ("127.0.0.0/32", "127.0.0.1", false, true),
            ("127.0.0.0/33", "127.9.9.9", false, true),
            ("10.0.0.0/8", "127.0.0.1", false, true),
            ("0.0.0.0/0", "127.0.0.1", false, true),
            ("127.0.0.1/0", "127.0.0.1", true, true),
            ("127.0.0.0/8:443", "127.0.0.1", false, false),
            ("127.0.0.1/", "127.0.0.1", false, false),
            ("127.0.0.1/x", "127.0.0.1", false, false),
            ("::1", "[::1]", true, true),
            ("[::1]", "[::1]", false, false),
            ("::1:443", "[::1]", false, true),
            ("::/0", "[::1]", false, true),
            ("8000::/1", "[::1]", false, true),
            // curl 7.88 compares addresses of IPv6 as text; later ones know blocks of whole bytes.
            ("0:0::1", "[::1]", true, false),
            ("fd00::/8", "[fd12::1]", true, false),
            ("fc00::/7", "[fd12::1]", true, false),
            ("fd00::/8", "[fe12::1]", false, true),
        ];
        let curl = Curl::start();
        for &(no_proxy, host, expected, agreed) in cases {
            let what = format!("{no_proxy:?} for {host}");
            let bare = host.trim_matches(['[', ']']);
            assert_eq!(is_bypassed(no_proxy, bare), expected, "{what}");
            if let (Some(curl), true) = (&curl, agreed) {
                assert_eq!(curl.is_direct(no_proxy, host), expected, "{what}: curl");
            }
        }
        // Newer curls end the list at a blank without a comma.
        assert!(is_bypassed("a b mongodb.com", "cloud.mongodb.com"));
    }

    /// A curl that knows blocks of addresses, a proxy for it, and a server behind every name.
    struct Curl {
        proxy: u16,
        server: u16,
    }

    impl Curl {
        fn start() -> Option<Curl> {
            let version = Command::new("curl").arg("--version").output().ok();
            let number = version.as_ref().and_then(|output| {
                let text = std::str::from_utf8(&output.stdout).ok()?;
                let mut numbers = text.split([' ', '.']).skip(1);
                let mut number = || numbers.next()?.parse::<u32>().ok();
                Some((number()?, number()?))
            });
            if number < Some((7, 86)) {
                println!("skipped: NO_PROXY as curl reads it: there is no curl of 7.86 or newer");
                return None;
            }
            let serve = |word: &'static str| {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let port = listener.local_addr().unwrap().port();
                thread::spawn(move || {
                    for mut stream in listener.incoming().flatten() {
                        let _ = stream.read(&mut [0; 4096]);
                        let response = format!("HTTP/1.0 200 OK\r\n\r\n{word}");
                        let _ = stream.write_all(response.as_bytes());
                    }
                });
                port
            };
            Some(Curl {
                proxy: serve("proxy"),
                server: serve("server"),
            })
        }

        fn is_direct(&self, no_proxy: &str, host: &str) -> bool {
            let mut command = Command::new("curl");
            command
                .args(["-q", "-s", "-m", "20", "--connect-to"])
                .arg(format!("::127.0.0.1:{}", self.server))
                .args(["--proxy", &format!("http://127.0.0.1:{}", self.proxy)])
                .args(["--noproxy", no_proxy])
                .arg(format!("http://{host}:{}/", self.server));
            // Towards a name that is to be elsewhere curl asks even this proxy for a tunnel.
            command.output().unwrap().stdout == b"server"
        }
    }

    #[test]
    fn an_ipv6_target_stands_in_brackets() {
        struct Wire(&'static [u8], Vec<u8>);
        impl Read for Wire {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(buffer)
            }
        }
        impl Write for Wire {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1.write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let proxy = Proxy::parse("http://proxy:1").unwrap();
        for (host, target) in [("::1", "[::1]:443"), ("host", "host:443")] {
            let mut wire = Wire(b"HTTP/1.1 200 OK\r\n\r\n", Vec::new());
            proxy
                .open_tunnel(&mut wire, host, 443, None, &Redactor::none())
                .unwrap();
            let asked = String::from_utf8(wire.1).unwrap();
            let start = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
            assert!(asked.starts_with(&start), "{asked}");
        }
    }

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
