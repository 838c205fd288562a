//! The base URL. One that is accepted leads where another implementation says it does, names no user, has no query and
//! no fragment, leaves this machine with TLS alone, and is accepted again as it is kept.
#![no_main]

use atlas_backup::fuzzing::base_url;
use atlas_backup::{Config, ErrorKind};
use libfuzzer_sys::fuzz_target;
use url::{Host, Url};

fuzz_target!(|data: &[u8]| {
    let mut config = Config::new();
    config.set_access_token(Some(b"token"));
    config.set_base_url(Some(data));
    // The environment's would be asked for an https URL.
    config.set_proxy(Some(b""));
    let (kept, host, port, plain) = match base_url(&config) {
        Ok(accepted) => accepted,
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::Config);
            assert!(error.message().starts_with("base_url "), "{error}");
            assert!(!error.message().contains(char::is_control));
            return;
        }
    };
    assert!(kept.starts_with(if plain { "http://" } else { "https://" }));
    assert!(!kept.ends_with('/') && kept.is_ascii() && !kept.contains(['@', '?', '#', ' ']));
    assert!(port != 0 && !host.is_empty());

    config.set_base_url(Some(kept.as_bytes()));
    assert_eq!(base_url(&config).unwrap(), (kept.clone(), host.clone(), port, plain));

    // The other one refuses some names that no resolver will know.
    let Ok(url) = Url::parse(&kept) else { return };
    assert_eq!(url.scheme(), if plain { "http" } else { "https" });
    assert_eq!(
        (url.username(), url.password(), url.query(), url.fragment()),
        ("", None, None, None)
    );
    assert_eq!(url.port_or_known_default(), Some(port));
    match url.host().expect("a host") {
        Host::Domain(name) => {
            assert_eq!(name, host.to_ascii_lowercase());
            assert!(!plain || name == "localhost");
        }
        Host::Ipv4(address) => {
            // It also reads what is none to us, such as 0x7f.1; that stays a name here.
            assert!(host.parse().is_ok_and(|ours: std::net::Ipv4Addr| ours == address) || !plain);
            assert!(!plain || address.is_loopback());
        }
        Host::Ipv6(address) => {
            assert_eq!(host.parse(), Ok(address));
            assert!(!plain || address.is_loopback());
        }
    }
});
