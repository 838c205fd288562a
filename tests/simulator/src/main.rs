//! `atlas-simulator run` starts a command beside a simulator, `atlas-simulator serve` just serves.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::{env, fs, io, process};

use atlas_simulator::{
    ACCESS_TOKEN, BadTls, CLIENT_ID, CLIENT_SECRET, CLUSTER, PRIVATE_KEY, PROJECT, PUBLIC_KEY,
    SHARDED_CLUSTER, SHARDED_SNAPSHOT, SNAPSHOT, Simulator,
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
usage: atlas-simulator run [--env bearer|service-account|api-key|all] -- COMMAND [ARG…]
       atlas-simulator serve [--env …] [--port PORT] [--env-file FILE]

run    starts the simulator, sets MONGODB_ATLAS_* (base URL, CA file, credentials) and ATLAS_SIMULATOR_*
       in the command's environment, and ends with the command's status
serve  writes the same variables as shell lines to FILE (or stdout) when ready, and serves until SIGTERM
       or SIGINT";

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let result = match arguments.next().as_deref().and_then(|word| word.to_str()) {
        Some("run") => Options::parse(arguments).and_then(run),
        Some("serve") => Options::parse(arguments).and_then(serve),
        Some("--help" | "-h" | "help") => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => Err(USAGE.to_owned()),
    };
    result.unwrap_or_else(|problem| {
        eprintln!("atlas-simulator: {problem}");
        ExitCode::from(125)
    })
}

struct Options {
    credentials: String,
    port: u16,
    env_file: Option<PathBuf>,
    command: Vec<OsString>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Options, String> {
        let mut options =
            Options { credentials: "all".into(), port: 0, env_file: None, command: Vec::new() };
        while let Some(argument) = arguments.next() {
            let name = argument.to_string_lossy().into_owned();
            if name == "--" {
                options.command = arguments.collect();
                break;
            }
            let value = arguments.next().ok_or(USAGE)?;
            let text = value.to_string_lossy().into_owned();
            match name.as_str() {
                "--env"
                    if ["bearer", "service-account", "api-key", "all"].contains(&text.as_str()) =>
                {
                    options.credentials = text;
                }
                "--port" => options.port = text.parse().map_err(|_| format!("no port: {text}"))?,
                "--env-file" => options.env_file = Some(value.into()),
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(options)
    }

    fn wants(&self, credentials: &str) -> bool {
        self.credentials == credentials || self.credentials == "all"
    }
}

fn variables(simulator: &Simulator, options: &Options) -> Vec<(String, String)> {
    let url = simulator.base_url();
    let ca_file = simulator.ca_file().display().to_string();
    let mut variables = Vec::new();
    let mut add = |name: &str, value: &str| variables.push((name.to_owned(), value.to_owned()));
    add("MONGODB_ATLAS_BASE_URL", &url);
    add("MONGODB_ATLAS_CA_FILE", &ca_file);
    if options.wants("service-account") {
        add("MONGODB_ATLAS_CLIENT_ID", CLIENT_ID);
        add("MONGODB_ATLAS_CLIENT_SECRET", CLIENT_SECRET);
    }
    if options.wants("api-key") {
        add("MONGODB_ATLAS_PUBLIC_API_KEY", PUBLIC_KEY);
        add("MONGODB_ATLAS_PRIVATE_API_KEY", PRIVATE_KEY);
    }
    if options.wants("bearer") {
        add("MONGODB_ATLAS_ACCESS_TOKEN", ACCESS_TOKEN);
    }
    add("ATLAS_SIMULATOR_URL", &url);
    add("ATLAS_SIMULATOR_PLAIN_URL", &simulator.plain_url());
    add("ATLAS_SIMULATOR_CA_FILE", &ca_file);
    add("ATLAS_SIMULATOR_CLIENT_ID", CLIENT_ID);
    add("ATLAS_SIMULATOR_CLIENT_SECRET", CLIENT_SECRET);
    add("ATLAS_SIMULATOR_PUBLIC_KEY", PUBLIC_KEY);
    add("ATLAS_SIMULATOR_PRIVATE_KEY", PRIVATE_KEY);
    add("ATLAS_SIMULATOR_ACCESS_TOKEN", ACCESS_TOKEN);
    add("ATLAS_SIMULATOR_PROJECT", PROJECT);
    add("ATLAS_SIMULATOR_CLUSTER", CLUSTER);
    add("ATLAS_SIMULATOR_SNAPSHOT", SNAPSHOT);
    add("ATLAS_SIMULATOR_SHARDED_CLUSTER", SHARDED_CLUSTER);
    add("ATLAS_SIMULATOR_SHARDED_SNAPSHOT", SHARDED_SNAPSHOT);
    for kind in BadTls::ALL {
        add(&format!("ATLAS_SIMULATOR_BAD_TLS_{}_URL", kind.name()), &simulator.bad_tls_url(kind));
    }
    variables
}

/// Signals are awaited on a runtime of their own, as the simulator's is the simulator's.
fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
}

fn start(port: u16) -> Result<Simulator, String> {
    Simulator::start_on(port).map_err(|error| format!("cannot start on port {port}: {error}"))
}

fn run(options: Options) -> Result<ExitCode, String> {
    let Some((program, arguments)) = options.command.split_first() else {
        return Err(USAGE.to_owned());
    };
    let simulator = start(options.port)?;
    let mut command = Command::new(program);
    command.args(arguments);
    // The caller's own account has no place in a test.
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("MONGODB_ATLAS_") {
            command.env_remove(name);
        }
    }
    // A proxy of the caller's could not reach us.
    let proxies =
        ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let behind_proxy = proxies.iter().any(|name| env::var_os(name).is_some());
    for name in ["NO_PROXY", "no_proxy"].into_iter().filter(|_| behind_proxy) {
        let before = env::var(name).map(|value| format!("{value},")).unwrap_or_default();
        command.env(name, format!("{before}localhost,127.0.0.1,::1"));
    }
    command.envs(variables(&simulator, &options));
    let status = runtime()?.block_on(outlive(command));
    let status = status.map_err(|error| error.to_string())?;
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(ExitCode::from(code.unwrap_or(125) as u8))
}

/// Whatever happens, the command ends first, so that nothing of ours is left behind: SIGTERM and SIGHUP
/// are passed on, and of SIGINT the terminal has told it already.
async fn outlive(mut command: Command) -> io::Result<ExitStatus> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let program = command.as_std().get_program();
            eprintln!("atlas-simulator: {}: {error}", program.display());
            let code = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
            return Ok(ExitStatus::from_raw(code << 8));
        }
    };
    loop {
        let told = tokio::select! {
            status = child.wait() => return status,
            _ = terminate.recv() => Signal::TERM,
            _ = hang_up.recv() => Signal::HUP,
            _ = interrupt.recv() => continue,
        };
        if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id as i32)) {
            let _ = kill_process(pid, told);
        }
    }
}

fn serve(options: Options) -> Result<ExitCode, String> {
    if !options.command.is_empty() {
        return Err(USAGE.to_owned());
    }
    let ended = runtime()?.block_on(async {
        // Listened for before anyone can know that we are here.
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let simulator = start(options.port)?;
        let lines: String = variables(&simulator, &options)
            .iter()
            .map(|(name, value)| format!("{name}='{}'\n", value.replace('\'', r"'\''")))
            .collect();
        match &options.env_file {
            Some(file) => {
                write_whole(file, &lines).map_err(|error| format!("{}: {error}", file.display()))?
            }
            None => print!("{lines}"),
        }
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    });
    if let Some(file) = &options.env_file {
        let _ = fs::remove_file(file);
    }
    ended.map(|()| ExitCode::SUCCESS)
}

/// Whoever waits for the file finds all of it.
fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", process::id()));
    let temporary = PathBuf::from(name);
    fs::write(&temporary, text)?;
    fs::rename(&temporary, file)
}
