//! What the token endpoint grants: a token and how long it lives.

use std::time::Duration;

use super::token::LONGEST_LIFE;
use crate::auth::secret::{LONGEST, Secret};
use crate::error::Redactor;
use crate::json;

/// The longest answer that is read; Atlas' has less than a thousand bytes.
const ANSWER_LIMIT: usize = 64 * 1024;
/// What Atlas grants, for answers that do not say it in a way we understand.
const USUAL_LIFE: Duration = Duration::from_secs(3600);
/// A token that claims to live for less than this is not believed, since every request would fetch its own.
const BRIEF: Duration = Duration::from_millis(10);
/// A token that is not believed is used for this long.
const SHORTEST_LIFE: Duration = Duration::from_secs(60);

/// A token as it was granted.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) token: Secret,
    pub(super) life: Duration,
}

impl Grant {
    /// Reads the body of a response; the error says what the endpoint did wrong.
    pub(super) fn read(body: &[u8], redactor: &Redactor) -> Result<Grant, &'static str> {
        let names = ["access_token", "token_type", "expires_in"];
        let [token, kind, life] = Some(body)
            .filter(|body| body.len() <= ANSWER_LIMIT)
            .and_then(|body| json::values(str::from_utf8(body).ok()?, names).ok())
            .ok_or("did not answer with a JSON object")?;
        let token = token
            .and_then(json::wiped_text)
            // U+FFFD stands for an escape that is no character.
            .filter(|token| !token.is_empty() && !token.contains(char::REPLACEMENT_CHARACTER))
            .ok_or("gave no access_token")?;
        redactor.add_token(&token);
        let kind = kind.and_then(json::wiped_text);
        if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err("gave a token that is not a bearer token");
        }
        if token.len() > LONGEST {
            return Err("gave an access_token too long for a header");
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("gave an access_token with characters no header can carry");
        }
        Ok(Grant { token: Secret(token), life: life_of(life.unwrap_or_default()) })
    }
}

/// The life that is granted, whatever the JSON of `expires_in` is: a number, perhaps as text, or something else.
fn life_of(expires_in: &str) -> Duration {
    let number = expires_in.trim_matches('"').trim();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let seconds = whole.strip_prefix('-').unwrap_or(whole);
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || !are_digits(seconds) || !are_digits(fraction) {
        return USUAL_LIFE;
    }
    // What overflows is long.
    let seconds = Duration::from_secs(seconds.parse().unwrap_or(u64::MAX));
    let milliseconds = format!("{fraction:0<3.3}").parse().unwrap_or_default();
    let life = seconds.saturating_add(Duration::from_millis(milliseconds)).min(LONGEST_LIFE);
    if whole.starts_with('-') || life < BRIEF { SHORTEST_LIFE } else { life }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_8_kib_at_most() {
        for (length, fits) in [(8 * 1024, true), (8 * 1024 + 1, false)] {
            let body = format!(r#"{{"access_token":"{}"}}"#, "t".repeat(length));
            let grant = Grant::read(body.as_bytes(), &Redactor::none());
            assert_eq!(grant.is_ok(), fits, "{length}: {grant:?}");
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
            assert_eq!(life_of(expires_in).as_millis(), milliseconds, "{expires_in}");
        }
    }
}
