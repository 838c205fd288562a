//! The secret in use. Where it is in a file, that is read again when Atlas has refused what it held.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::secret_file::Content;
use super::{Credentials, Identity, Secret, SecretFile};
use crate::error::{Hint, Result};
use crate::log::{Level, Logger};
use crate::runtime::fork::Process;

/// A secret and what is made of it: a header, a nonce, requests to the token endpoint.
pub(super) struct Held<T> {
    pub(super) secret: Secret,
    pub(super) made: T,
}

/// The secret that all threads of a client use.
pub(crate) struct SecretInUse<T> {
    identity: Identity,
    file: Option<SecretFile>,
    held: Mutex<Arc<Held<T>>>,
}

/// What became of a secret that Atlas refused.
pub(super) enum Reread {
    /// Another is in use now.
    Replaced,
    /// Nothing; what is to be said of the file, if there is one.
    Refused(Option<Hint>),
}

impl<T> SecretInUse<T> {
    pub(super) fn new(credentials: &Credentials, made: T) -> SecretInUse<T> {
        let secret = credentials.secret.clone();
        SecretInUse {
            identity: credentials.identity.clone(),
            file: credentials.file.clone(),
            held: Mutex::new(Arc::new(Held { secret, made })),
        }
    }

    pub(super) fn current(&self) -> Arc<Held<T>> {
        self.held().clone()
    }

    /// Reads the file, unless another thread did so since Atlas refused this secret. `make` is called for another one.
    pub(super) fn reread(
        &self,
        refused: &Secret,
        logger: &Logger,
        make: impl FnOnce(&Secret) -> Result<T>,
    ) -> Result<Reread> {
        let Some(file) = &self.file else {
            return Ok(Reread::Refused(None));
        };
        // The lock is held, so that one thread reads for all that were refused. Nobody is waited for.
        let mut held = self.held();
        if held.secret != *refused {
            return Ok(Reread::Replaced);
        }
        let content = match another_content(file, refused, &self.identity, logger) {
            Ok(content) => content,
            Err(hint) => return Ok(Reread::Refused(Some(hint))),
        };
        let made = make(&content.secret)?;
        *held = Arc::new(Held { secret: content.secret.clone(), made });
        drop(held);
        log_change(file, &content, logger)?;
        Ok(Reread::Replaced)
    }

    /// What is to be said of the file when what was read again was refused as well.
    pub(super) fn refused_again(&self) -> Option<Hint> {
        self.file.as_ref().map(|file| Hint::secret_refused_again(file))
    }

    fn held(&self) -> MutexGuard<'_, Arc<Held<T>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the file holds if that is not what was refused. From then on it is a secret.
fn another_content(
    file: &SecretFile,
    refused: &Secret,
    identity: &Identity,
    logger: &Logger,
) -> std::result::Result<Content, Hint> {
    let content = file.read(None).map_err(|why| Hint::secret_not_read_again(&why))?;
    if content.secret == *refused {
        return Err(Hint::secret_is_the_same(file));
    }
    for secret in identity.forms(&content.secret) {
        logger.redactor().add_secret(&secret);
    }
    Ok(content)
}

/// An error if the host's logger forked and this is the child.
fn log_change(file: &SecretFile, content: &Content, logger: &Logger) -> Result<()> {
    let process = Process::current();
    file.warn(content, logger);
    logger.log(Level::Info, || {
        format!("{file} holds another secret than the one that Atlas refused; that is used now")
    });
    Ok(process.check()?)
}

impl<T> fmt::Debug for SecretInUse<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretInUse").field("file", &self.file).finish_non_exhaustive()
    }
}
