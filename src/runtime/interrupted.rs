//! Why a call ends before it has what it waits for.

use std::error::Error;
use std::fmt;
use std::io;

use rustix::io::Errno;

use crate::text::system_reason;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// `atlas_client_cancel` was called.
    Cancelled,
    /// The deadline passed.
    DeadlinePassed,
    /// A callback of the host forked, and this is the child: the call and its request are the parent's.
    Forked,
    /// There is no descriptor to wait with.
    NoDescriptor(Errno),
    /// The system does not let us wait: a filter of system calls, a limit below the number of descriptors.
    Refused(Errno),
    /// A descriptor that we wait with is no longer ours: the program closed it.
    Closed,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Interrupted::Cancelled => "the call was cancelled",
            Interrupted::DeadlinePassed => "the time set for the call was up",
            Interrupted::Forked => "the process was forked during the call",
            Interrupted::NoDescriptor(errno) => {
                let why = system_reason(&(*errno).into());
                return write!(f, "no file descriptor to wait with: {why}");
            }
            Interrupted::Refused(errno) => {
                let why = system_reason(&(*errno).into());
                return write!(f, "the system refused to wait (ppoll: {why})");
            }
            Interrupted::Closed => {
                "this program closed a file descriptor of the library; it may close only its own"
            }
        })
    }
}

impl Error for Interrupted {}

impl From<Interrupted> for io::Error {
    fn from(why: Interrupted) -> io::Error {
        io::Error::other(why)
    }
}
