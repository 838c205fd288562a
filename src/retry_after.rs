//! `Retry-After`: how long a server asks to wait.

use std::time::SystemTime;

use ::http::HeaderMap;
use ::http::header::RETRY_AFTER;

/// The longest time that a body is believed to ask for, and that is waited for whatever asked, in seconds.
pub(crate) const LONGEST: u32 = 24 * 3600;

/// The seconds that the header asks to wait, if it is there and can be read.
pub(crate) fn seconds(headers: &HeaderMap) -> Option<u32> {
    seconds_until(headers.get(RETRY_AFTER)?.to_str().ok()?)
}

/// Seconds, or one of the three forms of an HTTP date. No time at all and a date in the past count as
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
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        loop {
            let start = now();
            let date = DateTime::from_timestamp_secs(start as i64 + 10).unwrap();
            for form in
                ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
            {
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
