//! A request read and an answer to be written, free of any HTTP library's lifetimes.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::json;

pub(crate) struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    /// Path and query exactly as they came: what a digest's `uri` must repeat.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Names and values of the query.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters().find(|pair| pair.0 == name).map(|pair| pair.1)
    }

    pub fn flag(&self, name: &str) -> bool {
        self.parameter(name) == Some("true")
    }
}

#[derive(Clone)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(Cow<'static, str>, String)>,
    pub body: Bytes,
}

impl Answer {
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Answer {
        Answer { status, headers: Vec::new(), body: body.into() }.with("Content-Type", content_type)
    }

    pub fn empty(status: u16) -> Answer {
        Answer { status, headers: Vec::new(), body: Bytes::new() }
    }

    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|header| header.0.eq_ignore_ascii_case(name))
            .map(|header| header.1.as_str())
    }

    pub fn is_json(&self) -> bool {
        self.header("Content-Type").is_some_and(|kind| kind.contains("json"))
    }

    /// As `envelope=true` asks: the status moves into the body.
    pub fn enveloped(self) -> Answer {
        if !self.is_json() {
            return self;
        }
        let mut body = format!("{{\"status\":{},\"content\":", self.status).into_bytes();
        body.extend_from_slice(&self.body);
        body.push(b'}');
        Answer { status: 200, body: body.into(), ..self }
    }

    /// As `envelope=true` asks of a list's page, which is an envelope of its own.
    pub fn with_status_beside(self) -> Answer {
        let mut body = format!("{{\"status\":{},", self.status).into_bytes();
        body.extend_from_slice(&self.body[1..]);
        Answer { status: 200, body: body.into(), ..self }
    }

    /// As `pretty=true` asks.
    pub fn indented(self) -> Answer {
        match std::str::from_utf8(&self.body) {
            Ok(text) if self.is_json() => Answer { body: json::indent(text).into(), ..self },
            _ => self,
        }
    }

    /// Status line and headers as bytes, for connections taken over from the HTTP library.
    /// `framing` is the `Content-Length` or `Transfer-Encoding` line without its end.
    pub fn head(&self, framing: &str) -> Vec<u8> {
        let reason = reason(self.status);
        let date = httpdate::fmt_http_date(SystemTime::now());
        let mut head =
            format!("HTTP/1.1 {} {reason}\r\nDate: {date}\r\n{framing}\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    pub fn content_length(&self) -> String {
        format!("Content-Length: {}", self.body.len())
    }

    pub fn into_response(self) -> hyper::Response<Full<Bytes>> {
        let mut response = hyper::Response::new(Full::new(self.body));
        *response.status_mut() =
            hyper::StatusCode::from_u16(self.status).expect("scripts are checked");
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("scripts are checked");
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("scripts are checked");
            response.headers_mut().append(name, value);
        }
        response
    }
}

pub(crate) fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status)
        .ok()
        .and_then(|code| code.canonical_reason())
        .unwrap_or("Unknown")
}
