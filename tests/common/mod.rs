//! What several test files share.
#![allow(dead_code, unused_imports)] // each file uses a part of it

mod accounts;
mod directory;
mod process;
mod servers;

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use atlas_backup::log::Sink;
use atlas_backup::{Client, ClusterType, Config, Format, Level, Result, Snapshot};
use atlas_simulator::{ACCESS_TOKEN, CLUSTER, PROJECT, SNAPSHOT, Simulator};

pub use accounts::{api_key, digest_parameter, service_account};
pub use directory::Directory;
pub use process::{Forked, fork, in_child, is_child};
pub use servers::{Swallower, flood, read_head, server, swallower};

/// Where `make test` has everything collected that the library says, and looks for secrets in it in the end.
static RECORD: OnceLock<Option<File>> = OnceLock::new();

fn open_record() {
    RECORD.get_or_init(|| {
        let path = env::var_os("ATLAS_TEST_RECORD")?;
        File::options().append(true).create(true).open(path).ok()
    });
}

/// Takes no lock, since the process may just have been forked.
fn record(line: &str) {
    if let Some(Some(file)) = RECORD.get() {
        let _ = (&*file).write_all(format!("{line}\n").as_bytes());
    }
}

/// Settings for a server somewhere, without retries and whatever proxy the environment names.
pub fn config_for(url: &str) -> Config {
    open_record();
    let mut config = Config::new();
    if let Some(Some(_)) = RECORD.get() {
        config.set_logger(4, Some(Arc::new(|_, line: &str| record(line))));
    }
    config.set_access_token(Some(ACCESS_TOKEN.as_bytes()));
    config.set_base_url(Some(url.as_bytes()));
    config.set_proxy(Some(b""));
    config.set_max_retries(0);
    config
}

/// The same for the simulator, with TLS.
pub fn config(atlas: &Simulator) -> Config {
    let mut config = config_for(&atlas.base_url());
    config.set_ca_file(atlas.ca_file().to_str().map(str::as_bytes));
    config
}

pub fn client(config: &Config) -> Client {
    let client = Client::new(config).expect("good settings");
    record(&format!("{config:?} {client:?}"));
    client
}

pub fn get(client: &Client) -> Result<Snapshot> {
    get_of(client, CLUSTER)
}

pub fn get_of(client: &Client, cluster: &str) -> Result<Snapshot> {
    get_id(client, cluster, SNAPSHOT)
}

pub fn get_id(client: &Client, cluster: &str, id: &str) -> Result<Snapshot> {
    let (cluster_type, format) = (ClusterType::ReplicaSet, Format::default());
    let outcome = client.get_snapshot(cluster_type, PROJECT, cluster, id, format);
    record(&format!("{outcome:?}"));
    outcome
}

/// Runs `body` and returns how long it took beyond the time that a thread needs on this machine, as busy as it is now,
/// to sleep for `due`.
pub fn overrun<T>(due: Duration, body: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let control = thread::spawn(move || {
        thread::sleep(due);
        start.elapsed()
    });
    let value = body();
    let took = start.elapsed();
    let due = control.join().expect("a sleeper");
    (value, took.saturating_sub(due))
}

/// The URL with the name of this machine for `localhost`, which unlike that has to be looked up. Where the name leads is
/// this machine's business, and no certificate has it, so that a call that finds it fails later.
pub fn with_a_name(url: &str) -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    url.replace("localhost", name.trim())
}

/// Waits until `condition` holds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "waiting until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A log that can be read.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Lines {
    pub fn sink(&self) -> Option<Arc<Sink>> {
        open_record();
        let lines = self.clone();
        Some(Arc::new(move |level, line: &str| {
            record(line);
            lines.0.lock().unwrap().push((level, line.to_owned()));
        }))
    }

    pub fn all(&self) -> Vec<(Level, String)> {
        self.0.lock().unwrap().clone()
    }

    pub fn with(&self, part: &str) -> Vec<String> {
        let lines = self.all().into_iter().map(|(_, line)| line);
        lines.filter(|line| line.contains(part)).collect()
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
