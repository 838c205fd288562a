//! Clients whose log is searched for secrets, and what else these tests share.

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io::Write;
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atlas_backup::client::Polling;
use atlas_backup::{Client, ClusterType, Config, Error, Format, Level, Result, Snapshot};
use atlas_simulator::{
    ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, CLUSTER, PRIVATE_KEY, PROJECT, SNAPSHOT, Seen,
    Simulator,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use serde_json::json;

use crate::common::{self, Lines};

/// A client whose log is kept, and searched for secrets when it is dropped.
pub struct Watched {
    pub client: Client,
    pub lines: Lines,
}

impl Watched {
    pub fn new(mut config: Config) -> Watched {
        let lines = Lines::default();
        config.set_logger(4, lines.sink());
        assert_no_secret(&format!("{config:?}"));
        let client = Client::new(&config).expect("good settings");
        assert_no_secret(&format!("{client:?}"));
        Watched { client, lines }
    }

    pub fn get(&self) -> Result<Snapshot> {
        let outcome = self.client.get_snapshot(
            ClusterType::ReplicaSet,
            PROJECT,
            CLUSTER,
            SNAPSHOT,
            Format::default(),
        );
        outcome.inspect_err(|error| assert_no_secret(&format!("{error:?}")))
    }

    pub fn succeed(&self) {
        let snapshot = self.get().expect("a snapshot");
        assert_eq!(snapshot.id(), Some(SNAPSHOT));
    }

    pub fn fail(&self) -> Error {
        self.get().expect_err("a failure")
    }

    /// Waits for the snapshot at most this long.
    pub fn wait(&self, timeout: Duration) -> Result<Snapshot> {
        let polling = Polling {
            interval: Duration::from_millis(500),
            timeout: Some(timeout),
            format: Format::default(),
        };
        self.client.wait_for_snapshot(
            ClusterType::ReplicaSet,
            PROJECT,
            CLUSTER,
            SNAPSHOT,
            polling,
            &mut |_| true,
        )
    }

    pub fn warnings(&self) -> Vec<String> {
        self.lines
            .all()
            .into_iter()
            .filter(|(level, _)| *level == Level::Warning)
            .map(|(_, line)| line)
            .collect()
    }
}

impl Deref for Watched {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !thread::panicking() {
            for (_, line) in self.lines.all() {
                assert_no_secret(&line);
            }
        }
    }
}

pub fn assert_no_secret(text: &str) {
    let basic = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    // All tokens of the simulator begin alike.
    let token = ACCESS_TOKEN.split('.').next().unwrap();
    for secret in [CLIENT_SECRET, PRIVATE_KEY, &basic, token] {
        assert!(!text.contains(secret), "a secret is shown: {text}");
    }
}

/// Everything but the credentials. Without TLS, which is not what is tested here.
pub fn settings(atlas: &Simulator) -> Config {
    let mut config = Config::new();
    config.set_base_url(Some(atlas.plain_url().as_bytes()));
    config
}

pub fn service_account(atlas: &Simulator) -> Config {
    common::service_account(settings(atlas))
}

pub fn api_key(atlas: &Simulator) -> Config {
    common::api_key(settings(atlas))
}

pub fn caching(atlas: &Simulator, directory: &Path) -> Config {
    let mut config = service_account(atlas);
    config.set_token_cache(Some(directory.as_os_str().as_bytes()));
    config
}

/// Runs `body` on this many threads that start together.
pub fn together(count: usize, body: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(count);
    thread::scope(|scope| {
        for index in 0..count {
            let (barrier, body) = (&barrier, &body);
            scope.spawn(move || {
                barrier.wait();
                body(index);
            });
        }
    });
}

pub fn to(atlas: &Simulator, path: &str) -> Vec<Seen> {
    let mut requests = atlas.requests();
    requests.retain(|seen| seen.path.starts_with(path));
    requests
}

pub fn to_api(atlas: &Simulator) -> Vec<Seen> {
    to(atlas, "/api/atlas/")
}

pub fn token_requests(atlas: &Simulator) -> usize {
    to(atlas, "/api/oauth/token").len()
}

pub fn bearer(seen: &Seen) -> &str {
    seen.header("authorization").and_then(|header| header.strip_prefix("Bearer ")).expect("a token")
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub fn entry_name(atlas: &Simulator, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let entry = format!("{}\0{CLIENT_ID}", atlas.plain_url());
    let sum = hmac::sign(&key, entry.as_bytes());
    sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The cache entry of the simulator's service account in this directory.
pub fn entry(directory: &Path, atlas: &Simulator) -> PathBuf {
    directory.join(entry_name(atlas, CLIENT_SECRET))
}

pub fn write_private(path: &Path, text: &str) {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// An entry with this much of life granted, of which so much is left.
pub fn good_entry(token: &str, life: u64, left: u64) -> String {
    let end = unix_now() + left;
    json!({"access_token": token, "issued_at": end - life, "expires_at": end}).to_string()
}

pub fn fifo(path: &Path) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path is NUL-terminated.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}
