//! The certificate authorities that are trusted: the system's, Mozilla's where the system has none, and the user's file.
//!
//! Read without `rustls-native-certs`, which asks the environment itself, in set-user-id programs too and behind a lock
//! of std's that a forked child may find held, and reads files of any size and kind.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::race::OnceBox;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::runtime::descriptor::keep_off_stdio;
use crate::text::system_reason;

/// Where distributions keep all authorities in one file. Reading it alone takes a seventh of reading the directory of
/// single files beside it, which a cron job's cold start notices.
const BUNDLES: [&str; 7] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
    "/opt/etc/ssl/certs/ca-certificates.crt",
];
/// Where they keep one authority a file; read where there is no bundle.
const DIRECTORIES: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// Seventy times a distribution's bundle.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// The system's, once per process. Not behind a lock: a child forked while it loads would wait for ever.
static SYSTEM: OnceBox<Arc<RootCertStore>> = OnceBox::new();

/// What names the authorities besides the system's usual places.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// `SSL_CERT_FILE`: instead of the system's.
    pub(crate) file: Option<PathBuf>,
    /// `SSL_CERT_DIR`, directories with colons between them: instead of the system's.
    pub(crate) directories: Option<OsString>,
    /// The `ca_file` setting under the name it was given by: besides them.
    pub(crate) extra: Option<(&'static str, PathBuf)>,
}

/// Loads the authorities; the error says which setting is wrong and why.
pub(crate) fn load(sources: &Sources) -> Result<Arc<RootCertStore>, String> {
    let base = if sources.file.is_some() || sources.directories.is_some() {
        Arc::new(from_environment(sources)?)
    } else {
        let load = || Ok::<_, String>(Box::new(Arc::new(system()?)));
        SYSTEM.get_or_try_init(load)?.clone()
    };
    let Some((name, extra)) = &sources.extra else {
        return Ok(base);
    };
    let mut roots = RootCertStore::clone(&base);
    let certificates = read_pem(extra).map_err(|error| unusable(name, extra, &error))?;
    for certificate in certificates {
        roots.add(certificate).map_err(|error| {
            format!("{name} {} holds a certificate that cannot be used: {error}", extra.display())
        })?;
    }
    Ok(Arc::new(roots))
}

fn unusable(name: &str, path: &Path, error: &io::Error) -> String {
    format!("{name} {} cannot be used: {}", path.display(), system_reason(error))
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
        let mut seen = BTreeSet::new();
        for directory in DIRECTORIES {
            add_directory(&mut roots, Path::new(directory), &mut seen)
                .or_else(|error| refuse_if_short(&error))?;
        }
    }
    Ok(or_mozillas(roots))
}

/// A process short of descriptors or memory for a moment must not take its system for one without authorities, and
/// trust others for the rest of its life.
fn refuse_if_short(error: &io::Error) -> Result<(), String> {
    let no_descriptor = matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
    if no_descriptor || error.kind() == io::ErrorKind::OutOfMemory {
        let why = system_reason(error);
        return Err(format!("the certificate authorities cannot be read: {why}"));
    }
    Ok(())
}

fn or_mozillas(mut roots: RootCertStore) -> RootCertStore {
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn from_environment(sources: &Sources) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &sources.file {
        let certificates =
            read_pem(file).map_err(|error| unusable("SSL_CERT_FILE", file, &error))?;
        roots.add_parsable_certificates(certificates);
    }
    let mut seen = BTreeSet::new();
    let mut why = String::new();
    for directory in env::split_paths(sources.directories.as_deref().unwrap_or_default()) {
        if directory.as_os_str().is_empty() {
            continue;
        }
        // As in OpenSSL, one that is missing does not spoil the others.
        if let Err(error) = add_directory(&mut roots, &directory, &mut seen) {
            refuse_if_short(&error)?;
            why = format!(": {}: {}", directory.display(), system_reason(&error));
        }
    }
    if roots.is_empty() {
        let file = sources.file.as_ref().map(|file| format!("SSL_CERT_FILE={}", file.display()));
        let list = sources.directories.as_ref();
        let list = list.map(|list| format!("SSL_CERT_DIR={}", list.display()));
        let names = file.into_iter().chain(list).collect::<Vec<_>>().join(" and ");
        return Err(format!("{names} gives no certificate authority{why}"));
    }
    Ok(roots)
}

/// Adds the certificates in the files of a directory. A file without any is passed over, since OpenSSL, which looks up
/// a name made of the subject, would never open it. `seen` are the files that were read: such directories have two names
/// for each, at least.
fn add_directory(
    roots: &mut RootCertStore,
    directory: &Path,
    seen: &mut BTreeSet<(u64, u64)>,
) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let certificates = fs::metadata(&path).and_then(|file| {
            if seen.insert((file.dev(), file.ino())) { read_pem(&path) } else { Ok(Vec::new()) }
        });
        match certificates {
            Ok(certificates) => {
                roots.add_parsable_certificates(certificates);
            }
            Err(error) if refuse_if_short(&error).is_err() => return Err(error),
            Err(_) => {}
        }
    }
    Ok(())
}

/// All certificates of a PEM file, at least one.
fn read_pem(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let text = read_file(path)?;
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
    if certificates.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds no PEM certificate"));
    }
    Ok(certificates)
}

/// What a regular file holds. Anything else may have no end, or wait for somebody to write.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    const TOO_LARGE: &str = "it has more than 16 MiB";
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return refused("it is not a regular file");
    }
    if metadata.len() > FILE_LIMIT {
        return refused(TOO_LARGE);
    }
    // The file may be another by now: opening a pipe must not wait, and reading must end.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let file = File::from(keep_off_stdio(file.into())?);
    let mut text = Vec::new();
    file.take(FILE_LIMIT + 1).read_to_end(&mut text)?;
    if text.len() as u64 > FILE_LIMIT {
        return refused(TOO_LARGE);
    }
    Ok(text)
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
