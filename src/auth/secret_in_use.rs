//! The secret in use. Where it is in a file, that is read again when Atlas has refused what it held.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Credentials, Identity, Secret, SecretFile};
use crate::error::{Error, Hint, Result};
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
    make: Box<Make<T>>,
    held: Mutex<Arc<Held<T>>>,
}

type Make<T> = dyn Fn(&Secret) -> Result<T> + Send + Sync;

/// Why an attempt with a secret failed.
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether it is the secret that Atlas refused.
    pub(super) is_refusal: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { error, is_refusal: false }
    }
}

impl<T> SecretInUse<T> {
    /// `make` is called for this secret, and for each that takes its place.
    pub(super) fn new(
        credentials: &Credentials,
        make: impl Fn(&Secret) -> Result<T> + Send + Sync + 'static,
    ) -> Result<SecretInUse<T>> {
        let secret = credentials.secret.clone();
        let made = make(&secret)?;
        Ok(SecretInUse {
            identity: credentials.identity.clone(),
            file: credentials.file.clone(),
            make: Box::new(make),
            held: Mutex::new(Arc::new(Held { secret, made })),
        })
    }

    pub(super) fn current(&self) -> Arc<Held<T>> {
        self.held().clone()
    }

    /// Runs `attempt`; once more, with true, if Atlas refused the secret and the file holds another one now.
    pub(super) fn run<R>(
        &self,
        logger: &Logger,
        mut attempt: impl FnMut(&Held<T>, bool) -> Result<R, Failure>,
    ) -> Result<R> {
        let mut held = self.current();
        let mut was_reread = false;
        loop {
            let refusal = match attempt(&held, was_reread) {
                Err(failure) if failure.is_refusal => failure.error,
                outcome => return outcome.map_err(|failure| failure.error),
            };
            held = match &self.file {
                None => return Err(refusal),
                Some(file) if was_reread => {
                    return Err(refusal.hint(Hint::secret_refused_again(file)));
                }
                Some(file) => self.reread(file, &held.secret, refusal, logger)?,
            };
            was_reread = true;
        }
    }

    /// Reads the file, unless another thread did so since Atlas refused this secret. The error is the `refusal` if
    /// there is no other secret.
    fn reread(
        &self,
        file: &SecretFile,
        refused: &Secret,
        refusal: Error,
        logger: &Logger,
    ) -> Result<Arc<Held<T>>> {
        // The lock is held, so that one thread reads for all that were refused. Nobody is waited for.
        let mut held = self.held();
        if held.secret != *refused {
            return Ok(held.clone());
        }
        let content = match file.read(None) {
            Ok(content) if content.secret == *refused => {
                return Err(refusal.hint(Hint::secret_is_the_same(file)));
            }
            Ok(content) => content,
            Err(why) => return Err(refusal.hint(Hint::secret_not_read_again(&why))),
        };
        for form in self.identity.forms(&content.secret) {
            logger.redactor().add_secret(&form);
        }
        let made = (self.make)(&content.secret)?;
        let another = Arc::new(Held { secret: content.secret.clone(), made });
        *held = another.clone();
        drop(held);
        // The host's logger may fork; the child begins anew.
        let process = Process::current();
        file.warn(&content, logger);
        logger.log(Level::Info, || {
            format!("{file} holds another secret than the one that Atlas refused; that is used now")
        });
        process.check()?;
        Ok(another)
    }

    fn held(&self) -> MutexGuard<'_, Arc<Held<T>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
