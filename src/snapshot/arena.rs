//! Texts kept so that both Rust and C can read them.

use std::collections::TryReserveError;
use std::ffi::c_char;
use std::num::NonZeroU32;

use crate::json;
use crate::runtime::memory;

/// Texts one after the other in a single allocation, each followed by a NUL and none containing one.
#[derive(Clone, Default)]
pub(super) struct StringArena(String);

/// Where a text lies in a [`StringArena`]. Bodies end at 16 MiB, so 32 bits are enough.
#[derive(Clone, Copy)]
pub(super) struct Span {
    start: u32,
    /// Behind the NUL, hence never 0: an absent span takes no more memory than one that is there.
    end: NonZeroU32,
}

/// A text and the NUL behind it.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// `with_nul` ends in a NUL and has no other.
    pub(super) fn new(with_nul: &'a str) -> Text<'a> {
        debug_assert_eq!(with_nul.find('\0'), Some(with_nul.len() - 1));
        Text(with_nul)
    }

    pub(crate) fn as_str(self) -> &'a str {
        &self.0[..self.0.len() - 1]
    }

    /// The same text for C, at the same address for as long as its owner lives.
    pub(crate) fn as_ptr(self) -> *const c_char {
        self.0.as_ptr().cast()
    }
}

impl StringArena {
    pub(super) fn with_capacity(bytes: usize) -> Result<StringArena, TryReserveError> {
        memory::string(bytes).map(StringArena)
    }

    /// Adds a text as it is; it must not contain a NUL. Neither JSON text nor a header can.
    pub(super) fn push(&mut self, text: &str) -> Span {
        let start = self.0.len();
        self.0.push_str(text);
        self.finish(start)
    }

    /// Adds what a raw JSON string stands for; any other JSON value is absent.
    pub(super) fn push_json(&mut self, raw: &str) -> Result<Option<Span>, TryReserveError> {
        let start = self.0.len();
        let is_text = json::push_text(raw, &mut self.0)?;
        Ok(is_text.then(|| self.finish(start)))
    }

    /// The same for another owner.
    pub(super) fn try_clone(&self) -> Result<StringArena, TryReserveError> {
        let mut copy = StringArena::with_capacity(self.0.len())?;
        copy.0.push_str(&self.0);
        Ok(copy)
    }

    fn finish(&mut self, start: usize) -> Span {
        self.0.push('\0');
        Span { start: start as u32, end: NonZeroU32::MIN.saturating_add(self.0.len() as u32 - 1) }
    }

    pub(super) fn get(&self, span: Span) -> Text<'_> {
        let range = span.start as usize..span.end.get() as usize;
        // A span of another arena would be a defect; an empty text is better than a panic.
        Text::new(self.0.get(range).unwrap_or("\0"))
    }

    /// Gives back the memory that turned out not to be needed: a list keeps thousands of these.
    pub(super) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[cfg(test)]
    pub(super) fn spare(&self) -> usize {
        self.0.capacity() - self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_reads_a_text_where_rust_does() {
        let mut arena = StringArena::default();
        let first = arena.push("");
        let second = arena.push_json(r#""two""#).unwrap().unwrap();
        for (span, text) in [(first, ""), (second, "two")] {
            let kept = arena.get(span);
            assert_eq!(kept.as_str(), text);
            assert_eq!(kept.as_ptr(), kept.as_str().as_ptr().cast());
        }
    }
}
