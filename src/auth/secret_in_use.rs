//! The secret in use. Where it is in a file, that is read again when Atlas has refused what it held.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::secret_file::Content;
use super::{Credentials, Identity, Secret, SecretFile};
use crate::error::{Hint, Result};
use crate::http::{Request, Response};
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

/// What there is to do after a refusal.
pub(super) enum Reread<T> {
    /// Going on with another secret.
    Another(Arc<Held<T>>),
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

    /// Reads the file, unless another thread did so since Atlas refused what `refused` holds. `make` is called for
    /// another secret than that.
    pub(super) fn reread(
        &self,
        refused: &Arc<Held<T>>,
        logger: &Logger,
        make: impl FnOnce(&Secret) -> Result<T>,
    ) -> Result<Reread<T>> {
        let Some(file) = &self.file else {
            return Ok(Reread::Refused(None));
        };
        let mut held = self.held();
        if !Arc::ptr_eq(&held, refused) {
            return Ok(Reread::Another(held.clone()));
        }
        // The lock is held, so that one thread reads for all that were refused. Nobody is waited for.
        let content = match another_content(file, &refused.secret) {
            Ok(content) => content,
            Err(hint) => return Ok(Reread::Refused(Some(hint))),
        };
        for secret in self.identity.forms(&content.secret) {
            logger.redactor().add_secret(&secret);
        }
        let made = make(&content.secret)?;
        let another = Arc::new(Held { secret: content.secret.clone(), made });
        *held = another.clone();
        drop(held);
        log_change(file, &content, logger)?;
        Ok(Reread::Another(another))
    }

    /// What is to be said of the file when what was read again was refused as well.
    pub(super) fn refused_again(&self) -> Option<Hint> {
        self.file.as_ref().map(|file| Hint::secret_refused_again(file))
    }

    /// Sends a request by means of `send`, which also tells whether the secret was refused; if so, once more with what
    /// the file holds by then. The hint completes the error for a refusal.
    pub(super) fn send(
        &self,
        request: &Request,
        make: impl FnOnce(&Secret) -> Result<T>,
        mut send: impl FnMut(&Held<T>, &Request) -> Result<(Response, bool)>,
    ) -> Result<(Response, Option<Hint>)> {
        let (mut held, mut request) = (self.current(), request.clone());
        let mut make = Some(make);
        loop {
            let (response, is_refused) = send(&held, &request)?;
            if !is_refused {
                return Ok((response, None));
            }
            let Some(make) = make.take() else {
                return Ok((response, self.refused_again()));
            };
            match self.reread(&held, request.logger, make)? {
                Reread::Refused(hint) => return Ok((response, hint)),
                Reread::Another(another) => held = another,
            }
            request.retry_reason = "the secret was read again from its file";
        }
    }

    fn held(&self) -> MutexGuard<'_, Arc<Held<T>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the file holds if that is not what was refused.
fn another_content(file: &SecretFile, refused: &Secret) -> std::result::Result<Content, Hint> {
    match file.read(None) {
        Ok(content) if content.secret == *refused => Err(Hint::secret_is_the_same(file)),
        Ok(content) => Ok(content),
        Err(why) => Err(Hint::secret_not_read_again(&why)),
    }
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
