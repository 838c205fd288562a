//! A secret in a file: a container's or systemd's, or one that is replaced while the program runs.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat, stat};
use rustix::io::{Errno, read};
use zeroize::Zeroizing;

use super::Secret;
use crate::log::{Level, Logger};
use crate::runtime::context::Canceller;
use crate::runtime::descriptor::keep_off_stdio;
use crate::runtime::interrupted::Interrupted;
use crate::text::system_reason;

/// The largest file that is read.
const FILE_LIMIT: usize = 16 * 1024;

/// Where a secret is, under the name by which a person would look for the setting.
#[derive(Clone)]
pub(crate) struct SecretFile {
    name: &'static str,
    path: PathBuf,
}

/// What a file held.
pub(crate) struct Content {
    pub(crate) secret: Secret,
    /// Whether users other than its owner and group may read the file.
    is_open: bool,
}

impl SecretFile {
    pub(crate) fn new(name: &'static str, path: PathBuf) -> SecretFile {
        SecretFile { name, path }
    }

    /// Reads the secret. `deadline` is until when to wait for whoever writes to a pipe; without one nobody is waited
    /// for. The error is a sentence without the content.
    pub(crate) fn read(&self, deadline: Option<Instant>) -> Result<Content, String> {
        let named = |why: String| format!("{self} {why}");
        // Opening a device may do something, so it is looked at before. It may be another file then.
        let found = stat(&self.path).map_err(|errno| self.not_opened(errno))?;
        check_kind(&found).map_err(named)?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = openat(CWD, &self.path, flags, Mode::empty())
            .and_then(keep_off_stdio)
            .map_err(|errno| self.not_opened(errno))?;
        let opened = fstat(&file).map_err(|errno| named(cannot_be_read(errno)))?;
        check_kind(&opened).map_err(named)?;
        let bytes = read_all(&file, deadline).map_err(named)?;
        let text = match &bytes[..] {
            [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => text,
            text => text,
        };
        let secret = match text {
            [.., b'\r' | b'\n'] => Err("ends with more than one newline".to_owned()),
            text => Secret::parse(text),
        };
        let is_open = Mode::from_raw_mode(opened.st_mode).contains(Mode::ROTH);
        Ok(Content { secret: secret.map_err(named)?, is_open })
    }

    /// Warns of a file that others may read.
    pub(crate) fn warn(&self, content: &Content, logger: &Logger) {
        if content.is_open {
            logger.log(Level::Warning, || format!("{self} can be read by every user (chmod o-r)"));
        }
    }

    /// What has no slash may be the secret itself, given in the place of the path, and is not shown.
    fn not_opened(&self, errno: Errno) -> String {
        let why = cannot_be_read(errno);
        match self.path.as_os_str().as_encoded_bytes().contains(&b'/') {
            true => format!("{self} {why}"),
            false => format!("{} {why}; it is the path of a file, not the secret", self.name),
        }
    }
}

impl fmt::Display for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.path.display())
    }
}

/// Nothing else ends by itself.
fn check_kind(stat: &Stat) -> Result<(), String> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::Fifo => Ok(()),
        _ => Err("is neither a regular file nor a pipe".into()),
    }
}

/// All bytes up to the end of the file, in memory that never grows, which would leave a copy behind that nobody wipes.
fn read_all(file: &OwnedFd, deadline: Option<Instant>) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::new(vec![0; FILE_LIMIT + 1]);
    let mut length = 0;
    while length < bytes.len() {
        match read(file, &mut bytes[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait_for_writer(file, deadline)?,
            Err(errno) => return Err(cannot_be_read(errno)),
        }
    }
    if length > FILE_LIMIT {
        return Err("has more than 16 KiB".into());
    }
    bytes.truncate(length);
    Ok(bytes)
}

fn wait_for_writer(pipe: &OwnedFd, deadline: Option<Instant>) -> Result<(), String> {
    let late = "is a pipe whose writer does not come to an end in time";
    if deadline.is_none() {
        return Err(late.into());
    }
    let waited = Canceller::default()
        .enter(deadline)
        .and_then(|context| context.wait(pipe.as_fd(), PollFlags::IN, None));
    match waited {
        Ok(_) => Ok(()),
        Err(Interrupted::DeadlinePassed) => Err(late.into()),
        Err(why) => Err(format!("cannot be read: {why}")),
    }
}

fn cannot_be_read(errno: Errno) -> String {
    format!("cannot be read: {}", system_reason(&errno.into()))
}
