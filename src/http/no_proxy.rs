//! `NO_PROXY` by curl's rules.

use std::net::IpAddr;

/// Whether `NO_PROXY` says that `host`, in no brackets, is reached directly: names with their subdomains, addresses and
/// CIDR blocks, separated by commas or blanks, or `*` and nothing else. What curl does not take for one of these
/// (`*.name`, `name:port`, `*` in a list, an address in brackets) counts for nothing here either, so that no list opens a
/// direct way that curl would not take.
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
    let bits_of = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let (network, length) = block.split_once('/').unwrap_or((block, "0"));
    let (Ok(network), Ok(length)) = (network.parse().map(bits_of), length.parse::<u32>()) else {
        return false;
    };
    let ((address, width), (network, network_width)) = (bits_of(address), network);
    let length = if length == 0 { width } else { length };
    width == network_width && length <= width && (address ^ network) >> (width - length) == 0
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::process::Command;
    use std::thread;

    use super::*;

    /// The list, the host, whether it is reached directly, whether every curl since 7.86 agrees.
    const CASES: &[(&str, &str, bool, bool)] = &[
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

    #[test]
    fn no_proxy_is_never_wider_than_curl() {
        let curl = Curl::start();
        for &(no_proxy, host, expected, agreed) in CASES {
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
            Some(Curl { proxy: serve("proxy"), server: serve("server") })
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
}
