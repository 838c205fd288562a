//! Lines for the host's log, as far as it asked for them.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, ErrorKind, Result, one_line};
use crate::sys;

/// How important a line is. The numbers are those of `ATLAS_LOG_…` in the C header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// A call failed.
    Error = 1,
    /// Something is odd, but the call goes on.
    Warning = 2,
    /// One line for each round trip, and the settings in force.
    Info = 3,
    /// What else helps to find a fault.
    Debug = 4,
}

/// What takes the lines.
pub type Sink = dyn Fn(Level, &str) + Send + Sync;

/// Where lines go, if anywhere.
#[derive(Clone, Default)]
pub(crate) struct Logger(Option<(Level, Arc<Sink>)>);

impl Logger {
    pub(crate) fn new(level: Level, sink: Arc<Sink>) -> Logger {
        Logger(Some((level, sink)))
    }

    /// Writes a line; it is not even made when nobody wants it.
    pub(crate) fn log(&self, level: Level, line: impl FnOnce() -> String) {
        if let Some((wanted, sink)) = &self.0
            && level <= *wanted
        {
            sink(level, &one_line(&line()));
        }
    }

    /// A logger whose lines wait until they are released.
    pub(crate) fn hold_back(&self) -> HeldBack<'_> {
        let lines: Arc<Mutex<Vec<(Level, String)>>> = Arc::default();
        let waiting = lines.clone();
        let logger = Logger(self.0.as_ref().map(|(level, _)| {
            let sink = move |level, line: &str| {
                let mut lines = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push((level, line.to_owned()));
            };
            (*level, Arc::new(sink) as Arc<Sink>)
        }));
        HeldBack {
            logger,
            lines,
            to: self,
        }
    }
}

/// Lines written while a lock is held. The host's logger must not run then: it may be slow, and whoever waits for the
/// lock, in another process perhaps, would wait for it too.
pub(crate) struct HeldBack<'a> {
    /// Takes the lines.
    pub(crate) logger: Logger,
    lines: Arc<Mutex<Vec<(Level, String)>>>,
    to: &'a Logger,
}

impl HeldBack<'_> {
    /// Writes the lines. An error if the host's logger forked and this is the child: what was done until now is the
    /// parent's, and the client does it anew with parts of its own.
    pub(crate) fn release(self) -> Result<()> {
        let generation = sys::generation();
        let lines = mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        for (level, line) in lines {
            self.to.log(level, || line);
        }
        if generation == sys::generation() {
            Ok(())
        } else {
            let why = "the process was forked during the call";
            Err(Error::new(ErrorKind::Cancelled, why))
        }
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logger({:?})", self.0.as_ref().map(|(level, _)| level))
    }
}
