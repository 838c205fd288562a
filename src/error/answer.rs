//! What an answer other than the promised one means, and what a person can do about it.

use std::borrow::Cow;
use std::time::SystemTime;

use ::http::header::RETRY_AFTER;
use ::http::{HeaderMap, HeaderName};
use zeroize::Zeroizing;

use super::{Error, ErrorKind, Redactor, one_line};
use crate::json;

/// The longest body that is looked into for what an error means, in bytes; Atlas' have less than a thousand.
const ERROR_LIMIT: usize = 256 * 1024;
/// The longest text that is kept of an error, in bytes; `atlas_error` has room for less than a thousand.
const TEXT_LIMIT: usize = 16 * 1024;
/// Where the title of a page is looked for.
const PAGE_LIMIT: usize = 2048;
/// An IPv6 address with a zone and room to spare.
const ADDRESS_LIMIT: usize = 64;

const X_ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");

/// The longest time to wait that an answer is believed to ask for, in seconds.
pub(crate) const LONGEST_WAIT: u32 = 24 * 3600;

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
        let mut body_members = ApiErrorBody::read(&text);
        let mut inner = None;
        if let Some((status, content)) = body_members.envelope() {
            inner = status.filter(|status| *status >= 400);
            body_members = ApiErrorBody::read(content);
        }
        Error::from_members(
            inner.unwrap_or(status),
            headers,
            &body_members,
            body,
            is_cut,
            redactor,
        )
    }

    /// The same for what was found in an envelope, under the status of that.
    pub(crate) fn from_content(
        status: u16,
        headers: Option<&HeaderMap>,
        content: &str,
        redactor: &Redactor,
    ) -> Error {
        let (text, is_cut) = beginning(content.as_bytes(), redactor);
        let body_members = ApiErrorBody::read(&text);
        Error::from_members(
            status,
            headers,
            &body_members,
            content.as_bytes(),
            is_cut,
            redactor,
        )
    }

    fn from_members(
        status: u16,
        headers: Option<&HeaderMap>,
        body_members: &ApiErrorBody,
        body: &[u8],
        is_cut: bool,
        redactor: &Redactor,
    ) -> Error {
        let header = |name: HeaderName| {
            headers
                .and_then(|headers| headers.get(name))
                .and_then(|value| value.to_str().ok())
        };
        let shown = |text: &str| redactor.redact(text, TEXT_LIMIT);

        let mut error = Error::new(ErrorKind::of_status(status), "");
        error.http_status = status;
        error.retry_after = header(RETRY_AFTER).and_then(seconds_until);
        if status == 429 {
            error.retry_after = error.retry_after.or_else(|| body_members.seconds_to_wait());
        }
        error.transient = matches!(status, 429 | 500 | 502 | 503 | 504);
        error.truncated = is_cut && body_members.is_object;
        error.reason = shown_text(body_members.reason, redactor);
        let oauth = body_members.error.and_then(json::wiped_text);
        if oauth
            .as_ref()
            .is_some_and(|code| **code == "invalid_client")
        {
            error.kind = ErrorKind::Unauthenticated;
        }
        let (mut code, detail) = match oauth {
            Some(code) => (code, body_members.error_description),
            None => (text_of(body_members.error_code), body_members.detail),
        };
        if code.is_empty() {
            code = Zeroizing::new(header(X_ERROR_CODE).unwrap_or_default().to_owned());
        }
        error.code = shown(&code);
        error.detail = shown_text(detail, redactor);
        for (field, description) in body_members.bad_fields() {
            if error.detail.len() > TEXT_LIMIT {
                break;
            }
            if !error.detail.is_empty() {
                error.detail.push_str("; ");
            }
            error.detail.push_str(&shown_text(field, redactor));
            error.detail.push_str(": ");
            error.detail.push_str(&shown_text(description, redactor));
        }
        error.parameters = body_members
            .parameters
            .map_or_else(String::new, |raw| shown(&json::compact(raw)));
        error.message = one_line(&error.explain(body_members, &code, body, redactor));
        error
    }

    fn explain(
        &self,
        body_members: &ApiErrorBody,
        code: &str,
        body: &[u8],
        redactor: &Redactor,
    ) -> String {
        let mut message = format!("Atlas answered {}", self.http_status);
        for part in [&self.code, &self.reason] {
            if !part.is_empty() {
                message.push(' ');
                message.push_str(part);
            }
        }
        if !self.detail.is_empty() {
            message.push_str(&format!(" ({})", self.detail.trim_end_matches('.')));
        } else if !body_members.is_object
            && !body.is_empty()
            && !matches!(self.http_status, 200..=299)
        {
            // A body of success may hold a secret that nobody knows yet: a token.
            message.push_str(&format!(" ({})", describe_page(body, redactor)));
        }
        let advice = self.advice(body_members, code, redactor);
        if !advice.is_empty() {
            message.push_str("; ");
            message.push_str(&advice);
        }
        message
    }

    /// `code` is the one that came, of which a short secret may have taken a part.
    fn advice(
        &self,
        body_members: &ApiErrorBody,
        code: &str,
        redactor: &Redactor,
    ) -> Cow<'static, str> {
        match (self.kind, code) {
            (ErrorKind::Forbidden, "IP_ADDRESS_NOT_ON_ACCESS_LIST") => {
                let seen = body_members.parameter(0).and_then(json::wiped_text).map_or_else(
                    || "the address of this machine".to_owned(),
                    |address| {
                        let address = redactor.redact(&address, ADDRESS_LIMIT);
                        format!("{address}, the address Atlas saw,")
                    },
                );
                format!("add {seen} to the API access list of these credentials in Atlas").into()
            }
            (ErrorKind::Forbidden, "access_denied") => {
                "the service account may have too many live access tokens (100): share a token cache between processes or revoke tokens".into()
            }
            (ErrorKind::Forbidden, _) => {
                "the credentials need the role Project Read Only or Project Backup Manager in this project".into()
            }
            (ErrorKind::NotFound, "CLUSTER_NOT_FOUND") => "check the cluster's name and that it is in this project".into(),
            (ErrorKind::NotFound, "GROUP_NOT_FOUND") => {
                "check the project id and that the credentials belong to its organization".into()
            }
            (ErrorKind::NotFound, _) => "check the ids; a snapshot that expired or was deleted is gone".into(),
            (ErrorKind::BadRequest, "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API") => {
                "snapshots of flex clusters are not read by this library".into()
            }
            (ErrorKind::BadRequest, "INVALID_VERSION_DATE" | "VERSION_GONE") => {
                "set an API version that Atlas still serves, such as 2024-05-30".into()
            }
            (ErrorKind::RateLimited, _) => match self.retry_after {
                Some(seconds) => format!("call less often; Atlas asks to wait {seconds} s").into(),
                None => "call less often and try again later".into(),
            },
            (ErrorKind::Server, _) => "the trouble is on Atlas' side: try again later, see status.mongodb.com".into(),
            (ErrorKind::Timeout, _) => "try again".into(),
            (ErrorKind::InvalidResponse, _) => {
                "this is not what Atlas promises: check the base URL and proxies on the way".into()
            }
            _ => "".into(),
        }
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
        let mut body_members = ApiErrorBody::default();
        let read = json::members(body, |name, value| {
            let value = Some(value).filter(|value| *value != "null");
            match &*json::name(name) {
                "error" => body_members.error = value,
                "errorCode" => body_members.error_code = value,
                "error_description" => body_members.error_description = value,
                "reason" => body_members.reason = value,
                "detail" => body_members.detail = value,
                "parameters" => body_members.parameters = value,
                "badRequestDetail" => body_members.bad_request_detail = value,
                "status" => body_members.status = value,
                "content" => body_members.content = value,
                _ => {}
            }
        });
        if read.is_err() {
            return ApiErrorBody::default();
        }
        body_members.is_object = true;
        body_members
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
        (1..=LONGEST_WAIT).contains(&seconds).then_some(seconds)
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
fn shown_text(raw: Option<&str>, redactor: &Redactor) -> String {
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

/// `Retry-After`: seconds, or one of the three forms of an HTTP date. No time at all and a date in the past count as
/// missing: whoever obeyed them would ask again and again without a pause.
fn seconds_until(value: &str) -> Option<u32> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that overflow still mean "very long".
        let seconds: u32 = value.parse().unwrap_or(u32::MAX);
        return Some(seconds.min(i32::MAX as u32)).filter(|seconds| *seconds > 0);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let wait = date.duration_since(SystemTime::now()).ok()?;
    // Rounded up: coming back a fraction of a second early earns another refusal.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Some(seconds.min(i32::MAX as u64) as u32).filter(|seconds| *seconds > 0)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use chrono::DateTime;

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
    fn the_message_says_what_to_do() {
        for (status, body, advice) in [
            (
                403,
                r#"{"errorCode":"IP_ADDRESS_NOT_ON_ACCESS_LIST","parameters":["203.0.113.7"]}"#,
                "add 203.0.113.7, the address Atlas saw, to the API access list",
            ),
            (
                403,
                r#"{"errorCode":"IP_ADDRESS_NOT_ON_ACCESS_LIST"}"#,
                "add the address of this machine to the API access list",
            ),
            (
                403,
                r#"{"error":"access_denied"}"#,
                "too many live access tokens",
            ),
            (403, "", "need the role Project Read Only"),
            (
                404,
                r#"{"errorCode":"CLUSTER_NOT_FOUND"}"#,
                "check the cluster's name",
            ),
            (
                404,
                r#"{"errorCode":"GROUP_NOT_FOUND"}"#,
                "check the project id",
            ),
            (404, "", "check the ids"),
            (
                400,
                r#"{"errorCode":"CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API"}"#,
                "flex clusters",
            ),
            (
                406,
                r#"{"errorCode":"INVALID_VERSION_DATE"}"#,
                "set an API version",
            ),
            (410, r#"{"errorCode":"VERSION_GONE"}"#, "set an API version"),
            (429, "", "call less often and try again later"),
            (500, "", "see status.mongodb.com"),
            (408, "", "try again"),
            (302, "", "check the base URL"),
        ] {
            let message = &of(status, body).message;
            let said = message.split_once("; ").map_or("", |it| it.1);
            assert!(said.contains(advice), "{status} {body}: {message}");
        }
        assert_eq!(of(409, "").to_string(), "Atlas answered 409");
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
            assert_eq!(of(500, body).message, message, "{body}");
        }
        let made = of(201, "token").message.clone();
        assert!(made.starts_with("Atlas answered 201; "), "{made}");
        let fields = r#"{"badRequestDetail":{"fields":[{"field":"a","description":"b"},{"field":"c","description":"d"}]}}"#;
        assert_eq!(of(400, fields).detail, "a: b; c: d");
    }

    #[test]
    fn retry_after_is_seconds_or_one_of_three_forms_of_a_date() {
        for (text, seconds) in [
            ("", None),
            ("soon", None),
            ("-1", None),
            ("0", None),
            ("000", None),
            (" 7 ", Some(7)),
            ("2147483647", Some(i32::MAX as u32)),
            ("2147483648", Some(i32::MAX as u32)),
            ("99999999999", Some(i32::MAX as u32)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun Nov  6 08:49:37 1994", None),
            ("Tue, 01 Jan 2999 00:00:00 GMT", Some(i32::MAX as u32)),
        ] {
            assert_eq!(seconds_until(text), seconds, "{text}");
        }
        // Until a full second: what is left of this one counts as one.
        let now = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs()
        };
        loop {
            let start = now();
            let date = DateTime::from_timestamp_secs(start as i64 + 10).unwrap();
            for form in [
                "%a, %d %b %Y %H:%M:%S GMT",
                "%A, %d-%b-%y %H:%M:%S GMT",
                "%a %b %e %H:%M:%S %Y",
            ] {
                let text = date.format(form).to_string();
                let seconds = seconds_until(&text);
                assert!(seconds == Some(10) || now() > start, "{text}: {seconds:?}");
            }
            if now() == start {
                break;
            }
        }
    }
}
