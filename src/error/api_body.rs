//! What Atlas says in an answer other than the promised one, and what it means when somebody else wrote that.

use std::borrow::Cow;

use ::http::{HeaderMap, HeaderName};
use zeroize::Zeroizing;

use super::{Error, ErrorKind, Hint, Redactor, message};
use crate::{json, retry_after};

/// The longest body that is looked into for what an error means, in bytes; Atlas' have less than a thousand.
const ERROR_LIMIT: usize = 256 * 1024;
/// The longest text that is kept of an error, in bytes; `atlas_error` has room for less than a thousand.
const TEXT_LIMIT: usize = 16 * 1024;
/// Where the title of a page is looked for.
const PAGE_LIMIT: usize = 2048;
/// An IPv6 address with a zone and room to spare.
const ADDRESS_LIMIT: usize = 64;

const X_ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");

impl Error {
    /// What an answer other than the promised one means: `{"detail","error","errorCode","parameters","reason"}` of
    /// Atlas, enveloped or not, `{"error","error_description"}` of OAuth, or something a gateway said.
    /// `redactor` knows what it may echo.
    pub(crate) fn from_response(
        status: u16,
        headers: Option<&HeaderMap>,
        body: &[u8],
        redactor: &Redactor,
    ) -> Error {
        let (text, is_cut) = beginning(body, redactor);
        let api_body = ApiErrorBody::read(&text, is_cut);
        let Some((inner_status, content)) = api_body.envelope() else {
            return Error::from_api_body(status, headers, &api_body, body, redactor);
        };
        let status = inner_status.filter(|it| *it >= 400).unwrap_or(status);
        let content = ApiErrorBody::read(content, is_cut);
        Error::from_api_body(status, headers, &content, body, redactor)
    }

    /// The same for what was found in an envelope, under the status of that.
    pub(crate) fn from_content(
        status: u16,
        headers: Option<&HeaderMap>,
        content: &str,
        redactor: &Redactor,
    ) -> Error {
        let body = content.as_bytes();
        let (text, is_cut) = beginning(body, redactor);
        let api_body = ApiErrorBody::read(&text, is_cut);
        Error::from_api_body(status, headers, &api_body, body, redactor)
    }

    fn from_api_body(
        status: u16,
        headers: Option<&HeaderMap>,
        api_body: &ApiErrorBody,
        body: &[u8],
        redactor: &Redactor,
    ) -> Error {
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
        error.truncated = api_body.is_cut;
        error.code = redactor.redact(&code, TEXT_LIMIT);
        error.reason = redacted_text(api_body.reason, redactor);
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
        error.hints = Hint::of_response(&error, &code, address.as_deref())
            .into_iter()
            .collect();
        error
    }
}

/// The members of an error's body that mean something to us, as raw JSON text; those that are null count as missing.
#[derive(Default)]
struct ApiErrorBody<'a> {
    is_object: bool,
    /// Whether it is longer than what was looked into.
    is_cut: bool,
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
    fn read(body: &'a str, is_cut: bool) -> ApiErrorBody<'a> {
        let mut found = ApiErrorBody {
            is_object: true,
            is_cut,
            ..ApiErrorBody::default()
        };
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
        let raw = if self.is_oauth() {
            self.error
        } else {
            self.error_code
        };
        let code = text_of(raw);
        if !code.is_empty() {
            return code;
        }
        let header = headers.and_then(|headers| headers.get(X_ERROR_CODE)?.to_str().ok());
        Zeroizing::new(header.unwrap_or_default().to_owned())
    }

    /// What Atlas or OAuth says of the error, then each field that Atlas refused.
    fn whole_detail(&self, redactor: &Redactor) -> String {
        let mut detail = redacted_text(
            if self.is_oauth() {
                self.error_description
            } else {
                self.detail
            },
            redactor,
        );
        for (field, description) in self.bad_fields() {
            if detail.len() > TEXT_LIMIT {
                break;
            }
            for part in [
                if detail.is_empty() { "" } else { "; " },
                &redacted_text(field, redactor),
                ": ",
                &redacted_text(description, redactor),
            ] {
                detail.push_str(part);
            }
        }
        detail
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
        let (mut found, mut count) = (None, 0);
        // Of what is no array there is no element, and no harm done.
        let _ = json::elements(self.parameters?, |parameter| {
            if count == index {
                found = Some(parameter);
            }
            count += 1;
        });
        found
    }

    /// Atlas puts the time to wait into the parameters of a 429: `[path, 55, 10, 5, 60]` means 55 seconds.
    fn seconds_to_wait(&self) -> Option<u32> {
        let raw = self.parameter(1)?;
        let seconds = json::integer(raw).or_else(|| json::integer(&json::wiped_text(raw)?))?;
        let seconds = u32::try_from(seconds).ok()?;
        (1..=retry_after::LONGEST)
            .contains(&seconds)
            .then_some(seconds)
    }

    /// Name and description of each field that Atlas refused.
    fn bad_fields(&self) -> Vec<(Option<&'a str>, Option<&'a str>)> {
        let mut fields = None;
        let _ = json::members(
            self.bad_request_detail.unwrap_or_default(),
            |name, value| {
                if json::name(name) == "fields" {
                    fields = Some(value);
                }
            },
        );
        let mut found = Vec::new();
        let _ = json::elements(fields.unwrap_or_default(), |field| {
            let (mut name_of, mut description) = (None, None);
            let _ = json::members(field, |name, value| match &*json::name(name) {
                "field" => name_of = Some(value),
                "description" => description = Some(value),
                _ => {}
            });
            found.push((name_of, description));
        });
        found
    }
}

/// The text of a raw JSON value, in memory that is wiped; empty for any other value.
fn text_of(raw: Option<&str>) -> Zeroizing<String> {
    raw.and_then(json::wiped_text).unwrap_or_default()
}

/// The same as it may be shown. Not inlined, since what wipes a text is large.
#[inline(never)]
fn redacted_text(raw: Option<&str>, redactor: &Redactor) -> String {
    redactor.redact(&text_of(raw), TEXT_LIMIT)
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
    if let Some((before, rest)) = lower.split_once("<title>")
        && let Some((title, _)) = rest.split_once("</title>")
    {
        let start = before.len() + "<title>".len();
        let title = &text[start..start + title.len()]; // as it was spelled
        return format!("an HTML page titled \"{}\"", title.trim());
    }
    if lower.contains("<html") {
        return "an HTML page".into();
    }
    let short: String = text.chars().take(80).collect();
    format!("a body beginning \"{}\"", short.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Error {
        Error::from_response(status, None, body.as_bytes(), &Redactor::none())
    }

    #[test]
    fn the_status_decides_the_kind_and_whether_to_try_again() {
        for (status, kind, transient) in [
            (302, ErrorKind::InvalidResponse, false),
            (399, ErrorKind::InvalidResponse, false),
            (400, ErrorKind::BadRequest, false),
            (401, ErrorKind::Unauthenticated, false),
            (403, ErrorKind::Forbidden, false),
            (404, ErrorKind::NotFound, false),
            (408, ErrorKind::Timeout, false),
            (429, ErrorKind::RateLimited, true),
            (499, ErrorKind::BadRequest, false),
            (500, ErrorKind::Server, true),
            (501, ErrorKind::Server, false),
            (502, ErrorKind::Server, true),
            (503, ErrorKind::Server, true),
            (504, ErrorKind::Server, true),
            (599, ErrorKind::Server, false),
            (600, ErrorKind::InvalidResponse, false),
        ] {
            let error = of(status, "");
            assert_eq!((error.kind, error.transient), (kind, transient), "{status}");
        }
        let refused = r#"{"error":"invalid_client"}"#;
        assert_eq!(of(400, refused).kind, ErrorKind::Unauthenticated);
        let unknown =
            r#"{"error":"invalid_scope","error_description":"No such scope.","detail":"no"}"#;
        let error = of(400, unknown);
        assert_eq!(error.kind, ErrorKind::BadRequest);
        assert_eq!(
            (&*error.code, &*error.detail),
            ("invalid_scope", "No such scope.")
        );
    }

    #[test]
    fn a_body_is_looked_into_up_to_256_kib() {
        let body_members = r#"{"errorCode":"X","reason":"R","detail":"D","parameters":[1]"#;
        for (length, truncated) in [(ERROR_LIMIT, false), (ERROR_LIMIT + 1, true)] {
            let body = format!(
                "{body_members}{}}}",
                " ".repeat(length - body_members.len() - 1)
            );
            let error = of(404, &body);
            assert_eq!(
                (&*error.code, error.truncated),
                ("X", truncated),
                "{length}"
            );
            assert_eq!([&*error.reason, &*error.detail], ["R", "D"], "{length}");
            assert_eq!(error.parameters, "[1]", "{length}");
        }
        // A character and an escape that lie across the end; what has an error before it; what is no JSON.
        let start = format!(r#"{{{}"detail":""#, " ".repeat(ERROR_LIMIT - 200));
        let long = |before: usize, tail: &str| {
            let fill = "x".repeat(ERROR_LIMIT - start.len() - before);
            format!(r#"{start}{fill}{tail}{}"}}"#, "x".repeat(before))
        };
        for (before, tail) in [(1, "é"), (3, "😀"), (1, r"\n"), (4, r"\u00e9")] {
            let error = of(404, &long(before, tail));
            assert!(error.truncated, "{tail}");
            assert!(error.detail.bytes().all(|byte| byte == b'x'), "{tail}");
            assert_eq!(
                error.detail.len(),
                ERROR_LIMIT - start.len() - before,
                "{tail}"
            );
        }
        for body in [
            format!(r#"{{"errorCode":"X",]{}"#, long(0, "")),
            format!("<html>{}", long(0, "")),
            "[".repeat(ERROR_LIMIT + 1),
        ] {
            let error = of(404, &body);
            assert_eq!((&*error.code, error.truncated), ("", false), "{:.20}", body);
        }
        let mut bytes = format!(r#"{{"errorCode":"X","detail":"{}"#, long(0, "")).into_bytes();
        bytes[100] = 0xff;
        assert_eq!(
            Error::from_response(404, None, &bytes, &Redactor::none()).code,
            ""
        );
    }

    #[test]
    fn a_429_may_say_in_its_body_how_long_to_wait() {
        for (parameters, seconds) in [
            (r#"["/path",55,10,5,60]"#, Some(55)),
            (r#"["/path","55"]"#, Some(55)),
            (r#"[null,1]"#, Some(1)),
            ("[7,86400]", Some(86_400)),
            ("[7,86401]", None),
            ("[7,0]", None),
            ("[7,-1]", None),
            ("[7,1.5]", None),
            (r#"[7,"soon"]"#, None),
            (r#"[7,"99999999999999999999"]"#, None),
            ("[7,[55]]", None),
            ("[7,null]", None),
            ("[55]", None),
            ("[]", None),
            ("55", None),
            (r#"{"a":55,"b":55}"#, None),
            ("null", None),
        ] {
            let body = format!(r#"{{"error":429,"parameters":{parameters}}}"#);
            assert_eq!(of(429, &body).retry_after, seconds, "{parameters}");
            let enveloped = format!(r#"{{"status":429,"content":{body}}}"#);
            assert_eq!(of(429, &enveloped).retry_after, seconds, "{enveloped}");
            assert_eq!(of(503, &body).retry_after, None, "{parameters}");
        }
    }

    #[test]
    fn parameters_come_without_white_space_but_that_of_texts() {
        for (parameters, expected) in [
            ("[ 1,\n  null ]", "[1,null]"),
            (r#"[ "a b" , "c" ]"#, r#"["a b","c"]"#),
            (
                r#"[ "\" [ 1 ]", " \\" , { "a" : "\\\" " } ]"#,
                r#"["\" [ 1 ]"," \\",{"a":"\\\" "}]"#,
            ),
            ("null", ""),
        ] {
            let body = format!(r#"{{ "parameters" : {parameters} }}"#);
            assert_eq!(of(404, &body).parameters, expected);
        }
    }

    #[test]
    fn only_a_body_without_words_of_atlas_is_described() {
        let trouble = "the trouble is on Atlas' side: try again later, see status.mongodb.com";
        let long = format!("{}<html><title>far away</title>", " ".repeat(2048));
        for (body, described) in [
            ("", ""),
            ("{}", ""),
            ("[]", r#" (a body beginning "[]")"#),
            (r#"{"detail":"It broke."}"#, " (It broke)"),
            (
                "<title> Bad\nGateway </title>",
                r#" (an HTML page titled "Bad Gateway")"#,
            ),
            ("<TITLE></TITLE>", r#" (an HTML page titled "")"#),
            ("</title><html><title>", " (an HTML page)"),
            ("<titl</title>", r#" (a body beginning "<titl</title>")"#),
            (&long, r#" (a body beginning "")"#),
        ] {
            let message = format!("Atlas answered 500{described}; {trouble}");
            assert_eq!(of(500, body).message(), message, "{body}");
        }
        let made = of(201, "token").message();
        assert!(made.starts_with("Atlas answered 201; "), "{made}");
        let fields = r#"{"badRequestDetail":{"fields":[{"field":"a","description":"b"},{"field":"c","description":"d"}]}}"#;
        assert_eq!(of(400, fields).detail, "a: b; c: d");
    }
}
