//! A tunnel through an HTTP proxy: CONNECT.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use super::limits::{PROXY_REPLY_LIMIT, SHOWN};
use super::proxy::{LOGIN_MISSING, LOGIN_REFUSED, Proxy, authority};
use crate::error::Redactor;
use crate::headers::MAX_HEADERS;

impl Proxy {
    /// The request for a tunnel to `target`.
    fn connect_request(&self, target: &str) -> Zeroizing<String> {
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
        request
    }

    pub(super) fn http_connect(
        &self,
        stream: &mut (impl Read + Write),
        host: &str,
        port: u16,
        redactor: &Redactor,
    ) -> io::Result<()> {
        let target = authority(host, port);
        stream.write_all(self.connect_request(&target).as_bytes())?;
        let mut reply = Vec::new();
        loop {
            let mut chunk = [0; 1024];
            let count = stream.read(&mut chunk)?;
            if count == 0 {
                return Err(self.failed("closed the connection instead of answering CONNECT"));
            }
            reply.extend_from_slice(&chunk[..count]);
            if self.judge(&mut reply, &target, redactor)? {
                return Ok(());
            }
        }
    }

    /// Whether the tunnel to `target` stands, after what the proxy has said so far.
    fn judge(&self, reply: &mut Vec<u8>, target: &str, redactor: &Redactor) -> io::Result<bool> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut head = httparse::Response::new(&mut headers);
            let length = match head.parse(reply) {
                Ok(httparse::Status::Complete(length)) => length,
                Ok(httparse::Status::Partial) if reply.len() <= PROXY_REPLY_LIMIT => {
                    return Ok(false);
                }
                Ok(httparse::Status::Partial) => {
                    return Err(self.failed("answered CONNECT without end"));
                }
                Err(_) => return Err(self.failed("does not speak HTTP")),
            };
            let what = match head.code.unwrap_or(0) {
                100..=199 => {
                    // An interim response; the real one follows.
                    reply.drain(..length);
                    continue;
                }
                200..=299 if reply.len() == length => return Ok(true),
                200..=299 => "sent data before the tunnel was used".to_owned(),
                // tinyproxy answers 401 to a wrong login.
                code @ (401 | 407) => {
                    let why = if self.login.is_some() { LOGIN_REFUSED } else { LOGIN_MISSING };
                    format!("answered {code}: it {why}")
                }
                code => {
                    let reason = redactor.redact(head.reason.unwrap_or_default(), SHOWN);
                    format!("answered {code} {reason} to CONNECT {target}")
                }
            };
            return Err(self.failed(&what));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            proxy.open_tunnel(&mut wire, host, 443, None, &Redactor::none()).unwrap();
            let asked = String::from_utf8(wire.1).unwrap();
            let start = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
            assert!(asked.starts_with(&start), "{asked}");
        }
    }
}
