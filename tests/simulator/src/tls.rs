//! A throw-away certificate authority, and TLS servers that do their job well or badly.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::server::Welcome;

/// What a TLS server can get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BadTls {
    Expired,
    NotYetValid,
    /// A certificate for another name.
    WrongHost,
    SelfSigned,
    /// Signed by an authority that nobody knows.
    Untrusted,
    /// Accepts the connection and never answers the handshake.
    StalledHandshake,
    /// Answers the handshake a byte a second.
    DrippedHandshake,
    /// Speaks HTTP without TLS.
    PlainText,
}

impl BadTls {
    pub const ALL: [BadTls; 8] = [
        BadTls::Expired,
        BadTls::NotYetValid,
        BadTls::WrongHost,
        BadTls::SelfSigned,
        BadTls::Untrusted,
        BadTls::StalledHandshake,
        BadTls::DrippedHandshake,
        BadTls::PlainText,
    ];

    /// As in `ATLAS_SIMULATOR_BAD_TLS_…_URL`.
    pub fn name(self) -> &'static str {
        match self {
            BadTls::Expired => "EXPIRED",
            BadTls::NotYetValid => "NOT_YET_VALID",
            BadTls::WrongHost => "WRONG_HOST",
            BadTls::SelfSigned => "SELF_SIGNED",
            BadTls::Untrusted => "UNTRUSTED",
            BadTls::StalledHandshake => "STALLED_HANDSHAKE",
            BadTls::DrippedHandshake => "DRIPPED_HANDSHAKE",
            BadTls::PlainText => "PLAIN_TEXT",
        }
    }
}

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Authority {
        let mut params = params(&[], "Atlas simulator, throw-away authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Authority(CertifiedIssuer::self_signed(params, key()).expect("a certificate authority"))
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn good(&self) -> Welcome {
        Welcome::Tls(self.acceptor(leaf()))
    }

    pub fn bad(&self, kind: BadTls) -> Welcome {
        let mut leaf = leaf();
        match kind {
            BadTls::Expired => leaf.not_after = date_time_ymd(2020, 1, 1),
            BadTls::NotYetValid => leaf.not_before = date_time_ymd(4000, 1, 1),
            BadTls::WrongHost => leaf = server("elsewhere.example", &["elsewhere.example"]),
            BadTls::SelfSigned => {
                let key = key();
                let certificate = leaf.self_signed(&key).expect("a certificate");
                return Welcome::Tls(acceptor(&certificate, key));
            }
            BadTls::Untrusted => return Authority::new().good(),
            BadTls::StalledHandshake => return Welcome::StalledHandshake,
            BadTls::DrippedHandshake => return Welcome::DrippedHandshake(self.acceptor(leaf)),
            BadTls::PlainText => return Welcome::Plain,
        }
        Welcome::Tls(self.acceptor(leaf))
    }

    fn acceptor(&self, leaf: CertificateParams) -> TlsAcceptor {
        let key = key();
        let certificate = leaf.signed_by(&key, &self.0).expect("a certificate");
        acceptor(&certificate, key)
    }
}

fn acceptor(certificate: &Certificate, key: KeyPair) -> TlsAcceptor {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the default versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .expect("a fitting key");
    TlsAcceptor::from(Arc::new(config))
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn leaf() -> CertificateParams {
    server("localhost", &["localhost", "127.0.0.1", "::1"])
}

fn server(common_name: &str, names: &[&str]) -> CertificateParams {
    let mut params = params(names, common_name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

fn params(names: &[&str], common_name: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("proper names");
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}
