//! A simulator of MongoDB Atlas' Administration API for backup snapshots. It answers as the live service was
//! recorded to, and misbehaves on demand. Used by the tests of `atlas-backup`, never shipped.
//!
//! The modules:
//! - [`world`]: the project, its clusters and snapshots; the table of stories to choose from
//! - `atlas`: everything shared, and the honest answer to a request
//! - `specification`: which requests Atlas documents
//! - `errors`: Atlas' documented error answers
//! - `tokens`, `digest`: who is let in
//! - `script`: what goes wrong with the next requests; `faults`: how
//! - `settings`, `record`, `control`: what tests change, what they see, and both over HTTP
//! - `server`, `io`, `tls`: listeners, connections, certificates
//! - `answer`, `json`: a request read, an answer to be written
#![forbid(unsafe_code)]

mod answer;
mod atlas;
mod control;
mod digest;
mod errors;
mod faults;
mod io;
mod json;
mod record;
mod script;
mod server;
mod settings;
mod specification;
mod tls;
mod tokens;
pub mod world;

use std::collections::HashMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::{env, fs};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::runtime::{Builder, Runtime};

pub use crate::errors::SEEN_ADDRESS;
pub use crate::record::Seen;
pub use crate::script::{Act, Payload, Target};
pub use crate::settings::{DigestSettings, NonceCount, Settings, UnauthorizedBody};
pub use crate::tls::BadTls;

use crate::atlas::Atlas;
use crate::server::Welcome;
use crate::tls::Authority;

pub const CLIENT_ID: &str = "mdb_sa_id_5f0c1e2d3a4b5c6d7e8f9a0b";
pub const CLIENT_SECRET: &str = "mdb_sa_sk_Simulated-Secret_0123456789.abc~def";
pub const PUBLIC_KEY: &str = "simulate";
pub const PRIVATE_KEY: &str = "5e1f0c9d-2b3a-4c5d-8e7f-a0b1c2d3e4f5";
/// Valid unless settings name another, and never among the tokens counted.
pub const ACCESS_TOKEN: &str =
    "eyJhbGciOiJFUzUxMiIsInR5cCI6IkpXVCJ9.ready-made.simulated-access-token";
pub const PROJECT: &str = "32b6e34b3d91647abb20e7b8";
pub const CLUSTER: &str = "Cluster0";
pub const SNAPSHOT: &str = "5f4007f327a3bd7b6f4103c5";
pub const SHARDED_CLUSTER: &str = "sharded0";
pub const SHARDED_SNAPSHOT: &str = "5f4007f327a3bd7b6f4103d0";

/// A running simulator. Its threads, ports and files go when it is dropped.
pub struct Simulator {
    atlas: Arc<Atlas>,
    authority: Authority,
    directory: PathBuf,
    ca_file: PathBuf,
    port: u16,
    plain_port: u16,
    bad_ports: Mutex<HashMap<BadTls, u16>>,
    /// None only while being dropped.
    runtime: Option<Runtime>,
}

impl Simulator {
    /// On ports of the system's choice. Panics if it can't: there is no test without it.
    pub fn start() -> Simulator {
        Simulator::start_on(0).expect("the simulator could not start")
    }

    /// With its TLS port chosen, unless 0.
    pub fn start_on(port: u16) -> std::io::Result<Simulator> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("simulator")
            .enable_all()
            .build()?;
        let (port, listeners) = server::bind(port)?;
        let (plain_port, plain_listeners) = server::bind(0)?;
        let authority = Authority::new();
        let atlas = Arc::new(Atlas::new());
        {
            let _inside = runtime.enter();
            server::listen(&atlas, listeners, &authority.good())?;
            server::listen(&atlas, plain_listeners, &Welcome::Plain)?;
        }
        let directory =
            env::temp_dir().join(format!("atlas-simulator-{:016x}", u64::from_ne_bytes(random())));
        fs::DirBuilder::new().mode(0o700).create(&directory)?;
        let ca_file = directory.join("ca.pem");
        let bad_ports = Mutex::default();
        // From here on dropping it cleans up.
        let simulator = Simulator {
            atlas,
            authority,
            directory,
            ca_file,
            port,
            plain_port,
            bad_ports,
            runtime: Some(runtime),
        };
        fs::write(&simulator.ca_file, simulator.authority.pem())?;
        Ok(simulator)
    }

    /// `https://localhost:PORT`
    pub fn base_url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The same service without TLS: `http://127.0.0.1:PORT`
    pub fn plain_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.plain_port)
    }

    /// The authority that signed the certificate of `base_url`, as PEM.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The same service behind faulty TLS; the listener opens when first asked for.
    pub fn bad_tls_url(&self, kind: BadTls) -> String {
        let mut ports = self.bad_ports.lock().unwrap();
        let port = ports.entry(kind).or_insert_with(|| {
            let (port, listeners) = server::bind(0).expect("a port");
            let _inside = self.runtime.as_ref().map(Runtime::enter);
            server::listen(&self.atlas, listeners, &self.authority.bad(kind)).expect("a listener");
            port
        });
        format!("https://localhost:{port}")
    }

    /// All requests since the start or the last `clear`, oldest first. Panics if they were more than 20,000.
    pub fn requests(&self) -> Vec<Seen> {
        self.atlas.record.all().expect("a whole record")
    }

    /// How many requests of these methods and statuses there were since then, however many: `count(|_, status| status == 401)`
    pub fn count(&self, wanted: impl Fn(&str, u16) -> bool) -> usize {
        self.atlas.record.count(wanted)
    }

    /// Connections accepted on all ports.
    pub fn connections(&self) -> usize {
        self.atlas.connections.accepted()
    }

    /// Connections open now.
    pub fn open_connections(&self) -> usize {
        self.atlas.connections.open_now()
    }

    /// Closes, in an orderly way, every connection that is not just answering.
    pub fn close_idle_connections(&self) {
        self.atlas.connections.close_idle();
    }

    /// Empties record and scripts, restores the settings, starts the stories anew, counts tokens and
    /// connections from 0. Tokens and nonces given out stay good.
    pub fn clear(&self) {
        self.atlas.clear();
    }

    pub fn settings(&self) -> Settings {
        (*self.atlas.settings()).clone()
    }

    /// `simulator.change(|settings| settings.digest.nonce_uses = 1)`
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        self.atlas.change_settings(change);
    }

    /// Tokens given out since the start or the last `clear`.
    pub fn tokens_issued(&self) -> usize {
        self.atlas.tokens.issued()
    }

    /// Tokens neither expired nor revoked.
    pub fn live_tokens(&self) -> usize {
        self.atlas.tokens.live()
    }

    pub fn revoke_all_tokens(&self) {
        self.atlas.tokens.revoke_all();
    }

    /// As after a restart of Atlas: every nonce is stale.
    pub fn forget_nonces(&self) {
        self.atlas.nonces.forget_all();
    }

    /// What happens to the next requests of this target, one act each; then honesty returns. Replaces the
    /// target's earlier script; without acts it just ends that. Panics on headers that are none.
    pub fn script(&self, target: Target, acts: impl IntoIterator<Item = Act>) {
        control::set_script(&self.atlas, target, acts.into_iter().collect(), false)
            .expect("a good script");
    }

    /// The same, but the last act repeats for ever.
    pub fn script_forever(&self, target: Target, acts: impl IntoIterator<Item = Act>) {
        control::set_script(&self.atlas, target, acts.into_iter().collect(), true)
            .expect("a good script");
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("random bytes");
    bytes
}
