//! One token for all threads. The first that needs a new one fetches it, and the others wait for that.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::token::Token;
use crate::auth::Secret;
use crate::error::{ErrorKind, Result};
use crate::log::Logger;
use crate::runtime::context::Context;
use crate::runtime::event::Event;

#[derive(Default)]
pub(super) struct SharedToken(Mutex<State>);

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    fetching: Option<Arc<Fetch>>,
}

/// A fetch going on, which other threads may wait for.
struct Fetch {
    event: Event,
    outcome: OnceLock<Result<Arc<Token>>>,
}

/// What a thread in need of a token does.
enum TokenSource {
    Use(Arc<Token>),
    Wait(Arc<Fetch>),
    /// Fetch; the old token still lives if it is there.
    Fetch(Arc<Fetch>, Option<Arc<Token>>),
}

impl SharedToken {
    /// A token that lives and is not the `refused` one: the one held, another thread's, or the one that `fetch` gets,
    /// which is told of the old token while that lives. Other threads wait for the fetch, so its lines are held back.
    pub(super) fn get(
        &self,
        context: &Context,
        logger: &Logger,
        refused: Option<&Token>,
        fetch: impl FnOnce(Option<&Token>, &Logger) -> Result<Token>,
    ) -> Result<Arc<Token>> {
        let is_refused =
            |token: &Token| refused.is_some_and(|refused| refused.value == token.value);
        loop {
            match self.source()? {
                // Another thread may have found it in the cache once more.
                TokenSource::Use(token) if is_refused(&token) => self.forget(&token.value),
                TokenSource::Use(token) => return Ok(token),
                TokenSource::Wait(fetch) => {
                    context.wait_for(&fetch.event, None)?;
                    match fetch.outcome.get() {
                        Some(Ok(token)) if !is_refused(token) => return Ok(token.clone()),
                        // Another call's cancellation or deadline is not this one's.
                        Some(Err(error))
                            if !matches!(error.kind, ErrorKind::Cancelled | ErrorKind::Timeout) =>
                        {
                            return Err(error.clone());
                        }
                        // There is no outcome if the other thread panicked.
                        _ => {}
                    }
                }
                TokenSource::Fetch(ours, old) => {
                    return logger
                        .hold_back(|logger| self.run(&ours, || fetch(old.as_deref(), logger)))?;
                }
            }
        }
    }

    /// The token held, whether it lives or not.
    pub(super) fn held(&self) -> Option<Arc<Token>> {
        self.state().token.clone()
    }

    /// Holds `token` no longer, unless it was replaced already.
    pub(super) fn forget(&self, token: &Secret) {
        self.state().token.take_if(|held| held.value == *token);
    }

    fn source(&self) -> Result<TokenSource> {
        let mut state = self.state();
        if let Some(token) = state.token.as_ref().filter(|token| token.is_fresh()) {
            return Ok(TokenSource::Use(token.clone()));
        }
        let living = state.token.clone().filter(|token| token.lives());
        match (&state.fetching, living) {
            // Another thread refreshes it already.
            (Some(_), Some(token)) => Ok(TokenSource::Use(token)),
            (Some(fetch), None) => Ok(TokenSource::Wait(fetch.clone())),
            (None, living) => {
                let fetch = Arc::new(Fetch { event: Event::new()?, outcome: OnceLock::new() });
                state.fetching = Some(fetch.clone());
                Ok(TokenSource::Fetch(fetch, living))
            }
        }
    }

    /// Runs the fetch for which other threads wait.
    fn run(&self, fetch: &Fetch, get_token: impl FnOnce() -> Result<Token>) -> Result<Arc<Token>> {
        let _guard = FetchGuard { shared: self, fetch };
        let outcome = get_token().map(Arc::new);
        if let Ok(token) = &outcome {
            self.state().token = Some(token.clone());
        }
        let _ = fetch.outcome.set(outcome.clone());
        outcome
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a fetch also when it panicked, since other threads wait for it.
struct FetchGuard<'a> {
    shared: &'a SharedToken,
    fetch: &'a Fetch,
}

impl Drop for FetchGuard<'_> {
    fn drop(&mut self) {
        // The lock is not one that another thread of a parent process may have held when it forked: no callback, in
        // which the program could fork, runs during a fetch.
        self.shared.state().fetching = None;
        self.fetch.event.notify();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::Error;
    use crate::runtime::context::Canceller;

    fn token(value: &str) -> Arc<Token> {
        let life = Duration::from_secs(3600);
        Arc::new(Token::new(Secret::new(value), life, life).unwrap())
    }

    /// What a call gets whose token "refused" was refused; "fetched" would be fetched for it.
    fn needed(shared: &SharedToken) -> Result<String> {
        let context = Canceller::default().enter(None).unwrap();
        let refused = token("refused");
        let fetch = |_: Option<&Token>, _: &Logger| Ok(Token::clone(&token("fetched")));
        let outcome = shared.get(&context, &Logger::default(), Some(&refused), fetch);
        outcome.map(|token| token.value.expose().to_owned())
    }

    #[test]
    fn a_refused_token_that_came_back_is_not_used_again() {
        let shared = SharedToken::default();
        shared.state().token = Some(token("refused"));
        assert_eq!(needed(&shared).unwrap(), "fetched");
        shared.state().token = Some(token("another"));
        assert_eq!(needed(&shared).unwrap(), "another");
    }

    #[test]
    fn threads_share_a_fetch_but_no_refused_token_and_no_end_of_a_call() {
        let failure = |kind| Err(Error::new(kind, "it failed"));
        for (outcome, expected) in [
            (Ok(token("joined")), Ok("joined")),
            (failure(ErrorKind::Server), Err(ErrorKind::Server)),
            (Ok(token("refused")), Ok("fetched")),
            (failure(ErrorKind::Cancelled), Ok("fetched")),
            (failure(ErrorKind::Timeout), Ok("fetched")),
        ] {
            let shared = SharedToken::default();
            let fetch = Arc::new(Fetch { event: Event::new().unwrap(), outcome: OnceLock::new() });
            shared.state().fetching = Some(fetch.clone());
            let got = std::thread::scope(|scope| {
                let got = scope.spawn(|| needed(&shared));
                while Arc::strong_count(&fetch) < 3 {
                    std::thread::yield_now(); // until it has joined
                }
                fetch.outcome.set(outcome).unwrap();
                shared.state().fetching = None;
                fetch.event.notify();
                got.join().unwrap()
            });
            let got = got.as_deref().map_err(|error| error.kind);
            assert_eq!(got, expected);
        }
    }
}
