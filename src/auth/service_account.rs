//! OAuth 2.0 client credentials: one access token for all threads, fetched by one of them.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use ::http::{HeaderValue, Uri};
use zeroize::Zeroizing;

use super::token_cache::{Entry, LockWait, TokenCache};
use super::{Secret, Send, basic, secret_header, secret_text};
use crate::call::{Context, Event};
use crate::config::Settings;
use crate::error::{Error, ErrorKind, Hint, Result};
use crate::http::{Request, Response};
use crate::json;
use crate::log::{Level, Logger};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What Atlas grants, for answers that do not say it in a way we understand.
const USUAL_LIFE: Duration = Duration::from_secs(3600);
/// No token is believed to live longer; a refused one is replaced anyway.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// A token that claims to live for less than this is not believed, since every request would fetch its own.
const BRIEF: Duration = Duration::from_millis(10);
/// A token that is not believed is used for this long.
const SHORTEST_LIFE: Duration = Duration::from_secs(60);
/// A token with less than this or a tenth of its life left, whichever is less, is refreshed ahead.
const REFRESH_AHEAD: Duration = Duration::from_secs(300);
/// How long a failed refresh is not repeated while the old token lives.
const REFRESH_PAUSE: Duration = Duration::from_secs(30);
/// How long a refresh may take in a call that may take for ever.
const REFRESH_LIMIT: Duration = Duration::from_secs(15);

/// The longest answer of the token endpoint that is read; Atlas' has less than a thousand bytes.
const ANSWER_LIMIT: usize = 64 * 1024;

/// A service account and its token.
#[derive(Debug)]
pub(crate) struct ServiceAccount {
    client_id: String,
    basic: HeaderValue,
    token_uri: Uri,
    revoke_uri: Uri,
    state: Mutex<State>,
    cache: Option<TokenCache>,
    logger: Logger,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Arc<Token>>,
    fetching: Option<Arc<Fetch>>,
}

#[derive(Debug)]
struct Token {
    value: Secret,
    header: HeaderValue,
    life: Duration,
    refresh_at: Instant,
    ends_at: Instant,
}

/// A fetch going on, which other threads may wait for.
#[derive(Debug)]
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

impl ServiceAccount {
    pub(super) fn new(
        client_id: &str,
        client_secret: &Secret,
        settings: &Settings,
        logger: &Logger,
    ) -> Result<ServiceAccount> {
        let encoded = basic(client_id, client_secret);
        let uri = |path: &str| {
            Uri::try_from(format!("{}{path}", settings.base_url))
                .map_err(|error| Error::new(ErrorKind::Config, format!("base_url: {error}")))
        };
        Ok(ServiceAccount {
            client_id: client_id.to_owned(),
            basic: secret_header("Basic ", encoded.as_bytes())?,
            token_uri: uri("/api/oauth/token")?,
            revoke_uri: uri("/api/oauth/revoke")?,
            state: Mutex::default(),
            cache: settings.token_cache.as_ref().map(|directory| {
                TokenCache::new(directory, &settings.base_url, client_id, client_secret)
            }),
            logger: logger.clone(),
        })
    }

    /// Sends `request` with the token; a refused token is dropped and replaced once.
    pub(super) fn send(
        &self,
        context: &Context,
        request: &Request,
        send: &mut Send,
    ) -> Result<Response> {
        let token = self.token(context, None, send)?;
        let response = send(
            context,
            &Request {
                authorization: &|| Ok(Some(token.header.clone())),
                ..request.clone()
            },
        )?;
        if response.status != 401 {
            return Ok(response);
        }
        self.forget(&token);
        let token = self.token(context, Some(&token), send)?;
        let retry_reason = "the access token was refused";
        send(
            context,
            &Request {
                authorization: &|| Ok(Some(token.header.clone())),
                retry_reason,
                ..request.clone()
            },
        )
    }

    /// Gives the token back, and that of the cache if it is another; having none is fine.
    pub(super) fn revoke(
        &self,
        context: &Context,
        retry_reason: &str,
        send: &mut Send,
    ) -> Result<()> {
        let held = self.state().token.clone().map(|token| token.value.clone());
        let held_back = self.logger.hold_back();
        let cached = self
            .cache
            .as_ref()
            .and_then(|cache| cache.read(&held_back.logger))
            .flatten()
            .map(|entry| entry.token);
        held_back.release()?;
        let mut tokens: Vec<Secret> = held.into_iter().chain(cached).collect();
        tokens.dedup_by(|one, other| one.expose() == other.expose());
        for token in &tokens {
            let form = revocation(token);
            let response = send(
                context,
                &Request {
                    uri: &self.revoke_uri,
                    accept: &JSON,
                    authorization: &|| Ok(Some(self.basic.clone())),
                    may_resend: true,
                    form: Some(form.as_bytes()),
                    retry_reason,
                    logger: &self.logger,
                },
            )?;
            if !matches!(response.status, 200 | 204) {
                return Err(self.refusal(&response));
            }
            let mut state = self.state();
            if state
                .token
                .as_ref()
                .is_some_and(|held| held.value.expose() == token.expose())
            {
                state.token = None;
            }
        }
        if let Some(cache) = &self.cache
            && !tokens.is_empty()
        {
            let held_back = self.logger.hold_back();
            let cleared = self.clear_entry(cache, &tokens, context, &held_back.logger);
            held_back.release()?;
            cleared?;
        }
        Ok(())
    }

    /// Empties the entry if it has one of these `tokens`.
    fn clear_entry(
        &self,
        cache: &TokenCache,
        tokens: &[Secret],
        context: &Context,
        logger: &Logger,
    ) -> Result<()> {
        if let Some(locked) = cache.lock(context, LockWait::Half, logger)?
            && let Some(Some(entry)) = locked.read()
            && tokens
                .iter()
                .any(|token| token.expose() == entry.token.expose())
        {
            locked.clear();
        }
        Ok(())
    }

    /// A token that lives and is not the `refused` one: ours, another thread's, another process's, or a new one.
    fn token(
        &self,
        context: &Context,
        refused: Option<&Token>,
        send: &mut Send,
    ) -> Result<Arc<Token>> {
        let is_refused = |token: &Token| {
            refused.is_some_and(|refused| refused.value.expose() == token.value.expose())
        };
        loop {
            match self.token_source()? {
                // Another thread may have found it in the cache once more.
                TokenSource::Use(token) if is_refused(&token) => self.forget(&token),
                TokenSource::Use(token) => return Ok(token),
                TokenSource::Wait(fetch) => {
                    context.wait_for(&fetch.event, None)?;
                    match fetch.outcome.get() {
                        Some(Ok(token)) if !is_refused(token) => return Ok(token.clone()),
                        // Another call's cancellation or deadline is not ours; nor is a panic, which leaves nothing.
                        Some(Err(error))
                            if !matches!(error.kind, ErrorKind::Cancelled | ErrorKind::Timeout) =>
                        {
                            return Err(error.clone());
                        }
                        _ => {}
                    }
                }
                TokenSource::Fetch(fetch, old) => {
                    let held_back = self.logger.hold_back();
                    let logger = &held_back.logger;
                    let finish = FetchGuard {
                        account: self,
                        fetch: &fetch,
                    };
                    let outcome = self.obtain(context, refused, old.as_deref(), send, logger);
                    let outcome = match (outcome, old) {
                        (Err(error), Some(old)) => fall_back_to(&old, error, logger),
                        (outcome, _) => outcome,
                    }
                    .map(Arc::new);
                    if let Ok(token) = &outcome {
                        self.state().token = Some(token.clone());
                    }
                    let _ = fetch.outcome.set(outcome.clone());
                    drop(finish);
                    held_back.release()?;
                    return outcome;
                }
            }
        }
    }

    /// A token from the cache, or a new one that is put there.
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
        let usable = |entry: Option<Entry>| Token::cached(entry?, refused);
        let Some(entry) = cache.read(logger) else {
            return self.fetch(context, old, send, logger);
        };
        let cached = match usable(entry) {
            Some(token) if token.is_fresh() => return Ok(token),
            cached => cached,
        };
        // Whoever still has a living token need not wait until another process has refreshed it.
        let living = cached.as_ref().or(old);
        let patience = match living {
            Some(_) => LockWait::None,
            None => LockWait::Half,
        };
        let Some(locked) = cache.lock(context, patience, logger)? else {
            return match living {
                Some(living) => living.fall_back(),
                None => self.fetch(context, None, send, logger),
            };
        };
        let cached = match locked.read().and_then(usable) {
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

    fn token_source(&self) -> Result<TokenSource> {
        let mut state = self.state();
        let living = state.token.clone().filter(|token| token.lives());
        let (fetching, living) = match (&state.fetching, living) {
            (_, Some(token)) if token.is_fresh() => return Ok(TokenSource::Use(token)),
            // Somebody refreshes it already, and it still lives.
            (Some(_), Some(token)) => return Ok(TokenSource::Use(token)),
            (fetching, living) => (fetching.clone(), living),
        };
        if let Some(fetch) = fetching {
            return Ok(TokenSource::Wait(fetch));
        }
        let fetch = Arc::new(Fetch {
            event: Event::new()?,
            outcome: OnceLock::new(),
        });
        state.fetching = Some(fetch.clone());
        Ok(TokenSource::Fetch(fetch, living))
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
        let response = send(
            limited.as_ref().unwrap_or(context),
            &Request {
                uri: &self.token_uri,
                accept: &JSON,
                authorization: &|| Ok(Some(self.basic.clone())),
                may_resend: true,
                form: Some(b"grant_type=client_credentials"),
                retry_reason: "",
                logger,
            },
        )
        .map_err(|error| error.during("fetch an access token"))?;
        self.read(&response, asked)
            .map_err(|error| error.during("fetch an access token"))
    }

    fn read(&self, response: &Response, asked: Instant) -> Result<Token> {
        if response.status != 200 {
            return Err(self.refusal(response));
        }
        response.refuse_encoding(self.logger.redactor())?;
        let invalid = |what: &str| {
            let mut error = Error::new(
                ErrorKind::InvalidResponse,
                format!("the token endpoint {what}"),
            );
            error.http_status = response.status;
            error
        };
        let (mut token, mut kind, mut life) = (None, None, None);
        Some(&response.body[..])
            .filter(|body| body.len() <= ANSWER_LIMIT)
            .and_then(|body| str::from_utf8(body).ok())
            .and_then(|body| {
                json::members(body, |name, value| match &*json::name(name) {
                    "access_token" => token = Some(value),
                    "token_type" => kind = Some(value),
                    "expires_in" => life = Some(value),
                    _ => {}
                })
                .ok()
            })
            .ok_or_else(|| invalid("did not answer with a JSON object"))?;
        let text = |raw: Option<&str>| raw.and_then(secret_text);
        let value = text(token)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| invalid("gave no access_token"))?;
        self.logger.redactor().add_token(&value);
        if text(kind).is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(invalid("gave a token that is not a bearer token"));
        }
        if value.len() > 8 * 1024 {
            return Err(invalid("gave an access_token too long for a header"));
        }
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid(
                "gave an access_token with characters no header can carry",
            ));
        }
        let life = life_of(life.unwrap_or_default());
        Token::new(&value, life, life.saturating_sub(asked.elapsed()))
    }

    /// What a token or revoke endpoint means that does not do what it was asked.
    fn refusal(&self, response: &Response) -> Error {
        let error = Error::from_response(
            response.status,
            Some(&response.headers),
            &response.body,
            self.logger.redactor(),
        );
        match error.kind {
            // Not the snapshot is missing, as a caller would take it.
            ErrorKind::NotFound => error
                .instead(
                    ErrorKind::InvalidResponse,
                    "there is no such endpoint (404)",
                )
                .hint(Hint::CHECK_BASE_URL),
            ErrorKind::Unauthenticated => {
                error.hint(Hint::service_account_refused(&self.client_id))
            }
            _ => error,
        }
    }

    fn forget(&self, refused: &Token) {
        let mut state = self.state();
        if state
            .token
            .as_ref()
            .is_some_and(|token| token.value.expose() == refused.value.expose())
        {
            state.token = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    /// A token granted for `life`, of which `left` is left.
    fn new(value: &str, life: Duration, left: Duration) -> Result<Token> {
        let now = Instant::now();
        Ok(Token {
            value: Secret::new(value),
            header: secret_header("Bearer ", value.as_bytes())?,
            life,
            refresh_at: now + left.saturating_sub(REFRESH_AHEAD.min(life / 10)),
            ends_at: now + left,
        })
    }

    fn lives(&self) -> bool {
        Instant::now() < self.ends_at
    }

    /// Whether it is not yet to be refreshed.
    fn is_fresh(&self) -> bool {
        Instant::now() < self.refresh_at
    }

    /// The token of the cache if it lives and is not the `refused` one.
    fn cached(entry: Entry, refused: Option<&Token>) -> Option<Token> {
        if refused.is_some_and(|refused| refused.value.expose() == entry.token.expose()) {
            return None;
        }
        let now = SystemTime::now();
        let left = entry
            .ends_at
            .duration_since(now)
            .ok()
            .filter(|left| !left.is_zero())?;
        let life = entry.ends_at.duration_since(entry.issued_at).ok()?;
        // More than was ever granted: the file or the clock is wrong.
        if life > LONGEST_LIFE || left > life {
            return None;
        }
        Token::new(entry.token.expose(), life, left).ok()
    }

    /// The token as the cache keeps it.
    fn entry(&self) -> Entry {
        let left = self.ends_at.saturating_duration_since(Instant::now());
        let ends_at = SystemTime::now() + left;
        Entry {
            token: self.value.clone(),
            issued_at: ends_at - self.life,
            ends_at,
        }
    }

    /// The same token after a failed refresh, which is not to be tried again at once.
    fn fall_back(&self) -> Result<Token> {
        Ok(Token {
            value: self.value.clone(),
            header: self.header.clone(),
            life: self.life,
            refresh_at: Instant::now() + REFRESH_PAUSE,
            ends_at: self.ends_at,
        })
    }
}

/// After a failed refresh, the old token while it lives.
fn fall_back_to(old: &Token, error: Error, logger: &Logger) -> Result<Token> {
    if error.kind == ErrorKind::Cancelled || !old.lives() {
        return Err(error);
    }
    logger.log(Level::Warning, || {
        format!("the access token could not be refreshed and is used on: {error}")
    });
    old.fall_back()
}

/// Ends a fetch, whatever became of it: others wait for it.
struct FetchGuard<'a> {
    account: &'a ServiceAccount,
    fetch: &'a Arc<Fetch>,
}

impl Drop for FetchGuard<'_> {
    fn drop(&mut self) {
        // No callback runs in between, so this is no child that one forked, where the lock might be held for ever.
        self.account.state().fetching = None;
        self.fetch.event.notify();
    }
}

/// The form that gives `token` back.
fn revocation(token: &Secret) -> Zeroizing<String> {
    const HINT: &str = "&token_type_hint=access_token";
    let value = token.expose();
    // Room for all, since growing would leave a copy behind that nobody wipes.
    let room = "token=".len() + 3 * value.len() + HINT.len();
    let mut form = Zeroizing::new(String::with_capacity(room));
    form.push_str("token=");
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                form.push(byte.into())
            }
            _ => form.push_str(&format!("%{byte:02X}")),
        }
    }
    form.push_str(HINT);
    form
}

/// The life a token endpoint grants, survived whatever its JSON says: a number, perhaps as text, or something else.
fn life_of(expires_in: &str) -> Duration {
    let number = expires_in.trim_matches('"').trim();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let seconds = whole.strip_prefix('-').unwrap_or(whole);
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || !are_digits(seconds) || !are_digits(fraction) {
        return USUAL_LIFE;
    }
    // What overflows is long.
    let life = Duration::from_secs(seconds.parse().unwrap_or(u64::MAX))
        .saturating_add(Duration::from_millis(
            format!("{fraction:0<3.3}").parse().unwrap_or_default(),
        ))
        .min(LONGEST_LIFE);
    if whole.starts_with('-') || life < BRIEF {
        SHORTEST_LIFE
    } else {
        life
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Canceller;

    fn account() -> ServiceAccount {
        let mut config = crate::Config::new();
        config.set_base_url(Some(b"http://127.0.0.1"));
        config.set_service_account(Some(b"mdb_sa_id_x"), Some(b"mdb_sa_sk_y"));
        let settings = config.check().unwrap();
        let secret = Secret::new("mdb_sa_sk_y");
        ServiceAccount::new("mdb_sa_id_x", &secret, &settings, &settings.logger).unwrap()
    }

    fn token(value: &str) -> Arc<Token> {
        Arc::new(Token::new(value, USUAL_LIFE, USUAL_LIFE).unwrap())
    }

    /// What a call gets whose token "refused" was refused; the token endpoint has "fetched" for it.
    fn needed(account: &ServiceAccount) -> Result<String> {
        let context = Canceller::default().enter(None).unwrap();
        let mut send = |_: &Context, _: &Request| {
            Ok(Response {
                status: 200,
                headers: Default::default(),
                body: br#"{"access_token":"fetched"}"#.to_vec().into(),
            })
        };
        let refused = token("refused");
        let outcome = account.token(&context, Some(&refused), &mut send);
        outcome.map(|token| token.value.expose().to_owned())
    }

    #[test]
    fn a_refused_token_that_came_back_is_not_used_again() {
        let account = account();
        account.state().token = Some(token("refused"));
        assert_eq!(needed(&account).unwrap(), "fetched");
        account.state().token = Some(token("another"));
        assert_eq!(needed(&account).unwrap(), "another");
    }

    #[test]
    fn a_token_has_8_kib_at_most() {
        for (length, fits) in [(8 * 1024, true), (8 * 1024 + 1, false)] {
            let response = Response {
                status: 200,
                headers: Default::default(),
                body: format!(r#"{{"access_token":"{}"}}"#, "t".repeat(length))
                    .into_bytes()
                    .into(),
            };
            let token = account().read(&response, Instant::now());
            assert_eq!(token.is_ok(), fits, "{length}: {token:?}");
        }
    }

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
            let token = Token::cached(entry(issued_at, life), None);
            assert_eq!(token.is_some(), believed, "{issued_at:?} {life:?}");
            if let Some(token) = token {
                let left = (issued_at + life).duration_since(now).unwrap();
                let ahead = REFRESH_AHEAD.min(life / 10);
                let refresh = token.refresh_at.saturating_duration_since(Instant::now());
                assert!(refresh <= left.saturating_sub(ahead), "{refresh:?}");
                assert!(token.lives() && token.life == life);
            }
        }
        let refused = token("refused");
        assert!(Token::cached(entry(now - hours(1), hours(2)), Some(&refused)).is_none());
    }

    #[test]
    fn the_form_of_a_revocation_never_grows_which_would_leave_a_copy_behind() {
        let token = "+".repeat(1000);
        let form = revocation(&Secret::new(&token));
        let expected = format!("token={}&token_type_hint=access_token", "%2B".repeat(1000));
        assert_eq!(*form, expected);
        assert_eq!(form.capacity(), expected.len());
    }

    #[test]
    fn after_a_failed_refresh_the_old_token_serves_while_it_lives_but_no_cancelled_call() {
        let old = |left| Token::new("old", USUAL_LIFE, left).unwrap();
        for (left, kind, serves) in [
            (USUAL_LIFE, ErrorKind::Server, true),
            (USUAL_LIFE, ErrorKind::Cancelled, false),
            (Duration::ZERO, ErrorKind::Server, false),
        ] {
            let failure = Error::new(kind, "it failed");
            let outcome = fall_back_to(&old(left), failure, &Logger::default());
            let got = outcome.map(|token| token.is_fresh() && token.lives());
            let got = got.map_err(|error| error.kind);
            assert_eq!(got, if serves { Ok(true) } else { Err(kind) });
        }
    }

    #[test]
    fn who_joined_a_fetch_shares_its_token_and_its_failure_but_no_refused_token_and_no_end_of_another_call()
     {
        let failure = |kind| Err(Error::new(kind, "it failed"));
        for (outcome, expected) in [
            (Ok(token("joined")), Ok("joined")),
            (failure(ErrorKind::Server), Err(ErrorKind::Server)),
            (Ok(token("refused")), Ok("fetched")),
            (failure(ErrorKind::Cancelled), Ok("fetched")),
            (failure(ErrorKind::Timeout), Ok("fetched")),
        ] {
            let account = account();
            let fetch = Arc::new(Fetch {
                event: Event::new().unwrap(),
                outcome: OnceLock::new(),
            });
            account.state().fetching = Some(fetch.clone());
            let got = std::thread::scope(|scope| {
                let got = scope.spawn(|| needed(&account));
                while Arc::strong_count(&fetch) < 3 {
                    std::thread::yield_now(); // until it has joined
                }
                fetch.outcome.set(outcome).unwrap();
                account.state().fetching = None;
                fetch.event.notify();
                got.join().unwrap()
            });
            let got = got.as_deref().map_err(|error| error.kind);
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn a_tokens_life_survives_whatever_the_server_says() {
        for (expires_in, seconds) in [
            ("3600", 3600),
            ("3600.9", 3600),
            ("3600.x", 3600),
            (r#""3599""#, 3599),
            ("30", 30),
            ("0", 60),
            ("-1", 60),
            ("0.001", 60),
            ("0.0099", 60),
            (r#""-1.5""#, 60),
            (r#""inf""#, 3600),
            ("null", 3600),
            ("{}", 3600),
            (r#""soon""#, 3600),
            (r#""NaN""#, 3600),
            ("[1]", 3600),
            ("1e9", 3600),
            ("99999999999999999999", 86400),
            ("18446744073709551615", 86400),
        ] {
            assert_eq!(life_of(expires_in).as_secs(), seconds, "{expires_in}");
        }
        for (expires_in, milliseconds) in [("0.01", 10), ("0.25", 250), ("1.2345", 1234)] {
            assert_eq!(
                life_of(expires_in).as_millis(),
                milliseconds,
                "{expires_in}"
            );
        }
    }
}
