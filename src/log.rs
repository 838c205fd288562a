//! Lines for the host's log, as far as it asked for them.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Redactor, Result};
use crate::runtime::fork::Process;
use crate::text::{boundary, one_line};

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

type HeldBack = Mutex<Vec<(Level, String)>>;

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
        Logger { to: Some((level, sink)), ..Logger::default() }
    }

    /// The same for lines that may be about what `redactor` knows.
    pub(crate) fn with(&self, redactor: Redactor) -> Logger {
        Logger { to: self.to.clone(), redactor: Arc::new(redactor) }
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
            sink(level, &self.shown(&line()));
        }
    }

    fn shown(&self, line: &str) -> String {
        let mut line = one_line(&self.redactor.redact_whole(line));
        if line.len() > LINE_LIMIT {
            line.truncate(boundary(&line, LINE_LIMIT - "…".len()));
            line.push('…');
        }
        line
    }

    /// Runs `body`, which holds a lock, and then writes the lines that it wrote. The host's logger must not run before:
    /// it may be slow, and whoever waits for the lock, in another process perhaps, would wait for it too.
    ///
    /// An error if the host's logger forked and this is the child: what was done until now is the parent's, and the
    /// client does it anew with parts of its own.
    pub(crate) fn hold_back<T>(&self, body: impl FnOnce(&Logger) -> T) -> Result<T> {
        let lines = Arc::default();
        let outcome = body(&self.keeping(&lines));
        self.write(&lines)?;
        Ok(outcome)
    }

    /// The same logger, whose lines are kept.
    fn keeping(&self, lines: &Arc<HeldBack>) -> Logger {
        let lines = lines.clone();
        let to = self.to.as_ref().map(|(level, _)| {
            let sink = move |level, line: &str| {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push((level, line.to_owned()));
            };
            (*level, Arc::new(sink) as Arc<Sink>)
        });
        Logger { to, redactor: self.redactor.clone() }
    }

    fn write(&self, lines: &HeldBack) -> Result<()> {
        let process = Process::current();
        let lines = mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
        for (level, line) in lines {
            self.log(level, || line);
            process.check()?;
        }
        Ok(())
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
        for text in
            ["x".repeat(4095), "x".repeat(4096), "\u{e9}".repeat(2048), "\u{10ffff}".repeat(2000)]
        {
            logger.log(Level::Info, || text.clone());
            let line = lines.lock().unwrap().pop().unwrap();
            assert!(line.len() < 4096 && line.len() > 4090, "{}", line.len());
            assert_eq!(line.ends_with('…'), line != text);
        }
        logger.log(Level::Debug, || unreachable!("nobody wants it"));
    }
}
