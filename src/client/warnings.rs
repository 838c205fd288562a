//! What a client tells the log of answers.

use std::sync::atomic::{AtomicBool, Ordering};

use ::http::header::DATE;
use ::http::{HeaderName, HeaderValue};

use crate::error::Redactor;
use crate::headers::Headers;
use crate::log::{Level, Logger};
use crate::snapshot::Snapshot;
use crate::text::VALUE_SHOWN;

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// Tells at the highest level what an answer says of the time and of the limits on requests: only the headers of a
/// snapshot reach the caller, and a clock that is wrong or a limit that is near shows elsewhere too.
pub(super) fn clock_and_limits(headers: &Headers, logger: &Logger) {
    logger.log(Level::Debug, || {
        let mut line = String::from("answered with");
        let told = |name: &HeaderName| *name == DATE || name.as_str().starts_with("ratelimit-");
        for (name, value) in headers.iter().filter(|(name, _)| told(name)) {
            line.push_str(&format!(" {name}: {};", shown(value, logger)));
        }
        match line.pop() {
            Some(';') => line,
            _ => "answered without Date and RateLimit headers".to_owned(),
        }
    });
}

/// Warns, if `warned` does not say that this was done, when Atlas announces that it will stop serving what was asked
/// for.
pub(super) fn end_of_version(warned: &AtomicBool, headers: &Headers, logger: &Logger) {
    if warned.load(Ordering::Relaxed) || !headers.has(&DEPRECATION) && !headers.has(&SUNSET) {
        return;
    }
    let (deprecation, sunset) = (headers.get(DEPRECATION), headers.get(SUNSET));
    if warned.swap(true, Ordering::Relaxed) {
        return;
    }
    let said = |value: Option<&HeaderValue>| {
        value.map_or_else(|| "not said".to_owned(), |value| shown(value, logger))
    };
    logger.log(Level::Warning, || {
        format!(
            "Atlas announces the end of this version of its API (Deprecation: {}; Sunset: {}); set a newer api_version, or \
             use a newer release of this library",
            said(deprecation),
            said(sunset)
        )
    });
}

fn shown(value: &HeaderValue, logger: &Logger) -> String {
    logger.redactor().redact(&String::from_utf8_lossy(value.as_bytes()), VALUE_SHOWN)
}

/// Warns of fields with another type than documented, once for each field.
pub(super) fn odd_fields(logger: &Logger, snapshots: &[Snapshot]) {
    let mut odd: Vec<(&str, &Snapshot, usize)> = Vec::new();
    for snapshot in snapshots {
        for name in snapshot.odd_fields() {
            match odd.iter_mut().find(|(field, ..)| *field == name) {
                Some((.., count)) => *count += 1,
                None => odd.push((name, snapshot, 1)),
            }
        }
    }
    for (field, first, count) in odd {
        logger.log(Level::Warning, || {
            let id = id_of(first, logger.redactor());
            let whose = match count {
                1 => format!("snapshot {id}"),
                _ => format!("{count} snapshots, {id} the first,"),
            };
            format!("{field} of {whose} has another type than documented and counts as absent")
        });
    }
}

/// What messages call a snapshot.
pub(super) fn id_of(snapshot: &Snapshot, redactor: &Redactor) -> String {
    redactor.redact(snapshot.id().unwrap_or("(without id)"), VALUE_SHOWN)
}
