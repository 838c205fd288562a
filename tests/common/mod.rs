//! What several test files share.
#![allow(dead_code)] // each file uses a part of it

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use atlas_backup::log::Sink;
use atlas_backup::{Client, ClusterType, Config, Format, Level, Result, Snapshot};
use atlas_simulator::{ACCESS_TOKEN, CLUSTER, PROJECT, SNAPSHOT, Simulator};

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
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "waiting until {what}"
        );
        thread::sleep(Duration::from_millis(2));
    }
}

/// A log that can be read.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Lines {
    pub fn sink(&self) -> Option<Arc<Sink>> {
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
}

/// A server of a test's own on 127.0.0.1: each connection, counted from 0, gets a thread that runs `serve`.
pub fn server(serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let serve = serve.clone();
            thread::spawn(move || serve(number, stream));
        }
    });
    address
}

/// Reads a request's head; false at the end of the connection.
pub fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return false;
        }
        head.push(byte[0]);
    }
    true
}

/// Writes until the other side is gone.
pub fn flood(stream: &mut TcpStream, bytes: &[u8]) {
    let block = bytes.repeat(65536 / bytes.len().max(1));
    while stream.write_all(&block).is_ok() {}
}

/// An address that swallows packets: it never answers a SYN, since its queue is full.
pub struct Swallower {
    pub address: SocketAddr,
    _listener: rustix::fd::OwnedFd,
    _queued: Vec<TcpStream>,
}

pub fn swallower() -> Swallower {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    bind(&listener, &any).expect("a port");
    listen(&listener, 0).expect("a listener");
    let address = getsockname(&listener).expect("a name");
    let address = SocketAddr::try_from(address).expect("an address");
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queued.push(stream);
        assert!(queued.len() < 100, "this system never fills a queue");
    }
    Swallower {
        address,
        _listener: listener,
        _queued: queued,
    }
}

/// Set in a process that [`in_child`] started.
const CHILD: &str = "ATLAS_TEST_CHILD";

pub fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Runs the test of this name alone in a process of its own, where [`is_child`] holds; it must pass there.
pub fn in_child(test: &str, variables: &[(&str, &OsStr)]) {
    let mut command = Command::new(env::current_exe().expect("a program"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        command.env_remove(name);
    }
    command.env(CHILD, "1").envs(variables.iter().copied());
    // A Rust program takes a lock of std's whenever a thread begins or ends, to tell a stack overflow from other faults,
    // and a forked child may find it held for ever. The C programs and interpreters that load this library have no such
    // handler; std does not set it up either where these signals are ignored from the start.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGSEGV, libc::SIG_IGN);
            libc::signal(libc::SIGBUS, libc::SIG_IGN);
            Ok(())
        });
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("a child");
    assert!(
        status.success() && String::from_utf8_lossy(&stdout).contains("1 passed"),
        "{test} in a child: {status}\n{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    let said = String::from_utf8_lossy(&stdout);
    said.lines()
        .filter(|line| line.starts_with("skipped: "))
        .for_each(|line| println!("{line}"));
}

/// A child made with `fork()`: the same program with this thread alone. It is killed when dropped before its end.
pub struct Forked {
    pid: libc::pid_t,
    report: UnixStream,
    ended: bool,
}

/// Forks. The child runs `body`, tells what failed there and ends without running any destructor or exit handler.
pub fn fork(body: impl FnOnce()) -> Forked {
    let (report, mine) = UnixStream::pair().expect("a pair of sockets");
    report.set_nonblocking(true).expect("not to wait");
    // SAFETY: what the child runs is the point of the tests that call this; it ends below.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "no fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        let failure = catch_unwind(AssertUnwindSafe(body)).err();
        let words = failure.as_ref().map(|it| {
            let text = it.downcast_ref::<String>().map(String::as_str);
            text.or_else(|| it.downcast_ref::<&str>().copied())
                .unwrap_or("a panic")
        });
        // SAFETY: writes to a descriptor of ours, then ends this process.
        unsafe {
            if let Some(words) = words {
                libc::write(mine.as_raw_fd(), words.as_ptr().cast(), words.len());
            }
            libc::_exit(i32::from(words.is_some()));
        }
    }
    Forked {
        pid,
        report,
        ended: false,
    }
}

impl Forked {
    pub fn pid(&self) -> libc::pid_t {
        self.pid
    }

    /// Waits until the child has ended well; it must within `limit`.
    pub fn succeeds_within(mut self, limit: Duration) {
        let start = Instant::now();
        let status = loop {
            let mut status = 0;
            // SAFETY: asks after a child of ours that was not yet waited for.
            if unsafe { libc::waitpid(self.pid, &mut status, libc::WNOHANG) } == self.pid {
                self.ended = true;
                break status;
            }
            assert!(start.elapsed() < limit, "the child hangs");
            thread::sleep(Duration::from_millis(1));
        };
        let mut words = String::new();
        let _ = self.report.read_to_string(&mut words);
        assert_eq!(status, 0, "the child: {words}");
    }

    pub fn succeeds(self) {
        self.succeeds_within(Duration::from_secs(10));
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        if !self.ended {
            // SAFETY: a child of ours that was not yet waited for.
            unsafe {
                libc::kill(self.pid, libc::SIGKILL);
                libc::waitpid(self.pid, std::ptr::null_mut(), 0);
            }
        }
    }
}
