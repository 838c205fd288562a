//! How long a token is used, and when it is refreshed.

use std::time::{Duration, Instant, SystemTime};

use ::http::HeaderValue;

use super::token_cache::Entry;
use crate::auth::secret::{Secret, bearer};
use crate::error::{Error, ErrorKind, Result};
use crate::log::{Level, Logger};

/// No token is believed to live longer; a refused one is replaced anyway.
pub(super) const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// A token with less than this or a tenth of its life left, whichever is less, is refreshed ahead.
const REFRESH_AHEAD: Duration = Duration::from_secs(300);
/// How long a failed refresh is not repeated while the old token lives.
const REFRESH_PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) value: Secret,
    pub(super) header: HeaderValue,
    life: Duration,
    refresh_at: Instant,
    ends_at: Instant,
}

impl Token {
    /// A token granted for `life`, of which `left` is left.
    pub(super) fn new(value: Secret, life: Duration, left: Duration) -> Result<Token> {
        let now = Instant::now();
        Ok(Token {
            header: bearer(&value)?,
            value,
            life,
            refresh_at: now + left.saturating_sub(REFRESH_AHEAD.min(life / 10)),
            ends_at: now + left,
        })
    }

    /// The token of the cache if it lives and is not the `refused` one.
    pub(super) fn cached(entry: Option<Entry>, refused: Option<&Token>) -> Option<Token> {
        let entry = entry?;
        if refused.is_some_and(|refused| refused.value == entry.token) {
            return None;
        }
        let left = entry.ends_at.duration_since(SystemTime::now()).ok()?;
        let life = entry.ends_at.duration_since(entry.issued_at).ok()?;
        // One that lives longer than any that was ever granted has a wrong date in the file, or the clock is wrong.
        if left.is_zero() || life > LONGEST_LIFE || left > life {
            return None;
        }
        Token::new(entry.token, life, left).ok()
    }

    /// The token as the cache keeps it.
    pub(super) fn entry(&self) -> Entry {
        let left = self.ends_at.saturating_duration_since(Instant::now());
        let ends_at = SystemTime::now() + left;
        Entry { token: self.value.clone(), issued_at: ends_at - self.life, ends_at }
    }

    pub(super) fn lives(&self) -> bool {
        Instant::now() < self.ends_at
    }

    /// Whether it lives and is not yet to be refreshed.
    pub(super) fn is_fresh(&self) -> bool {
        Instant::now() < self.refresh_at
    }

    /// The same token when it was not refreshed, which is not to be tried again at once.
    pub(super) fn postponed(&self) -> Token {
        Token { refresh_at: self.ends_at.min(Instant::now() + REFRESH_PAUSE), ..self.clone() }
    }
}

/// After a failed refresh, the old token while it lives.
pub(super) fn fall_back_to(old: &Token, error: Error, logger: &Logger) -> Result<Token> {
    if error.kind == ErrorKind::Cancelled || !old.lives() {
        return Err(error);
    }
    logger.log(Level::Warning, || {
        format!("the access token could not be refreshed and is used on: {error}")
    });
    Ok(old.postponed())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_cached_token_is_believed_within_what_is_ever_granted() {
        let hours = |count: u64| Duration::from_secs(count * 3600);
        let entry = |issued_at: SystemTime, life: Duration| Entry {
            token: Secret::new("refused"),
            issued_at,
            ends_at: issued_at + life,
        };
        let now = SystemTime::now();
        let second = Duration::from_secs(1);
        for (issued_at, life, believed) in [
            (now - hours(1), hours(24), true),
            (now - hours(1), hours(24) + second, false),
            (now - hours(1), hours(1) + 5 * second, true),
            (now - hours(1), hours(1), false),
            (now + hours(1), hours(2), false),
        ] {
            let token = Token::cached(Some(entry(issued_at, life)), None);
            assert_eq!(token.is_some(), believed, "{issued_at:?} {life:?}");
            if let Some(token) = token {
                let left = (issued_at + life).duration_since(now).unwrap();
                let ahead = REFRESH_AHEAD.min(life / 10);
                let refresh = token.refresh_at.saturating_duration_since(Instant::now());
                assert!(refresh <= left.saturating_sub(ahead), "{refresh:?}");
                assert!(token.lives() && token.life == life);
            }
        }
        let refused = Token::new(Secret::new("refused"), HOUR, HOUR).unwrap();
        let entry = entry(now - hours(1), hours(2));
        assert!(Token::cached(Some(entry), Some(&refused)).is_none());
    }

    #[test]
    fn after_a_failed_refresh_a_call_uses_the_old_token_while_it_lives() {
        let old = |left| Token::new(Secret::new("old"), HOUR, left).unwrap();
        for (left, kind, serves) in [
            (HOUR, ErrorKind::Server, true),
            (HOUR, ErrorKind::Cancelled, false),
            (Duration::ZERO, ErrorKind::Server, false),
        ] {
            let failure = Error::new(kind, "it failed");
            let outcome = fall_back_to(&old(left), failure, &Logger::default());
            let got = outcome.map(|token| token.is_fresh() && token.lives());
            let got = got.map_err(|error| error.kind);
            assert_eq!(got, if serves { Ok(true) } else { Err(kind) });
        }
    }
}
