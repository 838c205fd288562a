//! The file of the token cache, with @0 for a moment ago and @1 for in an hour. A client uses the token in it or
//! fetches one, never anything else; and after a fetch the file serves the next client.
#![no_main]

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use std::io::Write;

use atlas_backup::Config;
use atlas_backup::fuzzing::{Account, Scripted};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const FETCHED: &str = "fetched-token";

/// The settings, and the file that belongs to them.
static CACHE: LazyLock<(Config, PathBuf)> = LazyLock::new(|| {
    let directory = std::env::temp_dir().join(format!("atlas-backup-fuzz-{}", std::process::id()));
    let mut config = Config::new();
    config.set_base_url(Some(b"http://localhost"));
    config.set_service_account(Some(b"fuzzer"), Some(b"secret"));
    config.set_token_cache(Some(directory.as_os_str().as_encoded_bytes()));
    use_one(&config);
    let mut files = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_none()).expect("the first client writes it");
    (config, file)
});

fuzz_target!(|data: &[u8]| {
    let (config, file) = &*CACHE;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let content = replaced(&replaced(data, b"@0", now - 60), b"@1", now + 3540);
    let _ = fs::remove_file(file);
    let mut options = fs::OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .unwrap()
        .write_all(&content)
        .unwrap();

    let (used, fetched) = use_one(config);
    if fetched {
        assert_eq!(used, FETCHED);
    } else {
        let document: Value =
            serde_json::from_slice(&content).expect("a damaged file has no token");
        assert_eq!(document["access_token"], *used, "the token is the file's");
        assert!(used.bytes().all(|byte| byte.is_ascii_graphic()));
        let (issued, ends) =
            (document["issued_at"].as_u64().unwrap(), document["expires_at"].as_u64().unwrap());
        assert!(issued <= now + 2 && now <= ends, "it lives");
        assert!(ends - issued <= 24 * 3600, "and not for ever");
    }
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);

    // What is there now serves the next.
    let (again, fetched_again) = use_one(config);
    assert!(!fetched_again || !fetched, "a fresh entry was not used");
    assert!(again == used || fetched_again);
});

/// The token that a new client uses, and whether it fetched it.
fn use_one(config: &Config) -> (String, bool) {
    let granted = format!(r#"{{"access_token":"{FETCHED}","expires_in":3600}}"#);
    let fine = Scripted::new(200, b"{}");
    let account = Account::new(config).unwrap();
    // Without a fetch the first answer is the snapshot's, and is as fine.
    let exchange = account.exchange([Scripted::new(200, granted.as_bytes()), fine]);
    assert!(matches!(exchange.outcome, Ok(200)), "the cache never fails a call: {exchange:?}");
    let bearer = exchange.sent.last().unwrap().1.clone().unwrap();
    let token = bearer.strip_prefix("Bearer ").unwrap();
    (token.to_owned(), exchange.sent.len() == 2)
}

fn replaced(text: &[u8], mark: &[u8], number: u64) -> Vec<u8> {
    let mut result = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(number.to_string().as_bytes());
        rest = &rest[at + mark.len()..];
    }
    result.extend_from_slice(rest);
    result
}
