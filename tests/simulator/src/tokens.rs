//! OAuth access tokens: the endpoints that give them out and take them back, and what is live.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::answer::{Answer, Request};
use crate::errors::{method_not_allowed, oauth_error};
use crate::settings::Settings;
use crate::{CLIENT_ID, random};

#[derive(Default)]
pub(crate) struct Tokens(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    live: HashMap<String, Instant>,
    issued: usize,
}

impl Inner {
    fn live(&mut self) -> &mut HashMap<String, Instant> {
        let now = Instant::now();
        self.live.retain(|_, end| *end > now);
        &mut self.live
    }
}

impl Tokens {
    pub fn is_live(&self, token: &str, settings: &Settings) -> bool {
        let inner = self.0.lock().unwrap();
        token == settings.access_token
            || inner.live.get(token).is_some_and(|end| *end > Instant::now())
    }

    pub fn issued(&self) -> usize {
        self.0.lock().unwrap().issued
    }

    pub fn live(&self) -> usize {
        self.0.lock().unwrap().live().len()
    }

    pub fn revoke_all(&self) {
        self.0.lock().unwrap().live.clear();
    }

    pub fn forget_count(&self) {
        self.0.lock().unwrap().issued = 0;
    }

    /// `POST /api/oauth/token`
    pub fn issue(&self, request: &Request, settings: &Settings) -> Answer {
        let form = match checked_form(request, settings) {
            Ok(form) => form,
            Err(refusal) => return refusal,
        };
        match field(&form, "grant_type") {
            Some("client_credentials") => {}
            Some(_) => {
                return oauth_error(
                    400,
                    "unsupported_grant_type",
                    "Only client_credentials is supported.",
                );
            }
            None => return oauth_error(400, "invalid_request", "grant_type is missing."),
        }
        let mut inner = self.0.lock().unwrap();
        if inner.live().len() >= settings.max_live_tokens {
            return oauth_error(
                403,
                "access_denied",
                "The service account has too many active access tokens.",
            );
        }
        let token = new_token();
        let lifetime = Duration::from_millis(settings.token_lifetime_ms);
        inner.live.insert(token.clone(), Instant::now() + lifetime);
        inner.issued += 1;
        drop(inner);
        let mut body = json!({"access_token": token, "token_type": "Bearer"});
        if !settings.omit_expires_in {
            body["expires_in"] = settings.expires_in.clone();
        }
        Answer::new(200, "application/json", body.to_string()).with("Cache-Control", "no-store")
    }

    /// `POST /api/oauth/revoke`
    pub fn revoke(&self, request: &Request, settings: &Settings) -> Answer {
        let form = match checked_form(request, settings) {
            Ok(form) => form,
            Err(refusal) => return refusal,
        };
        let Some(token) = field(&form, "token") else {
            return oauth_error(400, "invalid_request", "token is missing.");
        };
        if field(&form, "token_type_hint").is_some_and(|hint| hint != "access_token") {
            return oauth_error(
                400,
                "unsupported_token_type",
                "Only access tokens can be revoked.",
            );
        }
        self.0.lock().unwrap().live.remove(token);
        Answer::empty(200)
    }
}

type Form = Vec<(String, String)>;

fn checked_form(request: &Request, settings: &Settings) -> Result<Form, Answer> {
    if request.method != "POST" {
        return Err(method_not_allowed("POST"));
    }
    let pair = format!("{CLIENT_ID}:{}", settings.client_secret);
    let basic = format!("Basic {}", STANDARD.encode(pair));
    if request.header("authorization") != Some(&basic) {
        return Err(oauth_error(401, "invalid_client", "Client authentication failed."));
    }
    let kind = request.header("content-type").unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/x-www-form-urlencoded") {
        return Err(oauth_error(
            400,
            "invalid_request",
            "The content type must be application/x-www-form-urlencoded.",
        ));
    }
    let form = std::str::from_utf8(&request.body).ok().and_then(parse_form);
    form.ok_or_else(|| oauth_error(400, "invalid_request", "The form cannot be read."))
}

fn parse_form(text: &str) -> Option<Form> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((decode(name)?, decode(value)?))
    };
    text.split('&').map(pair).collect()
}

fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => byte,
        });
    }
    String::from_utf8(out).ok()
}

fn field<'a>(form: &'a Form, name: &str) -> Option<&'a str> {
    form.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
}

/// In the shape of Atlas' tokens, three base64url parts; clients must not look inside.
fn new_token() -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES512","typ":"JWT"}"#);
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!("{header}.{}.{}", part(&random::<240>()), part(&random::<64>()))
}
