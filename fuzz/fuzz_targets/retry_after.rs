//! Retry-After: never more than an int32_t holds; digits are that many seconds; and a date is the one that another
//! implementation reads, in each of HTTP's three forms.
#![no_main]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atlas_backup::fuzzing::Scripted;
use libfuzzer_sys::fuzz_target;

const LONGEST: u64 = i32::MAX as u64;

fuzz_target!(|data: &[u8]| {
    if let Some(seconds) = retry_after(data) {
        assert!(u64::from(seconds) <= LONGEST);
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let text = text.trim_matches([' ', '\t']);
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let expected = text.parse().unwrap_or(LONGEST).min(LONGEST);
        assert_eq!(retry_after(data).map(u64::from), Some(expected), "{text}");
        // The same number as a date from now, or from 1970 on.
        for date in [UNIX_EPOCH, SystemTime::now()] {
            // HTTP's dates have years of four digits, one of the forms of two.
            if let Some(date) = date.checked_add(Duration::from_secs(expected % (70 * 365 * 86400)))
            {
                check_date(date);
            }
        }
    }
    if let Ok(date) = httpdate::parse_http_date(text)
        // The other one lets pass a weekday that is not that day's.
        && httpdate::fmt_http_date(date)[..3] == text[..3]
    {
        assert_is(text, date);
    }
});

fn check_date(date: SystemTime) {
    assert_is(&httpdate::fmt_http_date(date), date);
}

fn assert_is(text: &str, date: SystemTime) {
    let left = || {
        date.duration_since(SystemTime::now())
            .unwrap_or_default()
            .as_secs()
    };
    let before = left();
    let seconds = retry_after(text.as_bytes()).map(u64::from);
    let seconds = seconds.unwrap_or_else(|| panic!("{text} is a date"));
    // Rounded up, and time goes on.
    assert!(
        (left().min(LONGEST)..=(before + 1).min(LONGEST)).contains(&seconds),
        "{text}: {seconds}"
    );
}

fn retry_after(value: &[u8]) -> Option<u32> {
    Scripted::new(429, b"")
        .with("retry-after", value)
        .ok()?
        .error()
        .retry_after
}
