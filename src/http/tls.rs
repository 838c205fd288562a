//! TLS: rustls as it is, and words for what goes wrong with certificates.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, OtherError,
    RootCertStore, SignatureScheme,
};
use webpki::EndEntityCert;

use crate::error::{Error, ErrorKind, Redactor};

/// How much of a certificate's names a message shows.
const NAMES_SHOWN: usize = 256;

/// How a client of ours talks TLS: rustls' defaults, trusting `roots`.
pub(super) fn client_config(roots: Arc<RootCertStore>) -> Result<Arc<ClientConfig>, Error> {
    let defect = |error: &dyn fmt::Display| {
        Error::new(
            ErrorKind::Internal,
            format!("TLS cannot be set up: {error}"),
        )
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
        .build()
        .map_err(|error| defect(&error))?;
    let mut config = builder(provider)
        .map_err(|error| defect(&error))?
        .dangerous() // rustls' name for any verifier of one's own; ours only adds a word to its refusal
        .with_custom_certificate_verifier(Arc::new(NamesSelfSigned(verifier)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn builder(
    provider: Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

/// rustls' verifier; where it refuses an unknown issuer, this says whether the certificate issued itself.
struct NamesSelfSigned(Arc<WebPkiServerVerifier>);

/// Asked for by rustls' trait.
impl fmt::Debug for NamesSelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NamesSelfSigned")
    }
}

#[derive(Debug)]
struct SelfSigned;

impl fmt::Display for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("self-signed")
    }
}

impl std::error::Error for SelfSigned {}

impl ServerCertVerifier for NamesSelfSigned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict =
            self.0
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            // An authority that happens to have the same name makes it the signature's fault instead of the issuer's.
            Err(rustls::Error::InvalidCertificate(why))
                if is_self_signed(end_entity) && !is_about_time_or_name(&why) =>
            {
                Err(rustls::Error::InvalidCertificate(CertificateError::Other(
                    OtherError(Arc::new(SelfSigned)),
                )))
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn is_about_time_or_name(why: &CertificateError) -> bool {
    matches!(
        why,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
            | CertificateError::NotValidForName
            | CertificateError::NotValidForNameContext { .. }
    )
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate)
        .is_ok_and(|certificate| certificate.issuer() == certificate.subject())
}

/// What a failed handshake or a broken TLS connection means to a person.
pub(super) fn explain(error: &rustls::Error, host: &str, redactor: &Redactor) -> Error {
    let message = match error {
        rustls::Error::InvalidCertificate(why) => {
            format!(
                "the certificate of {host} {}",
                certificate_fault(why, redactor)
            )
        }
        rustls::Error::InvalidMessage(_) => {
            format!("{host} does not speak TLS; check the base URL's port, and proxies on the way")
        }
        rustls::Error::AlertReceived(alert) => {
            format!(
                "{host} refused the TLS handshake ({})",
                &alert_in_words(*alert)
            )
        }
        rustls::Error::PeerIncompatible(why) => format!(
            "{host} and this library have no kind of TLS in common ({})",
            in_words(&format!("{why:?}"))
        ),
        rustls::Error::PeerMisbehaved(why) => {
            format!(
                "{host} does not keep to the rules of TLS ({})",
                in_words(&format!("{why:?}"))
            )
        }
        rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. } => {
            format!("{host} does not keep to the rules of TLS (a message out of turn)")
        }
        other => format!("the TLS connection to {host} failed: {other}"),
    };
    Error::new(ErrorKind::Tls, message)
}

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

fn alert_in_words(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::Unknown(number) => format!("alert {number}"),
        known => in_words(&format!("{known:?}")),
    }
}

/// The names a certificate is for, as rustls has them: `DnsName("example.org")`, `IpAddress(192.0.2.1)`.
fn names(presented: &[String], redactor: &Redactor) -> String {
    let plain = presented.iter().map(|name| {
        let inside = name
            .split_once('(')
            .and_then(|(_, rest)| rest.strip_suffix(')'));
        inside.map_or_else(
            || in_words(name),
            |inside| inside.trim_matches('"').to_owned(),
        )
    });
    let plain: Vec<String> = plain.collect();
    redactor.redact(&plain.join(", "), NAMES_SHOWN)
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
        CertificateError::NotValidYet => "is not valid yet; check this machine's clock".into(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("is not valid yet{}; check this machine's clock", day(not_before))
        }
        CertificateError::NotValidForName => "is for another host name".into(),
        CertificateError::NotValidForNameContext { presented, .. } => {
            format!("is for another host name ({})", names(presented, redactor))
        }
        CertificateError::UnknownIssuer => {
            "is signed by an authority this machine does not trust; if a company proxy or a private authority is in \
             the way, name its certificate in the ca_file setting"
                .into()
        }
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is not signed with the key of the authority it names, so this machine does not trust it; if that \
             authority has a new key, name its certificate in the ca_file setting"
                .into()
        }
        CertificateError::Other(OtherError(inner)) if inner.is::<SelfSigned>() => {
            "is self-signed, so anybody could have made it; name the authority that signs for this host in the \
             ca_file setting"
                .into()
        }
        CertificateError::InvalidPurposeContext { .. } => {
            "was not accepted: it is not for servers".into()
        }
        other => format!("was not accepted: {}", in_words(&format!("{other:?}"))),
    }
}

#[cfg(test)]
mod tests {
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
                "no kind of TLS in common (no cipher suites in common)",
            ),
            (
                rustls::Error::PeerMisbehaved(PeerMisbehaved::MissingKeyShare),
                "does not keep to the rules of TLS (missing key share)",
            ),
            (
                rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "does not speak TLS",
            ),
            (
                certificate(CertificateError::BadEncoding),
                "was not accepted: bad encoding",
            ),
            (
                certificate(CertificateError::Revoked),
                "was not accepted: revoked",
            ),
        ] {
            let message = explain(&error, "atlas.example", &Redactor::none())
                .message
                .clone();
            assert!(message.contains(said), "{message}");
        }
        let many: Vec<String> = (0..1000)
            .map(|n| format!(r#"DnsName("{n}.example")"#))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let message = explain(&names(&many), "atlas.example", &Redactor::none())
            .message
            .clone();
        assert!(message.len() < 400 && message.ends_with("…)"), "{message}");
        let token = names(&[r#"DnsName("token.example")"#]);
        let redactor = Redactor::none();
        redactor.add_token("token");
        let message = explain(&token, "atlas.example", &redactor).message.clone();
        assert!(message.contains("([secret].example)"), "{message}");
    }
}
