//! The command `atlas-simulator`, as scripts use it.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use atlas_simulator::{ACCESS_TOKEN, CLIENT_ID, PUBLIC_KEY};
use rustix::process::{Pid, Signal, kill_process};

fn simulator(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atlas-simulator"));
    command.args(arguments);
    command
}

fn shell(arguments: &[&str], script: &str) -> Output {
    let run = ["run"]
        .iter()
        .chain(arguments)
        .chain(&["--", "sh", "-c", script])
        .copied()
        .collect::<Vec<_>>();
    simulator(&run).output().unwrap()
}

fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn run_ends_as_its_command_ends() {
    assert_eq!(shell(&[], "exit 0").status.code(), Some(0));
    assert_eq!(shell(&[], "exit 7").status.code(), Some(7));
    assert_eq!(shell(&[], "kill -9 $$").status.code(), Some(137));
    assert_eq!(
        simulator(&["run", "--", "/no/such/program"]).output().unwrap().status.code(),
        Some(127)
    );
    for bad in [&["run"][..], &["run", "--env", "magic", "--", "true"], &["dance"], &[]] {
        let output = simulator(bad).output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        assert!(String::from_utf8(output.stderr).unwrap().contains("usage:"));
    }
}

#[test]
fn run_sets_the_environment_and_cleans_up() {
    let credentials =
        "echo $MONGODB_ATLAS_CLIENT_ID,$MONGODB_ATLAS_PUBLIC_API_KEY,$MONGODB_ATLAS_ACCESS_TOKEN";
    let all = format!("{CLIENT_ID},{PUBLIC_KEY},{ACCESS_TOKEN}\n");
    assert_eq!(text(&shell(&[], credentials)), all);
    assert_eq!(text(&shell(&["--env", "all"], credentials)), all);
    assert_eq!(text(&shell(&["--env", "bearer"], credentials)), format!(",,{ACCESS_TOKEN}\n"));
    assert_eq!(text(&shell(&["--env", "api-key"], credentials)), format!(",{PUBLIC_KEY},\n"));
    assert_eq!(
        text(&shell(&["--env", "service-account"], credentials)),
        format!("{CLIENT_ID},,\n")
    );

    let output = simulator(&["run", "--", "sh", "-c", "cat $MONGODB_ATLAS_CA_FILE; env"])
        .env("MONGODB_ATLAS_API_VERSION", "1999-01-01")
        .output()
        .unwrap();
    assert!(text(&output).starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(!text(&output).contains("1999-01-01"), "the caller's settings are gone");
    let variable =
        |name: &str| text(&output).lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    for name in [
        "URL",
        "PLAIN_URL",
        "SNAPSHOT",
        "SHARDED_CLUSTER",
        "BAD_TLS_EXPIRED_URL",
        "BAD_TLS_PLAIN_TEXT_URL",
    ] {
        assert!(variable(&format!("ATLAS_SIMULATOR_{name}")).is_some(), "{name}");
    }
    assert_eq!(variable("ATLAS_SIMULATOR_URL"), variable("MONGODB_ATLAS_BASE_URL"));
    let ca_file = Path::new(variable("ATLAS_SIMULATOR_CA_FILE").unwrap());
    assert!(!ca_file.exists() && !ca_file.parent().unwrap().exists());
}

#[test]
fn run_passes_sigterm_on() {
    let script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done";
    let mut child =
        simulator(&["run", "--", "sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut byte = [0];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut byte).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn serve_writes_its_environment_when_ready() {
    let file = env::temp_dir().join(format!("atlas-simulator-test-{}.env", std::process::id()));
    let mut child = simulator(&["serve", "--env-file", file.to_str().unwrap()]).spawn().unwrap();
    let start = Instant::now();
    while !file.exists() {
        assert!(start.elapsed() < Duration::from_secs(20), "no file");
        thread::sleep(Duration::from_millis(10));
    }
    let lines = fs::read_to_string(&file).unwrap();
    let plain = lines
        .lines()
        .find_map(|line| line.strip_prefix("ATLAS_SIMULATOR_PLAIN_URL='http://"))
        .unwrap();
    let address = plain.strip_suffix('\'').unwrap();
    assert!(std::net::TcpStream::connect(address).is_ok());
    let sourced = format!(". {} && echo $MONGODB_ATLAS_CLIENT_ID", file.display());
    let output = Command::new("sh").args(["-c", &sourced]).output().unwrap();
    assert_eq!(text(&output), format!("{CLIENT_ID}\n"));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(!file.exists());
    assert!(std::net::TcpStream::connect(address).is_err());
}
