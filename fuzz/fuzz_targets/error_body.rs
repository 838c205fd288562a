//! The body of an error: its first line is the status, the second Retry-After, the third X-Error-Code. Kind, texts and
//! message follow from them; and as a body that was kept, a C caller gets them cut but whole.
#![no_main]

use atlas_backup::ErrorKind;
use atlas_backup::fuzzing::Scripted;
use atlas_backup_fuzz::*;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (status, retry_after, code, body) = (part(), part(), part(), part());
    let status =
        std::str::from_utf8(status).ok().and_then(|status| status.parse().ok()).unwrap_or(500);
    let Ok(answer) = Scripted::new(status, body)
        .with("retry-after", retry_after)
        .and_then(|answer| answer.with("x-error-code", code))
    else {
        return;
    };
    let error = answer.error();
    // C sees the same through a body that was kept.
    drop(parse(body));

    // What is in an envelope counts, under its status if that is one of an error.
    let mut body = body;
    let mut status = status;
    let members: Members = serde_json::from_slice(body).unwrap_or_default();
    let member = |name: &str| members.get(name).map_or("null", |raw| raw.get());
    if let Some(inner) = integer(member("status"))
        && member("content").starts_with('{')
    {
        body = member("content").as_bytes();
        if (400..=599).contains(&inner) {
            status = inner as u16;
        }
    }

    assert_eq!(error.http_status, status);
    assert!(error.retry_after.is_none_or(|seconds| seconds <= i32::MAX as u32));
    assert!(error.message().starts_with(&format!("Atlas answered {status}")));
    assert!(!error.message().contains(char::is_control));
    // A page without end must not become a message without end.
    assert!(error.message().len() <= 3 * body.len() + code.len() + 4096);

    // One odd member hides no other: what serde_json reads of each by itself.
    let members: Members = serde_json::from_slice(body).unwrap_or_default();
    let read = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
    let document: Value = members.iter().map(|(name, raw)| (name.clone(), read(raw))).collect();
    // A lone surrogate, which shows as U+FFFD, or a name with one, which serde_json does not read.
    if String::from_utf8_lossy(body).contains("\\u")
        && serde_json::from_slice::<Value>(body).is_err()
    {
        return;
    }
    // C cannot hold a NUL.
    let text = |name: &str| {
        let text = document.get(name).and_then(Value::as_str);
        text.map(|text| text.replace('\0', "\u{fffd}"))
    };
    let kind = match status {
        _ if text("error").as_deref() == Some("invalid_client") => ErrorKind::Unauthenticated,
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        429 => ErrorKind::RateLimited,
        400..500 => ErrorKind::BadRequest,
        500..600 => ErrorKind::Server,
        _ => ErrorKind::InvalidResponse,
    };
    assert_eq!(error.kind, kind);
    assert_eq!(error.reason, text("reason").unwrap_or_default());
    let said = text("error").or_else(|| text("errorCode")).unwrap_or_default();
    if said.is_empty() {
        assert_eq!(
            error.code.as_bytes(),
            if code.iter().all(|byte| byte.is_ascii()) { code } else { b"" }
        );
    } else {
        assert_eq!(error.code, said);
    }
    let detail = if text("error").is_some() { text("error_description") } else { text("detail") };
    assert!(error.detail.starts_with(&detail.unwrap_or_default()));
    // They come as they are, even those that serde_json has no value for.
    match members.get("parameters").map(|raw| raw.get()) {
        None | Some("null") => assert_eq!(error.parameters, ""),
        Some(raw) => match serde_json::from_str::<Value>(raw) {
            Ok(value) => {
                assert_eq!(serde_json::from_str::<Value>(&error.parameters).unwrap(), value)
            }
            Err(_) => assert!(!error.parameters.is_empty()),
        },
    }
});
