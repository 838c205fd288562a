//! NO_PROXY: the first line is the host, the rest the list. A list of several says what one of its entries says, and of
//! simple entries that is what a naive reading, label by label and bit by bit, says.
#![no_main]

use std::net::IpAddr;

use atlas_backup::fuzzing::is_bypassed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let (host, list) = data.split_once('\n').unwrap_or((data, ""));
    // No base URL has such a host.
    if host.contains('*') {
        return;
    }
    let outcome = is_bypassed(list, host);

    let mut entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
    // `*` means all hosts where it stands alone.
    let says = |entry: &str| entry != "*" && is_bypassed(entry, host);
    assert_eq!(outcome, list == "*" || entries.clone().any(says));
    assert_eq!(outcome, is_bypassed(&list.to_ascii_uppercase(), &host.to_ascii_lowercase()));
    assert!(is_bypassed("*", host));
    assert!(!is_bypassed("", host));

    if let Some(host) = Host::simple(host) {
        for entry in entries.by_ref() {
            if let Some(expected) = naive(entry, &host) {
                assert_eq!(is_bypassed(entry, &host.text), expected, "{entry} for {}", host.text);
            }
        }
    }
});

struct Host {
    text: String,
    address: Option<IpAddr>,
}

impl Host {
    fn simple(text: &str) -> Option<Host> {
        let text = text.to_ascii_lowercase();
        let address = text.parse().ok();
        (address.is_some() || is_name(&text)).then_some(Host { text, address })
    }
}

fn is_name(text: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.split('.').all(is_label)
}

/// What an entry says of a host, if it is simple: a name with or without a leading dot, an address, a block.
fn naive(entry: &str, host: &Host) -> Option<bool> {
    let entry = entry.to_ascii_lowercase();
    Some(match host.address {
        None => {
            let name = entry.strip_prefix('.').unwrap_or(&entry);
            if !is_name(name) {
                return None;
            }
            let mut theirs = host.text.split('.').rev();
            name.split('.').rev().all(|label| theirs.next() == Some(label))
        }
        Some(address) => {
            let (network, length) = match entry.split_once('/') {
                Some((network, length)) => (network, Some(length.parse::<usize>().ok()?)),
                None => (entry.as_str(), None),
            };
            let network: IpAddr = network.parse().ok()?;
            let (ours, theirs) = (bits(network), bits(address));
            let length = length.filter(|length| *length != 0).unwrap_or(ours.len());
            ours.len() == theirs.len() && length <= ours.len() && ours[..length] == theirs[..length]
        }
    })
}

fn bits(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.octets().iter().map(|byte| format!("{byte:08b}")).collect(),
        IpAddr::V6(address) => address.octets().iter().map(|byte| format!("{byte:08b}")).collect(),
    }
}
