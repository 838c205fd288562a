//! OAuth 2.0 client credentials. A service account has one access token at a time, shared by all threads of a client
//! and, through the token cache, by processes.

mod endpoint;
mod grant;
mod single_flight;
mod token;
mod token_cache;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::secret_in_use::{Failure, SecretInUse};
use super::{Credentials, Secret, Sender};
use crate::error::{ErrorKind, Result};
use crate::http::{Request, Response};
use crate::runtime::context::Context;
use endpoint::TokenEndpoint;
use single_flight::SharedToken;
use token::{Token, fall_back_to};
use token_cache::{Entry, TokenCache};

/// How long a refresh may take in a call that may take for ever.
const REFRESH_LIMIT: Duration = Duration::from_secs(15);

/// A service account and its token.
pub(crate) struct ServiceAccount {
    pub(super) client_id: String,
    secret: SecretInUse<Issuer>,
    token: SharedToken,
}

/// Who grants tokens for one secret.
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
    ) -> Result<ServiceAccount> {
        let (id, base_url) = (client_id.to_owned(), base_url.to_owned());
        let directory = cache_directory.map(Path::to_owned);
        let issuer = move |secret: &Secret| {
            let cache = directory.as_ref();
            Ok(Issuer {
                endpoint: TokenEndpoint::new(&base_url, &id, secret)?,
                cache: cache.map(|directory| TokenCache::new(directory, &base_url, &id, secret)),
            })
        };
        Ok(ServiceAccount {
            client_id: client_id.to_owned(),
            secret: SecretInUse::new(credentials, issuer)?,
            token: SharedToken::default(),
        })
    }

    /// Sends `request` with the token; a refused token is dropped and replaced once.
    pub(super) fn send(&self, request: &Request, sender: &Sender) -> Result<Response> {
        let token = self.token(None, sender)?;
        let response = sender.send_with(&token.header, request)?;
        if response.status != 401 {
            return Ok(response);
        }
        self.token.forget(&token.value);
        let token = self.token(Some(&token), sender)?;
        let again = Request { retry_reason: "the access token was refused", ..request.clone() };
        sender.send_with(&token.header, &again)
    }

    /// Revokes the token, and that of the cache if it is another; having none is fine.
    pub(super) fn revoke(&self, sender: &Sender) -> Result<()> {
        let issuer = self.secret.current();
        let cache = issuer.made.cache.as_ref();
        let held = self.token.held().map(|token| token.value.clone());
        let mut tokens: Vec<Secret> = held.into_iter().collect();
        if let Some(cache) = cache
            && let Ok(Some(entry)) = sender.logger.hold_back(|logger| cache.read(logger))?
            && !tokens.contains(&entry.token)
        {
            tokens.push(entry.token);
        }
        for token in &tokens {
            self.with_issuer(sender, |issuer| issuer.endpoint.revoke(token, sender))?;
            self.token.forget(token);
        }
        match cache {
            Some(cache) if !tokens.is_empty() => clear(cache, &tokens, sender),
            _ => Ok(()),
        }
    }

    /// A token that lives and is not the `refused` one: ours, another thread's, another process's, or a new one.
    fn token(&self, refused: Option<&Token>, sender: &Sender) -> Result<Arc<Token>> {
        self.token.get(sender.context, sender.logger, refused, |old, logger| {
            let sender = Sender { logger, retry_reason: "", ..*sender };
            let mut living = old.cloned();
            let token =
                self.with_issuer(&sender, |issuer| issuer.obtain(refused, &mut living, &sender));
            match (token, living) {
                (Err(error), Some(living)) => fall_back_to(&living, error, logger),
                (token, _) => token,
            }
        })
    }

    /// Runs `body`, once more with the secret that the file holds now if the token endpoint refused the one held.
    fn with_issuer<T>(
        &self,
        sender: &Sender,
        mut body: impl FnMut(&Issuer) -> Result<T>,
    ) -> Result<T> {
        self.secret.run(sender.logger, |held, _| {
            body(&held.made).map_err(|error| {
                let is_refusal = error.kind == ErrorKind::Unauthenticated;
                Failure { error, is_refusal }
            })
        })
    }
}

impl Issuer {
    /// A token from the cache, or a new one that is put there. `living` is one that is to be refreshed, and that may be
    /// used on if that fails; the cache may have a better one.
    fn obtain(
        &self,
        refused: Option<&Token>,
        living: &mut Option<Token>,
        sender: &Sender,
    ) -> Result<Token> {
        let Some(cache) = &self.cache else {
            return self.fetch(living.as_ref(), sender);
        };
        let Ok(entry) = cache.read(sender.logger) else {
            return self.fetch(living.as_ref(), sender);
        };
        if let Some(token) = fresh(entry, refused, living) {
            return Ok(token);
        }
        // Whoever still has a living token need not wait until another process has refreshed it.
        let wait = match living {
            Some(_) => Some(Duration::ZERO),
            None => half_of_time_left(sender.context),
        };
        let Some(locked) = cache.lock(wait, sender.context, sender.logger)? else {
            return match living {
                Some(living) => Ok(living.postponed()),
                None => self.fetch(None, sender),
            };
        };
        // Another process may have replaced the entry meanwhile.
        if let Some(token) = fresh(locked.read().unwrap_or_default(), refused, living) {
            return Ok(token);
        }
        let token = self.fetch(living.as_ref(), sender)?;
        locked.write(&token.entry());
        Ok(token)
    }

    /// A new token. If a `living` one is there, half the time of the call is left for using that.
    fn fetch(&self, living: Option<&Token>, sender: &Sender) -> Result<Token> {
        let asked = Instant::now();
        let half = || half_of_time_left(sender.context).unwrap_or(REFRESH_LIMIT);
        let limited = living.map(|_| sender.context.within(half()));
        let context = limited.as_ref().unwrap_or(sender.context);
        let grant = self.endpoint.fetch(&Sender { context, ..*sender })?;
        let left = grant.life.saturating_sub(asked.elapsed());
        Token::new(grant.token, grant.life, left)
    }
}

/// The token of the cache if it is fresh. One that merely lives takes the place of the `living` one.
fn fresh(
    entry: Option<Entry>,
    refused: Option<&Token>,
    living: &mut Option<Token>,
) -> Option<Token> {
    let cached = Token::cached(entry, refused)?;
    if cached.is_fresh() {
        return Some(cached);
    }
    *living = Some(cached);
    None
}

/// Empties the cache if it has one of these `tokens`.
fn clear(cache: &TokenCache, tokens: &[Secret], sender: &Sender) -> Result<()> {
    sender.logger.hold_back(|logger| {
        let locked = cache.lock(half_of_time_left(sender.context), sender.context, logger)?;
        if let Some(locked) = locked
            && let Ok(Some(entry)) = locked.read()
            && tokens.contains(&entry.token)
        {
            locked.clear();
        }
        Ok(())
    })?
}

/// `None` if the call may take for ever.
fn half_of_time_left(context: &Context) -> Option<Duration> {
    Some(context.deadline()?.saturating_duration_since(Instant::now()) / 2)
}
