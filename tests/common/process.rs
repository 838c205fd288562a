//! Tests in a process of their own, and forked children.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use std::{env, thread};

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
    let Output { status, stdout, stderr } = command.output().expect("a child");
    assert!(
        status.success() && String::from_utf8_lossy(&stdout).contains("1 passed"),
        "{test} in a child: {status}\n{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    let said = String::from_utf8_lossy(&stdout);
    said.lines().filter(|line| line.starts_with("skipped: ")).for_each(|line| println!("{line}"));
}

/// A child made with `fork()`: the same program with this thread alone. It is killed when dropped before its end.
pub struct Forked {
    pid: libc::pid_t,
    report: UnixStream,
    ended: bool,
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
            text.or_else(|| it.downcast_ref::<&str>().copied()).unwrap_or("a panic")
        });
        // SAFETY: writes to a descriptor of ours, then ends this process.
        unsafe {
            if let Some(words) = words {
                libc::write(mine.as_raw_fd(), words.as_ptr().cast(), words.len());
            }
            libc::_exit(i32::from(words.is_some()));
        }
    }
    Forked { pid, report, ended: false }
}
