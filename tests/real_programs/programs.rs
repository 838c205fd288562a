//! Programs that are not ours, started on a port of their own.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::common::Directory;

/// The programs, and the packages of Debian they are in.
pub const PROGRAMS: [(&str, &str); 6] = [
    ("tinyproxy", "tinyproxy-bin"),
    ("squid", "squid"),
    ("microsocks", "microsocks"),
    ("danted", "dante-server"),
    ("apache2", "apache2"),
    ("curl", "curl"),
];

/// Where a program is; otherwise says that `what` is skipped.
pub fn installed(what: &str, program: &str) -> Option<PathBuf> {
    let known = PROGRAMS.iter().find(|(name, _)| *name == program);
    let (_, package) = known.expect("a program of the list");
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    let found = env::split_paths(&path)
        .chain(system)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: {what}: {program} is not installed (package {package})");
    }
    found
}

/// A program that serves on a port of 127.0.0.1 until dropped. What it says goes into the file `output`.
pub struct Served {
    pub child: Child,
    pub address: SocketAddr,
    pub directory: Directory,
}

impl Served {
    /// `command` is told the directory and the port.
    pub fn start(command: impl Fn(&Directory, u16) -> Command) -> Served {
        // A free port may be another's by the time it is used.
        for _ in 0..5 {
            // A program that gives up its rights shall be able to use it.
            let directory = Directory::with_mode(0o777);
            let port = TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| listener.local_addr())
                .unwrap()
                .port();
            let output = fs::File::create(directory.0.join("output")).unwrap();
            let mut command = command(&directory, port);
            command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
            // SAFETY: only system calls between fork and exec. The program ends with this thread, even if that is
            // killed; a group of its own, so that its children end with it.
            unsafe {
                command.process_group(0).pre_exec(|| {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    Ok(())
                });
            }
            let mut served = Served {
                child: command.spawn().unwrap(),
                address: SocketAddr::from(([127, 0, 0, 1], port)),
                directory,
            };
            let start = Instant::now();
            while served.child.try_wait().unwrap().is_none() {
                if TcpStream::connect(served.address).is_ok() {
                    return served;
                }
                let limit = Duration::from_secs(20);
                assert!(start.elapsed() < limit, "{}", served.output());
                thread::sleep(Duration::from_millis(20));
            }
            eprintln!("{}{}", served.output(), served.directory.read("log"));
        }
        panic!("the program does not start");
    }

    pub fn url(&self, scheme: &str, login: &str) -> String {
        format!("{scheme}://{login}{}", self.address)
    }

    pub fn output(&self) -> String {
        self.directory.read("output")
    }

    /// What the program wrote to `file` once that has `count` lines with `part`.
    pub fn lines(&self, file: &str, part: &str, count: usize) -> Vec<String> {
        let start = Instant::now();
        loop {
            let text = self.directory.read(file);
            let lines = text.lines().filter(|line| line.contains(part));
            let lines: Vec<String> = lines.map(str::to_owned).collect();
            if lines.len() >= count {
                return lines;
            }
            let limit = Duration::from_secs(5);
            assert!(start.elapsed() < limit, "{part} in {file}: {text}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // SAFETY: the group of a child of ours that was not yet waited for.
        unsafe { libc::kill(-(self.child.id() as libc::pid_t), libc::SIGKILL) };
        let _ = self.child.wait();
    }
}
