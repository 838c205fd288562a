//! What goes wrong with TLS and with certificates, in a person's words.

use chrono::{DateTime, SecondsFormat};
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, OtherError};

use super::limits::SHOWN;
use super::tls::{SelfSigned, is_known_key};
use crate::error::{Error, ErrorKind, Redactor};

/// What a failed handshake or a broken TLS connection means to a person.
pub(super) fn describe(error: &rustls::Error, host: &str, redactor: &Redactor) -> Error {
    const BREAKS_RULES: &str = "does not keep to the rules of TLS";
    // The name of what it was stands at the end: "peer misbehaved: MissingKeyShare".
    let last_word = || {
        let said = error.to_string();
        in_words(said.rsplit(' ').next().unwrap_or_default())
    };
    let (what, why) = match error {
        rustls::Error::InvalidCertificate(why) => {
            let fault = certificate_fault(why, redactor);
            return Error::new(ErrorKind::Tls, format!("the certificate of {host} {fault}"));
        }
        rustls::Error::InvalidMessage(_) => {
            let what = "does not speak TLS; check the base URL's port, and proxies on the way";
            return Error::new(ErrorKind::Tls, format!("{host} {what}"));
        }
        rustls::Error::AlertReceived(AlertDescription::Unknown(number)) => {
            ("refused the TLS handshake", format!("alert {number}"))
        }
        rustls::Error::AlertReceived(_) => ("refused the TLS handshake", last_word()),
        rustls::Error::PeerIncompatible(_) => {
            ("has no kind of TLS in common with this library", last_word())
        }
        rustls::Error::PeerMisbehaved(_) => (BREAKS_RULES, last_word()),
        rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. } => {
            (BREAKS_RULES, "a message out of turn".to_owned())
        }
        other => ("could not be spoken to by TLS", other.to_string()),
    };
    Error::new(ErrorKind::Tls, format!("{host} {what} ({why})"))
}

const UNKNOWN_SIGNATURE: &str = "is signed, or one of its authorities is, with a kind of signature that cannot be \
    checked here; RSA with SHA-256 and longer ones can, ECDSA of P-256 and P-384 with SHA-256 and SHA-384, and Ed25519";

/// The name that rustls has for something, without what it is made of, as words: "HandshakeFailure" is a handshake
/// failure.
fn in_words(name: &str) -> String {
    let mut words = String::new();
    let mut before = '_';
    for c in name.chars().take_while(char::is_ascii_alphanumeric) {
        // A capital behind a capital goes on with an abbreviation.
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
        before = c;
    }
    words
}

/// The names a certificate is for, as rustls has them: `DnsName("example.org")`, `IpAddress(192.0.2.1)`.
fn names(presented: &[String], redactor: &Redactor) -> String {
    let plain = presented.iter().map(|name| {
        let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
        inside.map_or_else(|| in_words(name), |inside| inside.trim_matches('"').to_owned())
    });
    let plain: Vec<String> = plain.collect();
    redactor.redact(&plain.join(", "), SHOWN)
}

fn certificate_fault(why: &CertificateError, redactor: &Redactor) -> String {
    let day = |time: &UnixTime| {
        i64::try_from(time.as_secs())
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map_or_else(String::new, |date| {
                format!(" ({})", date.to_rfc3339_opts(SecondsFormat::Secs, true))
            })
    };
    match why {
        CertificateError::Expired => "has expired; check this machine's clock too".into(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("has expired{}; check this machine's clock too", day(not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("is not valid yet{}; check this machine's clock", day(not_before))
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "names no host in its subjectAltName, and a common name counts for none".into()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            format!("is for another host name ({})", names(presented, redactor))
        }
        CertificateError::UnknownIssuer => {
            "is signed by an authority this machine does not trust; if a company proxy or a private authority is in \
             the way, name its certificate in the ca_file setting"
                .into()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } => UNKNOWN_SIGNATURE.into(),
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            public_key_algorithm_id,
            ..
        } if !is_known_key(public_key_algorithm_id) => UNKNOWN_SIGNATURE.into(),
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is not signed with the key of the authority it names, so this machine does not trust it; if that \
             authority has a new key, name its certificate in the ca_file setting"
                .into()
        }
        CertificateError::Other(OtherError(inner)) if inner.is::<SelfSigned>() => {
            "is self-signed, so anybody could have made it; if it is the right one, name its file in the ca_file setting"
                .into()
        }
        CertificateError::InvalidPurposeContext { .. } => {
            "was not accepted: it is not for servers".into()
        }
        CertificateError::BadEncoding => "cannot be read".into(),
        CertificateError::Revoked => "was revoked".into(),
        CertificateError::UnhandledCriticalExtension => {
            "has a critical extension that is not known here".into()
        }
        _ => "was not accepted".into(),
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use rustls::{InvalidMessage, PeerIncompatible, PeerMisbehaved};

    use super::*;

    #[test]
    fn what_rustls_says_is_told_in_words() {
        let names = |names: &[&str]| {
            rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
                expected: ServerName::try_from("atlas.example").unwrap(),
                presented: names.iter().map(|name| name.to_string()).collect(),
            })
        };
        let certificate = rustls::Error::InvalidCertificate;
        for (error, said) in [
            (
                names(&[
                    r#"DnsName("elsewhere.example")"#,
                    "IpAddress(192.0.2.1)",
                    "DirectoryName",
                ]),
                "is for another host name (elsewhere.example, 192.0.2.1, directory name)",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::HandshakeFailure),
                "refused the TLS handshake (handshake failure)",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::Unknown(200)),
                "refused the TLS handshake (alert 200)",
            ),
            (
                rustls::Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
                "has no kind of TLS in common with this library (no cipher suites in common)",
            ),
            (
                rustls::Error::PeerMisbehaved(PeerMisbehaved::MissingKeyShare),
                "does not keep to the rules of TLS (missing key share)",
            ),
            (
                rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "does not speak TLS",
            ),
            (certificate(CertificateError::BadEncoding), "of atlas.example cannot be read"),
            (certificate(CertificateError::Revoked), "of atlas.example was revoked"),
        ] {
            let message = describe(&error, "atlas.example", &Redactor::none()).message();
            assert!(message.contains(said), "{message}");
        }
        let many: Vec<String> = (0..1000).map(|n| format!(r#"DnsName("{n}.example")"#)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let message = describe(&names(&many), "atlas.example", &Redactor::none()).message();
        assert!(message.len() < 400 && message.ends_with("…)"), "{message}");
        let token = names(&[r#"DnsName("token.example")"#]);
        let redactor = Redactor::none();
        redactor.add_token("token");
        let message = describe(&token, "atlas.example", &redactor).message();
        assert!(message.contains("([secret].example)"), "{message}");
    }
}
