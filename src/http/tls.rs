//! TLS: rustls as it is, but for a server whose own certificate is trusted, and words for what goes wrong with
//! certificates.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use webpki::{EndEntityCert, anchor_from_trusted_cert};

use crate::error::{Error, ErrorKind};

/// How a client of ours talks TLS: rustls' defaults, trusting `roots`.
pub(super) fn client_config(roots: Arc<RootCertStore>) -> Result<Arc<ClientConfig>, Error> {
    let defect = |error: &dyn fmt::Display| {
        Error::new(
            ErrorKind::Internal,
            format!("TLS cannot be set up: {error}"),
        )
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
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
pub(super) fn explain(error: &rustls::Error, host: &str) -> Error {
    let message = match error {
        rustls::Error::InvalidCertificate(why) => {
            format!("the certificate of {host} {}", certificate_fault(why))
        }
        rustls::Error::InvalidMessage(_) => {
            format!("{host} does not speak TLS; check the base URL's port, and proxies on the way")
        }
        rustls::Error::AlertReceived(alert) => {
            format!("{host} refused the TLS handshake ({alert:?})")
        }
        other => format!("the TLS connection to {host} failed: {other}"),
    };
    Error::new(ErrorKind::Tls, message)
}

const UNKNOWN_SIGNATURE: &str = "is signed, or one of its authorities is, with a kind of signature that cannot be \
    checked here; RSA with SHA-256 and longer ones can, ECDSA of P-256 and P-384 with SHA-256 and SHA-384, and Ed25519";

fn is_known_key(algorithm: &[u8]) -> bool {
    let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let mut known = known.all.iter();
    known.any(|it| it.public_key_alg_id().as_ref() == algorithm)
}

fn certificate_fault(why: &CertificateError) -> String {
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
            format!("is for another host name ({})", presented.join(", "))
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
        other => format!("was not accepted: {other}"),
    }
}
