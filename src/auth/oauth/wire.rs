//! The two requests to the token endpoint, which fetch and revoke a token, and its responses.

use std::time::Duration;

use ::http::{HeaderValue, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::token::LONGEST_LIFE;
use crate::auth::Send;
use crate::auth::secret::{Secret, basic, secret_header};
use crate::error::{Error, ErrorKind, Hint, Redactor, Result};
use crate::http::{Request, Response};
use crate::json;
use crate::log::Logger;
use crate::runtime::context::Context;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The longest answer that is read; Atlas' has less than a thousand bytes.
const ANSWER_LIMIT: usize = 64 * 1024;
/// The longest token that is sure to fit into a header.
const TOKEN_LIMIT: usize = 8 * 1024;
/// What Atlas grants, for answers that do not say it in a way we understand.
const USUAL_LIFE: Duration = Duration::from_secs(3600);
/// A token that claims to live for less than this is not believed, since every request would fetch its own.
const BRIEF: Duration = Duration::from_millis(10);
/// A token that is not believed is used for this long.
const SHORTEST_LIFE: Duration = Duration::from_secs(60);

/// Where a service account fetches its token, and how it authenticates there.
#[derive(Debug)]
pub(super) struct TokenEndpoint {
    pub(super) client_id: String,
    basic: HeaderValue,
    token_uri: Uri,
    revoke_uri: Uri,
}

/// A token as it was granted.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) token: Secret,
    pub(super) life: Duration,
}

impl TokenEndpoint {
    pub(super) fn new(
        base_url: &str,
        client_id: &str,
        client_secret: &Secret,
    ) -> Result<TokenEndpoint> {
        let uri = |path: &str| {
            Uri::try_from(format!("{base_url}{path}"))
                .map_err(|error| Error::new(ErrorKind::Config, format!("base_url: {error}")))
        };
        Ok(TokenEndpoint {
            client_id: client_id.to_owned(),
            basic: secret_header("Basic ", &basic(client_id, client_secret))?,
            token_uri: uri("/api/oauth/token")?,
            revoke_uri: uri("/api/oauth/revoke")?,
        })
    }

    /// Asks for a new token.
    pub(super) fn fetch(
        &self,
        context: &Context,
        send: &mut Send,
        logger: &Logger,
    ) -> Result<Grant> {
        let form = b"grant_type=client_credentials";
        self.post(&self.token_uri, form, context, "", send, logger)
            .and_then(|response| self.granted(&response, logger.redactor()))
            .map_err(|error| error.during("fetch an access token"))
    }

    /// Asks for `token` to be revoked.
    pub(super) fn revoke(
        &self,
        token: &Secret,
        context: &Context,
        retry_reason: &str,
        send: &mut Send,
        logger: &Logger,
    ) -> Result<()> {
        let form = revocation(token);
        let response =
            self.post(&self.revoke_uri, form.as_bytes(), context, retry_reason, send, logger)?;
        match response.status {
            200 | 204 => Ok(()),
            _ => Err(self.refusal(&response, logger.redactor())),
        }
    }

    fn post(
        &self,
        uri: &Uri,
        form: &[u8],
        context: &Context,
        retry_reason: &str,
        send: &mut Send,
        logger: &Logger,
    ) -> Result<Response> {
        let request = Request {
            uri,
            accept: &JSON,
            authorization: &|| Ok(Some(self.basic.clone())),
            may_resend: true,
            form: Some(form),
            retry_reason,
            logger,
        };
        send(context, &request)
    }

    fn granted(&self, response: &Response, redactor: &Redactor) -> Result<Grant> {
        if response.status != 200 {
            return Err(self.refusal(response, redactor));
        }
        response.refuse_encoding(redactor)?;
        read_grant(&response.body, redactor).map_err(|what| {
            let message = format!("the token endpoint {what}");
            let mut error = Error::new(ErrorKind::InvalidResponse, message);
            error.http_status = response.status;
            error
        })
    }

    /// The error for a response with another status than was hoped for.
    fn refusal(&self, response: &Response, redactor: &Redactor) -> Error {
        let error = Error::from_response(
            response.status,
            Some(&response.headers),
            &response.body,
            redactor,
        );
        match error.kind {
            // A caller would take it for the snapshot that is not found.
            ErrorKind::NotFound => error
                .instead(ErrorKind::InvalidResponse, "there is no such endpoint (404)")
                .hint(Hint::CHECK_BASE_URL),
            ErrorKind::Unauthenticated => {
                error.hint(Hint::service_account_refused(&self.client_id))
            }
            _ => error,
        }
    }
}

/// The token in the body of a response; the error says what the endpoint did wrong.
fn read_grant(body: &[u8], redactor: &Redactor) -> std::result::Result<Grant, &'static str> {
    let names = ["access_token", "token_type", "expires_in"];
    let [token, kind, life] = Some(body)
        .filter(|body| body.len() <= ANSWER_LIMIT)
        .and_then(|body| json::values(str::from_utf8(body).ok()?, names))
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
    if token.len() > TOKEN_LIMIT {
        return Err("gave an access_token too long for a header");
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("gave an access_token with characters no header can carry");
    }
    Ok(Grant { token: Secret(token), life: life_of(life.unwrap_or_default()) })
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

/// The form that revokes `token`.
fn revocation(token: &Secret) -> Zeroizing<String> {
    const HINT: &str = "&token_type_hint=access_token";
    /// All but the unreserved characters of RFC 3986.
    const ENCODED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let token = token.expose();
    // Growing would leave a copy behind that nobody wipes.
    let longest = "token=".len() + 3 * token.len() + HINT.len();
    let mut form = Zeroizing::new(String::with_capacity(longest));
    form.push_str("token=");
    form.extend(utf8_percent_encode(token, ENCODED));
    form.push_str(HINT);
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_8_kib_at_most() {
        for (length, fits) in [(8 * 1024, true), (8 * 1024 + 1, false)] {
            let body = format!(r#"{{"access_token":"{}"}}"#, "t".repeat(length));
            let grant = read_grant(body.as_bytes(), &Redactor::none());
            assert_eq!(grant.is_ok(), fits, "{length}: {grant:?}");
        }
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
