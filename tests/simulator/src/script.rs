//! Scripts: what goes wrong with the next requests.

use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::answer::Request;

/// The requests a script is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The token endpoint.
    Token,
    /// The token revocation endpoint.
    Revoke,
    /// Everything below `/api/atlas/v2/`.
    Api,
    /// Requests whose path and query contain this text; looked at before the other targets.
    Path(String),
}

/// What happens to one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Atlas' own answer.
    Honest,
    /// This answer, whatever was asked.
    Respond {
        status: u16,
        #[serde(default)]
        headers: Vec<(String, String)>,
        #[serde(default)]
        body: Payload,
    },
    /// The honest answer, late.
    Delay { ms: u64 },
    /// Nothing, on an open connection.
    Silence,
    /// An orderly close without an answer.
    Close,
    /// A TCP reset without an answer.
    Reset,
    /// The honest answer of 401 to a request that is not let in; a TCP reset in the place of any other answer, though
    /// the request was accepted and its nonce is used.
    ResetIfLetIn,
    /// The first bytes of the honest answer (head and body), then the end, for TLS without `close_notify`.
    CloseAfter { bytes: usize },
    /// The honest answer; status line and headers drip.
    DripHead { bytes_per_second: u32 },
    /// The honest answer; the body drips.
    DripBody { bytes_per_second: u32 },
    /// The honest answer in chunks of one byte, whose chunk-size lines drip.
    DripChunks { bytes_per_second: u32 },
    /// Informational responses (100, 102, 103 in turn) and never a final one.
    #[serde(rename = "endless_1xx")]
    Endless1xx { interval_ms: u64 },
    /// The honest answer with this much of additional headers.
    HugeHeaders { bytes: usize },
    /// A JSON object of exactly this size; in chunks unless the length is announced.
    HugeBody { bytes: u64, content_length: bool },
    /// An unasked-for `Content-Encoding: gzip` that unpacks to this many zero bytes.
    GzipBomb { bytes: u64 },
    /// A redirect with an empty body.
    Redirect { status: u16, location: String },
    /// These bytes instead of an HTTP response, then an orderly close.
    Raw { bytes: Payload },
    /// These bytes instead of an HTTP response, then the end, for TLS without `close_notify`.
    RawCut { bytes: Payload },
    /// The honest answer and, some time later, bytes that nobody asked for; the connection stays open.
    ThenSay { after_ms: u64, bytes: Payload },
    /// The honest answer, which promises keep-alive, then silence for a while (requests sent
    /// meanwhile go unanswered), then an orderly close.
    ThenClose { after_ms: u64 },
    /// The honest answer, then an orderly close of this and every other idle connection.
    ThenDropIdle,
}

impl Act {
    /// A JSON answer.
    pub fn respond(status: u16, body: impl Into<Payload>) -> Act {
        let headers = vec![("Content-Type".into(), "application/json".into())];
        Act::Respond { status, headers, body: body.into() }
    }
}

/// Bytes; in JSON a string, or `{"base64":"…"}` for what is not UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PayloadForm", into = "PayloadForm")]
pub struct Payload(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PayloadForm {
    Text(String),
    Base64 { base64: String },
}

impl TryFrom<PayloadForm> for Payload {
    type Error = String;

    fn try_from(form: PayloadForm) -> Result<Payload, String> {
        match form {
            PayloadForm::Text(text) => Ok(Payload(text.into_bytes())),
            PayloadForm::Base64 { base64 } => {
                STANDARD.decode(base64).map(Payload).map_err(|error| format!("base64: {error}"))
            }
        }
    }
}

impl From<Payload> for PayloadForm {
    fn from(payload: Payload) -> PayloadForm {
        match String::from_utf8(payload.0) {
            Ok(text) => PayloadForm::Text(text),
            Err(error) => PayloadForm::Base64 { base64: STANDARD.encode(error.as_bytes()) },
        }
    }
}

impl<T: AsRef<[u8]>> From<T> for Payload {
    fn from(bytes: T) -> Payload {
        Payload(bytes.as_ref().to_vec())
    }
}

struct Script {
    target: Target,
    /// Next act last.
    acts: Vec<Act>,
    last_forever: bool,
}

#[derive(Default)]
pub(crate) struct Scripts(Mutex<Vec<Script>>);

impl Scripts {
    pub fn set(&self, target: Target, mut acts: Vec<Act>, last_forever: bool) {
        let mut scripts = self.0.lock().unwrap();
        scripts.retain(|script| script.target != target);
        acts.reverse();
        let script = Script { target, acts, last_forever };
        match script.target {
            Target::Path(_) => scripts.insert(0, script),
            _ => scripts.push(script),
        }
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// The act for this request, used up by asking.
    pub fn next(&self, request: &Request) -> Act {
        let mut scripts = self.0.lock().unwrap();
        let script = scripts.iter_mut().find(|script| {
            !script.acts.is_empty()
                && match &script.target {
                    Target::Token => request.path == "/api/oauth/token",
                    Target::Revoke => request.path == "/api/oauth/revoke",
                    Target::Api => request.path.starts_with("/api/atlas/v2/"),
                    Target::Path(part) => request.target.contains(part),
                }
        });
        match script {
            Some(script) if script.last_forever && script.acts.len() == 1 => script.acts[0].clone(),
            Some(script) => script.acts.pop().unwrap_or(Act::Honest),
            None => Act::Honest,
        }
    }
}
