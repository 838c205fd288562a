//! TLS: rustls as it is, but for a server whose own certificate is trusted, and words for what goes wrong with
//! certificates.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SigningKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, OtherError,
    RootCertStore, SignatureScheme,
};
use webpki::{EndEntityCert, anchor_from_trusted_cert};

use crate::error::{Error, ErrorKind, Redactor};

/// How much of a certificate's names a message shows.
const NAMES_SHOWN: usize = 256;

/// No private keys: no server is shown a certificate of ours. Those that ring would load take 50 KB of the library.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(
        &self,
        _: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("there are no client keys".into()))
    }
}

// In one place, so that ring's own keys are seen to be unused when the library is linked.
#[inline(never)]
fn provider() -> CryptoProvider {
    CryptoProvider {
        key_provider: &NoKeys,
        ..rustls::crypto::ring::default_provider()
    }
}

/// How a client of ours talks TLS: rustls' defaults, trusting `roots`.
pub(super) fn client_config(roots: Arc<RootCertStore>) -> Result<Arc<ClientConfig>, Error> {
    let defect = |error: &dyn fmt::Display| {
        Error::new(
            ErrorKind::Internal,
            format!("TLS cannot be set up: {error}"),
        )
    };
    let provider = Arc::new(provider());
    let webpki = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone())
        .build()
        .map_err(|error| defect(&error))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| defect(&error))?
        .dangerous() // rustls' name for any verifier of one's own
        .with_custom_certificate_verifier(Arc::new(Verifier { webpki, roots }))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// rustls' verifier, but for a certificate that it refuses and that is itself among the trusted ones.
///
/// Such a certificate is what somebody with a server of his own has: `openssl req -x509` makes one, and its file becomes
/// `ca_file`. OpenSSL and curl accept it. webpki does not, since it takes such a certificate for an authority, and an
/// authority for no server; there is no setting for that.
///
/// Accepting it is safe: whoever holds the key of a trusted certificate can sign another one for any host, and the
/// handshake proves that the server holds it. Names and dates count nevertheless, as in OpenSSL and curl.
struct Verifier {
    webpki: Arc<WebPkiServerVerifier>,
    roots: Arc<RootCertStore>,
}

/// Asked for by rustls' trait.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
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

impl Verifier {
    /// Whether this is a trusted certificate: the same name and key. One whose key may sign for some names alone is left
    /// to webpki.
    fn is_trusted(&self, certificate: &CertificateDer<'_>) -> bool {
        anchor_from_trusted_cert(certificate).is_ok_and(|anchor| {
            anchor.name_constraints.is_none() && self.roots.roots.contains(&anchor)
        })
    }

    /// Checks names and dates of a certificate that needs nobody's signature, and its purpose unless it is an
    /// authority's, for which webpki does not come to that.
    fn verify_alone(
        &self,
        certificate: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let certificate = ParsedCertificate::try_from(certificate)?;
        // Nobody can have signed it for a store without authorities, so this says what is wrong besides.
        let nobody = RootCertStore::empty();
        match verify_server_cert_signed_by_trust_anchor(&certificate, &nobody, &[], now, &[]) {
            Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
            // webpki has looked at the dates by then.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(why))))
                if why.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity) => {}
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        verify_server_name(&certificate, server_name)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.webpki.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verdict {
            Err(_) if self.is_trusted(end_entity) => self
                .verify_alone(end_entity, server_name, now)
                .map(|()| ServerCertVerified::assertion()),
            // Only here is the certificate at hand, for the message to tell that it issued itself. An authority that
            // happens to have the same name makes it the signature's fault instead of the issuer's.
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
        self.webpki
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
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
    let what = match error {
        rustls::Error::InvalidCertificate(why) => {
            let fault = certificate_fault(why, redactor);
            return Error::new(ErrorKind::Tls, format!("the certificate of {host} {fault}"));
        }
        rustls::Error::InvalidMessage(_) => {
            "does not speak TLS; check the base URL's port, and proxies on the way"
        }
        rustls::Error::AlertReceived(_) => "refused the TLS handshake",
        rustls::Error::PeerIncompatible(_) => "has no kind of TLS in common with this library",
        rustls::Error::PeerMisbehaved(_)
        | rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. } => {
            "does not keep to the rules of TLS"
        }
        _ => "could not be spoken to by TLS",
    };
    let why = match error {
        rustls::Error::InvalidMessage(_) => String::new(),
        rustls::Error::AlertReceived(AlertDescription::Unknown(number)) => {
            format!(" (alert {number})")
        }
        // The name of what it was stands at the end: "peer misbehaved: MissingKeyShare".
        rustls::Error::AlertReceived(_)
        | rustls::Error::PeerIncompatible(_)
        | rustls::Error::PeerMisbehaved(_) => {
            let said = error.to_string();
            format!(
                " ({})",
                in_words(said.rsplit(' ').next().unwrap_or_default())
            )
        }
        rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. } => {
            " (a message out of turn)".to_owned()
        }
        other => format!(" ({other})"),
    };
    Error::new(ErrorKind::Tls, format!("{host} {what}{why}"))
}

const UNKNOWN_SIGNATURE: &str = "is signed, or one of its authorities is, with a kind of signature that cannot be \
    checked here; RSA with SHA-256 and longer ones can, ECDSA of P-256 and P-384 with SHA-256 and SHA-384, and Ed25519";

fn is_known_key(algorithm: &[u8]) -> bool {
    let known = provider().signature_verification_algorithms;
    let mut known = known.all.iter();
    known.any(|it| it.public_key_alg_id().as_ref() == algorithm)
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
            (
                certificate(CertificateError::BadEncoding),
                "of atlas.example cannot be read",
            ),
            (
                certificate(CertificateError::Revoked),
                "of atlas.example was revoked",
            ),
        ] {
            let message = explain(&error, "atlas.example", &Redactor::none())
                .message()
                .clone();
            assert!(message.contains(said), "{message}");
        }
        let many: Vec<String> = (0..1000)
            .map(|n| format!(r#"DnsName("{n}.example")"#))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let message = explain(&names(&many), "atlas.example", &Redactor::none())
            .message()
            .clone();
        assert!(message.len() < 400 && message.ends_with("…)"), "{message}");
        let token = names(&[r#"DnsName("token.example")"#]);
        let redactor = Redactor::none();
        redactor.add_token("token");
        let message = explain(&token, "atlas.example", &redactor).message();
        assert!(message.contains("([secret].example)"), "{message}");
    }
}
