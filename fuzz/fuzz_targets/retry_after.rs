//! Retry-After: never more than an int32_t holds; digits are that many seconds; a date in any of HTTP's three forms is the
//! one that another implementation wrote; and what is no time to wait counts as missing.
#![no_main]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atlas_backup::fuzzing::Scripted;
use libfuzzer_sys::fuzz_target;

const LONGEST: u64 = i32::MAX as u64;
/// The form with two digits for the year is read as of 1969 to 2068.
const IN_2068: u64 = 3_092_600_000;

fuzz_target!(|data: &[u8]| {
    if let Some(seconds) = retry_after(data) {
        assert!((1..=LONGEST).contains(&seconds.into()));
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let text = text.trim_matches([' ', '\t']);
    if text.contains(char::is_control) {
        return; // no header can have it
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let expected = text.parse().unwrap_or(LONGEST).min(LONGEST);
        let seconds = retry_after(data).map(u64::from);
        assert_eq!(seconds, Some(expected).filter(|it| *it > 0), "{text}");
        // The same number as a date, of the past and of the future.
        for start in [UNIX_EPOCH, SystemTime::now()] {
            check_date(start + Duration::from_secs(expected));
        }
    }
    if let Ok(date) = httpdate::parse_http_date(text)
        && httpdate::fmt_http_date(date) == text
    {
        check_date(date);
    }
});

fn check_date(date: SystemTime) {
    let text = httpdate::fmt_http_date(date);
    assert_is(&text, date);

    let words: Vec<&str> = text.split([' ', ',']).collect();
    let [weekday, _, day, month, year, time, _] = words[..] else {
        panic!("{text}");
    };
    assert_is(&format!("{weekday} {month} {:>2} {time} {year}", day.trim_start_matches('0')), date);
    if date < UNIX_EPOCH + Duration::from_secs(IN_2068) {
        let weekday = match weekday {
            "Tue" => "Tuesday",
            "Wed" => "Wednesday",
            "Thu" => "Thursday",
            "Sat" => "Saturday",
            _ => &format!("{weekday}day"),
        };
        assert_is(&format!("{weekday}, {day}-{month}-{} {time} GMT", &year[2..]), date);
    }
}

fn assert_is(text: &str, date: SystemTime) {
    let left = || date.duration_since(SystemTime::now()).unwrap_or_default().as_secs();
    let before = left();
    // A date that is over counts as missing.
    let seconds = retry_after(text.as_bytes()).map_or(0, u64::from);
    // Rounded up, and time goes on.
    assert!(
        (left().min(LONGEST)..=(before + 1).min(LONGEST)).contains(&seconds),
        "{text}: {seconds}"
    );
}

fn retry_after(value: &[u8]) -> Option<u32> {
    let answer = Scripted::new(429, b"").with("retry-after", value).ok()?;
    answer.error().retry_after
}
