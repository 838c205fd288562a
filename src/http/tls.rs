//! TLS: rustls as it is, but for a server whose own certificate is trusted.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SigningKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use webpki::{EndEntityCert, anchor_from_trusted_cert};

use crate::error::{Error, ErrorKind};

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
    CryptoProvider { key_provider: &NoKeys, ..rustls::crypto::ring::default_provider() }
}

/// How a client of ours talks TLS: rustls' defaults, trusting `roots`.
pub(super) fn client_config(roots: Arc<RootCertStore>) -> Result<Arc<ClientConfig>, Error> {
    let defect = |error: &dyn fmt::Display| {
        Error::new(ErrorKind::Internal, format!("TLS cannot be set up: {error}"))
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

/// Why a certificate was refused that nobody else signed.
#[derive(Debug)]
pub(super) struct SelfSigned;

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
                Err(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(
                    Arc::new(SelfSigned),
                ))))
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
        self.webpki.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls13_signature(message, certificate, signed)
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
            | CertificateError::NotValidYetContext { .. }
            | CertificateError::NotValidForNameContext { .. }
    )
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate)
        .is_ok_and(|certificate| certificate.issuer() == certificate.subject())
}

/// Whether signatures made with keys of this algorithm can be checked.
pub(super) fn is_known_key(algorithm: &[u8]) -> bool {
    let known = provider().signature_verification_algorithms;
    let mut known = known.all.iter();
    known.any(|it| it.public_key_alg_id().as_ref() == algorithm)
}
