//! The files of the cache: private to their owner, in a directory that nobody else can write to, and replaced whole.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Stat, chmodat, fchmod, fstat, mkdirat, openat, renameat,
    statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use crate::runtime::descriptor::keep_off_stdio;

/// No token is longer; a larger file was not written by this library.
const SIZE_LIMIT: u64 = 16 * 1024;
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Opens the directory, making it if it is missing.
pub(super) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = match open(CWD, path, flags, Mode::empty()) {
        Err(Errno::NOENT) => {
            // Also its parent, since ~/.cache may be missing; if more is missing, the path was mistyped.
            if let Some(parent) = path.parent() {
                let _ = make_directory(parent);
            }
            make_directory(path)?;
            open(CWD, path, flags, Mode::empty())?
        }
        opened => opened?,
    };
    let stat = fstat(&directory)?;
    let owner = stat.st_uid;
    if owner != geteuid().as_raw() && owner != 0 {
        return Err(io::Error::other("the directory belongs to another user"));
    }
    if Mode::from_raw_mode(stat.st_mode).intersects(Mode::WGRP | Mode::WOTH) {
        return Err(io::Error::other("the directory is writable by others"));
    }
    Ok(directory)
}

/// Opens the file that is locked for the entry called `name`.
pub(super) fn open_lock(directory: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let name = format!("{name}.lock");
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

/// The content of a file; `None` if there is none.
pub(super) fn read(directory: &OwnedFd, name: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    // NONBLOCK: opening a FIFO that somebody made there would wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match open(directory, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(io::Error::other(format!("{name} is a symbolic link"))),
        Err(errno) => return Err(errno.into()),
    };
    is_ours(&file)?;
    // Growing would leave a copy behind that nobody wipes.
    let mut text = Zeroizing::new(Vec::with_capacity(SIZE_LIMIT as usize + 64));
    File::from(file).take(SIZE_LIMIT).read_to_end(&mut text)?;
    Ok(Some(text))
}

/// Replaces a file, all of it or nothing.
pub(super) fn replace(directory: &OwnedFd, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}.tmp");
    let _ = unlinkat(directory, &temporary, AtFlags::empty());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = open(directory, &temporary, flags, PRIVATE)?;
    let written = fchmod(&file, PRIVATE) // the umask may have taken more than it should
        .map_err(io::Error::from)
        .and_then(|()| File::from(file).write_all(content))
        .and_then(|()| Ok(renameat(directory, &temporary, directory, name)?));
    if written.is_err() {
        let _ = unlinkat(directory, &temporary, AtFlags::empty());
    }
    written
}

/// Removes a file that may be there.
pub(super) fn remove(directory: &OwnedFd, name: &str) -> io::Result<()> {
    match unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Opens a file, under a number above 2.
fn open(
    directory: impl AsFd,
    name: impl rustix::path::Arg,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    openat(directory, name, flags, mode).and_then(keep_off_stdio)
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
fn is_ours(file: impl AsFd) -> io::Result<()> {
    let stat = fstat(file)?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("what stands there is no plain file"));
    }
    if stat.st_uid != geteuid().as_raw() {
        return Err(io::Error::other("the file belongs to another user"));
    }
    if mode.intersection(Mode::RWXU | Mode::RWXG | Mode::RWXO) != PRIVATE {
        return Err(io::Error::other(format!(
            "the file has mode {:04o}, not 0600",
            mode.as_raw_mode() & 0o7777
        )));
    }
    Ok(())
}
