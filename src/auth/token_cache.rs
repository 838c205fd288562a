//! One access token for all processes of a machine, in a file: the token endpoint allows few requests a minute, and a
//! service account few live tokens, while cron jobs run one process for each snapshot.
//!
//! The cache never fails a call: whatever is wrong with it is a warning, and the token is fetched as without it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ring::hmac;
use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, Stat, chmodat, fchmod, flock, fstat,
    mkdirat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use super::{Secret, hex, secret_text};
use crate::call::{Context, Interrupted};
use crate::json;
use crate::log::{Level, Logger};
use crate::sys;

/// No token is longer; a larger file is not ours to read.
const SIZE_LIMIT: u64 = 16 * 1024;
const LOCK_POLL: Duration = Duration::from_millis(20);
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// The cache entry of one service account at one base URL.
#[derive(Debug)]
pub(super) struct TokenCache {
    directory: PathBuf,
    name: String,
}

/// A token as the file has it.
pub(super) struct Entry {
    pub(super) token: Secret,
    pub(super) issued_at: SystemTime,
    pub(super) ends_at: SystemTime,
}

/// The entry, locked against other processes and threads until dropped.
pub(super) struct Locked<'a> {
    cache: &'a TokenCache,
    logger: &'a Logger,
    directory: OwnedFd,
    lock: OwnedFd,
}

/// Why the cache is not used.
enum Fault {
    /// Something that is not ours stands where the file should.
    Untrusted(String),
    Io(io::Error),
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Fault {
        Fault::Io(errno.into())
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

impl TokenCache {
    pub(super) fn new(
        directory: &Path,
        base_url: &str,
        client_id: &str,
        client_secret: &Secret,
    ) -> TokenCache {
        // Under the secret, so that whoever has a wrong or an old one finds nothing.
        let key = hmac::Key::new(hmac::HMAC_SHA256, client_secret.expose().as_bytes());
        let mut mac = hmac::Context::with_key(&key);
        mac.update(base_url.as_bytes());
        mac.update(&[0]);
        mac.update(client_id.as_bytes());
        let name = hex(mac.sign().as_ref());
        TokenCache {
            directory: directory.to_owned(),
            name,
        }
    }

    /// The entry, if there is one that makes sense; `None` if the cache cannot be used, which was then logged. Needs no
    /// lock, since a new entry replaces the old one whole.
    pub(super) fn read(&self, logger: &Logger) -> Option<Option<Entry>> {
        let directory = self.warned(self.open_directory(), logger)?;
        self.warned(self.read_in(&directory, logger), logger)
    }

    /// Locks the entry, waiting as long as `patience` allows; `None` if the cache cannot be used or stays locked. What
    /// `logger` gets must be held back until the lock is dropped.
    pub(super) fn lock<'a>(
        &'a self,
        context: &Context,
        patience: LockWait,
        logger: &'a Logger,
    ) -> Result<Option<Locked<'a>>, Interrupted> {
        let Some(directory) = self.warned(self.open_directory(), logger) else {
            return Ok(None);
        };
        let Some(lock) = self.warned(self.open_lock(&directory), logger) else {
            return Ok(None);
        };
        let give_up = match (patience, context.deadline()) {
            (LockWait::None, _) => Some(Instant::now()),
            // A process that was stopped while it held the lock must not stop all others.
            (LockWait::Half, Some(deadline)) => {
                let now = Instant::now();
                Some(now + deadline.saturating_duration_since(now) / 2)
            }
            (LockWait::Half, None) => None,
        };
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    return Ok(Some(Locked {
                        cache: self,
                        logger,
                        directory,
                        lock,
                    }));
                }
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => {
                    let now = Instant::now();
                    if give_up.is_some_and(|give_up| now >= give_up) {
                        return Ok(None);
                    }
                    context.sleep_until(now + LOCK_POLL)?;
                }
                Err(errno) => {
                    self.warned::<()>(Err(errno.into()), logger);
                    return Ok(None);
                }
            }
        }
    }

    fn open_directory(&self) -> Result<OwnedFd, Fault> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = match open(CWD, &self.directory, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                // Also its parent, since ~/.cache may be missing; a deeper hole is a mistyped path.
                if let Some(parent) = self.directory.parent() {
                    let _ = make_directory(parent);
                }
                make_directory(&self.directory)?;
                open(CWD, &self.directory, flags, Mode::empty())?
            }
            opened => opened?,
        };
        let stat = fstat(&directory)?;
        let owner = stat.st_uid;
        if owner != geteuid().as_raw() && owner != 0 {
            return Err(Fault::Untrusted(
                "the directory belongs to another user".into(),
            ));
        }
        if Mode::from_raw_mode(stat.st_mode).intersects(Mode::WGRP | Mode::WOTH) {
            return Err(Fault::Untrusted(
                "the directory is writable by others".into(),
            ));
        }
        Ok(directory)
    }

    fn open_lock(&self, directory: &OwnedFd) -> Result<OwnedFd, Fault> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let name = format!("{}.lock", self.name);
        let lock = match open(directory, &name, flags, PRIVATE) {
            // A process with a umask that takes rights from the owner too was killed before it could set the mode. Only
            // the owner and root can change what has this name, in a directory that nobody else may write to.
            Err(Errno::ACCESS)
                if statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|stat| lacks_rights(&stat)) =>
            {
                chmodat(directory, &name, PRIVATE, AtFlags::empty())?;
                open(directory, &name, flags, PRIVATE)?
            }
            opened => opened?,
        };
        if lacks_rights(&fstat(&lock)?) {
            fchmod(&lock, PRIVATE)?;
        }
        is_ours(&lock)?;
        Ok(lock)
    }

    fn read_in(&self, directory: &OwnedFd, logger: &Logger) -> Result<Option<Entry>, Fault> {
        // NONBLOCK: opening a FIFO somebody put there would wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match open(directory, &self.name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => {
                return Err(Fault::Untrusted(format!(
                    "{} is a symbolic link",
                    self.name
                )));
            }
            Err(errno) => return Err(errno.into()),
        };
        is_ours(&file)?;
        // Room for all and more, since growing would leave a copy behind that nobody wipes.
        let mut text = Zeroizing::new(Vec::with_capacity(SIZE_LIMIT as usize + 64));
        File::from(file).take(SIZE_LIMIT).read_to_end(&mut text)?;
        let entry = parse(&text);
        if let Some(entry) = &entry {
            logger.redactor().add_token(entry.token.expose());
        } else {
            logger.log(Level::Debug, || {
                format!(
                    "token_cache: {} is damaged and will be rewritten",
                    self.name
                )
            });
        }
        Ok(entry)
    }

    fn warned<T>(&self, outcome: Result<T, Fault>, logger: &Logger) -> Option<T> {
        outcome
            .map_err(|fault| {
                logger.log(Level::Warning, || {
                    let why = match fault {
                        Fault::Untrusted(why) => why,
                        Fault::Io(error) => error.to_string(),
                    };
                    format!(
                        "token_cache {} is not used: {why}",
                        self.directory.display()
                    )
                });
            })
            .ok()
    }
}

/// How long to wait for a lock somebody else holds.
#[derive(Clone, Copy)]
pub(super) enum LockWait {
    /// Not at all.
    None,
    /// Half the time the call has left.
    Half,
}

impl Locked<'_> {
    /// The entry as it is now that nobody else changes it.
    pub(super) fn read(&self) -> Option<Option<Entry>> {
        let entry = self.cache.read_in(&self.directory, self.logger);
        self.cache.warned(entry, self.logger)
    }

    /// Replaces the entry, all of it or nothing.
    pub(super) fn write(&self, entry: &Entry) {
        self.cache.warned(self.replace(entry), self.logger);
    }

    fn replace(&self, entry: &Entry) -> Result<(), Fault> {
        // What stands there may be alien, and is then not touched.
        self.cache.read_in(&self.directory, self.logger)?;
        let text = render(entry)?;
        let temporary = format!("{}.tmp", self.cache.name);
        let _ = unlinkat(&self.directory, &temporary, AtFlags::empty());
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = open(&self.directory, &temporary, flags, PRIVATE)?;
        let written = fchmod(&file, PRIVATE) // the umask may have taken more than it should
            .map_err(io::Error::from)
            .and_then(|()| File::from(file).write_all(&text))
            .and_then(|()| {
                Ok(renameat(
                    &self.directory,
                    &temporary,
                    &self.directory,
                    &self.cache.name,
                )?)
            });
        if written.is_err() {
            let _ = unlinkat(&self.directory, &temporary, AtFlags::empty());
        }
        Ok(written?)
    }

    /// Removes the entry.
    pub(super) fn clear(&self) {
        let cleared =
            self.cache
                .read_in(&self.directory, self.logger)
                .and_then(|_| {
                    match unlinkat(&self.directory, &self.cache.name, AtFlags::empty()) {
                        Ok(()) | Err(Errno::NOENT) => Ok(()),
                        Err(errno) => Err(errno.into()),
                    }
                });
        self.cache.warned(cleared, self.logger);
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Closing would not do: a child that another thread forked meanwhile has the descriptor too.
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

/// Opens a file, under a number above 2.
fn open(
    directory: impl AsFd,
    name: impl rustix::path::Arg,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    openat(directory, name, flags, mode).and_then(sys::keep_off_stdio)
}

/// Makes a directory for us alone, whatever the umask takes away; one that is there is as good.
fn make_directory(path: &Path) -> Result<(), Errno> {
    match mkdirat(CWD, path, Mode::RWXU) {
        Ok(()) => chmodat(CWD, path, Mode::RWXU, AtFlags::empty()),
        Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Whether it is a plain file of ours that has no right beyond those it should have, and not all of these.
fn lacks_rights(stat: &Stat) -> bool {
    let all = Mode::SUID | Mode::SGID | Mode::SVTX | Mode::RWXU | Mode::RWXG | Mode::RWXO;
    let mode = Mode::from_raw_mode(stat.st_mode) & all;
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_uid == geteuid().as_raw()
        && mode != PRIVATE
        && PRIVATE.contains(mode)
}

/// Whether the open file is a plain one of ours that nobody else can read.
fn is_ours(file: impl AsFd) -> Result<(), Fault> {
    let stat = fstat(file)?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Fault::Untrusted(
            "what stands there is no plain file".into(),
        ));
    }
    if stat.st_uid != geteuid().as_raw() {
        return Err(Fault::Untrusted("the file belongs to another user".into()));
    }
    if mode.intersection(Mode::RWXU | Mode::RWXG | Mode::RWXO) != PRIVATE {
        return Err(Fault::Untrusted(format!(
            "the file has mode {:04o}, not 0600",
            mode.as_raw_mode() & 0o7777
        )));
    }
    Ok(())
}

fn parse(text: &[u8]) -> Option<Entry> {
    let (mut token, mut issued_at, mut ends_at) = (None, None, None);
    json::members(
        str::from_utf8(text).ok()?,
        |name, value| match &*json::name(name) {
            "access_token" => token = Some(value),
            "issued_at" => issued_at = Some(value),
            "expires_at" => ends_at = Some(value),
            _ => {}
        },
    )
    .ok()?;
    let token = secret_text(token?)?;
    let time = |raw: &str| UNIX_EPOCH.checked_add(Duration::from_secs(raw.parse().ok()?));
    let (issued_at, ends_at) = (time(issued_at?)?, time(ends_at?)?);
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_token.then(|| Entry {
        token: Secret::new(&token),
        issued_at,
        ends_at,
    })
}

fn render(entry: &Entry) -> io::Result<Zeroizing<Vec<u8>>> {
    // Room for all: see above.
    let mut text = Zeroizing::new(Vec::with_capacity(6 * entry.token.expose().len() + 128));
    text.extend_from_slice(b"{\"access_token\":");
    serde_json::to_writer(&mut *text, entry.token.expose())?;
    let (issued_at, ends_at) = (unix(entry.issued_at), unix(entry.ends_at));
    write!(
        text,
        ",\"issued_at\":{issued_at},\"expires_at\":{ends_at}}}"
    )?;
    Ok(text)
}

fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Canceller;

    #[test]
    fn who_finds_the_entry_locked_waits_half_its_time_and_the_longest_token_fits() {
        let place = std::env::temp_dir().join(format!("atlas-token-cache-{}", std::process::id()));
        let secret = Secret::new("secret");
        let cache = TokenCache::new(&place, "https://x", "id", &secret);
        let logger = Logger::default();
        let context = |limit| {
            let deadline = Instant::now() + Duration::from_millis(limit);
            Canceller::default().enter(Some(deadline)).unwrap()
        };
        let Ok(Some(held)) = cache.lock(&context(1000), LockWait::None, &logger) else {
            panic!("not locked");
        };
        // Sleeping, but for a look now and then.
        let worked = || {
            let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
            text.split(' ')
                .next()
                .map_or(0, |it| it.parse().unwrap_or(0)) // not every kernel tells
        };
        let (start, before): (Instant, u64) = (Instant::now(), worked());
        let lock = |patience| cache.lock(&context(400), patience, &logger);
        assert!(matches!(lock(LockWait::Half), Ok(None)));
        assert!(start.elapsed() >= Duration::from_millis(200));
        let spent = Duration::from_nanos(worked() - before);
        assert!(spent < Duration::from_millis(20), "{spent:?}");
        assert!(matches!(lock(LockWait::None), Ok(None)));
        let token = "t".repeat(8 * 1024);
        held.write(&Entry {
            token: Secret::new(&token),
            issued_at: UNIX_EPOCH,
            ends_at: UNIX_EPOCH,
        });
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let locked = cache.lock(&context(20_000), LockWait::Half, &logger);
                let entry = locked.ok().flatten().and_then(|locked| locked.read());
                entry.flatten().map(|entry| entry.token.expose().len())
            });
            std::thread::sleep(Duration::from_millis(50));
            drop(held);
            assert_eq!(waiter.join().unwrap(), Some(token.len()));
        });
        std::fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn the_text_of_an_entry_never_grows_which_would_leave_a_copy_behind() {
        let (issued_at, ends_at) = (
            UNIX_EPOCH,
            UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX)),
        );
        for token in ["t".to_owned(), "\"".repeat(1000)] {
            let token = Secret::new(&token);
            let length = token.expose().len();
            let entry = Entry {
                token,
                issued_at,
                ends_at,
            };
            let text = render(&entry).unwrap();
            assert_eq!(text.capacity(), 6 * length + 128);
            let read = parse(&text).expect("an entry");
            assert_eq!(read.token.expose(), entry.token.expose());
            assert_eq!((read.issued_at, read.ends_at), (issued_at, ends_at));
        }
    }

    #[test]
    fn an_entry_has_all_it_should_and_a_token_that_a_header_can_carry() {
        let entry =
            |token: &str| format!(r#"{{"access_token":{token},"issued_at":1,"expires_at":2}}"#);
        assert!(parse(entry(r#""t0ken~!""#).as_bytes()).is_some());
        for token in [
            "null",
            r#""""#,
            r#""a b""#,
            r#""a\n""#,
            r#""\u007f""#,
            r#""\u00e9""#,
        ] {
            assert!(parse(entry(token).as_bytes()).is_none(), "{token}");
        }
        for text in [
            "",
            "[]",
            r#"{"access_token":"t","issued_at":1}"#,
            r#"{"access_token":"t","expires_at":2}"#,
            r#"{"access_token":"t","issued_at":-1,"expires_at":2}"#,
        ] {
            assert!(parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
