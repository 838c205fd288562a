//! A tunnel through a SOCKS5 proxy (RFC 1928, RFC 1929).

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::net::IpAddr;

use zeroize::Zeroizing;

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

const OTHER_PROTOCOL: Failure = Failure::Proxy(Cow::Borrowed("does not speak SOCKS5"));

pub(super) enum Failure {
    Io(io::Error),
    /// What the proxy does, or did.
    Proxy(Cow<'static, str>),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => "closed the connection".into(),
            _ => Failure::Io(error),
        }
    }
}

impl From<&'static str> for Failure {
    fn from(what: &'static str) -> Failure {
        Failure::Proxy(what.into())
    }
}

/// Name and password, each of at most 255 bytes.
type Login<'a> = (&'a [u8], &'a [u8]);

/// Asks the proxy on `stream` for a tunnel to `host:port`; `address` is the host's, if looked up.
pub(super) fn connect(
    stream: &mut (impl Read + Write),
    login: Option<Login<'_>>,
    host: &str,
    port: u16,
    address: Option<IpAddr>,
) -> Result<(), Failure> {
    authenticate(stream, login)?;
    stream.write_all(&request(host, port, address)?)?;
    read_reply(stream, host, port)
}

fn authenticate(stream: &mut (impl Read + Write), login: Option<Login<'_>>) -> Result<(), Failure> {
    let methods: &[u8] = match login {
        Some(_) => &[VERSION, 2, NO_LOGIN, PASSWORD],
        None => &[VERSION, 1, NO_LOGIN],
    };
    stream.write_all(methods)?;
    match (read(stream)?, login) {
        ([VERSION, NO_LOGIN], _) => Ok(()),
        ([VERSION, PASSWORD], Some(login)) => log_in(stream, login),
        ([VERSION, _], Some(_)) => Err("accepts no user name and password".into()),
        ([VERSION, _], None) => {
            Err("asks for a user name and password in the proxy setting".into())
        }
        _ => Err(OTHER_PROTOCOL),
    }
}

fn log_in(stream: &mut (impl Read + Write), (user, password): Login<'_>) -> Result<(), Failure> {
    let lengths = [user.len() as u8, password.len() as u8];
    let message = [&[1, lengths[0]], user, &lengths[1..], password].concat();
    stream.write_all(&Zeroizing::new(message))?;
    match read(stream)? {
        [_, 0] => Ok(()),
        _ => Err("refused the user name or password in the proxy setting".into()),
    }
}

fn request(host: &str, port: u16, address: Option<IpAddr>) -> Result<Vec<u8>, Failure> {
    let mut request = vec![VERSION, 1, 0];
    match address.or_else(|| host.parse().ok()) {
        Some(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend_from_slice(&ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend_from_slice(&ip.octets());
        }
        None => {
            let length = u8::try_from(host.len())
                .map_err(|_| "cannot be told a host name of over 255 bytes")?;
            request.extend_from_slice(&[NAME, length]);
            request.extend_from_slice(host.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    Ok(request)
}

fn read_reply(stream: &mut impl Read, host: &str, port: u16) -> Result<(), Failure> {
    let [VERSION, code, _, kind] = read(stream)? else {
        return Err(OTHER_PROTOCOL);
    };
    if code != 0 {
        let why = match code {
            1 => "a general failure",
            2 => "not allowed by its rules",
            3 => "network unreachable",
            4 => "host unreachable",
            5 => "connection refused",
            6 => "time to live expired",
            _ => "an unknown error",
        };
        let what = format!("could not connect to {host}:{port}: {why}");
        return Err(Failure::Proxy(what.into()));
    }
    // The address it connected from is of no use, but has to be read.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(read::<1>(stream)?[0]),
        _ => return Err(OTHER_PROTOCOL),
    };
    Ok(stream.read_exact(&mut vec![0; length + 2])?)
}

fn read<const LENGTH: usize>(stream: &mut impl Read) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
