//! The answer of the token endpoint: its first line is the status, the rest the body. A token that is accepted is the
//! one in the body, can be sent, and serves the next call too; a refused one is replaced once; no error shows a secret.
#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use atlas_backup::Config;
use atlas_backup::fuzzing::{Account, Exchange, Scripted};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const SECRET: &str = "s3cret-of-the-account";
/// `fuzzer:` and the secret, as they are sent.
const BASIC: &str = "Basic ZnV6emVyOnMzY3JldC1vZi10aGUtYWNjb3VudA==";

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let mut config = Config::new();
    config.set_base_url(Some(b"http://localhost"));
    config.set_service_account(Some(b"fuzzer"), Some(SECRET.as_bytes()));
    config
});

fuzz_target!(|data: &[u8]| {
    let (status, body) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (&b"200"[..], data),
    };
    let status: u16 =
        std::str::from_utf8(status).ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let answer = || Scripted::new(status, body);
    let fine = || Scripted::new(200, b"{}");

    let start = Instant::now();
    let account = Account::new(&CONFIG).unwrap();
    let first = check(account.exchange([answer(), fine()]));
    assert_eq!(first.sent[0], ("/api/oauth/token".to_owned(), Some(BASIC.to_owned())));
    if first.outcome.is_err() {
        assert_eq!(first.sent.len(), 1, "without a token nothing is asked");
        return;
    }
    assert_eq!((status, first.sent.len()), (200, 2));
    let bearer = first.sent[1].1.clone().unwrap();
    let token = bearer.strip_prefix("Bearer ").expect("a bearer token");
    assert!(!token.is_empty() && token.len() <= 8 * 1024);
    if let Ok(document) = serde_json::from_slice::<Value>(body) {
        assert_eq!(document["access_token"], *token);
    }

    // Unless it lived for less than a second.
    let second = check(account.exchange([fine()]));
    let is_brief = serde_json::from_slice::<Value>(body).is_ok_and(|document| {
        let life = &document["expires_in"];
        let text = life.as_str().map_or_else(|| life.to_string(), str::to_owned);
        text.trim().parse::<f64>().is_ok_and(|life| life < 1.0)
    });
    if start.elapsed() < Duration::from_millis(500) && !is_brief {
        assert!(matches!(second.outcome, Ok(200)), "{second:?}");
        assert_eq!(second.sent, first.sent[1..]);
    }
    let refused = check(account.exchange([
        Scripted::new(401, b""),
        answer(),
        Scripted::new(401, b""),
        fine(),
    ]));
    if start.elapsed() < Duration::from_millis(500) {
        assert!(matches!(&refused.outcome, Err(error) if error.http_status == 401), "{refused:?}");
        assert_eq!(refused.sent.len(), 3);
    }
});

fn check(exchange: Exchange) -> Exchange {
    if let Err(error) = &exchange.outcome {
        let shown = format!("{error:?}");
        assert!(!shown.contains(SECRET) && !shown.contains(&BASIC[6..]), "{shown}");
        assert!(!error.message().contains(char::is_control));
    }
    exchange
}
