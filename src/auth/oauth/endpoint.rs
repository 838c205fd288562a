//! The two requests to the token endpoint: for a token, and to revoke one.

use ::http::{HeaderValue, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::grant::Grant;
use crate::auth::Sender;
use crate::auth::secret::{Secret, basic, secret_header};
use crate::error::{Error, ErrorKind, Hint, Result};
use crate::http::{Request, Response};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Where a service account fetches its token, and how it authenticates there.
pub(super) struct TokenEndpoint {
    client_id: String,
    basic: HeaderValue,
    token_uri: Uri,
    revoke_uri: Uri,
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
    pub(super) fn fetch(&self, sender: &Sender) -> Result<Grant> {
        let redactor = sender.logger.redactor();
        self.post(&self.token_uri, b"grant_type=client_credentials", &[200], sender)
            .and_then(|response| {
                response.refuse_encoding(redactor)?;
                Grant::read(&response.body, redactor).map_err(|what| {
                    let cause = format!("the token endpoint {what}");
                    Error::new(ErrorKind::InvalidResponse, cause).answered(response.status)
                })
            })
            .map_err(|error| error.during("fetch an access token"))
    }

    /// Asks for `token` to be revoked.
    pub(super) fn revoke(&self, token: &Secret, sender: &Sender) -> Result<()> {
        self.post(&self.revoke_uri, revocation(token).as_bytes(), &[200, 204], sender).map(drop)
    }

    /// An answer with a status that is not one of the `good` is an error.
    fn post(&self, uri: &Uri, form: &[u8], good: &[u16], sender: &Sender) -> Result<Response> {
        let response = sender.send(&Request {
            authorization: &|| Ok(Some(self.basic.clone())),
            form: Some(form),
            ..sender.get(uri, &JSON)
        })?;
        if good.contains(&response.status) {
            return Ok(response);
        }
        let error = response.error(sender.logger.redactor());
        Err(match error.kind {
            // A caller would take it for the snapshot that is not found.
            ErrorKind::NotFound => error
                .instead(ErrorKind::InvalidResponse, "there is no such endpoint (404)")
                .hint(Hint::CHECK_BASE_URL),
            ErrorKind::Unauthenticated => {
                error.hint(Hint::service_account_refused(&self.client_id))
            }
            _ => error,
        })
    }
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
    fn the_form_of_a_revocation_never_grows_which_would_leave_a_copy_behind() {
        let token = "+".repeat(1000);
        let form = revocation(&Secret::new(&token));
        let expected = format!("token={}&token_type_hint=access_token", "%2B".repeat(1000));
        assert_eq!(*form, expected);
        assert_eq!(form.capacity(), expected.len());
    }
}
