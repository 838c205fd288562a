//! This test program started once more, as a process that shares the token cache.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use atlas_backup::{Client, Config};
use atlas_simulator::{CLIENT_ID, CLIENT_SECRET, Simulator};

use super::support::Watched;
use crate::common::ms;

/// What a process of its own is to do, by an environment variable; see [`a_process_of_its_own`].
pub const ROLE: &str = "ATLAS_BACKUP_TEST_ROLE";

/// This test program once more, which then only plays `role`, with its settings in the environment.
pub fn process(program: &Path, role: &str, atlas: &Simulator, cache: &str) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--exact", "process::a_process_of_its_own", "--nocapture"])
        .env_clear()
        .env(ROLE, role)
        .env("MONGODB_ATLAS_BASE_URL", atlas.plain_url())
        .env("MONGODB_ATLAS_CLIENT_ID", CLIENT_ID)
        .env("MONGODB_ATLAS_CLIENT_SECRET", CLIENT_SECRET)
        .env("MONGODB_ATLAS_TOKEN_CACHE", cache)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub fn this_program() -> PathBuf {
    std::env::current_exe().unwrap()
}

pub fn output(command: &mut Command) -> (bool, String) {
    let start = Instant::now();
    let output = loop {
        match command.output() {
            // A program just copied: another test's child may have the descriptor it was written with.
            Err(error)
                if error.kind() == std::io::ErrorKind::ExecutableFileBusy
                    && start.elapsed() < ms(20_000) =>
            {
                thread::sleep(ms(20));
            }
            output => break output.unwrap(),
        }
    };
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// No test by itself: what the processes do that other tests start.
#[test]
fn a_process_of_its_own() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    if role == "get when told" {
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
    let mut config = Config::from_env();
    if role == "get with settings" {
        // No variable counts with others' rights, so that the program has to read them itself.
        let variable = |name| std::env::var(name).unwrap();
        config.set_base_url(Some(variable("MONGODB_ATLAS_BASE_URL").as_bytes()));
        config.set_service_account(Some(CLIENT_ID.as_bytes()), Some(CLIENT_SECRET.as_bytes()));
        config.set_token_cache(Some(variable("MONGODB_ATLAS_TOKEN_CACHE").as_bytes()));
    }
    let client = match Client::new(&config) {
        Ok(_) => Watched::new(config),
        Err(error) => panic!("{error}"),
    };
    client.succeed();
    for (_, line) in client.lines.all() {
        println!("{line}");
    }
}
