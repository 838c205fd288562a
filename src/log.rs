//! Lines for the host's log, as far as it asked for them.

use std::fmt;
use std::sync::Arc;

use crate::error::{Redactor, boundary, one_line};

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

/// The longest line in bytes, so that one with a NUL behind it fits 4 KiB.
const LINE_LIMIT: usize = 4095;

/// Where lines go, if anywhere, and what may not be in them.
#[derive(Clone, Default)]
pub(crate) struct Logger {
    to: Option<(Level, Arc<Sink>)>,
    redactor: Arc<Redactor>,
}

impl Logger {
    pub(crate) fn new(level: Level, sink: Arc<Sink>) -> Logger {
        Logger {
            to: Some((level, sink)),
            ..Logger::default()
        }
    }

    /// The same for lines that may be about what `redactor` knows.
    pub(crate) fn with(&self, redactor: Redactor) -> Logger {
        Logger {
            to: self.to.clone(),
            redactor: Arc::new(redactor),
        }
    }

    /// For texts from outside, before they become a part of a line or of an error.
    pub(crate) fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    /// Writes a line; it is not even made when nobody wants it. No lock is held while the host's function runs.
    pub(crate) fn log(&self, level: Level, line: impl FnOnce() -> String) {
        if let Some((wanted, sink)) = &self.to
            && level <= *wanted
        {
            let mut line = one_line(&self.redactor.redact_whole(&line()));
            if line.len() > LINE_LIMIT {
                line.truncate(boundary(&line, LINE_LIMIT - "…".len()));
                line.push('…');
            }
            sink(level, &line);
        }
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logger({:?})", self.to.as_ref().map(|(level, _)| level))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_line_is_cut_at_a_character_and_told_without_a_lock() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let itself = Arc::new(Mutex::new(Logger::default()));
        let (sink, inner) = (lines.clone(), itself.clone());
        let logger = Logger::new(
            Level::Info,
            Arc::new(move |_, line: &str| {
                // Would wait for ever for a lock of the logger's own.
                let logger = inner.lock().unwrap().clone();
                logger.redactor().add_token("0123456789-0123456789");
                sink.lock().unwrap().push(line.to_owned());
            }),
        );
        *itself.lock().unwrap() = logger.clone();
        for text in [
            "x".repeat(4095),
            "x".repeat(4096),
            "\u{e9}".repeat(2048),
            "\u{10ffff}".repeat(2000),
        ] {
            logger.log(Level::Info, || text.clone());
            let line = lines.lock().unwrap().pop().unwrap();
            assert!(line.len() < 4096 && line.len() > 4090, "{}", line.len());
            assert_eq!(line.ends_with('…'), line != text);
        }
        logger.log(Level::Debug, || unreachable!("nobody wants it"));
    }
}
