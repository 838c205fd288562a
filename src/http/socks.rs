//! A tunnel through a SOCKS5 proxy (RFC 1928, RFC 1929).

use std::io::{self, Read, Write};
use std::net::IpAddr;

use zeroize::Zeroizing;

use super::proxy::{LOGIN_MISSING, LOGIN_REFUSED, Proxy, Userinfo};

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// What a reply's codes mean, from 1 on.
const REFUSALS: [&str; 6] = [
    "a general failure",
    "not allowed by its rules",
    "network unreachable",
    "host unreachable",
    "connection refused",
    "time to live expired",
];

const OTHER_PROTOCOL: &str = "does not speak SOCKS5";

impl Proxy {
    pub(super) fn socks_connect(
        &self,
        stream: &mut (impl Read + Write),
        host: &str,
        port: u16,
        address: Option<IpAddr>,
    ) -> io::Result<()> {
        self.authenticate(stream)?;
        stream.write_all(&self.request(host, port, address)?)?;
        self.read_reply(stream, host, port)
    }

    fn authenticate(&self, stream: &mut (impl Read + Write)) -> io::Result<()> {
        let methods: &[u8] = match &self.login {
            Some(_) => &[VERSION, 2, NO_LOGIN, PASSWORD],
            None => &[VERSION, 1, NO_LOGIN],
        };
        stream.write_all(methods)?;
        let what = match (self.read(stream)?, &self.login) {
            ([VERSION, NO_LOGIN], _) => return Ok(()),
            ([VERSION, PASSWORD], Some(login)) => return self.log_in(stream, login),
            ([VERSION, _], Some(_)) => "accepts no user name and password",
            ([VERSION, _], None) => LOGIN_MISSING,
            _ => OTHER_PROTOCOL,
        };
        Err(self.failed(what))
    }

    fn log_in(&self, stream: &mut (impl Read + Write), login: &Userinfo) -> io::Result<()> {
        let (user, password) = (&login.user[..], &login.password[..]);
        let lengths = [user.len() as u8, password.len() as u8];
        let message = [&[1, lengths[0]], user, &lengths[1..], password].concat();
        stream.write_all(&Zeroizing::new(message))?;
        match self.read(stream)? {
            [_, 0] => Ok(()),
            _ => Err(self.failed(LOGIN_REFUSED)),
        }
    }

    fn request(&self, host: &str, port: u16, address: Option<IpAddr>) -> io::Result<Vec<u8>> {
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
                    .map_err(|_| self.failed("cannot be told a host name of over 255 bytes"))?;
                request.extend_from_slice(&[NAME, length]);
                request.extend_from_slice(host.as_bytes());
            }
        }
        request.extend_from_slice(&port.to_be_bytes());
        Ok(request)
    }

    fn read_reply(&self, stream: &mut impl Read, host: &str, port: u16) -> io::Result<()> {
        let [VERSION, code, _, kind] = self.read(stream)? else {
            return Err(self.failed(OTHER_PROTOCOL));
        };
        if code != 0 {
            let why = REFUSALS.get(usize::from(code) - 1).unwrap_or(&"an unknown error");
            return Err(self.failed(&format!("could not connect to {host}:{port}: {why}")));
        }
        // The address it connected from is of no use, but has to be read.
        let length = match kind {
            IPV4 => 4,
            IPV6 => 16,
            NAME => usize::from(self.read::<1>(stream)?[0]),
            _ => return Err(self.failed(OTHER_PROTOCOL)),
        };
        self.read_exact(stream, &mut vec![0; length + 2])
    }

    fn read<const LENGTH: usize>(&self, stream: &mut impl Read) -> io::Result<[u8; LENGTH]> {
        let mut bytes = [0; LENGTH];
        self.read_exact(stream, &mut bytes)?;
        Ok(bytes)
    }

    fn read_exact(&self, stream: &mut impl Read, bytes: &mut [u8]) -> io::Result<()> {
        stream.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.failed("closed the connection"),
            _ => error,
        })
    }
}
