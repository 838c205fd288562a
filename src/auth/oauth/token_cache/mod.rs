//! One access token for all processes of a machine, in a file: the token endpoint allows few requests a minute, and a
//! service account few live tokens, while cron jobs run one process for each snapshot.
//!
//! The cache never fails a call: whatever is wrong with it is a warning, and the token is fetched as without it.

mod entry;
mod file;
mod lock;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use ring::hmac;

use crate::auth::{Secret, hex};
use crate::log::{Level, Logger};
use crate::text::system_reason;

pub(super) use entry::Entry;

/// The cache entry of one service account at one base URL.
pub(super) struct TokenCache {
    directory: PathBuf,
    name: String,
}

impl TokenCache {
    pub(super) fn new(
        directory: &Path,
        base_url: &str,
        client_id: &str,
        client_secret: &Secret,
    ) -> TokenCache {
        // The secret is the key, so that whoever has a wrong or an old one finds nothing.
        let key = hmac::Key::new(hmac::HMAC_SHA256, client_secret.expose().as_bytes());
        let mut mac = hmac::Context::with_key(&key);
        mac.update(base_url.as_bytes());
        mac.update(&[0]);
        mac.update(client_id.as_bytes());
        TokenCache { directory: directory.to_owned(), name: hex(mac.sign().as_ref()) }
    }

    /// The entry, if there is one that makes sense. Needs no lock, since a new entry replaces the old one whole.
    pub(super) fn read(&self, logger: &Logger) -> io::Result<Option<Entry>> {
        self.warned(logger, || {
            let directory = file::open_directory(&self.directory)?;
            self.read_in(&directory, logger)
        })
    }

    fn read_in(&self, directory: &OwnedFd, logger: &Logger) -> io::Result<Option<Entry>> {
        let Some(text) = file::read(directory, &self.name)? else {
            return Ok(None);
        };
        let entry = Entry::parse(&text);
        match &entry {
            Some(entry) => logger.redactor().add_token(entry.token.expose()),
            None => logger.log(Level::Debug, || {
                format!("token_cache: {} is damaged and will be rewritten", self.name)
            }),
        }
        Ok(entry)
    }

    /// Runs `body`; what is wrong with the cache becomes a warning.
    fn warned<T>(&self, logger: &Logger, body: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        body().inspect_err(|error| self.warn(logger, error))
    }

    fn warn(&self, logger: &Logger, error: &io::Error) {
        logger.log(Level::Warning, || {
            let directory = self.directory.display();
            format!("token_cache {directory} is not used: {}", system_reason(error))
        });
    }
}
