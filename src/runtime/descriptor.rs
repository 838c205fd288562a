//! File descriptors of the library in a process of the host's.

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::fcntl_dupfd_cloexec;

/// The same open file under a number above 2. Where a host was started with descriptors 0 to 2 closed, the system gives
/// their numbers to whoever opens something, and what the host then says on its standard error goes into it.
pub(crate) fn keep_off_stdio(fd: OwnedFd) -> rustix::io::Result<OwnedFd> {
    if fd.as_raw_fd() > libc::STDERR_FILENO {
        return Ok(fd);
    }
    fcntl_dupfd_cloexec(&fd, libc::STDERR_FILENO + 1)
}
