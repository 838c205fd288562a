//! What Atlas says in an answer other than the promised one, and what it means when somebody else wrote that.

use std::borrow::Cow;

use ::http::{HeaderMap, HeaderName};
use zeroize::Zeroizing;

use super::{Error, ErrorKind, Hint, Redactor, message};
use crate::text::find;
use crate::{json, retry_after};

/// The longest body that is looked into for what an error means, in bytes; Atlas' have less than a thousand.
const ERROR_LIMIT: usize = 256 * 1024;
/// The longest text that is kept of an error, in bytes; `atlas_error` has room for less than a thousand.
const TEXT_LIMIT: usize = 16 * 1024;
/// Where the title of a page is looked for.
const PAGE_LIMIT: usize = 2048;
const TITLE: &str = "<title>";
/// An IPv6 address with a zone and room to spare.
const ADDRESS_LIMIT: usize = 64;

const X_ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");

impl Error {
    /// What an answer other than the promised one means: `{"detail","error","errorCode","parameters","reason"}` of
    /// Atlas, enveloped or not, `{"error","error_description"}` of OAuth, or something a gateway said.
    /// `redactor` knows what it may echo. Not inlined, since it is large and several ask for it.
    #[inline(never)]
    pub(crate) fn from_response(
        mut status: u16,
        headers: Option<&HeaderMap>,
        body: &[u8],
        redactor: &Redactor,
    ) -> Error {
        let (text, is_cut) = beginning(body, redactor);
        let mut api_body = ApiErrorBody::read(&text);
        if let Some((inner_status, content)) = api_body.envelope() {
            status = inner_status.filter(|it| *it >= 400).unwrap_or(status);
            api_body = ApiErrorBody::read(content);
        }
        let code = api_body.code(headers);
        let mut error = Error::new(ErrorKind::of_status(status), "");
        if api_body.is_oauth() && *code == "invalid_client" {
            error.kind = ErrorKind::Unauthenticated;
        }
        error.http_status = status;
        error.retry_after = headers.and_then(retry_after::seconds);
        if status == 429 {
            error.retry_after = error.retry_after.or_else(|| api_body.seconds_to_wait());
        }
        error.transient = matches!(status, 429 | 500 | 502 | 503 | 504);
        error.truncated = is_cut && api_body.is_object;
        error.code = redactor.redact(&code, TEXT_LIMIT);
        error.reason = redactor.redact(&text_of(api_body.reason), TEXT_LIMIT);
        error.detail = api_body.whole_detail(redactor);
        if let Some(raw) = api_body.parameters {
            error.parameters = redactor.redact(&json::compact(raw), TEXT_LIMIT);
        }
        // A body of success may hold a secret that nobody knows yet: a token.
        let is_described = !api_body.is_object && !body.is_empty() && !matches!(status, 200..=299);
        let page = is_described.then(|| describe_page(body, redactor));
        error.cause = message::answered(&error, page.as_deref());
        // By the code that came, of which a short secret may have taken a part.
        let address = api_body.parameter(0).and_then(json::wiped_text);
        let address = address.map(|address| redactor.redact(&address, ADDRESS_LIMIT));
        let hint = Hint::of_response(&error, &code, address.as_deref());
        error.hints.extend(hint);
        error
    }
}

/// The members of an error's body that mean something to us, as raw JSON text; those that are null count as missing.
#[derive(Default)]
struct ApiErrorBody<'a> {
    is_object: bool,
    /// Atlas' number, or OAuth's text.
    error: Option<&'a str>,
    error_code: Option<&'a str>,
    error_description: Option<&'a str>,
    reason: Option<&'a str>,
    detail: Option<&'a str>,
    parameters: Option<&'a str>,
    bad_request_detail: Option<&'a str>,
    /// Of an envelope.
    status: Option<&'a str>,
    content: Option<&'a str>,
}

impl<'a> ApiErrorBody<'a> {
    /// Nothing for what is not a JSON object.
    fn read(body: &'a str) -> ApiErrorBody<'a> {
        let mut found = ApiErrorBody { is_object: true, ..ApiErrorBody::default() };
        let read = json::members(body, |name, value| {
            let value = Some(value).filter(|value| *value != "null");
            match &*json::name(name) {
                "error" => found.error = value,
                "errorCode" => found.error_code = value,
                "error_description" => found.error_description = value,
                "reason" => found.reason = value,
                "detail" => found.detail = value,
                "parameters" => found.parameters = value,
                "badRequestDetail" => found.bad_request_detail = value,
                "status" => found.status = value,
                "content" => found.content = value,
                _ => {}
            }
        });
        read.map_or_else(|_| ApiErrorBody::default(), |()| found)
    }

    fn is_oauth(&self) -> bool {
        self.error.is_some_and(|error| error.starts_with('"'))
    }

    /// What the error is called; in memory that is wiped, since it may echo a secret.
    fn code(&self, headers: Option<&HeaderMap>) -> Zeroizing<String> {
        let raw = if self.is_oauth() { self.error } else { self.error_code };
        let code = text_of(raw);
        if !code.is_empty() {
            return code;
        }
        let header = headers.and_then(|headers| headers.get(X_ERROR_CODE)?.to_str().ok());
        Zeroizing::new(header.unwrap_or_default().to_owned())
    }

    /// What Atlas or OAuth says of the error, then each field that Atlas refused. Searched for secrets once as a whole,
    /// since a body may name thousands of fields.
    fn whole_detail(&self, redactor: &Redactor) -> String {
        let raw = if self.is_oauth() { self.error_description } else { self.detail };
        let enough = redactor.reach(TEXT_LIMIT);
        let detail = text_of(raw);
        // Room for all, since growing would leave a copy behind that nobody wipes: an object without members has two
        // characters, and shows as four.
        let length = detail.len() + 2 * self.bad_request_detail.map_or(0, str::len) + 4;
        let mut whole = Zeroizing::new(String::with_capacity(length));
        whole.push_str(&detail);
        let fields =
            self.bad_request_detail.and_then(|detail| json::values(detail, ["fields"]).ok());
        if let Some([Some(fields)]) = fields {
            // Of what is no array there is no element, and no harm done.
            json::elements(fields, |field| {
                if whole.len() > enough {
                    return;
                }
                let names = json::values(field, ["field", "description"]).unwrap_or_default();
                let [field, description] = names.map(text_of);
                let separator = if whole.is_empty() { "" } else { "; " };
                for part in [separator, &field, ": ", &description] {
                    whole.push_str(part);
                }
            });
        }
        redactor.redact(&whole, TEXT_LIMIT)
    }

    /// Status and content, if this is an envelope: an object `content` beside an integer `status`.
    fn envelope(&self) -> Option<(Option<u16>, &'a str)> {
        let content = self.content.filter(|content| content.starts_with('{'))?;
        let status = self.status?;
        json::integer(status)?;
        Some((status_in_body(status), content))
    }

    /// An element of `parameters`, counted from 0.
    fn parameter(&self, index: usize) -> Option<&'a str> {
        let mut all = Vec::new();
        // Of what is no array there is no element, and no harm done.
        json::elements(self.parameters?, |parameter| all.push(parameter));
        all.get(index).copied()
    }

    /// Atlas puts the time to wait into the parameters of a 429: `[path, 55, 10, 5, 60]` means 55 seconds.
    fn seconds_to_wait(&self) -> Option<u32> {
        let raw = self.parameter(1)?;
        // As JSON has whole numbers, also in a text: "+55" and "055" are none.
        let text = json::wiped_text(raw).unwrap_or_else(|| Zeroizing::new(raw.to_owned()));
        let is_plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: u32 = text.parse().ok().filter(|_| is_plain)?;
        (1..=retry_after::LONGEST).contains(&seconds).then_some(seconds)
    }
}

/// The text of a raw JSON value, in memory that is wiped; empty for any other value.
fn text_of(raw: Option<&str>) -> Zeroizing<String> {
    raw.and_then(json::wiped_text).unwrap_or_default()
}

/// The HTTP status that a raw JSON value in a body is; only 100 to 599 are one.
pub(crate) fn status_in_body(raw: &str) -> Option<u16> {
    let status = u16::try_from(json::integer(raw)?).ok()?;
    (100..=599).contains(&status).then_some(status)
}

/// As much of a body as is looked into, and whether that is not all of it. What is not UTF-8 is empty, since it is no JSON.
fn beginning<'a>(body: &'a [u8], redactor: &Redactor) -> (Cow<'a, str>, bool) {
    if body.len() <= ERROR_LIMIT {
        return (str::from_utf8(body).unwrap_or_default().into(), false);
    }
    // A little more, so that no secret is cut.
    let part = &body[..body.len().min(ERROR_LIMIT + redactor.reach(0))];
    let text = match str::from_utf8(part) {
        // Only the last character is cut.
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&part[..error.valid_up_to()]).unwrap_or_default()
        }
        text => text.unwrap_or_default(),
    };
    let end = redactor.place_to_cut(text, ERROR_LIMIT);
    (json::ended(&text[..end]).into(), true)
}

/// The beginning of a body that is not Atlas' JSON, as far as it helps to recognize who wrote it.
fn describe_page(body: &[u8], redactor: &Redactor) -> String {
    let start = &body[..body.len().min(redactor.reach(PAGE_LIMIT) + 1)];
    if start[..start.len().min(PAGE_LIMIT)].contains(&0) {
        // Perhaps UTF-16, where no secret would be recognized.
        return "a body that is no text".into();
    }
    let text = Zeroizing::new(String::from_utf8_lossy(start).into_owned());
    let text = redactor.redact(&text, PAGE_LIMIT);
    let lower = text.to_ascii_lowercase();
    let title = find(&lower, TITLE).map(|at| at + TITLE.len());
    if let Some(start) = title
        && let Some(length) = find(&lower[start..], "</title>")
    {
        let title = &text[start..start + length]; // as it was spelled
        return format!("an HTML page titled \"{}\"", title.trim());
    }
    if find(&lower, "<html").is_some() {
        return "an HTML page".into();
    }
    let short: String = text.chars().take(80).collect();
    format!("a body beginning \"{}\"", short.trim())
}

#[cfg(test)]
mod tests;
