//! `/_simulator/…`: the Rust API for everyone else. Never recorded, needs no credentials.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{Answer, Request};
use crate::atlas::Atlas;
use crate::script::{Act, Target};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptForm {
    target: Target,
    acts: Vec<Act>,
    #[serde(default)]
    forever: bool,
}

/// None if the request is not for us.
pub(crate) fn answer(atlas: &Atlas, request: &Request) -> Option<Answer> {
    let name = request.path.strip_prefix("/_simulator/")?;
    let result = match (request.method.as_str(), name) {
        ("POST", "script") => serde_json::from_slice(&request.body)
            .map_err(|error| error.to_string())
            .and_then(|form: ScriptForm| set_script(atlas, form.target, form.acts, form.forever))
            .map(|()| json!({})),
        ("GET", "requests") => atlas.record.all().map(|seen| json!(seen)),
        ("GET", "settings") => Ok(json!(*atlas.settings())),
        ("POST", "settings") => change_settings(atlas, &request.body),
        ("POST", "clear") => {
            atlas.clear();
            Ok(json!({}))
        }
        ("GET", "tokens") => {
            Ok(json!({"issued": atlas.tokens.issued(), "live": atlas.tokens.live()}))
        }
        ("DELETE", "tokens") => {
            atlas.tokens.revoke_all();
            Ok(json!({}))
        }
        ("DELETE", "nonces") => {
            atlas.nonces.forget_all();
            Ok(json!({}))
        }
        ("GET", "connections") => Ok(
            json!({"accepted": atlas.connections.accepted(), "open": atlas.connections.open_now()}),
        ),
        ("DELETE", "connections") => {
            atlas.connections.close_idle();
            Ok(json!({}))
        }
        _ => Err(format!("The simulator has no {} {}.", request.method, request.path)),
    };
    let (status, body) = match result {
        Ok(body) => (200, body),
        Err(problem) => (400, json!({"problem": problem})),
    };
    Some(Answer::new(status, "application/json", body.to_string()))
}

fn change_settings(atlas: &Atlas, body: &[u8]) -> Result<Value, String> {
    let changes = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    atlas.change_settings(|settings| {
        *settings = settings.merged(changes).map_err(|error| error.to_string())?;
        Ok(json!(*settings))
    })
}

/// Refuses what the HTTP library could not write.
pub(crate) fn set_script(
    atlas: &Atlas,
    target: Target,
    acts: Vec<Act>,
    last_forever: bool,
) -> Result<(), String> {
    for act in &acts {
        let problem = match act {
            Act::Respond { status, .. } | Act::Redirect { status, .. }
                if !(200..=999).contains(status) =>
            {
                "a final status is 200 to 999"
            }
            Act::Respond { headers, .. }
                if headers.iter().any(|(name, value)| !is_header(name, value)) =>
            {
                "not a header, or one of framing; use raw"
            }
            Act::Redirect { location, .. } if !is_header("location", location) => {
                "not a header; use raw"
            }
            _ => continue,
        };
        return Err(format!("{problem}: {act:?}"));
    }
    atlas.scripts.set(target, acts, last_forever);
    Ok(())
}

fn is_header(name: &str, value: &str) -> bool {
    let framing = ["content-length", "transfer-encoding"];
    !framing.iter().any(|framing| name.eq_ignore_ascii_case(framing))
        && hyper::header::HeaderName::from_bytes(name.as_bytes()).is_ok()
        && hyper::header::HeaderValue::from_bytes(value.as_bytes()).is_ok()
}
