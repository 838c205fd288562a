//! Whom we trust: the system's certificate authorities, Mozilla's where the system has none, and the user's file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::race::OnceBox;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Where distributions keep all authorities in one file. Reading it alone takes a seventh of reading the directory of
/// single files beside it, which a cron job's cold start notices.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
];

/// The system's, once per process. Not behind a lock: a child forked while it loads would wait for ever.
static SYSTEM: OnceBox<Arc<RootCertStore>> = OnceBox::new();

/// What names the authorities besides the system's usual places.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// `SSL_CERT_FILE`: instead of the system's.
    pub(crate) file: Option<PathBuf>,
    /// `SSL_CERT_DIR`: instead of the system's.
    pub(crate) directory: Option<PathBuf>,
    /// The `ca_file` setting under the name it was given by: besides them.
    pub(crate) extra: Option<(&'static str, PathBuf)>,
}

/// Loads the authorities; the error says which setting is wrong and why.
pub(crate) fn load(sources: &Sources) -> Result<Arc<RootCertStore>, String> {
    let base = if sources.file.is_some() || sources.directory.is_some() {
        Arc::new(from_environment(sources)?)
    } else {
        let load = || Ok::<_, String>(Box::new(Arc::new(system()?)));
        SYSTEM.get_or_try_init(load)?.clone()
    };
    let Some((name, extra)) = &sources.extra else {
        return Ok(base);
    };
    let mut roots = RootCertStore::clone(&base);
    let certificates = read_pem(extra)
        .map_err(|error| format!("{name} {} cannot be used: {error}", extra.display()))?;
    for certificate in certificates {
        roots.add(certificate).map_err(|error| {
            format!(
                "{name} {} holds a certificate that cannot be used: {error}",
                extra.display()
            )
        })?;
    }
    Ok(Arc::new(roots))
}

fn system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for path in BUNDLES {
        match read_pem(Path::new(path)) {
            Ok(certificates) => {
                roots.add_parsable_certificates(certificates);
                break;
            }
            Err(error) => refuse_if_short(&error)?,
        }
    }
    if roots.is_empty() {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            if let rustls_native_certs::ErrorKind::Io { inner, .. } = &error.kind {
                refuse_if_short(inner)?;
            }
        }
        roots.add_parsable_certificates(found.certs);
    }
    Ok(or_mozillas(roots))
}

/// A process short of descriptors or memory for a moment must not take its system for one without authorities, and
/// trust others for the rest of its life.
fn refuse_if_short(error: &io::Error) -> Result<(), String> {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => Err(format!(
            "the system's certificate authorities cannot be read: {error}"
        )),
        _ => Ok(()),
    }
}

fn or_mozillas(mut roots: RootCertStore) -> RootCertStore {
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn from_environment(sources: &Sources) -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_certs_from_paths(
        sources.file.as_deref(),
        sources.directory.as_deref(),
    );
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let names: Vec<String> = [
            ("SSL_CERT_FILE", &sources.file),
            ("SSL_CERT_DIR", &sources.directory),
        ]
        .iter()
        .filter_map(|(name, path)| {
            path.as_ref()
                .map(|path| format!("{name}={}", path.display()))
        })
        .collect();
        let why = found
            .errors
            .first()
            .map_or(String::new(), |error| format!(": {error}"));
        return Err(format!(
            "{} gives no certificate authority{why}",
            names.join(" and ")
        ));
    }
    Ok(roots)
}

/// All certificates of a PEM file, at least one.
fn read_pem(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let text = fs::read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
    if certificates.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it holds no PEM certificate",
        ));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_authorities_are_loaded_once() {
        let load = || load(&Sources::default()).unwrap();
        let first = load();
        assert!(!first.is_empty());
        assert!(Arc::ptr_eq(&first, &load()));
    }

    #[test]
    fn mozillas_authorities_stand_in_only_where_the_system_has_none() {
        let mozillas = or_mozillas(RootCertStore::empty());
        assert!(mozillas.len() > 50, "{}", mozillas.len());
        let mut one = RootCertStore::empty();
        one.roots.extend(mozillas.roots.first().cloned());
        assert_eq!(or_mozillas(one).len(), 1);
    }
}
