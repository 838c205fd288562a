//! OAuth 2.0 client credentials. A service account has one access token at a time, shared by all threads of a client
//! and, through the token cache, by processes.

mod single_flight;
mod token;
mod token_cache;
mod wire;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Secret, Send, send_with};
use crate::error::Result;
use crate::http::{Request, Response};
use crate::log::Logger;
use crate::runtime::context::Context;
use single_flight::SharedToken;
use token::{Token, fall_back_to};
use token_cache::{LockWait, Locked, TokenCache};
use wire::TokenEndpoint;

/// How long a refresh may take in a call that may take for ever.
const REFRESH_LIMIT: Duration = Duration::from_secs(15);

/// A service account and its token.
#[derive(Debug)]
pub(crate) struct ServiceAccount {
    endpoint: TokenEndpoint,
    token: SharedToken,
    cache: Option<TokenCache>,
    logger: Logger,
}

impl ServiceAccount {
    pub(super) fn new(
        client_id: &str,
        client_secret: &Secret,
        base_url: &str,
        token_cache: Option<&Path>,
        logger: &Logger,
    ) -> Result<ServiceAccount> {
        Ok(ServiceAccount {
            endpoint: TokenEndpoint::new(base_url, client_id, client_secret)?,
            token: SharedToken::default(),
            cache: token_cache
                .map(|directory| TokenCache::new(directory, base_url, client_id, client_secret)),
            logger: logger.clone(),
        })
    }

    pub(super) fn client_id(&self) -> &str {
        &self.endpoint.client_id
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
        let held = self.token.held().map(|token| token.value.clone());
        let cached = self.cached_token()?;
        let mut tokens: Vec<Secret> = held.into_iter().chain(cached).collect();
        tokens.dedup();
        for token in &tokens {
            self.endpoint.revoke(token, context, retry_reason, send, &self.logger)?;
            self.token.forget(token);
        }
        if tokens.is_empty() {
            return Ok(());
        }
        self.clear_cache(&tokens, context)
    }

    fn cached_token(&self) -> Result<Option<Secret>> {
        let Some(cache) = &self.cache else {
            return Ok(None);
        };
        let held_back = self.logger.hold_back();
        let entry = cache.read(&held_back.logger);
        held_back.release()?;
        Ok(entry.ok().flatten().map(|entry| entry.token))
    }

    /// Empties the cache if it has one of these `tokens`.
    fn clear_cache(&self, tokens: &[Secret], context: &Context) -> Result<()> {
        let Some(cache) = &self.cache else {
            return Ok(());
        };
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
            let token = self.obtain(context, refused, old, send, logger);
            match (token, old) {
                (Err(error), Some(old)) => fall_back_to(old, error, logger),
                (token, _) => token,
            }
        });
        if let Some(held_back) = held_back {
            held_back.release()?;
        }
        token
    }

    /// A token from the cache, or a new one that is put there. `old` is a living one that is to be refreshed.
    fn obtain(
        &self,
        context: &Context,
        refused: Option<&Token>,
        old: Option<&Token>,
        send: &mut Send,
        logger: &Logger,
    ) -> Result<Token> {
        let Some(cache) = &self.cache else {
            return self.fetch(context, old, send, logger);
        };
        let Ok(entry) = cache.read(logger) else {
            return self.fetch(context, old, send, logger);
        };
        let cached = match Token::cached(entry, refused) {
            Some(token) if token.is_fresh() => return Ok(token),
            cached => cached,
        };
        // Whoever still has a living token need not wait until another process has refreshed it.
        let living = cached.as_ref().or(old);
        let wait = match living {
            Some(_) => LockWait::None,
            None => LockWait::Half,
        };
        match (cache.lock(context, wait, logger)?, living) {
            (Some(locked), _) => self.obtain_locked(&locked, context, refused, old, send, logger),
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
        old: Option<&Token>,
        send: &mut Send,
        logger: &Logger,
    ) -> Result<Token> {
        let entry = locked.read().unwrap_or_default();
        let cached = match Token::cached(entry, refused) {
            Some(token) if token.is_fresh() => return Ok(token),
            cached => cached,
        };
        let living = cached.as_ref().or(old);
        match (self.fetch(context, living, send, logger), living) {
            (Ok(token), _) => {
                locked.write(&token.entry());
                Ok(token)
            }
            (Err(error), Some(living)) => fall_back_to(living, error, logger),
            (Err(error), None) => Err(error),
        }
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
