//! What serde_json reads as a JSON object is a snapshot, and what it does not read is none. Each exception is a rule of
//! the ABI, written down here; one that no rule explains is a finding.
#![no_main]

use atlas_backup::{Error, ErrorKind, Snapshot};
use atlas_backup_fuzz::{Members, integer};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let theirs = serde_json::from_slice::<Value>(data);
    match (theirs, Snapshot::parse(data)) {
        (Ok(Value::Object(_)), Ok(_)) => {}
        (Ok(Value::Object(_)), Err(error)) => {
            let text = std::str::from_utf8(data).expect("JSON is UTF-8");
            let rule = why_refused(text, &error);
            assert!(rule.is_some(), "refused, and no rule says why: {error}");
        }
        // "Only a document that is not a JSON object in valid UTF-8 is INVALID_RESPONSE (the message says where)."
        (Ok(_), Ok(_)) => panic!("not an object, and accepted"),
        (Ok(_), Err(error)) => assert_eq!(error.kind, ErrorKind::InvalidResponse),
        (Err(theirs), Ok(_)) => {
            let rule = why_accepted(&theirs);
            assert!(rule.is_some(), "no JSON, and accepted: {theirs}");
        }
        (Err(theirs), Err(error)) => {
            // An error that the server sent may be one of those that serde_json does not read to the end.
            assert!(
                error.kind == ErrorKind::InvalidResponse || why_accepted(&theirs).is_some(),
                "{error}"
            );
            if error.http_status == 0 {
                assert!(
                    error.message().contains("JSON object")
                        || error.message().contains("too large"),
                    "{error}"
                );
            }
        }
    }
});

/// The rule of the ABI by which a JSON object is no snapshot.
fn why_refused(text: &str, error: &Error) -> Option<&'static str> {
    if text.len() > 16 * 1024 * 1024 && error.kind == ErrorKind::InvalidResponse {
        return Some("limits exceeded (16 MiB): INVALID_RESPONSE");
    }
    // serde_json reads 127 levels itself, so depth never explains what only we refuse.

    let outer: Members = serde_json::from_str(text).ok()?;
    let is_content = |name: &str| outer.get(name).is_some_and(|raw| raw.get().starts_with('{'));
    let number =
        |members: &Members, name: &str| members.get(name).and_then(|raw| integer(raw.get()));
    // A null counts as absent.
    let has_id = |members: &Members| members.get("id").is_some_and(|raw| raw.get() != "null");
    let status = number(&outer, "status");
    // "enveloped (an object "content" beside an integer "status")"
    let inner: Members = match status {
        Some(_) if is_content("content") => serde_json::from_str(outer["content"].get()).ok()?,
        _ => serde_json::from_str(text).ok()?,
    };
    let is = |status: Option<i64>, least: i64| {
        let status = status.filter(|status| (least..=599).contains(status));
        status == Some(error.http_status.into())
    };
    // "An enveloped error fails as that error would from the server": one with an object "content", or with another
    // "content" in an object that has no id and so is no snapshot.
    if is(status, 300)
        && (is_content("content") || (outer.contains_key("content") && !has_id(&outer)))
    {
        return Some("an enveloped error fails as that error would from the server");
    }
    if is(number(&inner, "error"), 400) && !has_id(&inner) {
        return Some(
            "an object with an integer error of 400 to 599 and no id fails as that error would from the server",
        );
    }
    None
}

/// The rule of the ABI by which a snapshot may hold what serde_json does not read into a value.
fn why_accepted(theirs: &serde_json::Error) -> Option<&'static str> {
    let theirs = theirs.to_string();
    let says = |what: &str| theirs.contains(what);
    if says("recursion limit exceeded") {
        return Some(
            "limits exceeded (depth 128): 128 levels are within it, and serde_json reads 127",
        );
    }
    if says("number out of range") {
        return Some(
            "a number outside the range is the wrong type; one odd field never hides the others",
        );
    }
    if says("lone leading surrogate") || says("unexpected end of hex escape") || says("surrogate") {
        return Some(
            "one odd field never hides the others: a lone surrogate is well-formed JSON, and shows as U+FFFD",
        );
    }
    None
}
