//! The base URL, checked and taken apart.

use std::net::{IpAddr, Ipv6Addr};

use ::http::Uri;

use super::Setting;
use crate::error::Result;
use crate::http::proxy::split_port;

const FORM: &str = "is not of the form https://host[:port][/path]";

pub(super) struct BaseUrl {
    /// Without a slash at the end.
    pub(super) text: String,
    pub(super) host: String,
    pub(super) port: u16,
    /// Whether it is plain HTTP.
    pub(super) is_plain: bool,
}

impl BaseUrl {
    pub(super) fn parse(text: &Setting) -> Result<BaseUrl> {
        let url = text.printable()?;
        let (scheme, rest) = url.split_once("://").ok_or_else(|| text.wrong(FORM))?;
        let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "https" => ("https", 443),
            "http" => ("http", 80),
            _ => return Err(text.wrong("begins with neither https:// nor http://")),
        };
        let is_plain = scheme == "http";
        if rest.contains('@') {
            return Err(text.wrong("may not hold a user name or password"));
        }
        if rest.contains(['?', '#']) {
            return Err(text.wrong("may not have a query or fragment"));
        }
        let authority = rest.split('/').next().unwrap_or_default();
        let path = rest[authority.len()..].trim_end_matches('/');
        let (host, port) =
            split_port(authority).ok_or_else(|| text.wrong("has a port that is not 1 to 65535"))?;
        // Brackets are for IPv6 addresses alone.
        let is_host = match authority.starts_with('[') {
            true => host.parse::<Ipv6Addr>().is_ok(),
            false => is_name(host),
        };
        if !is_host {
            return Err(text.wrong(FORM));
        }
        if is_plain && !is_local(host) {
            return Err(text.wrong(
                "is plain http, which would send credentials in the clear; only 127.0.0.0/8, [::1] and localhost may be",
            ));
        }
        let normal = format!("{scheme}://{authority}{path}");
        if Uri::try_from(&normal).is_err() {
            return Err(text.wrong(FORM));
        }
        Ok(BaseUrl {
            text: normal,
            host: host.to_owned(),
            port: port.unwrap_or(default_port),
            is_plain,
        })
    }
}

fn is_name(host: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !host.is_empty() && host.len() <= 253 && host.chars().all(is_part)
}

fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
