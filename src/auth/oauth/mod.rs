//! OAuth 2.0 client credentials. A service account has one access token at a time, shared by all threads of a client
//! and, through the token cache, by processes.

mod endpoint;
mod grant;
mod single_flight;
mod token;
mod token_cache;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::secret_in_use::{Reread, SecretInUse};
use super::{Credentials, Secret, Send, send_with};
use crate::error::{ErrorKind, Result};
use crate::http::{Request, Response};
use crate::log::Logger;
use crate::runtime::context::Context;
use endpoint::TokenEndpoint;
use single_flight::SharedToken;
use token::{Token, fall_back_to};
use token_cache::{LockWait, Locked, TokenCache};

/// How long a refresh may take in a call that may take for ever.
const REFRESH_LIMIT: Duration = Duration::from_secs(15);

/// A service account and its token.
#[derive(Debug)]
pub(crate) struct ServiceAccount {
    client_id: String,
    base_url: String,
    cache_directory: Option<PathBuf>,
    secret: SecretInUse<Issuer>,
    token: SharedToken,
    logger: Logger,
}

/// Who grants tokens for one secret.
#[derive(Debug)]
struct Issuer {
    endpoint: TokenEndpoint,
    cache: Option<TokenCache>,
}

impl ServiceAccount {
    pub(super) fn new(
        client_id: &str,
        credentials: &Credentials,
        base_url: &str,
        cache_directory: Option<&Path>,
        logger: &Logger,
    ) -> Result<ServiceAccount> {
        let issuer = Issuer::new(base_url, client_id, &credentials.secret, cache_directory)?;
        Ok(ServiceAccount {
            client_id: client_id.to_owned(),
            base_url: base_url.to_owned(),
            cache_directory: cache_directory.map(Path::to_owned),
            secret: SecretInUse::new(credentials, issuer),
            token: SharedToken::default(),
            logger: logger.clone(),
        })
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Sends `request` with the token; a refused token is dropped and replaced once.
    pub(super) fn send(
        &self,
        context: &Context,
        request: &Request,
        send: &mut Send,
    ) -> Result<Response> {
        let token = self.token(context, None, send)?;
        let response = send_with(&token.header, context, request, send)?;
        if response.status != 401 {
            return Ok(response);
        }
        self.token.forget(&token.value);
        let token = self.token(context, Some(&token), send)?;
        let again = Request { retry_reason: "the access token was refused", ..request.clone() };
        send_with(&token.header, context, &again, send)
    }

    /// Revokes the token, and that of the cache if it is another; having none is fine.
    pub(super) fn revoke(
        &self,
        context: &Context,
        retry_reason: &str,
        send: &mut Send,
    ) -> Result<()> {
        let issuer = self.secret.current();
        let cache = issuer.made.cache.as_ref();
        let held = self.token.held().map(|token| token.value.clone());
        let cached = cache.map(|cache| self.cached_token(cache)).transpose()?.flatten();
        let mut tokens: Vec<Secret> = held.into_iter().chain(cached).collect();
        tokens.dedup();
        for token in &tokens {
            let logger = &self.logger;
            self.with_issuer(logger, |issuer| {
                issuer.endpoint.revoke(token, context, retry_reason, send, logger)
            })?;
            self.token.forget(token);
        }
        match cache {
            Some(cache) if !tokens.is_empty() => self.clear_cache(cache, &tokens, context),
            _ => Ok(()),
        }
    }

    fn cached_token(&self, cache: &TokenCache) -> Result<Option<Secret>> {
        let held_back = self.logger.hold_back();
        let entry = cache.read(&held_back.logger);
        held_back.release()?;
        Ok(entry.ok().flatten().map(|entry| entry.token))
    }

    /// Empties the cache if it has one of these `tokens`.
    fn clear_cache(&self, cache: &TokenCache, tokens: &[Secret], context: &Context) -> Result<()> {
        let held_back = self.logger.hold_back();
        let locked = cache.lock(context, LockWait::Half, &held_back.logger);
        if let Ok(Some(locked)) = &locked
            && let Ok(Some(entry)) = locked.read()
            && tokens.contains(&entry.token)
        {
            locked.clear();
        }
        let locked = locked.map(drop);
        held_back.release()?;
        Ok(locked?)
    }

    /// A token that lives and is not the `refused` one: ours, another thread's, another process's, or a new one.
    fn token(
        &self,
        context: &Context,
        refused: Option<&Token>,
        send: &mut Send,
    ) -> Result<Arc<Token>> {
        let mut held_back = None;
        let token = self.token.get(context, refused, |old| {
            let logger = &held_back.insert(self.logger.hold_back()).logger;
            let mut living = old.cloned();
            let token = self.with_issuer(logger, |issuer| {
                issuer.obtain(context, refused, &mut living, send, logger)
            });
            match (token, living) {
                (Err(error), Some(living)) => fall_back_to(&living, error, logger),
                (token, _) => token,
            }
        });
        if let Some(held_back) = held_back {
            held_back.release()?;
        }
        token
    }

    /// Runs `body`, once more with the secret that the file holds now if the token endpoint refused the one held.
    fn with_issuer<T>(
        &self,
        logger: &Logger,
        mut body: impl FnMut(&Issuer) -> Result<T>,
    ) -> Result<T> {
        let mut was_reread = false;
        loop {
            let issuer = self.secret.current();
            let refusal = match body(&issuer.made) {
                Err(error) if error.kind == ErrorKind::Unauthenticated => error,
                outcome => return outcome,
            };
            let reread = match was_reread {
                true => Reread::Refused(self.secret.refused_again()),
                false => self.reread(&issuer.secret, logger)?,
            };
            match reread {
                Reread::Refused(None) => return Err(refusal),
                Reread::Refused(Some(hint)) => return Err(refusal.hint(hint)),
                Reread::Replaced => was_reread = true,
            }
        }
    }

    fn reread(&self, refused: &Secret, logger: &Logger) -> Result<Reread> {
        self.secret.reread(refused, logger, |secret| {
            let directory = self.cache_directory.as_deref();
            Issuer::new(&self.base_url, &self.client_id, secret, directory)
        })
    }
}

impl Issuer {
    fn new(
        base_url: &str,
        client_id: &str,
        secret: &Secret,
        cache_directory: Option<&Path>,
    ) -> Result<Issuer> {
        Ok(Issuer {
            endpoint: TokenEndpoint::new(base_url, client_id, secret)?,
            cache: cache_directory
                .map(|directory| TokenCache::new(directory, base_url, client_id, secret)),
        })
    }

    /// A token from the cache, or a new one that is put there. `living` is one that is to be refreshed, and that may be
    /// used on if that fails; the cache may have a better one.
    fn obtain(
        &self,
        context: &Context,
        refused: Option<&Token>,
        living: &mut Option<Token>,
        send: &mut Send,
        logger: &Logger,
    ) -> Result<Token> {
        let Some(cache) = &self.cache else {
            return self.fetch(context, living.as_ref(), send, logger);
        };
        let Ok(entry) = cache.read(logger) else {
            return self.fetch(context, living.as_ref(), send, logger);
        };
        match Token::cached(entry, refused) {
            Some(token) if token.is_fresh() => return Ok(token),
            cached => *living = cached.or(living.take()),
        }
        // Whoever still has a living token need not wait until another process has refreshed it.
        let wait = match living {
            Some(_) => LockWait::None,
            None => LockWait::Half,
        };
        match (cache.lock(context, wait, logger)?, &living) {
            (Some(locked), _) => {
                self.obtain_locked(&locked, context, refused, living, send, logger)
            }
            (None, Some(living)) => Ok(living.postponed()),
            (None, None) => self.fetch(context, None, send, logger),
        }
    }

    /// The same once the entry is locked; another process may have replaced it meanwhile.
    fn obtain_locked(
        &self,
        locked: &Locked,
        context: &Context,
        refused: Option<&Token>,
        living: &mut Option<Token>,
        send: &mut Send,
        logger: &Logger,
    ) -> Result<Token> {
        let entry = locked.read().unwrap_or_default();
        match Token::cached(entry, refused) {
            Some(token) if token.is_fresh() => return Ok(token),
            cached => *living = cached.or(living.take()),
        }
        let token = self.fetch(context, living.as_ref(), send, logger)?;
        locked.write(&token.entry());
        Ok(token)
    }

    /// A new token. If a `living` one is there, half the time of the call is left for using that.
    fn fetch(
        &self,
        context: &Context,
        living: Option<&Token>,
        send: &mut Send,
        logger: &Logger,
    ) -> Result<Token> {
        let asked = Instant::now();
        let limited = living.map(|_| {
            let half = |deadline: Instant| deadline.saturating_duration_since(asked) / 2;
            context.within(context.deadline().map_or(REFRESH_LIMIT, half))
        });
        let context = limited.as_ref().unwrap_or(context);
        let grant = self.endpoint.fetch(context, send, logger)?;
        let left = grant.life.saturating_sub(asked.elapsed());
        Token::new(grant.token, grant.life, left)
    }
}
