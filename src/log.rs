//! Lines for the host's log, as far as it asked for them.

use std::fmt;
use std::sync::Arc;

use crate::error::one_line;

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
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logger({:?})", self.0.as_ref().map(|(level, _)| level))
    }
}
